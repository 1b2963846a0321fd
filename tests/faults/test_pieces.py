"""Large files over several connections: a cancel, a kill and a loss in the middle leave all to the next deploy."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from tempfile import TemporaryFile

import pytest

from core.errors import Cancelled, ConnectError, TurnoutError
from core.events import Note
from core.operations import large, streams
from core.remote import lanes
from tests.engine.driving import Engine, at_rest, current, live
from tests.faults.test_breaks import agents_of
from tests.forked import forker
from tests.processes import kill
from tests.projects import SampleProject
from tests.servers import Destination
from tests.waiting import PATIENCE, until

FILES = {"video": os.urandom(3_000_005), "index.html": "one\n"}
AFTER = 3
"""Pieces that have been sent when it happens."""
IN_PIECES = """
import os, signal
from core.operations import large, streams
from core.remote import lanes
streams.LONG_WAY, streams.MUCH, large.LARGE = 0.0, 1, 500_000
large.lanes_for = lambda total, rtt, servers: 4 if total else 1
lanes.PIECE = 4 * lanes.BLOCK
gave, given = lanes.Lane.give, []
def give(*words):
    gave(*words)
    given.append(1)
    if len(given) >= 3:
        os.kill(os.getpid(), signal.SIGKILL)
lanes.Lane.give = give
"""


@pytest.fixture
def in_pieces(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """What is large, and far, is smaller and nearer than in earnest. Gives what lets something happen in the middle."""
    monkeypatch.setattr(streams, "LONG_WAY", 0.0)
    monkeypatch.setattr(streams, "MUCH", 1)
    monkeypatch.setattr(large, "LARGE", 500_000)
    monkeypatch.setattr(large, "lanes_for", lambda total, rtt, servers: 4 if total else 1)
    monkeypatch.setattr(lanes, "PIECE", 4 * lanes.BLOCK)
    gave = lanes.Lane.give

    def happens(what: Callable[[], object]) -> None:
        given = []

        def give(*words):
            gave(*words)
            given.append(1)
            if len(given) == AFTER:
                what()

        monkeypatch.setattr(lanes.Lane, "give", give)

    return happens


def whole(place: Destination) -> None:
    for path, content in FILES.items():
        text = content if isinstance(content, bytes) else content.encode()
        assert (place.files / "current" / path).read_bytes() == text


def deploys_after(operator: Engine, place: Destination) -> None:
    """Nothing was switched, and a new operator deploys as if nothing had happened."""
    assert not current(place)
    again = Engine(SampleProject(operator.fleet.project.folder, operator.fleet.project.folder / "app"))
    again.deploy(tag="two")
    assert live(place) == "two"
    whole(place)
    at_rest([place])


@pytest.mark.parametrize("fault", ["cancelled", "agent killed", "sessions killed"])
def test_what_ends_a_deploy_between_its_pieces_leaves_all_to_the_next(
    sshd, project_factory, engine, in_pieces, fault: str
) -> None:
    operator = engine(project_factory([sshd], files=FILES))
    others = agents_of(sshd)
    happened: dict[str, tuple[Callable[[], object], type[TurnoutError]]] = {
        "cancelled": (operator.controls.cancel.request_apart, Cancelled),
        "agent killed": (lambda: kill([pid for pid in agents_of(sshd) if pid not in others][:1]), TurnoutError),
        "sessions killed": (sshd.server.kill_sessions, ConnectError),
    }
    what, error = happened[fault]
    in_pieces(what)
    operator.fails(lambda: operator.deploy(tag="one"), error)
    until(lambda: not (sshd.files / ".turnout/lock").exists(), "the lock to be given back")
    deploys_after(operator, sshd)


def test_an_operator_that_is_killed_between_pieces_leaves_all_to_the_next(sshd, project_factory, engine) -> None:
    project = project_factory([sshd], files=FILES)
    with TemporaryFile("w+") as said:
        killed = forker().start(["deploy", "production", "--yes"], project.folder, said, said, IN_PIECES)
        assert killed.wait() == -signal.SIGKILL, said.seek(0) or said.read()
    until(lambda: not (sshd.files / ".turnout/lock").exists(), "the lock to be given back")
    deploys_after(engine(project), sshd)


def test_lanes_that_are_lost_at_the_very_end_are_not_taken_for_a_cancel(
    sshd, project_factory, engine, in_pieces, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All pieces are there, and only what gives the files their modes is missing."""
    sealed = lanes.Lanes._sealed

    def lost_first(self: lanes.Lanes, lane: lanes.Lane) -> bool:
        lane.thread.join()
        self._failed(lane, ConnectError("the connection was lost"))
        return sealed(self, lane)

    monkeypatch.setattr(lanes.Lanes, "_sealed", lost_first)
    in_pieces(lambda: None)
    operator = engine(project_factory([sshd], files=FILES))
    operator.deploy(tag="one")
    assert any("large files come over one" in event.text for event in operator.said(Note))
    whole(sshd)


@pytest.fixture
def behind(servers, home) -> tuple[Destination, Destination]:
    """A server that is reached through another one, and that one."""
    inner, bastion = servers(2, separate=True)
    (home / ".ssh/config").write_text(
        inner.server.ssh_config(inner.alias)
        + f"    ProxyJump {bastion.alias}\n"
        + bastion.server.ssh_config(bastion.alias)
    )
    return inner, bastion


def test_pieces_pass_a_gateway_over_one_connection_to_it(
    behind, project_factory, engine, in_pieces, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner, bastion = behind
    seen = []
    work, all_of_them = lanes.Lanes._work, threading.Barrier(4)

    def work_together(self, lane):
        all_of_them.wait(PATIENCE)  # else a few pieces may be gone before the last login
        work(self, lane)

    monkeypatch.setattr(lanes.Lanes, "_work", work_together)
    in_pieces(lambda: seen.append((len(bastion.server.session_processes()), len(inner.server.session_processes()))))
    operator = engine(project_factory([inner], files=FILES))
    operator.deploy(tag="one")
    whole(inner)
    assert any("over 4 connections" in event.text for event in operator.said(Note))
    to_gateway, to_inner = seen[0]
    assert to_gateway < to_inner


def test_a_gateway_that_dies_between_pieces_leaves_all_to_the_next(behind, project_factory, engine, in_pieces) -> None:
    inner, bastion = behind
    operator = engine(project_factory([inner], files=FILES))
    in_pieces(bastion.server.kill_sessions)
    operator.fails(lambda: operator.deploy(tag="one"), ConnectError)
    until(lambda: not (inner.files / ".turnout/lock").exists(), "the lock to be given back")
    deploys_after(operator, inner)
