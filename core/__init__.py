"""The engine of Turnout: it imports no Textual, prints nothing and never asks."""

__version__ = "0.1.0"
