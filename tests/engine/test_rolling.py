"""Servers that switch batch by batch: hooks, checks, pauses, who is left out, and the way back."""

from __future__ import annotations

import json

import pytest

from core import DeployRequest, RollbackRequest
from core.errors import Cancelled, HookFailed, UsageError
from core.events import Asked, BatchStarted, LeftOut, Paused, Switched
from core.records import left_behind
from tests.engine.driving import Engine, at_rest, live, record
from tests.projects import hook

TRACE = "{root}/../trace"


def traced(folder) -> str:
    """Hooks of a batch that each add a line to one file: what ran where, and which release was live there."""
    said = f'echo "$TURNOUT_SERVER {{}} $(basename $(readlink $TURNOUT_ROOT/current))" >> {folder}/trace'
    return "".join(hook(on, said.format(on)) for on in ("drain", "after-switch", "return"))


@pytest.fixture
def rolling(servers, project_factory, engine, tmp_path):
    """Make a rolling environment with hooks that leave a trace, and deploy r1 there at once."""

    def make(number=3, extra="", **keys):
        fleet = servers(number)
        options = {"strategy": "rolling", **keys}
        project = project_factory(fleet, environment_options=options, extra=traced(tmp_path) + extra)
        operator = engine(project)
        operator.run(DeployRequest(tag="r1", at_once=True))
        project.commit({"index.html": "2\n"})
        operator.events.clear()
        return fleet, project, operator

    return make


def trace(folder) -> list[str]:
    return (folder / "trace").read_text().splitlines()


def test_each_batch_is_drained_switched_and_brought_back_before_the_next_one(rolling, tmp_path):
    fleet, _, operator = rolling(4, canary=1, batch=2, pause="200ms")
    (tmp_path / "trace").unlink()
    result = operator.run(DeployRequest(tag="r2"))
    assert {live(place) for place in fleet} == {"r2"}
    batches = [event.servers for event in operator.said(BatchStarted)]
    assert batches == [("web1",), ("web2", "web3"), ("web4",)] == list(result.plan.batches)
    assert [event.number for event in operator.said(Paused)] == [1, 2]
    lines = trace(tmp_path)
    assert lines[:3] == ["web1 drain r1", "web1 after-switch r2", "web1 return r2"]
    assert sorted(lines[3:5]) == ["web2 drain r1", "web3 drain r1"]
    assert lines[-3:] == ["web4 drain r1", "web4 after-switch r2", "web4 return r2"]
    operator.well_formed()
    at_rest(fleet)


def test_all_at_once_has_no_hooks_of_batches(rolling, tmp_path):
    fleet, _, operator = rolling(3)
    assert {line.split()[1] for line in trace(tmp_path)} == {"after-switch"}
    (tmp_path / "trace").unlink()
    operator.run(RollbackRequest("r1", at_once=True)) if live(fleet[0]) != "r1" else operator.run(
        DeployRequest(at_once=True)
    )
    assert len(operator.said(BatchStarted)) == 1
    assert {line.split()[1] for line in trace(tmp_path)} == {"after-switch"}


def test_what_fails_in_the_last_batch_takes_every_batch_back_in_reverse(rolling, tmp_path):
    fails = hook("after-switch", "! [ $TURNOUT_SERVER-$TURNOUT_TAG = web3-r2 ]")
    fleet, _, operator = rolling(3, fails)
    (tmp_path / "trace").unlink()
    operator.fails(lambda: operator.run(DeployRequest(tag="r2")), HookFailed)
    assert {live(place) for place in fleet} == {"r1"}
    back = [event.server for event in operator.said(Switched, back=True)]
    assert back == ["web3", "web2", "web1"]
    lines = trace(tmp_path)
    assert lines[6:8] == ["web3 drain r1", "web3 after-switch r2"]
    # web3 is drained already; the others are drained once more.
    assert lines[8:] == [
        "web3 after-switch r1",
        "web3 return r1",
        "web2 drain r2",
        "web2 after-switch r1",
        "web2 return r1",
        "web1 drain r2",
        "web1 after-switch r1",
        "web1 return r1",
    ]
    operator.well_formed()
    at_rest(fleet)
    assert record(fleet[0], "r2").failed


def test_a_server_that_fails_before_its_switch_is_left_out_and_named_until_it_has_caught_up(rolling):
    broken = hook("drain", "! [ $TURNOUT_SERVER-$TURNOUT_TAG = web2-r2 ]")
    fleet, project, operator = rolling(3, broken, **{"allow-failed": 1})
    result = operator.run(DeployRequest(tag="r2"))
    assert [live(place) for place in fleet] == ["r2", "r1", "r2"]
    assert list(result.left_out) == ["web2"] and "web2 left out" in result.summary
    assert record(fleet[0], "r2").left_out == "web2"
    assert not (fleet[1].files / "releases/r2").exists()
    (event,) = operator.said(LeftOut)
    assert (event.server, event.phase) == ("web2", "drain")
    at_rest(fleet)
    states = operator.fleet.inspect().states
    assert left_behind(states.values()) == {"web2": "r2"}
    project.commit({"index.html": "3\n"})
    assert not operator.run(DeployRequest(tag="r3")).left_out
    assert {live(place) for place in fleet} == {"r3"}
    assert left_behind(operator.fleet.inspect().states.values()) == {}


