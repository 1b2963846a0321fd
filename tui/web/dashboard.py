"""`python -m tui.web.dashboard FILE [--environment ENV] [--read-only]`: the dashboard of one window of a browser.

`tui.web.serving` starts it, with Textual's driver for browsers.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from core import config
from core.errors import TurnoutError
from tui.app import run_dashboard


def main(words: list[str]) -> int:
    """Show it until its window is closed; the exit code."""
    path, _, environment, *more = words
    try:
        project = config.load(Path(path))
    except TurnoutError as error:  # the file was right when the server started
        _show(str(error))
        return error.exit_code
    if "--read-only" in more:
        project = config.read_only(project)
    # What the terminal around `turnout web` can show says nothing of the browser, which can show all.
    environ = {name: value for name, value in os.environ.items() if name not in ("TMUX", "STY")}
    ended = run_dashboard(
        project, environment or None, environ={**environ, "COLORTERM": "truecolor", "PYTHONUTF8": "1"}
    )
    return ended if isinstance(ended, int) else 0


def _show(text: str) -> None:
    """Show it in the window, until that is closed: in the words in which Textual's driver speaks to textual-serve."""
    shown = text.replace("\n", "\r\n").encode()
    out = sys.stdout.buffer
    out.write(b"__GANGLION__\nD" + len(shown).to_bytes(4, "big") + shown)
    out.flush()
    while os.read(sys.stdin.fileno(), 65536):
        pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
