"""Deploys, rollbacks and prunes on servers that other tools laid out, over SSH; one server, its root made anew."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from core import AdoptRequest, DeployRequest, PinRequest, PruneRequest, verify
from core.errors import LockedError, UsageError
from core.records import fleet_releases
from core.rows.servers import release_rows
from tests.engine.driving import record, records, releases
from tui.view.formats import subject_of

A, B, C = "20261101120000", "20261102120000", "20261103120000"


def lay_out(root: Path, *tags: str, live: str = "", absolute: bool = False, link: str = "current") -> None:
    """A root that another tool left."""
    for tag in tags:
        (root / "releases" / tag).mkdir(parents=True)
        (root / "releases" / tag / "index.html").write_text(tag)
    if live:
        os.symlink(f"{root if absolute else '.'}/releases/{live}" if absolute else f"releases/{live}", root / link)


def tree(root: Path) -> dict[str, tuple[int, bytes]]:
    """Everything below a folder: modes and contents."""
    return {
        str(path.relative_to(root)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(root.rglob("*"))
    }


def test_capistranos_way_there_and_back(sshd, project_factory, engine):
    root = sshd.files
    lay_out(root, A, B, C, live=C, absolute=True)
    (root / "repo").mkdir()
    (root / "repo/HEAD").write_text("ref: refs/heads/main\n")
    (root / "revisions.log").write_text(
        f"Branch main (at 75b69fc) deployed as release {A} by ana\n"
        f"Branch main (at 9ab01cd) deployed as release {C} by ci\n"
    )
    (root / "shared/log").mkdir(parents=True)
    (root / "shared/log/production.log").write_text("kept\n")
    theirs = {name: tree(root / name) for name in ("repo", "shared")}
    operator = engine(project_factory([sshd], deploy={"keep": 1}))
    operator.deploy(tag="t1")
    assert os.readlink(root / "current") == f"{root}/releases/t1", "an absolute link stays absolute"
    assert releases(sshd) == [A, B, C, "t1"], "nothing that cannot be made again goes by itself"
    assert operator.rollback().tag == C
    assert os.readlink(root / "current") == f"{root}/releases/{C}"
    operator.rollback("t1")
    operator.rollback(C)
    assert operator.rollback().tag == "t1", "undo after undo is there and back"
    # Capistrano's next deploy, and its log.
    lay_out(root, "20991201120000")
    os.unlink(root / "current")
    os.symlink(f"{root}/releases/20991201120000", root / "current")
    with (root / "revisions.log").open("a") as log:
        log.write("Branch main (at 1111111) deployed as release 20991201120000 by ana\n")
    assert operator.rollback().tag == "t1"
    assert {name: tree(root / name) for name in ("repo", "shared")} == theirs
    assert B in releases(sshd)
    plan = operator.plan(PruneRequest(keep=1, for_ever=True))
    assert any("gone for ever" in text for text in plan.warnings)


def test_what_was_never_published_is_not_gone_back_to(sshd, project_factory, engine):
    root = sshd.files
    lay_out(root, A, B, C, live=C, absolute=True)
    (root / "revisions.log").write_text(
        f"Branch main (at 75b69fc) deployed as release {A} by ana\n"
        f"Branch main (at 9ab01cd) deployed as release {C} by ci\n"
    )
    operator = engine(project_factory([sshd]))
    result = operator.rollback()
    assert result.tag == A


def test_another_link_that_serves_is_named_and_then_switched(sshd, project_factory, engine):
    root = sshd.files
    lay_out(root, "1", "2", live="2", link="live")
    project = project_factory([sshd])
    operator = engine(project)
    operator.fails(lambda: operator.deploy(tag="t1"), UsageError, 'current = "live"')
    assert operator.plan(DeployRequest(tag="t1")).steps[0].refusal and not (root / "current").exists()
    operator = engine(project_factory([sshd], environment_options={"current": "live"}))
    operator.deploy(tag="t1")
    assert os.readlink(root / "live") == "releases/t1" and not (root / "current").exists()
    assert operator.rollback().tag == "2" and os.readlink(root / "live") == "releases/2"
    operator.rollback("t1")
    operator.prune(keep=1)
    assert releases(sshd) == ["1", "2", "t1"]


def test_a_link_outside_the_root_is_switched_and_the_root_is_not(sshd, project_factory, engine):
    root, www = sshd.files, sshd.files.parent / "www"
    www.mkdir()
    lay_out(root, "1", "2")
    os.symlink(f"{root}/releases/2", www / "html")
    operator = engine(project_factory([sshd], environment_options={"current": f"{www}/html"}))
    operator.deploy(tag="t1")
    assert os.readlink(www / "html") == f"{root}/releases/t1" and os.listdir(www) == ["html"]
    assert operator.rollback().tag == "2"


def test_while_another_tool_deploys_nothing_begins(sshd, project_factory, engine):
    root = sshd.files
    lay_out(root, "1", "2", live="2")
    (root / ".dep").mkdir()
    (root / ".dep/deploy.lock").write_text("ana\n")
    operator = engine(project_factory([sshd]))
    error = operator.fails(lambda: operator.deploy(tag="t1"), LockedError, "Deployer is deploying, by ana")
    assert "rm " in error.hint and releases(sshd) == ["1", "2"]
    assert any("Deployer is deploying" in text for text in operator.plan(DeployRequest(tag="t1")).warnings)
    (root / ".dep/deploy.lock").unlink()
    operator.deploy(tag="t1")


def test_buddys_cache_is_left_alone(sshd, project_factory, engine):
    root, name = sshd.files, "7" * 40
    lay_out(root, name, live=name)
    shutil.copytree(root / "releases" / name, root / "deploy-cache")
    before = tree(root / "deploy-cache")
    operator = engine(project_factory([sshd]))
    operator.fails(lambda: operator.deploy(tag="t1"), UsageError, "that Turnout did not put there")
    operator.fails(lambda: operator.prune(cache=True), UsageError, "that Turnout did not put there")
    assert tree(root / "deploy-cache") == before


def test_a_release_is_as_new_as_its_deploy(sshd, project_factory, engine):
    files = {f"f{number}": f"{number}\n" for number in range(250)}
    operator = engine(project_factory([sshd], files))
    operator.deploy(tag="t1")
    os.utime(sshd.files / "deploy-cache", (1e9, 1e9))
    os.utime(sshd.files / "releases/t1", (1e9, 1e9))
    operator.prune(cache=True)
    operator.deploy(tag="t2", ref="HEAD")
    made = (sshd.files / "releases/t2").stat().st_mtime
    assert made >= (sshd.files / ".turnout/records/t2.toml").stat().st_mtime - 30
    assert made > 1.5e9


def test_adopted_releases_are_ours_but_for_what_nobody_can_know(sshd, project_factory, engine):
    root = sshd.files
    project = project_factory([sshd], deploy={"keep": 1})
    commit = project.git("rev-parse", "HEAD").strip()
    lay_out(root, A, B, C, live=C)
    (root / "releases" / A / "REVISION").write_text(f"{commit}\n")
    (root / "revisions.log").write_text(
        f"Branch main (at {commit[:7]}) deployed as release {A} by ana\n"
        f"Branch main (at 9ab01cd) deployed as release {C} by ci\n"
    )
    (root / "deploy-cache").mkdir()
    (root / "deploy-cache/x").write_text("theirs")
    before = {name: tree(root / name) for name in ("releases", "deploy-cache")}
    operator = engine(project)
    plan = operator.plan(AdoptRequest())
    assert plan.steps[0].action == "record 3 releases made by Capistrano, take over the deploy-cache"
    assert any(f"{B} was never published by Capistrano" in text for text in plan.warnings)
    assert "recorded 3 releases on 1 server" in operator.run(AdoptRequest(), plan).summary
    assert {name: tree(root / name) for name in ("releases", "deploy-cache")} == before
    adopted = {tag: record(sshd, tag) for tag in (A, B, C)}
    assert (adopted[A].subject, adopted[A].by, adopted[A].adopted) == ("The first version", "ana", "Capistrano")
    assert adopted[B].failed == "was never published by Capistrano"
    assert {(each.digest, each.seq) for each in adopted.values()} == {("", 0)}
    assert operator.run(AdoptRequest()).outcome == "nothing-to-do"
    assert operator.rollback().tag == A, "what Capistrano's log says was live before"
    assert record(sshd, C).left
    operator.run(PinRequest(C))
    operator.deploy(tag="t1")
    assert releases(sshd) == [A, B, C, "t1"]
    operator.rollback(C)
    operator.prune(keep=1)
    assert releases(sshd) == [A, B, C, "t1"]
    shutil.rmtree(root / "releases" / B)
    operator.fails(lambda: operator.rollback(B), UsageError, "no record says how to make them again")
    operator.run(AdoptRequest(undo=True))
    assert records(sshd) == ["t1"]
    assert operator.run(AdoptRequest(undo=True)).outcome == "nothing-to-do"
    assert operator.rollback().tag == "t1"


def test_an_adopted_cache_is_given_back_where_nothing_was_sent(sshd, project_factory, engine):
    root = sshd.files
    lay_out(root, "7" * 40, live="7" * 40)
    (root / "deploy-cache").mkdir()
    (root / "deploy-cache/x").write_text("buddy")
    operator = engine(project_factory([sshd]))
    operator.run(AdoptRequest())
    operator.run(AdoptRequest(undo=True))
    operator.fails(lambda: operator.deploy(tag="t1"), UsageError, "that Turnout did not put there")
    operator.run(AdoptRequest())
    operator.deploy(tag="t1")
    assert (root / "current/index.html").exists() and not (root / "current/x").exists()


def test_the_old_tools_files_stay_true_while_both_are_used(sshd, project_factory, engine):
    root = sshd.files
    lay_out(root, A, C, live=C, absolute=True)
    (root / "revisions.log").write_text(f"Branch main (at 75b69fc) deployed as release {C} by ana\n")
    project = project_factory([sshd], deploy={"compatible": "capistrano"})
    commit = project.git("rev-parse", "HEAD").strip()
    operator = engine(project)
    operator.deploy(tag="t1", ref="main")
    assert (root / "releases/t1/REVISION").read_text() == f"{commit}\n"
    assert verify(operator.fleet).drifts["web"].none, "it is no drift"
    operator.rollback()
    operator.rollback("t1")
    log = (root / "revisions.log").read_text().splitlines()
    assert log[1].startswith(f"Branch main (at {commit}) deployed as release t1 by ")
    assert [line.partition(" rolled back to release ")[2] for line in log[2:]] == [C, "t1"]
    assert os.readlink(root / "current") == f"{root}/releases/t1"


def test_deployers_log_tells_of_our_release(sshd, project_factory, engine):
    root = sshd.files
    lay_out(root, "1", "2", live="2")
    (root / ".dep").mkdir()
    (root / ".dep/releases_log").write_text('{"release_name":"2"}\n')
    files = {"index.html": "one\n", "REVISION": "our own\n"}
    operator = engine(project_factory([sshd], files, deploy={"compatible": "deployer"}))
    operator.deploy(tag="t1", ref="main")
    said = json.loads((root / ".dep/releases_log").read_text().splitlines()[1])
    assert (said["release_name"], said["target"]) == ("t1", "main") and said["created_at"].endswith("+0000")
    assert (root / "releases/t1/REVISION").read_text() == "our own\n", "the tree's own file stays"


def test_a_log_that_is_a_link_is_not_written_and_the_deploy_stands(sshd, project_factory, engine):
    root, elsewhere = sshd.files, sshd.files.parent / "elsewhere"
    lay_out(root, A, live=A)
    elsewhere.write_text("")
    (root / "revisions.log").symlink_to(elsewhere)
    operator = engine(project_factory([sshd], deploy={"compatible": "capistrano"}))
    result = operator.deploy(tag="t1")
    assert elsewhere.read_text() == "" and any("revisions.log was not written" in text for text in result.warnings)


def test_what_is_known_of_another_tools_release_is_shown(sshd, project_factory, engine):
    root = sshd.files
    project = project_factory([sshd])
    commit = project.git("rev-parse", "HEAD").strip()
    lay_out(root, "1", "2", live="2")
    (root / ".dep").mkdir()
    (root / "releases/1/REVISION").write_text(f"{commit}\n")
    (root / "releases/1/BAD_RELEASE").touch()
    operator = engine(project)
    states = operator.fleet.inspect().states
    rows = {row["tag"]: row for row in release_rows(states, ["web"])}
    assert (rows["1"]["subject"], rows["1"]["made_by"]) == ("The first version", "Deployer")
    said = {row.tag: subject_of(row) for row in fleet_releases(states.values())}
    assert said["1"] == f"{commit[:7]} The first version, is marked bad by Deployer"
    assert said["2"] == "made by Deployer"
    (root / "releases/2/REVISION").write_text(f"{commit}\n")
    project.commit({"index.html": "two\n"}, "Say two")
    changes = operator.plan(DeployRequest(tag="t1", ref="main")).changes
    assert changes and "Say two" in repr(changes)
