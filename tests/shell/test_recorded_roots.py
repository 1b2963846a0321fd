"""Roots that other tools left: recognised, untouched by a look, and the right release to go back to."""

from __future__ import annotations

import os

import pytest

from core.manifest import Manifest
from core.planner.deploy import plan_deploy
from core.planner.prune import plan_prune
from core.planner.release import PlanSettings
from core.protocol.state import parse_state
from core.records import Record, previous_of
from core.shared import SharedPath
from tests.engine.driving import snapshot
from tests.foreign import DATA, lay

ROOTS = {
    # what made it, what is live, where undo goes, what is known to be bad
    "capistrano": ("Capistrano", "20261126052519", "20261126052516", {"20261126052517"}),
    "deployer": ("Deployer", "3", "2", {"4"}),
    "mina": ("Mina", "10", "9", set()),
    "shipit": ("shipit", "20261126090826", "20261126090822", set()),
    "ansistrano": ("Ansistrano", "20261126052658Z", "20261126052643Z", set()),
    "ansistrano-rsync": ("Ansistrano", "20261125124640Z", "20261125114640Z", set()),
    "envoyer": ("Envoyer", "20261125124640", "20261125114640", set()),
    "deployhq": ("DeployHQ", "20261125124640", "20261125114640", set()),
    "buddy": ("Buddy", None, None, set()),
}
TREE = Manifest({})


def test_every_recorded_root_is_tried():
    assert {path.stem for path in DATA.glob("*.jsonl")} == set(ROOTS)


@pytest.mark.parametrize("name", ROOTS)
def test_a_recorded_root_is_understood_and_nothing_in_it_is_touched(start, root, name):
    tool, live, before, bad = ROOTS[name]
    lay(name, root)
    untouched = snapshot(root)
    agent = start(root)
    state = parse_state(agent.done("state", ".env").lines, "web1", str(root), now=0.0)
    assert snapshot(root) == untouched and not state.faults
    live = live or os.path.basename(os.readlink(root / "current"))
    assert state.current == live
    tools = {release.told.tool for release in state.releases.values() if release.told}
    assert tools == {tool}
    assert {release.tag for release in state.releases.values() if release.bad} == bad
    found = previous_of([state])
    assert before is None or found.tag == before
    assert before is not None or found.tag in state.releases
    plan = plan_prune("production", [state], (), 1, False, {})
    assert plan.steps[0].prune == (), "nothing goes by itself"
    agreed = plan_prune("production", [state], (), 1, False, {}, for_ever=True)
    assert not {live, found.tag} & set(agreed.steps[0].prune)


@pytest.mark.parametrize("name", ["capistrano", "deployer", "mina", "shipit", "ansistrano", "buddy"])
def test_its_commits_are_known(start, root, name):
    lay(name, root)
    state = parse_state(start(root).done("state").lines, "web1", str(root), now=0.0)
    assert all(len(release.revision) == 40 for release in state.releases.values())


@pytest.mark.parametrize("name", ["ansistrano-rsync", "envoyer", "deployhq"])
def test_its_commits_are_not_invented(start, root, name):
    lay(name, root)
    state = parse_state(start(root).done("state").lines, "web1", str(root), now=0.0)
    assert not any(release.revision for release in state.releases.values())


def test_a_first_deploy_leaves_no_shared_file_behind(start, root):
    lay("envoyer", root)
    state = parse_state(start(root).done("state", ".env", "storage/").lines, "web1", str(root), now=0.0)
    settings = PlanSettings(shared=(SharedPath(".env"), SharedPath("storage", folder=True)))
    new = Record(tag="new", seq=1, created=9e9, digest=TREE.digest)
    refusal = plan_deploy("production", [state], new, TREE, {"web1": None}, settings).steps[0].refusal
    assert refusal and f"mv {root}/.env {root}/shared/.env" in refusal.text
    assert f"mv {root}/storage {root}/shared/storage" in refusal.text


def test_the_link_of_a_deploy_that_broke_off_protects_its_release(start, root):
    lay("deployer", root)
    state = parse_state(start(root).done("state").lines, "web1", str(root), now=0.0)
    assert state.links == {"5": ("release",)}
