"""Live progress on a real terminal, and plain lines where the terminal cannot do that."""

import re
import sys

import pytest

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

ENDING = """
import sys
from core import events
from tui.cli.following import Follower
from tui.cli.output import TextOutput

def work(emit, controls):
    emit(events.OperationStarted(kind="deploy", environment="production", servers=("web1",), title="Deploy a to b"))
    emit(events.PhaseStarted(server="web1", phase="build"))
    if sys.argv[1] == "signal":
        controls.cancel.wait(60)
        controls.cancel.check()
    if sys.argv[1] == "fault":
        raise KeyError("nothing expects this")
    emit(events.OperationFinished(kind="deploy", outcome="done", exit_code=0, seconds=60.0, summary="it is live"))

output = TextOutput()
with Follower(output) as follower:
    with output.progress():
        follower.run("deploy", work)
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


@pytest.mark.parametrize("end", ["done", "signal", "fault"])
def test_title_and_progress_are_taken_back_however_it_ends(end):
    command = [sys.executable, "-c", ENDING, end]
    with Terminal(command, REPOSITORY, TERM="xterm-256color", TURNOUT_NOTIFY="1", CI="") as terminal:
        terminal.expect("Deploy a to b")
        if end == "signal":
            terminal.process.terminate()
        terminal.end()
        written = terminal.written
    assert "\x1b[22;2t" in written and "\x1b]9;4;3;0\x1b\\" in written
    assert written.count("\x1b[23;2t") == 1
    assert written.rindex("\x1b]9;4;0;0\x1b\\") > written.rindex("\x1b]9;4;3;0\x1b\\")
    assert ("\x1b]9;Deploy a to b done: it is live\x1b\\" in written) == (end == "done")


def test_a_terminal_that_nobody_looks_at_gets_nothing_beside_the_text():
    for environment in ({"CI": "true"}, {"TURNOUT_NOTIFY": "0"}):
        written = on_a_terminal(TERM="xterm-256color", **environment)
        assert "\x1b]" not in written and "\a" not in written
