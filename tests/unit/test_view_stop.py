"""The question before operations are given up: true while they run, and when they have ended."""

from __future__ import annotations

from tui.view.lines import plain
from tui.view.stop_lines import Stopping, stop_lines, stop_words

RUNS = Stopping("Deploy a to production")
SWITCHED = Stopping("Deploy a to production", switched=2)
DONE = Stopping("Deploy a to staging", "done", "a is live on 3 servers")
FAILED = Stopping("Deploy a to staging", "failed", "web1 said no")


def said(*operations: Stopping, quits: bool = True) -> str:
    return " | ".join(plain(line) for line in stop_lines(operations, quits=quits))


def test_what_runs_is_said_with_what_a_yes_does_to_it() -> None:
    runs = "Deploy a to production is still running."
    assert said(RUNS) == f"{runs} | Quitting cancels it. No server has switched yet, so nothing changes."
    assert "2 servers switched. | Servers that have switched are switched back." in said(SWITCHED, quits=False)
    assert "Quitting cancels them." in said(RUNS, SWITCHED)
    assert "being cancelled already" in said(Stopping("Deploy", cancelling=True))
    assert stop_words([RUNS], quits=True) == ("Quit?", "Cancel it and quit", "Stay")
    assert stop_words([RUNS], quits=False) == ("Cancel the operation?", "Cancel it", "Let it run")


def test_what_has_ended_is_not_called_running_and_nothing_is_cancelled() -> None:
    assert said(DONE) == "Deploy a to staging has ended: a is live on 3 servers. | Quitting cancels nothing."
    assert "has ended (failed): web1 said no. | There is nothing to cancel any more." in said(FAILED, quits=False)
    assert said(DONE, RUNS).endswith("Quitting cancels it. No server has switched yet, so nothing changes.")
    assert stop_words([DONE], quits=True) == ("Quit?", "Quit", "Stay")
    assert stop_words([DONE], quits=False) == ("The operation has ended", "", "Close")
    assert stop_words([DONE, RUNS], quits=True)[1] == "Cancel it and quit"
