"""`turnout store prune`, where a server shows no records: its disk may not be mounted, or it may be new."""

from __future__ import annotations

import shutil

import pytest

from core import DeployRequest
from core.errors import FleetError, NeedsPerson
from core.events import unheard
from core.jobs import Cancel
from core.operations import storing
from core.settings import Settings
from tests.engine.commands import turnout
from tests.engine.driving import at_rest

pytest.importorskip("obstore")
AT_ONCE = -60.0
"""Seconds for which trees are kept that nothing needs: what was written a moment ago counts as old."""


@pytest.fixture
def store(tmp_path):
    """[store] of a turnout.toml, in a folder."""
    return f'\n[store]\nurl = "file://{tmp_path}/store"\n'


def pushed(operator, environment="production"):
    return storing.push(operator.fleet.project, environment, None, unheard, Cancel()).tree.manifest.digest


def plan_of(operator):
    return storing.plan_prune(operator.fleet.project, Cancel(), AT_ONCE)


def refused(operator, *names):
    """What is said of these servers."""
    with pytest.raises(FleetError) as raised:
        plan_of(operator)
    errors = raised.value.errors
    assert set(errors) == set(names) and all(isinstance(error, NeedsPerson) for error in errors.values())
    assert all("mount the disk" in error.hint for error in errors.values())
    return " ".join(f"{error.title}: {error.detail}" for error in errors.values())


def be_another_machine():
    shutil.rmtree(Settings().cache)


def empty(root):
    shutil.rmtree(root)
    root.mkdir()


def gone(root):
    shutil.rmtree(root)


def begun(root):
    """As the first request of an operation leaves it, which was cancelled then."""
    empty(root)
    (root / ".turnout/records").mkdir(parents=True)
    (root / "releases").mkdir()


def without_records(root):
    """The records lie on a disk of their own."""
    shutil.rmtree(root / ".turnout/records")
    (root / ".turnout/records").mkdir()


@pytest.mark.parametrize("loss", [empty, gone, begun, without_records])
def test_a_server_that_others_know_from_operations_and_that_shows_no_record_keeps_all(
    loss, store, servers, project_factory, engine
):
    first, second = servers(2)
    project = project_factory([first, second], {"a": "1"}, extra=store)
    operator = engine(project)
    pushed(operator)
    operator.deploy(tag="r1")
    at_rest([first, second])
    disk = second.files.with_name("disk")
    shutil.copytree(second.files, disk, symlinks=True)
    loss(second.files)
    be_another_machine()
    said = refused(operator, "web2")
    assert f"{second.root} has no records of releases, and it had some" in said
    assert "as the journals of web1" in said
    if second.files.exists():
        gone(second.files)
    shutil.move(disk, second.files)
    plan = plan_of(operator)
    assert plan.empty and plan.kept == 1 and plan.unused == ()


@pytest.mark.parametrize(("loss", "now"), [(empty, "{} has no releases"), (gone, "there is no {}")])
def test_a_deploy_to_a_server_that_lost_its_releases_asks_for_its_disk(loss, now, servers, project_factory, engine):
    first, second = servers(2)
    project = project_factory([first, second], {"a": "1"})
    operator = engine(project)
    assert not operator.plan(DeployRequest(tag="r1")).warnings
    operator.deploy(tag="r1")
    at_rest([first, second])
    loss(second.files)
    warning = f"web2: r1 was live there, and now {now.format(second.root)}: is its disk mounted?"
    assert warning in operator.plan(DeployRequest(tag="r2")).warnings
    operator.deploy(tag="r3")
    assert not operator.plan(DeployRequest(tag="r4")).warnings


def test_what_this_machine_saw_on_the_only_server_keeps_all_until_something_is_deployed_there(
    store, sshd, project_factory, engine
):
    project = project_factory([sshd], {"a": "1"}, extra=store)
    operator = engine(project)
    old = pushed(operator)
    operator.deploy(tag="r1")
    engine(project).fleet.inspect()
    at_rest([sshd])
    empty(sshd.files)
    operator = engine(project)
    operator.fleet.inspect()  # what shows the server meanwhile forgets nothing
    for _ in range(2):
        assert "this machine saw r1 there" in refused(operator, sshd.alias)
    ended = turnout(project, "store", "prune", "--unused-for", "0s", "--yes")
    assert ended.returncode == 5 and f"{sshd.root} has no records of releases" in ended.stderr, ended
    assert "deploy to it first" in ended.stderr
    project.commit({"a": "2"})
    new = pushed(operator)
    operator.deploy(tag="r2")
    plan = plan_of(operator)
    assert [tree.digest for tree in plan.trees] == [old] and new != old and plan.kept == 1


def test_a_machine_that_knows_nothing_keeps_what_was_pushed_for_an_environment_without_records(
    store, sshd, project_factory, engine
):
    project = project_factory([sshd], {"a": "1"}, extra=store)
    operator = engine(project)
    pushed(operator)
    operator.deploy(tag="r1")
    project.commit({"a": "2"})
    other = pushed(operator, "another")
    at_rest([sshd])
    empty(sshd.files)
    be_another_machine()
    plan = plan_of(engine(project))
    assert [tree.digest for tree in plan.trees] == [other] and plan.kept == 1
    assert plan.unused == ("production",)
    ended = turnout(project, "store", "prune", "--dry-run", "--unused-for", "0s")
    assert ended.returncode == 0, ended
    assert "1 tree stays, with all that was pushed for production, where nothing has been deployed yet" in ended.stderr


def test_a_new_server_beside_others_keeps_nothing(store, servers, project_factory, engine):
    first, second = servers(2)
    operator = engine(project_factory([first], {"a": "1"}, extra=store))
    pushed(operator)
    operator.deploy(tag="r1")
    project = project_factory([first, second], {"a": "2"}, extra=store)
    operator = engine(project)
    unneeded = pushed(operator)
    operator.fleet.inspect()
    plan = plan_of(operator)
    assert [tree.digest for tree in plan.trees] == [unneeded] and plan.kept == 1


def test_a_root_that_another_tool_laid_out_keeps_nothing(store, servers, project_factory, engine):
    first, second = servers(2)
    operator = engine(project_factory([first], {"a": "1"}, extra=store))
    pushed(operator)
    operator.deploy(tag="r1")
    (second.files / "releases/20260101000000").mkdir(parents=True)
    (second.files / "current").symlink_to("releases/20260101000000")
    operator = engine(project_factory([first, second], {"a": "1"}, extra=store))
    operator.fleet.inspect()
    plan = plan_of(operator)
    assert plan.empty and plan.kept == 1
