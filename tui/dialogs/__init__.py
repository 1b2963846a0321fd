"""What is laid over the dashboard to ask a person: each dialog answers once, Escape always leaves it."""
