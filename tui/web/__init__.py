"""`turnout web`: the dashboard in a browser of this machine. What serves it is an extra, and is loaded only then."""

from __future__ import annotations

import importlib.util

from core.errors import UsageError


def require_textual_serve() -> None:
    """UsageError that names the remedy where textual-serve is not installed."""
    if importlib.util.find_spec("textual_serve") is None or importlib.util.find_spec("aiohttp") is None:
        raise UsageError(
            "the dashboard in a browser needs textual-serve, which is not installed",
            hint="pip install 'turnout[web]', or pipx inject turnout textual-serve",
        )
