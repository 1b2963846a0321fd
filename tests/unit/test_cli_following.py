"""Signals become the job's cancel, and the command waits for the engine to put things back."""

import os
import signal
import threading

import pytest

from core import events
from core.errors import Cancelled, ServerError
from core.jobs import Cancel
from tui.cli.following import Follower
from tui.cli.output import TextOutput


def send(*numbers: int) -> None:
    for number in numbers:
        os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cancels_and_the_end_is_waited_for(number, capsys):
    put_back = []

    def work(emit: events.Emit, cancel: Cancel) -> None:
        send(number)
        assert cancel.wait(30)
        emit(events.Note(text="putting back"))
        put_back.append(True)
        cancel.check()

    with Follower(TextOutput()) as follower, pytest.raises(Cancelled):
        follower.run("deploy", work)
    assert put_back == [True]
    said = capsys.readouterr().err
    assert "cancelling: nothing has been switched" in said
    assert "putting back" in said


def test_more_signals_change_nothing(capsys):
    cancelled = threading.Event()

    def work(emit: events.Emit, cancel: Cancel) -> str:
        send(signal.SIGINT)
        assert cancel.wait(30)
        send(signal.SIGINT, signal.SIGTERM)
        cancelled.set()
        return "put back"

    with Follower(TextOutput()) as follower:
        assert follower.run("deploy", work) == "put back"
        assert follower.run("look", lambda emit, cancel: "again") == "again"
    assert cancelled.is_set()
    assert "cancelling: " in capsys.readouterr().err


def test_work_that_changes_nothing_is_left_at_once():
    release = threading.Event()

    def work(emit: events.Emit, cancel: Cancel) -> None:
        send(signal.SIGINT)
        release.wait(60)

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

            def work(emit: events.Emit, cancel: Cancel) -> bool:
                send(signal.SIGHUP)
                return cancel.wait(0.1)

            assert follower.run("deploy", work) is False
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_the_work_raises_arrives_after_all_it_said(capsys):
    def work(emit: events.Emit, cancel: Cancel) -> None:
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
