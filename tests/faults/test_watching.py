"""What watching tells of operations that end well, badly or not at all, on real servers."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest

from core import DeployRequest
from core.events import Kept, Note, OperationFinished, Pruned
from core.jobs import Job
from core.operations.follow import watch
from tests.waiting import until

LINES = 200
HOLD = f"""
[[hooks]]
on = "prepare"
where = "first-server"
run = "seq 1 {LINES}; while [ ! -e $TURNOUT_ROOT/go ]; do sleep 0.05; done"
"""


class Watcher:
    """`watch` on a thread of its own, and all that it heard."""

    def __init__(self, fleet) -> None:
        self.events = []
        self.job = Job("watch", lambda emit, controls: watch(fleet, emit, controls.cancel))
        self.job.subscribe(self.events.append)
        self.job.start()

    def said(self, name: str, **facts) -> list:
        return [e for e in self.events if e.name == name and all(getattr(e, k) == v for k, v in facts.items())]

    def heard(self, name: str, number: int = 1) -> None:
        until(lambda: len(self.said(name)) >= number or self.job.finished, f"{number} of {name} to be heard")
        assert len(self.said(name)) >= number, self.events


@pytest.fixture
def work(servers, project_factory, operator, truth):
    """Two servers with a release, and on them a deploy that is in its hook, watched from elsewhere."""
    web = servers(2, separate=True)
    project = project_factory(web)
    facts = truth(project, web)
    facts.do(DeployRequest(tag="one"))
    project.commit({"index.html": "two\n"})
    project.config.write_text(project.config.read_text() + HOLD)
    deploy = operator(project, "deploy", "production", "--yes", "--tag", "two")
    deploy.await_event("hook-started")
    fleet = facts.fleet()
    yield web, deploy, Watcher(fleet)
    (web[0].files / "go").touch()
    fleet.close()


def operation_of(place) -> str:
    words = dict(line.split(" ", 1) for line in (place.files / ".turnout/lock/owner").read_text().splitlines())
    return words["operation"]


def test_events_that_begin_anew_are_heard_to_the_end(work):
    fleet, deploy, watcher = work
    watcher.heard("hook-output", LINES)
    # As when the operator's connection broke and was made again.
    for place in fleet:
        (place.files / f".turnout/logs/{operation_of(place)}.jsonl").write_text("")
    (fleet[0].files / "go").touch()
    assert deploy.end() == 0
    assert watcher.job.result().exit_code == 0
    assert len(watcher.said("switched")) == 2
    assert len(watcher.said("hook-output")) == LINES
    assert len(watcher.said("operation-finished")) == 1


def test_an_operation_that_was_killed_is_called_interrupted(work):
    _, deploy, watcher = work
    watcher.heard("hook-output", LINES)
    deploy.kill()
    ended = watcher.job.result()
    assert ended.exit_code == 5
    assert ended.summary.startswith("interrupted deploy ")
    assert ended.summary.endswith(": nothing was switched: turnout recover production")
    finished = watcher.events[-1]
    assert isinstance(finished, OperationFinished)
    assert (finished.outcome, finished.exit_code, finished.summary) == ("needs-person", 5, ended.summary)


def test_an_operation_that_was_cancelled_did_not_fail_for_those_who_follow_it(work):
    fleet, deploy, watcher = work
    watcher.heard("hook-output", LINES)
    deploy.process.send_signal(signal.SIGINT)
    assert deploy.end() == 1
    ended = watcher.job.result()
    (finished,) = watcher.said("operation-finished")
    assert (finished.outcome, finished.exit_code, ended.exit_code) == ("cancelled", 1, 1)
    assert "cancelled, put-back" in ended.summary
    journal = (fleet[0].files / ".turnout/journal.jsonl").read_text().splitlines()
    assert json.loads(journal[-1])["cancelled"] is True


def test_an_end_that_is_not_well_is_not_a_success_whatever_its_code(work):
    fleet, deploy, watcher = work
    watcher.heard("hook-output", LINES)
    end = {"what": "end", "operation": operation_of(fleet[0]), "kind": "deploy", "who": "ana", "outcome": "put-back"}
    for place in fleet:
        for name in ("journal.jsonl", "transitions.jsonl"):
            with (place.files / ".turnout" / name).open("a") as journal:
                journal.write(json.dumps({**end, "exit_code": 0, "tag": "two", "time": 1_800_000_000}) + "\n")
    deploy.kill()
    assert watcher.job.result().exit_code == 1


def test_what_was_pruned_at_the_end_is_reported_and_what_was_kept(servers, project_factory, operator, truth):
    web = servers(2, separate=True)
    project = project_factory(web, deploy={"keep": 2})
    facts = truth(project, web)
    for tag in ("one", "two"):
        project.commit({"index.html": f"{tag}\n"})
        facts.do(DeployRequest(tag=tag))
    project.commit({"index.html": "three\n"})
    project.config.write_text(project.config.read_text() + HOLD)
    busy = subprocess.Popen(["sleep", "600"], cwd=web[1].files / "releases/one")
    fleet = facts.fleet()
    try:
        deploy = operator(project, "deploy", "production", "--yes", "--tag", "three")
        deploy.await_event("hook-started")
        watcher = Watcher(fleet)
        watcher.heard("hook-output", LINES)
        (web[0].files / "go").touch()
        assert deploy.end() == 0
        assert watcher.job.result().exit_code == 0
    finally:
        busy.kill()
        busy.wait()
        fleet.close()
    assert [(event.server, event.tag) for event in watcher.said("pruned")] == [("web1", "one")]
    notes = [event for event in watcher.events if isinstance(event, Note) and event.server == "web2"]
    assert [(note.level, note.text) for note in notes] == [("warning", "one was not pruned: its files are still there")]
    assert [type(event) for event in watcher.events[-3:-1]] in ([Pruned, Kept], [Kept, Pruned])
    assert deploy.said("pruned") and deploy.said("pruned")[0]["server"] == "web1"
