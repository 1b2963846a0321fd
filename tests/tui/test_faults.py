"""A fault of the dashboard ends it with a code that says whether an operation was left in the middle."""

from __future__ import annotations

import sys

import pytest
from textual.app import App

from core.errors import EXIT_PERSON, EXIT_USAGE
from tests import REPOSITORY
from tests.terminal import Terminal
from tui import app as dashboard


@pytest.mark.parametrize(("running", "code"), [(False, EXIT_USAGE), (True, EXIT_PERSON)])
def test_a_fault_is_no_failure_that_was_put_back(monkeypatch, running, code):
    class Faulty(dashboard.TurnoutApp):
        our_operations = [object()] if running else []

        def on_mount(self) -> None:
            raise KeyError("a fault")

    monkeypatch.setattr(dashboard, "TurnoutApp", Faulty)
    monkeypatch.setattr(Faulty, "run", lambda self, mouse: App.run(self, headless=True, mouse=mouse))
    assert dashboard.run_dashboard(None) == code


ENDING = """
import os, signal, sys
from tests.operations import deploying
from tests.tui.running import recorded_app
from tui import app as dashboard

app = recorded_app(environ={"TURNOUT_NOTIFY": "1"})

def end():
    app.announcer.running([deploying(3)])
    if sys.argv[1] == "fault":
        raise KeyError("a fault")
    os.kill(os.getpid(), getattr(signal, sys.argv[1]))

app.call_after_refresh(lambda: app.set_timer(0.05, end))
dashboard.TurnoutApp = lambda *_, **__: app
sys.exit(dashboard.run_dashboard(None))
"""


@pytest.mark.parametrize(("end", "code"), [("fault", EXIT_USAGE), ("SIGTERM", 128 + 15)])
def test_the_terminal_gets_its_title_back_however_the_dashboard_ends(end, code):
    with Terminal([sys.executable, "-c", ENDING, end], REPOSITORY) as terminal:
        assert terminal.end() == code
        written = terminal.written
    assert "\x1b]2;planning Deploy 3f2c1ab to production\x1b\\" in written and "\x1b]9;4;3;0\x1b\\" in written
    assert written.count("\x1b[23;2t") == 1
    assert written.rindex("\x1b]9;4;0;0\x1b\\") > written.rindex("\x1b]9;4;3;0\x1b\\")
