"""Signals become the job's cancel, and the command waits for the engine to put things back."""

import os
import signal
import threading

import pytest

from core import events
from core.errors import Cancelled, NeedsPerson, ServerError
from core.jobs import Controls
from tests.waiting import PATIENCE, until
from tui.cli import following
from tui.cli.following import Follower
from tui.cli.output import TextOutput


def send(*numbers: int) -> None:
    for number in numbers:
        os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cancels_and_the_end_is_waited_for(number, capsys):
    put_back = []

    def work(emit: events.Emit, controls: Controls) -> None:
        send(number)
        assert controls.cancel.wait(PATIENCE)
        emit(events.Note(text="putting back"))
        put_back.append(True)
        controls.cancel.check()

    with Follower(TextOutput()) as follower, pytest.raises(Cancelled):
        follower.run("deploy", work)
    assert put_back == [True]
    said = capsys.readouterr().err
    assert "cancelling: nothing has been switched" in said
    assert "putting back" in said


def test_more_signals_change_nothing(capsys):
    cancelled = threading.Event()

    def work(emit: events.Emit, controls: Controls) -> str:
        send(signal.SIGINT)
        assert controls.cancel.wait(PATIENCE)
        send(signal.SIGINT, signal.SIGTERM)
        cancelled.set()
        return "put back"

    with Follower(TextOutput()) as follower:
        assert follower.run("deploy", work) == "put back"
        assert follower.run("look", lambda emit, controls: "again") == "again"
    assert cancelled.is_set()
    assert "cancelling: " in capsys.readouterr().err


class Listener(TextOutput):
    """Keeps what was said, so that a test can wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def say(self, lines) -> None:
        self.heard += lines

    def until(self, text: str) -> None:
        until(lambda: any(text in line for line in self.heard), text)


def stuck(output: Listener, go_on: threading.Event, *signals: tuple[int, str]):
    """Work that heeds no cancel, and the signals that are sent meanwhile, each with what is said to it."""

    def work(emit: events.Emit, controls: Controls) -> None:
        started = events.OperationStarted(kind="deploy", environment="production", servers=("web1",))
        emit(started)
        emit(events.PhaseStarted(server="web1", phase="stage"))
        for number, answer in signals:
            send(number)
            if answer:
                output.until(answer)
        go_on.wait(PATIENCE)

    return work


CANCELLED_TWICE = ((signal.SIGINT, "nothing has been switched"), (signal.SIGTERM, "already cancelling"))


def test_the_second_signal_says_what_is_waited_for_and_the_third_leaves(monkeypatch):
    monkeypatch.setattr(following, "APART", 0.0)
    output, go_on = Listener(), threading.Event()
    with Follower(output) as follower, pytest.raises(NeedsPerson) as left:
        follower.run("deploy", stuck(output, go_on, *CANCELLED_TWICE, (signal.SIGINT, "")))
    go_on.set()
    assert left.value.exit_code == 5
    assert (
        "cleans up and unlocks once this process is gone" in left.value.hint
        and "turnout recover production" in left.value.hint
    )
    assert "web1: stage" in left.value.detail
    said = "\n".join(output.heard)
    assert "already cancelling, servers are being put back (web1: stage)" in said
    assert "a third signal, or 30 s without progress, exits without waiting" in said


def test_after_the_second_signal_an_engine_that_says_nothing_is_left(monkeypatch):
    monkeypatch.setattr(following, "APART", 0.0)
    monkeypatch.setattr(following, "LEFT_AFTER", 0.2)
    output, go_on = Listener(), threading.Event()
    with Follower(output) as follower, pytest.raises(NeedsPerson):
        follower.run("deploy", stuck(output, go_on, *CANCELLED_TWICE))
    go_on.set()


def test_after_one_signal_the_end_is_waited_for_however_long_it_takes(monkeypatch):
    monkeypatch.setattr(following, "APART", 0.0)
    monkeypatch.setattr(following, "LEFT_AFTER", 0.0)
    output, go_on = Listener(), threading.Event()
    with Follower(output) as follower:

        def work(emit: events.Emit, controls: Controls) -> str:
            send(signal.SIGINT)
            output.until("nothing has been switched")
            # More than one look at the clock later.
            return "put back" if not go_on.wait(0.5) else "never"

        assert follower.run("deploy", work) == "put back"


def test_a_key_that_is_held_is_one_wish(monkeypatch):
    monkeypatch.setattr(following, "APART", 1e6)
    output = Listener()

    def work(emit: events.Emit, controls: Controls) -> str:
        for number in range(50):
            send(signal.SIGINT)
            emit(events.Note(text=f"after {number}"))
            output.until(f"after {number}")
        assert controls.cancel.requested
        return "put back"

    with Follower(output) as follower:
        assert follower.run("deploy", work) == "put back"
    assert sum("cancelling" in line for line in output.heard) == 1


def test_work_that_changes_nothing_is_left_at_once():
    release = threading.Event()

    def work(emit: events.Emit, controls: Controls) -> None:
        send(signal.SIGINT)
        release.wait(PATIENCE)

    with Follower(TextOutput()) as follower, pytest.raises(Cancelled):
        follower.run("inspect", work, patient=False)
    release.set()


def test_the_handlers_of_before_are_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with Follower(TextOutput()):
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_a_hangup_that_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Follower(TextOutput()) as follower:

            def work(emit: events.Emit, controls: Controls) -> bool:
                send(signal.SIGHUP)
                return controls.cancel.wait(0.1)

            assert follower.run("deploy", work) is False
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_the_work_raises_arrives_after_all_it_said(capsys):
    def work(emit: events.Emit, controls: Controls) -> None:
        for number in range(1000):
            emit(events.Note(text=f"line {number}"))
        raise ServerError("broken")

    with Follower(TextOutput()) as follower, pytest.raises(ServerError, match="broken"):
        follower.run("deploy", work)
    assert capsys.readouterr().err.splitlines() == [f"line {number}" for number in range(1000)]


def test_ctrl_c_before_the_question_is_not_lost(capsys):
    with Follower(TextOutput()) as follower:
        send(signal.SIGINT)
        with pytest.raises(Cancelled):
            follower.answer(lambda: pytest.fail("asked all the same"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_right_at_the_question_is_not_lost(number, capsys):
    with Follower(TextOutput()) as follower:
        with pytest.raises(Cancelled):
            follower.answer(lambda: send(number))
        assert signal.getsignal(number) is not signal.default_int_handler
