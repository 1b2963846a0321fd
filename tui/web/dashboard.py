"""`python -m tui.web.dashboard FILE [--environment ENV] [--read-only]`: the dashboard of one window of a browser.

`tui.web.serving` starts it, with Textual's driver for browsers.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from core import config
from tui.app import run_dashboard


def main(words: list[str]) -> int:
    """Show it until its window is closed; the exit code."""
    path, _, environment, *more = words
    project = config.load(Path(path))
    if "--read-only" in more:
        project = config.read_only(project)
    # What the terminal around `turnout web` can show says nothing of the browser, which can show all.
    environ = {name: value for name, value in os.environ.items() if name not in ("TMUX", "STY")}
    ended = run_dashboard(
        project, environment or None, environ={**environ, "COLORTERM": "truecolor", "PYTHONUTF8": "1"}
    )
    return ended if isinstance(ended, int) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
