"""The version of Turnout, apart from core/__init__.py, so that modules of core can import it (pure)."""

VERSION = "0.1.0"
