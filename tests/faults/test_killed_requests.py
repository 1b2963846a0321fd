"""A request of the agent that a signal ends has an answer all the same: its operator does not wait for ever."""

from __future__ import annotations

import subprocess
import threading
from contextlib import closing
from pathlib import Path
from select import select

import pytest

from core.jobs import Ahead, Cancel
from core.remote import agent
from core.remote.agent import Agent
from tests.faults.test_exit_status import Fleets
from tests.faults.test_refused_tags_and_paths import SHELLS, program_of
from tests.servers import need
from tests.waiting import PATIENCE, until

DIE = "verb_die() { say half; itself && kill -KILL $me; }"
LATE = "verb_late() { answer 0; itself && kill -KILL $me; }"
"""Killed after its answer, as while it removes what nobody waits for."""


@pytest.fixture
def often(monkeypatch):
    monkeypatch.setattr(agent, "BEAT", 0.05)


def ask(agent, verb, *words):
    return agent.requests([(verb, words)])[-1]


@pytest.fixture
def running(sshd, project_factory):
    """An agent that listens already."""
    with closing(Fleets()) as fleets:
        session = fleets.session(project_factory([sshd]), sshd)
        own = Agent(session.connection, session.root)
        assert ask(own, "ping").status == 0
        yield own
        own.leave()


def test_a_killed_request_is_answered_with_the_signal(often, running):
    answer = ask(running, "with", DIE, "die")
    assert (answer.lines, answer.status) == (("half",), 137)
    assert ask(running, "ping").status == 0


def test_the_next_request_of_a_batch_finds_it_too(often, running):
    answers = running.requests([("with", (DIE, "die")), ("then", ("ping",)), ("ping", ())])
    assert [answer.status for answer in answers] == [137, 1, 0]


def test_an_answer_that_comes_twice_is_passed_over(often, running):
    assert ask(running, "with", LATE, "late").status == 0
    answers = running.requests([("ping", ()), ("with", (LATE, "late")), ("ping", ())])
    assert [(answer.lines, answer.status) for answer in answers] == [((), 0)] * 3


WAITS = "verb_wait() { : > $1; while [ ! -e $1.go ]; do sleep 0.02; done; }"


def test_a_cancel_that_comes_late_ends_no_other_request(running, tmp_path):
    """It is told to one server after the other. One before this takes its time: putting back has begun by then."""
    cancel, told, go_on = Cancel(), threading.Event(), threading.Event()

    def before_this_one() -> None:
        told.set()
        go_on.wait(PATIENCE)

    cancel.on_request(before_this_one)
    made, back = tmp_path / "made", tmp_path / "back"
    request = Ahead(lambda: running.requests([("with", (WAITS, "wait", str(made)))], cancel=cancel)[-1])
    until(made.exists, "the request to run")
    teller = Ahead(cancel.request)
    assert told.wait(PATIENCE)
    Path(f"{made}.go").touch()
    assert request.get().status == 0
    request = Ahead(lambda: ask(running, "with", WAITS, "wait", str(back)))
    until(back.exists, "the next one to run")
    go_on.set()
    teller.get()
    Path(f"{back}.go").touch()
    assert request.get().status == 0


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_notices(tmp_path, shell):
    command = [need(SHELLS[shell][0]), *SHELLS[shell][1:], "-c", program_of(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as ran:
        assert ran.stdin and ran.stdout
        ran.stdin.write(f"1 with '{DIE}' die\n".encode())
        ran.stdin.flush()
        read_to(ran.stdout, b"half\n")
        # It dies in this moment: of some beats one comes after that.
        while not select([ran.stdout], [], [], 0.02)[0]:
            ran.stdin.write(b"beat\n")
            ran.stdin.flush()
        said = read_to(ran.stdout, b"MARK 1 137\n")
        ran.stdin.close()
    assert said.count(b"MARK 1") == 1


def read_to(stream, end: bytes) -> bytes:
    """What comes up to a line, which is in it."""
    said = b""
    while not said.endswith(end):
        line = stream.readline()
        assert line, said
        said += line
    return said
