"""`turnout demo`: Turnout tried on servers of its own. What it takes to run is imported only then."""

from __future__ import annotations


def run() -> int:
    """Prepare servers and releases, open the dashboard on them, leave nothing behind. The exit code."""
    from tui.demo.running import run

    return run()
