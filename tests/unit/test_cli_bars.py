"""Live progress on a real terminal, and plain lines where the terminal cannot do that."""

import re
import sys

from tests import REPOSITORY
from tests.terminal import CONTROL, Terminal

OPERATION = """
import threading
from core import events
from tui.cli.following import Follower
from tui.cli.output import TextOutput

def work(emit, controls):
    emit(events.OperationStarted(kind="deploy", environment="production", servers=("web1", "[red]web2")))
    for server in ("web1", "[red]web2"):
        emit(events.PhaseStarted(server=server, phase="upload"))
        emit(events.UploadProgress(server=server, sent=12_000_000, total=40_000_000))
    emit(events.HookOutput(server="web1", on="prepare", line="[bold]built[/x] :rocket: \\x1b[2J"))
    emit(events.ServerFailed(server="[red]web2", phase="upload", title="disk full"))

output = TextOutput()
with Follower(output) as follower:
    with output.progress():
        follower.run("deploy", work)
output.result({"exit_code": 0, "outcome": "done", "summary": "all done"})
"""

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def on_a_terminal(**environment: str) -> str:
    """What the operation writes to a terminal."""
    with Terminal([sys.executable, "-c", OPERATION], REPOSITORY, **environment) as terminal:
        assert terminal.end() == 0
        return terminal.written


def test_bars_show_phase_bytes_and_narration_as_plain_text():
    written = on_a_terminal(TERM="xterm-256color", NO_COLOR="")
    text = CONTROL.sub("", written)
    assert re.search(r"web1 .*12 MB of 40 MB", text)
    assert re.search(r"! \[red\]web2 .*disk full", text)
    assert "| [bold]built[/x] :rocket:" in text
    assert "\x1b[2J" not in written
    assert text.rstrip().endswith("all done")
    assert COLOUR.search(written)


def test_no_color_is_honoured():
    written = on_a_terminal(TERM="xterm-256color", NO_COLOR="1")
    assert "12 MB of 40 MB" in written
    colours = {code for match in COLOUR.findall(written) for code in match[2:-1].split(";")}
    assert not [code for code in colours if code.isdigit() and 30 <= int(code) <= 107]


def test_a_dumb_terminal_gets_lines():
    written = on_a_terminal(TERM="dumb")
    assert "\x1b" not in written
    assert "web1       | [bold]built[/x] :rocket:" in written
