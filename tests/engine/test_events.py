"""What the engine says: in order, whole, fit for JSON, and without secrets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core import DeployRequest, PruneRequest, RollbackRequest
from core.errors import CheckFailed
from core.events import (
    PHASES,
    BatchStarted,
    Event,
    HookOutput,
    OperationFinished,
    OperationStarted,
    PhaseFinished,
    PhaseStarted,
    PlanMade,
    Switched,
    UploadProgress,
    from_json,
)
from core.plan import UPLOAD
from core.rows.plan import plan_row
from tests.engine.driving import at_rest
from tests.projects import SampleProject

EXTRA = """
[[hooks]]
on = "prepare"
run = "echo ${DEPLOY_TOKEN}"
[[hooks]]
on = "before-switch"
run = "echo key=${DEPLOY_TOKEN} >&2"
where = "operator"
[[checks]]
run = "test -z '${DEPLOY_TOKEN}' || test ! -e bad"
attempts = 1
"""


@pytest.fixture
def places(servers):
    return servers(2)


@pytest.fixture
def operator(places, project_factory, engine, monkeypatch):
    monkeypatch.setenv("DEPLOY_TOKEN", "s3cret-token")
    return engine(project_factory(places, extra=EXTRA))


@pytest.fixture
def project(operator):
    folder = operator.fleet.project.folder
    return SampleProject(folder, folder / "app")


def every_kind(operator, project):
    """All operations, good and bad; the events of each."""
    said = []

    def run(work, fails=None):
        operator.events.clear()
        operator.fails(work, fails) if fails else work()
        said.append(list(operator.events))

    run(lambda: operator.deploy(tag="r1"))
    project.commit({"index.html": "2\n"})
    run(lambda: operator.deploy(tag="r2"))
    run(lambda: operator.deploy(tag="r2"))
    project.commit({"bad": "x"})
    run(lambda: operator.deploy(tag="bad"), CheckFailed)
    run(lambda: operator.run(RollbackRequest()))
    run(lambda: operator.run(PruneRequest(keep=1)))
    run(lambda: operator.run(PruneRequest(cache=True)))
    return said


def test_every_operation_is_said_whole_and_in_order(operator, project):
    for events in every_kind(operator, project):
        assert isinstance(events[0], OperationStarted)
        assert isinstance(events[-1], OperationFinished)
        assert [type(event) for event in events].count(OperationFinished) == 1
        assert len({event.operation for event in events if event.operation}) == 1
        open_phases = set()
        for event in events:
            if isinstance(event, PhaseStarted):
                assert event.phase in PHASES
                assert (event.server, event.phase) not in open_phases
                open_phases.add((event.server, event.phase))
            if isinstance(event, PhaseFinished):
                open_phases.remove((event.server, event.phase))
                assert event.seconds >= 0
        assert open_phases == set()
        times = [event.time for event in events]
        assert max(abs(later - earlier) for earlier, later in zip(times, sorted(times), strict=True)) < 1


def test_the_phases_of_a_deploy_come_in_their_order_on_each_server(operator):
    operator.deploy(tag="r1")
    for server in ("web1", "web2"):
        phases = [
            event.phase
            for event in operator.said(PhaseStarted)
            if event.server in (server, "") and event.phase != "build"
        ]
        assert phases == ["connect", "begin", "upload", "stage", "barrier", "switch", "check", "finish"]
    plan = operator.events.index(operator.said(PlanMade)[0])
    uploads = [operator.events.index(event) for event in operator.said(PhaseStarted, phase="upload")]
    assert plan < min(uploads)
    switches = [operator.events.index(event) for event in operator.said(Switched)]
    barrier = operator.events.index(operator.said(PhaseFinished, phase="barrier")[0])
    (batch,) = operator.said(BatchStarted)
    assert (batch.number, batch.batches, batch.servers) == (1, 1, ("web1", "web2"))
    assert barrier < operator.events.index(batch) < min(switches)


def test_every_event_goes_through_json_and_comes_back(operator, project):
    kinds = set()
    for events in every_kind(operator, project):
        for event in events:
            text = json.dumps(event.to_json())
            assert text.isascii()
            again = from_json(json.loads(text))
            assert type(again) is type(event)
            assert again == event or isinstance(event, PlanMade)
            kinds.add(type(event))
    assert len(kinds) >= 12


def test_secrets_are_in_no_event_no_record_and_no_journal(operator, project, places):
    said = every_kind(operator, project)
    lines = [event.line for events in said for event in events if isinstance(event, HookOutput)]
    assert "***" in lines and "key=***" in lines
    assert "s3cret-token" not in json.dumps([event.to_json() for events in said for event in events])
    at_rest(places)
    for server in operator.fleet.servers:
        kept = sorted(p for p in Path(server.root, ".turnout").rglob("*") if p.is_file())
        assert kept and not any(b"s3cret-token" in path.read_bytes() for path in kept)


def test_progress_grows_up_to_the_total_and_ends_there(operator, project):
    project.commit({f"f{number}": "x" * 50_000 for number in range(60)})
    result = operator.deploy(tag="r1")
    for step in result.plan.steps:
        assert step.action == UPLOAD
        events = operator.said(UploadProgress, server=step.server)
        assert [event.sent for event in events] == sorted(event.sent for event in events)
        assert (events[0].sent, events[-1].sent, events[-1].files) == (0, step.send_bytes, step.send_files)
        assert {event.total for event in events} == {step.send_bytes}


def test_the_plan_that_is_shown_is_json_and_names_hooks_and_checks(operator):
    plan = operator.plan(DeployRequest(tag="r1"))
    text = json.dumps(plan_row(plan))
    assert "prepare: echo ***" in plan.hooks and "s3cret" not in text
    assert len(plan.checks) == 1 and "***" in plan.checks[0]
    assert operator.said(Event) == [] or all(event.server in ("", "web1", "web2") for event in operator.events)


def test_events_are_values_that_nobody_can_change(operator):
    operator.deploy(tag="r1")
    for event in operator.events:
        with pytest.raises(AttributeError):
            event.server = "other"
