"""`--wait`: whoever waits for the locks of others says so, and not more."""

import threading

from core import DeployRequest, execute
from core.events import HookStarted, Note, PhaseFinished, PhaseStarted, Switched
from core.jobs import Job
from core.remote.session import Session
from tests.engine.driving import live
from tests.waiting import PATIENCE, until

HOLD = """
[[hooks]]
on = "prepare"
run = "while [ ! -e $TURNOUT_ROOT/go ]; do sleep 0.05; done"
"""


def test_of_tries_that_are_followed_by_another_nothing_is_reported(servers, project_factory, engine, monkeypatch):
    fleet = servers(3, separate=True)
    held, free = project_factory([fleet[1]], extra=HOLD), project_factory(fleet)
    first, second = engine(held), engine(free)
    job = Job("first", lambda emit, controls: execute(first.fleet, DeployRequest(tag="one"), None, emit, controls))
    job.subscribe(first.hear)
    job.start()
    until(lambda: first.said(HookStarted), "the hook that holds the second server")
    tries = threading.Semaphore(0)
    begin = Session.begin

    def counted(session, *words, **named):
        if session.name == "web2":
            tries.release()
        return begin(session, *words, **named)

    monkeypatch.setattr(Session, "begin", counted)
    waiting = Job(
        "second", lambda emit, controls: execute(second.fleet, DeployRequest(tag="two"), None, emit, controls, wait=60)
    )
    waiting.subscribe(second.hear)
    waiting.start()
    for _ in range(4):
        assert tries.acquire(timeout=PATIENCE), "it tries again and again"
    assert [note.text[:18] for note in second.said(Note)] == ["waiting: locked by"]
    assert not second.said(PhaseStarted, phase="begin")
    (fleet[1].files / "go").touch()
    first_result, second_result = job.result(), waiting.result()
    assert (first_result.tag, second_result.tag) == ("one", "two")
    assert sorted(event.server for event in second.said(PhaseStarted, phase="begin")) == ["web1", "web2", "web3"]
    assert {event.outcome for event in second.said(PhaseFinished)} == {"ok"}
    assert len(second.said(Switched)) == 3
    second.well_formed()
    assert [live(place) for place in fleet] == ["two"] * 3
