"""Undo where servers had unlike releases: each goes back to its own, also batch by batch, with slots, beside another
tool, and where its files have to come again."""

from __future__ import annotations

import shutil

from core.events import BatchStarted
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