def test_a_server_that_cannot_be_reached_is_left_out_of_plan_and_deploy(servers, proxy, project_factory, engine):
    fleet = servers(3, separate=True)
    network, far = proxy(fleet[1])
    options = {"strategy": "rolling", "allow-failed": 1}
    project = project_factory([fleet[0], far, fleet[2]], environment_options=options)
    first = engine(project)
    first.deploy(tag="r1")
    first.fleet.close()
    network.stop()
    project.commit({"index.html": "2\n"})
    operator = engine(project)
    plan = operator.plan(DeployRequest(tag="r2"))
    assert list(plan.left_out) == [far.alias] and [step.server for step in plan.steps] == ["web1", "web3"]
    operator.run(DeployRequest(tag="r2"), plan)
    assert [live(place) for place in fleet] == ["r2", "r1", "r2"]


def test_more_than_may_be_left_out_fail_the_deploy(rolling):
    broken = hook("before-switch", "! { [ $TURNOUT_TAG = r2 ] && [ $TURNOUT_SERVER != web1 ]; }")
    fleet, _, operator = rolling(3, broken, **{"allow-failed": 1})
    operator.fails(lambda: operator.run(DeployRequest(tag="r2")), HookFailed)
    assert {live(place) for place in fleet} == {"r1"}
    at_rest(fleet)


def test_journals_tell_the_batches(rolling):
    fleet, _, operator = rolling(3, batch=2)
    operator.run(DeployRequest(tag="r2"))
    lines = [json.loads(line) for line in (fleet[2].files / ".turnout/transitions.jsonl").read_text().splitlines()]
    assert lines[0]["order"] == [["web1", "web2"], ["web3"]]
    assert [(line["what"], line.get("batch")) for line in lines[1:4]] == [("drain", 2), ("switch", 2), ("return", 2)]
    assert lines[-1]["batches"] == 2


def answering(operator, *choices):
    """Answer the operation's questions, one after the other, and keep them."""
    left, asked = list(choices), []

    def hear(event):
        if isinstance(event, Asked):
            asked.append(event.question)
            operator.controls.questions.answer(left.pop(0), "bo@laptop")

    operator.on_event = hear
    return asked


def mending(operator, mended):
    """Mend what is broken when the operation asks, and have it tried again."""

    def hear(event):
        if isinstance(event, Asked):
            mended.touch()
            operator.controls.questions.answer("retry", "bo@laptop")

    operator.on_event = hear


def test_a_pause_that_holds_asks_before_each_batch_and_undoes_all_where_somebody_says_so(rolling):
    fleet, _, operator = rolling(3, pause="hold")
    asked = answering(operator, "go", "undo")
    operator.fails(lambda: operator.run(DeployRequest(tag="r2")), Cancelled, "bo@laptop")
    assert [question["kind"] for question in asked] == ["batch", "batch"]
    assert {live(place) for place in fleet} == {"r1"}
    asked = answering(operator, "go", "go")
    operator.run(DeployRequest(tag="r3"))
    assert len(asked) == 2 and {live(place) for place in fleet} == {"r3"}


def test_somebody_else_says_each_go_of_a_deploy_and_who_goes_back_goes_on_alone(rolling):
    fleet, _, operator = rolling(2, pause="hold")
    operator.fleet.environment = operator.fleet.environment.replace(hold=600.0, approve="other")
    who = operator.fleet.project.settings.who
    refused = []

    def hear(event):
        if isinstance(event, Asked):
            try:
                operator.controls.questions.answer("go", who)
            except UsageError as error:
                refused.append((event.question["kind"], error.title))
                operator.controls.questions.answer("go", "bo@laptop")

    operator.on_event = hear
    operator.run(DeployRequest(tag="r2"))
    assert [kind for kind, _ in refused] == ["hold", "batch"] and all("somebody else" in title for _, title in refused)
    refused.clear()
    operator.run(RollbackRequest("r1"))
    assert not refused and {live(place) for place in fleet} == {"r1"}
    operator.run(RollbackRequest("r2", hold=60.0))
    assert [kind for kind, _ in refused] == ["hold", "batch"] and {live(place) for place in fleet} == {"r2"}


def test_a_person_has_a_server_tried_again_or_leaves_it_out(rolling, tmp_path):
    broken = hook("prepare", f"! [ $TURNOUT_SERVER-$TURNOUT_TAG = web2-r2 ] || [ -e {tmp_path}/mended ]")
    fleet, project, operator = rolling(3, broken, **{"on-failure": "ask"})
    mending(operator, tmp_path / "mended")
    operator.run(DeployRequest(tag="r2"))
    assert {live(place) for place in fleet} == {"r2"}
    (tmp_path / "mended").unlink()
    project.config.write_text(project.config.read_text().replace("web2-r2", "web2-r3"))
    project.commit({"index.html": "3\n"})
    other = Engine(project)
    asked = answering(other, "leave-out")
    assert list(other.run(DeployRequest(tag="r3")).left_out) == ["web2"]
    assert [choice["name"] for choice in asked[0]["choices"]] == ["retry", "leave-out", "undo"]
    assert [live(place) for place in fleet] == ["r3", "r2", "r3"]
    other.fleet.close()
    at_rest(fleet)


def test_a_person_has_the_checks_of_a_batch_tried_again(rolling, tmp_path):
    check = (
        f'\n[[checks]]\nrun = "test $TURNOUT_SERVER-$TURNOUT_TAG != web2-r2 -o -e {tmp_path}/mended"\nattempts = 1\n'
    )
    fleet, _, operator = rolling(3, check, **{"on-failure": "ask"})
    mending(operator, tmp_path / "mended")
    operator.run(DeployRequest(tag="r2"))
    assert {live(place) for place in fleet} == {"r2"} and len(operator.said(Asked)) == 1
