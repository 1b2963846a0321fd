"""Each page of docs/recipes is done as it says: its files and commands are taken from the page, never copied."""
