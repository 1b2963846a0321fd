"""`turnout web`: the dashboard in a browser of this machine. What serves it is an extra, and is loaded only then."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence

from core.errors import UsageError


def run(command: Sequence[str], port: int, show: Callable[[str], object], say: Callable[[str], object]) -> int:
    """Serve until a signal comes; the exit code. UsageError where the extra is missing or the port is taken.

    command  starts the dashboard of one browser window
    port     of 127.0.0.1; 0 for any that is free
    show     is handed the link that a person opens
    say      is handed what else there is to say
    """
    require_textual_serve()
    from tui.web.serving import serve

    return serve(command, port, show, say)


def require_textual_serve() -> None:
    """UsageError that names the remedy where textual-serve is not installed."""
    if importlib.util.find_spec("textual_serve") is None or importlib.util.find_spec("aiohttp") is None:
        raise UsageError(
            "the dashboard in a browser needs textual-serve, which is not installed",
            hint="pip install 'turnout[web]', or pipx inject turnout textual-serve",
        )
