"""What a person sees: the command line, the dashboard and the demo."""
