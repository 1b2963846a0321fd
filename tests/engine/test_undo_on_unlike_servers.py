"""Undo where servers had unlike releases: each goes back to its own, also batch by batch, with slots, beside another
tool, and where its files have to come again."""

from __future__ import annotations

import shutil

from core import RollbackRequest
from core.events import BatchStarted
from core.settings import Settings
from tests.engine.driving import at_rest, live, record, snapshot
from tests.projects import hook

SAID = 'echo "$TURNOUT_SERVER {} $TURNOUT_TAG $TURNOUT_SLOT $(cat index.html)" >> {}/trace'


def deployed(operator, project, *tags):
    for tag in tags:
        project.commit({"index.html": tag, "noise": tag * 2000})
        operator.deploy(tag=tag)


def test_batches_slots_and_another_tools_log_follow_each_servers_own_release(fleet, project_factory, engine, tmp_path):
    hooks = "".join(hook(on, SAID.format(on, tmp_path)) for on in ("before-switch", "after-switch", "retire"))
    project = project_factory(
        fleet,
        deploy={"compatible": "capistrano"},
        environment_options={
            "strategy": "rolling", "canary": 1, "batch": 1, "slots": {"blue": 8001, "green": 8002},
        },
        extra=hooks,
    )  # fmt: skip
    operator = engine(project)
    deployed(operator, project, "r1", "r2")
    engine(project, servers=[operator.fleet.server("web3")]).rollback("r1")
    deployed(operator, project, "r3")
    had = [record(place, tag).slot for place, tag in zip(fleet, ("r2", "r2", "r1"), strict=True)]
    left = [record(place, "r3").slot for place in fleet]
    assert all({old, new} == {"blue", "green"} for old, new in zip(had, left, strict=True))
    made = snapshot(fleet[1].files / "releases/r2"), snapshot(fleet[2].files / "releases/r1")
    shutil.rmtree(fleet[0].files / "releases/r2")
    shutil.rmtree(fleet[2].files / "releases/r1")
    (tmp_path / "trace").unlink()
    operator.events.clear()
    ended = operator.rollback()
    assert [live(place) for place in fleet] == ["r2", "r2", "r1"]
    assert [event.servers for event in operator.said(BatchStarted)] == [("web1",), ("web2",), ("web3",)]
    assert ended.summary.startswith("r2 is live on web1, web2; r1 is live on web3: sent ")
    assert snapshot(fleet[0].files / "releases/r2") == made[0] and snapshot(fleet[2].files / "releases/r1") == made[1]
    assert [record(place, live(place)).slot for place in fleet] == had
    said = (tmp_path / "trace").read_text().splitlines()
    for name, tag, slot, other in zip(("web1", "web2", "web3"), ("r2", "r2", "r1"), had, left, strict=True):
        own = [line for line in said if line.startswith(name)]
        assert own == [
            f"{name} before-switch {tag} {slot} {tag}",
            f"{name} after-switch {tag} {slot} {tag}",
            f"{name} retire r3 {other} r3",
        ]
    for place, tag in zip(fleet, ("r2", "r2", "r1"), strict=True):
        assert (place.files / "revisions.log").read_text().endswith(f" rolled back to release {tag}\n")
    project.commit({"index.html": "r4"})
    engine(project, servers=[operator.fleet.server("web1")]).deploy(tag="r4")
    operator.deploy(tag="r4")
    assert [live(place) for place in fleet] == ["r4"] * 3
    operator.rollback()
    assert [live(place) for place in fleet] == ["r2", "r2", "r1"], "a canary goes back with those that followed it"
    operator.rollback()
    assert [live(place) for place in fleet] == ["r4"] * 3, "there and back again"
    at_rest(fleet)


def test_a_new_server_that_cannot_get_the_older_release_does_not_keep_the_others_from_it(
    fleet, project_factory, engine
):
    project = project_factory(fleet)
    operator = engine(project)
    first = [operator.fleet.server(name) for name in ("web1", "web2")]
    project.commit({"index.html": "1\n"})
    engine(project, servers=first).deploy(tag="r1")
    project.commit({"index.html": "2\n"})
    operator.deploy(tag="r2")
    shutil.rmtree(project.tree / ".git")
    shutil.rmtree(Settings().cache)
    stranger = engine(project)  # with no build or export kept, and no clone
    plan = stranger.plan(RollbackRequest())
    new = plan.step("web3")
    assert plan.executable and not plan.way_out
    assert (new.stays, new.tag) == (True, "r2") and "no release before that switch, and r1 cannot be" in new.price()
    assert [text for text in plan.warnings if "web3" in text] == [
        "web3 had no release before that switch and cannot get r1: it stays as it is. Take it out of service, or "
        "deploy there"
    ]
    ended = stranger.run(RollbackRequest(), plan)
    assert [live(place) for place in fleet] == ["r1", "r1", "r2"]
    assert ended.summary == "r1 is live on web1, web2; web3 as before"
    stranger.rollback()
    assert [live(place) for place in fleet] == ["r2"] * 3, "there and back again"
    shutil.rmtree(fleet[1].files / "releases/r1")
    plan = stranger.plan(RollbackRequest())
    assert [bool(step.refusal) for step in plan.steps] == [False, True, False], "what it had it must have again"
    assert plan.way_out == "turnout rollback production --server web1"
    refused = stranger.fails(stranger.rollback)
    assert plan.way_out in refused.hint and [live(place) for place in fleet] == ["r2"] * 3
    at_rest(fleet)
