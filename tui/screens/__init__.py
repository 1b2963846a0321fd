"""The screens: the dashboard, the welcome without a project, and the help."""
