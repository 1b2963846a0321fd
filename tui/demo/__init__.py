"""`turnout demo`: Turnout tried on servers of its own. What it takes to run is imported only then."""

from __future__ import annotations

from collections.abc import Mapping


def run(environ: Mapping[str, str] | None = None, *, read_only: bool = False) -> int:
    """Prepare servers and releases, open the dashboard on them, leave nothing behind. The exit code."""
    from tui.demo.running import run

    return run(environ, read_only=read_only)
