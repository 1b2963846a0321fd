"""A deploy root that a group shares: what one of its members makes, another can use, replace and remove."""

from __future__ import annotations

import threading

import pytest

from core import DeployRequest, doctor
from core.operations.answering import answer
from tests.accounts import Accounts
from tests.engine.driving import current, releases
from tests.engine.test_accounts import shared_root
from tests.projects import hook
from tests.waiting import PATIENCE, until


@pytest.fixture
def team(accounts, operator):
    """Two people of one group with a source of their own each, and the root that they share; ana comes first."""

    def make(**options):
        root = accounts.root("ana")
        return root, *(operator(user, root, group=accounts.group, **options) for user in ("ana", "ben"))

    return make


def of_group(person):
    """What doctor says of the group."""
    return [(each.level, each.text) for each in doctor.examine(person.fleet)["web"] if each.topic == "group"]


SHARES = [("ok", "shares the deploy root")]
OWN_GROUP = """\
printf '%s\\n' '#!/bin/sh' 'busybox tar "$@" || exit' 'case $1 in -x*) [ ! -d deploy-cache ] ||' \\
  'find deploy-cache -mindepth 1 -user "$(id -u)" -exec chgrp "$(id -g)" {} + ;; esac' > new
chmod 755 new && mv new tar"""


def test_folders_get_the_modes_of_whoever_deploys(team):
    """Only its owner may change a folder's mode."""
    root, ana, ben = team(source="directory", files={"docs/a/page": "1", "docs/b": "2", "plain/c": "3"})
    ana.deploy(tag="r1")
    for path in ("docs", "docs/a"):
        (ben.project.tree / path).chmod(0o750)
    plan = ben.plan(DeployRequest(tag="r2"))
    assert plan.steps[0].send_files == 2  # all that is in docs/
    ben.deploy(tag="r2")
    assert (root / "releases/r2/docs/a").stat().st_mode & 0o7777 == 0o2770
    ana.deploy(tag="r3")
    assert (root / "releases/r3/docs/a").stat().st_mode & 0o7777 == 0o2775
    # Also where the deploy-cache has to be compared first.
    (root / ".turnout/cache.manifest").unlink()
    ben.deploy(tag="r4")
    assert current(ben.place) == "releases/r4" and of_group(ben) == SHARES


def test_files_in_a_folder_of_another_member_come_from_a_kept_export(team):
    """A person saw the plan, so git reads the files again while they are sent."""
    root, ana, ben = team(files={"a/b/c": "1", "d": "2"})
    ana.deploy(tag="r1")
    ben.project.commit({"a/b/c": "3", "a/new/e": "4"})
    plan = ben.plan(DeployRequest(tag="r2"))
    ben.run(DeployRequest(tag="r2"), plan)
    assert (root / "current/a/b/c").read_text() == "3" and (root / "current/a/new/e").read_text() == "4"


def test_a_release_has_hard_links_to_files_of_another_member(team, accounts):
    root, ana, ben = team(deploy={"copy": "hardlink"}, files={"a/b": "1", "c": "2"})
    ana.deploy(tag="r1")
    ben.project.commit({"a/new": "3"})
    ben.deploy(tag="r2")
    ana.deploy(tag="r3")
    assert shared_root(accounts, root) == []


def test_programs_that_know_less_of_groups_share_all_the_same(operators):
    """A tar may give a folder its mode before it fills it, and with that the own group to what is in it; BusyBox's
    cp does not keep that new files are the group's.
    """
    with Accounts(["ana", "ben"], own_programs=True) as server:
        server.change_programs(f"for name in cp find; do ln -sf busybox $name; done; {OWN_GROUP}")
        make, root = operators(server), server.root("ana")
        ana, ben = (make(user, root, group=server.group, files={"a/b/c": "1", "d": "2"}) for user in ("ana", "ben"))
        ana.deploy(tag="r1")
        ben.project.commit({"a/b/new": "3", "a/b/c": "4"})
        ben.deploy(tag="r2")
        ana.deploy(tag="r3")
        assert shared_root(server, root) == [] and of_group(ana) == of_group(ben) == SHARES
        ben.deploy(tag="r4")
        ana.prune("r2")
        assert releases(ana.place) == ["r1", "r3", "r4"]


def test_what_hooks_and_other_tools_made_is_no_fault_of_the_group(team):
    root, ana, ben = team(extra=hook("prepare", "mkdir -m 700 private half; chmod 755 half; echo x > private/x"))
    ana.deploy(tag="r1")
    for folder in ("scm", "releases/of-another-tool"):
        (root / folder).mkdir(mode=0o755)
    assert of_group(ana) == of_group(ben) == SHARES


def test_a_cache_that_another_member_left_half_made_can_be_cleared(team, accounts):
    root, ana, ben = team(files={"a/b": "1"})
    ana.deploy(tag="r1")
    accounts.as_user("ana", f"cd {root} && rm .turnout/cache.manifest && mkdir -m 755 deploy-cache/half")
    (root / "deploy-cache/half").chmod(0o755)
    ben.prune(cache=True)
    assert list((root / "deploy-cache").iterdir()) == []
    ben.deploy(tag="r2")
    ana.deploy(tag="r3")


def test_another_member_answers(team):
    root, ana, ben = team()
    thread = threading.Thread(target=lambda: ana.run(DeployRequest(tag="r1", hold=600.0)), daemon=True)
    thread.start()
    until((root / ".turnout/lock/question").exists, "the question")
    ben.fleet.project.settings.__dict__["who"] = "ben@laptop"
    assert answer(ben.fleet, "go").by == "ben@laptop"
    thread.join(PATIENCE)
    assert current(ben.place) == "releases/r1"
