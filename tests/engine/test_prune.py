"""Prune and clear-cache on real servers: what goes, what is protected, and what a deploy makes of the cache after."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from core import DeployRequest, PruneRequest
from core.errors import UsageError
from core.events import Note, Pruned
from core.jobs import Job
from core.remote import launch
from tests.engine.driving import at_rest, current, deploy_each, live, records, releases, snapshot, tree_of
from tests.projects import Link, Script
from tests.servers import unavailable
from tests.waiting import until
from tui.view.log import Narrator


def test_a_deploy_keeps_as_many_releases_as_the_configuration_says(sshd, project_factory, engine):
    project = project_factory([sshd], deploy={"keep": 3})
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2", "r3", "r4", "r5", "r6")
    assert releases(sshd) == ["r4", "r5", "r6"]
    assert records(sshd) == ["r1", "r2", "r3", "r4", "r5", "r6"]
    assert [event.tag for event in operator.said(Pruned)] == ["r1", "r2", "r3"]
    at_rest([sshd])


def test_one_kept_release_still_leaves_the_way_back(sshd, project_factory, engine):
    project = project_factory([sshd], deploy={"keep": 1})
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2", "r3", "r4")
    assert releases(sshd) == ["r3", "r4"]
    assert operator.rollback().tag == "r3"


def test_a_release_a_rollback_went_to_is_never_pruned_away_from_under_it(sshd, project_factory, engine):
    project = project_factory([sshd], deploy={"keep": 2})
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2")
    operator.rollback("r1")
    project.commit({"index.html": "3\n"})
    operator.deploy(tag="r3")
    assert {"r1", "r3"} <= set(releases(sshd))
    assert live(sshd) == "r3"


def test_prune_frees_about_what_its_plan_said(sshd, project_factory, engine):
    project = project_factory([sshd], {"index.html": "0\n"})
    operator = engine(project)
    project.commit({"big": os.urandom(2_000_000)})
    operator.deploy(tag="r1")
    project.commit({"big": None})
    operator.deploy(tag="r2")
    project.commit({"index.html": "3\n"})
    operator.deploy(tag="r3")
    plan = operator.plan(PruneRequest(tags=("r1",)))
    assert 2_000_000 <= plan.frees <= 2_200_000
    assert plan.steps[0].prune == ("r1",)
    assert releases(sshd) == ["r1", "r2", "r3"]
    result = operator.run(PruneRequest(tags=("r1",)), plan)
    assert re.search(r"freed (at most )?2\.[01] MB", result.summary)
    [said] = operator.said(Pruned)
    assert said.freed == plan.frees
    assert releases(sshd) == ["r2", "r3"]
    at_rest([sshd])


def occupied(place):
    """Bytes on disk below a root, each file once."""
    return int(subprocess.run(["du", "-sk", place.files], capture_output=True, check=True).stdout.split()[0]) * 1024


def test_what_hard_links_keep_on_the_disk_is_not_counted_as_freed(sshd, project_factory, engine):
    files = {"big": os.urandom(3_000_000), "own": os.urandom(400_000)}
    project = project_factory([sshd], files, deploy={"copy": "hardlink"})
    operator = engine(project)
    operator.deploy(tag="r1")
    for number in (2, 3, 4):
        project.commit({"own": os.urandom(400_000), "index.html": f"{number}\n"})
        operator.deploy(tag=f"r{number}")
    at_rest([sshd])
    before = occupied(sshd)
    result = operator.prune("r1", "r2")
    at_rest([sshd])
    freed = sum(event.freed for event in operator.said(Pruned))
    assert 800_000 <= freed < 1_000_000, result.summary
    assert abs(before - occupied(sshd) - freed) < 50_000
    # The cache shares all it has with the live release: clearing it frees next to nothing.
    assert engine(project).plan(PruneRequest(cache=True)).frees < 50_000


def test_a_server_without_du_frees_an_unknown_amount(sshd, project_factory, engine, monkeypatch):
    text = launch.agent_program()
    monkeypatch.setattr(launch, "agent_program", lambda: f"du() {{ return 127; }}\n{text}")
    operator = engine(project_factory([sshd]))
    operator.deploy(tag="r1")
    result = operator.prune(cache=True)
    assert result.summary == "cleared the deploy-cache on 1 server"
    assert result.plan.steps[0].price() == "clear the deploy-cache"


def test_a_deploy_says_what_it_pruned_and_no_bytes_that_nobody_measured(sshd, project_factory, engine):
    project = project_factory([sshd], deploy={"keep": 1})
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2", "r3")
    assert [(event.tag, event.freed) for event in operator.said(Pruned)] == [("r1", None)]
    narrator = Narrator()
    lines = [line for event in operator.said(Pruned) for line in narrator.lines(event)]
    assert lines and not any("freed" in line for line in lines)


@pytest.mark.parametrize(
    ("tag", "reason"), [("r3", "is live on web1, web2"), ("r2", "is the release before the live one")]
)
def test_what_is_protected_is_refused_with_the_reason_and_nothing_goes(servers, project_factory, engine, tag, reason):
    fleet = servers(2)
    project = project_factory(fleet)
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2", "r3")
    plan = operator.plan(PruneRequest(tags=("r1", tag)))
    assert not plan.executable and reason in "".join(plan.all_refusals)
    operator.fails(lambda: operator.prune("r1", tag), UsageError, reason)
    operator.fails(lambda: operator.prune("r1", "r9"), UsageError, 'there is no release "r9"')
    assert [releases(server) for server in fleet] == [["r1", "r2", "r3"]] * 2
    at_rest(fleet)


def test_a_release_live_on_one_drifted_server_is_protected_everywhere(servers, project_factory, engine):
    fleet = servers(2)
    project = project_factory(fleet)
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2", "r3", "r4")
    engine(project, servers=[operator.fleet.server("web2")]).rollback("r1")
    operator.fails(lambda: operator.prune("r1"), UsageError, "is live on web2")
    operator.prune(keep=1)
    assert live(fleet[1]) == "r1" and "r1" in releases(fleet[1])
    assert (fleet[1].files / "current/index.html").read_text() == "1\n"


def test_keep_n_prunes_the_oldest_on_every_server(servers, project_factory, engine):
    fleet = servers(2)
    project = project_factory(fleet)
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2", "r3", "r4", "r5")
    result = operator.prune(keep=2)
    assert [releases(server) for server in fleet] == [["r4", "r5"]] * 2
    assert "3 releases" in result.summary
    assert operator.prune(keep=2).outcome == "nothing-to-do"


def test_what_is_not_a_release_is_left_alone(sshd, project_factory, engine, tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/file").write_text("x")
    project = project_factory([sshd])
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2")
    folder = sshd.files / "releases"
    os.symlink(tmp_path / "precious", folder / "a-link")
    (folder / "a-file").write_text("x")
    (folder / "with space").mkdir()
    (folder / "new\nline live r1").mkdir()
    (folder / "..dots").mkdir()
    operator.prune(keep=1)
    assert {"a-link", "a-file", "with space", "new\nline live r1", "..dots"} <= set(releases(sshd))
    assert (tmp_path / "precious/file").exists()
    assert live(sshd) == "r2"
    for tag in ("a-link", "a-file", "..", "../shared", "", "with space"):
        operator.fails(lambda tag=tag: operator.prune(tag), UsageError)
    assert (sshd.files / "shared").is_dir()


def test_clearing_the_cache_empties_it_and_the_next_deploy_rebuilds_it(sshd, project_factory, engine):
    project = project_factory([sshd], {"index.html": "0\n", "a": "a", "b/c": "c"})
    operator = engine(project)
    deploy_each(operator, project, "r1")
    plan = operator.plan(PruneRequest(cache=True))
    assert plan.kind == "clear-cache" and plan.frees > 0
    operator.run(PruneRequest(cache=True), plan)
    assert list((sshd.files / "deploy-cache").iterdir()) == []
    assert releases(sshd) == ["r1"]
    project.commit({"index.html": "2\n"})
    result = operator.deploy(tag="r2")
    assert result.plan.steps[0].send_files == 3
    assert snapshot(sshd.files / "releases/r2") == tree_of(project) == snapshot(sshd.files / "deploy-cache")


@pytest.fixture
def immutable():
    """Make a path that even root cannot remove."""
    made = []

    def make(path):
        if subprocess.run(["chattr", "+i", path], capture_output=True, check=False).returncode:
            unavailable("no file can be made immutable here")
        made.append(path)
        number = os.stat(path).st_ino
        # What lies beside it may vanish while it is looked for.
        search = ["find", path.parents[2], "-inum", str(number)]
        return lambda: [
            Path(line) for line in subprocess.run(search, capture_output=True, text=True).stdout.split("\n") if line
        ]

    yield make
    for path in made:
        subprocess.run(["find", path.parents[2], "-name", path.name, "-exec", "chattr", "-i", "{}", "+"], check=True)


def test_what_cannot_be_removed_is_named_where_it_lies_and_is_not_counted_as_freed(
    sshd, project_factory, engine, immutable
):
    project = project_factory([sshd], {"index.html": "0\n", "big": os.urandom(500_000)})
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2", "r3", "r4")
    where = immutable(sshd.files / "releases/r1/index.html")
    result = operator.prune("r1", "r2")
    assert releases(sshd) == ["r3", "r4"]
    assert re.search(r"pruned 2 releases on 1 server, freed (at most )?5\d\d kB", result.summary)
    assert {event.tag: event.freed is None for event in operator.said(Pruned)} == {"r1": True, "r2": False}
    assert "could not remove all of r1 on web" in result.summary
    [left] = where()
    path = str(left.relative_to(sshd.files))
    assert any(path in event.text for event in operator.said(Note, level="warning")), path


def test_what_a_deploys_own_prune_could_not_remove_is_named_from_then_on(sshd, project_factory, engine, immutable):
    project = project_factory([sshd], deploy={"keep": 2})
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2")
    where = immutable(sshd.files / "releases/r1/index.html")
    project.commit({"index.html": "3\n"})
    operator.deploy(tag="r3")
    assert releases(sshd) == ["r2", "r3"]
    until(lambda: (sshd.files / ".turnout/leftovers").exists(), "what is left to be noted")
    [left] = where()
    path = str(left.relative_to(sshd.files))
    assert path.startswith(".turnout/trash.") and path.endswith("/r1/index.html")
    warning = f"web: {path} could not be removed: look at its owner and attributes (ls -ld, lsattr)"
    for fresh in (operator, engine(project)):
        assert warning in fresh.plan(DeployRequest(tag="r4")).warnings
    subprocess.run(["chattr", "-i", left], check=True)
    project.commit({"index.html": "4\n"})
    engine(project).deploy(tag="r4")
    operator.fleet.close()
    engine(project).prune(cache=True)
    until(lambda: not where(), "it to be removed once it can be")
    assert not engine(project).plan(DeployRequest(tag="r5")).warnings


def test_a_clearing_of_the_cache_that_leaves_something_says_so(sshd, project_factory, engine, immutable):
    operator = engine(project_factory([sshd], {"index.html": "0\n", "a/b": "b"}))
    operator.deploy(tag="r1")
    where = immutable(sshd.files / "deploy-cache/a/b")
    result = operator.prune(cache=True)
    assert result.summary.startswith("cleared the deploy-cache on 1 server; could not remove all of")
    [left] = where()
    assert any(str(left.relative_to(sshd.files)) in event.text for event in operator.said(Note, level="warning"))


CACHE_FAULTS = {
    "file-changed": lambda cache: (cache / "a").write_text("tampered"),
    "file-removed": lambda cache: (cache / "a").unlink(),
    "file-added": lambda cache: (cache / "b/extra").write_text("x"),
    "folder-removed": lambda cache: shutil.rmtree(cache / "b"),
    "link-changed": lambda cache: ((cache / "link").unlink(), os.symlink("/etc", cache / "link")),
    "mode-changed": lambda cache: (cache / "run").chmod(0o644),
    "kind-changed": lambda cache: ((cache / "a").unlink(), (cache / "a").mkdir(), (cache / "a/x").touch()),
    "folder-became-a-link": lambda cache: (shutil.rmtree(cache / "b"), os.symlink("/etc", cache / "b")),
    "pipe": lambda cache: os.mkfifo(cache / "pipe"),
    "newline": lambda cache: (cache / "new\nline").touch(),
}


@pytest.mark.parametrize("fault", CACHE_FAULTS)
def test_a_cache_that_nobody_vouches_for_is_compared_and_only_what_differs_is_sent(
    sshd, project_factory, engine, fault
):
    files = {"a": "a" * 100, "b/c": "c", "b/d/e": "e", "link": Link("a"), "run": Script("x"), "empty/": ""}
    files |= {f"many/{number}": f"{number}" for number in range(30)}
    project = project_factory([sshd], files, source="directory")
    operator = engine(project)
    operator.deploy(tag="r1")
    CACHE_FAULTS[fault](sshd.files / "deploy-cache")
    (sshd.files / ".turnout/cache.manifest").unlink()
    project.write({"new": "n"})
    plan = operator.plan(DeployRequest(tag="r2"))
    assert not plan.steps[0].exact
    operator.run(DeployRequest(tag="r2"), plan)
    assert snapshot(sshd.files / "releases/r2") == tree_of(project) == snapshot(sshd.files / "deploy-cache")
    kept = [event.text for event in operator.said(Note) if "compared" in event.text]
    assert kept and (fault in ("pipe",) or "3" in kept[0]), kept
    at_rest([sshd])


def test_an_upload_that_was_cut_off_sends_only_the_rest(sshd, project_factory, engine, proxy):
    between, far = proxy(sshd)
    files = {f"f{number:02}": os.urandom(100_000) for number in range(40)}
    project = project_factory([far], files)
    operator = engine(project)
    between.delay = 0.25  # one channel carries 2 MB a round trip: there is time to cut it in the middle
    deploy = Job("deploy", lambda emit, controls: operator.deploy()).start()
    until(lambda: len(list((sshd.files / "deploy-cache").glob("f*"))) > 3, "some files to arrive")
    between.cut()
    between.delay = 0.0
    operator.fails(deploy.result)
    assert current(sshd) == ""
    at_rest([sshd])
    second_operator = engine(project)
    result = second_operator.deploy(tag="r2")
    assert snapshot(sshd.files / "current/") == tree_of(project)
    note = next(event.text for event in second_operator.said(Note) if "compared" in event.text)
    assert int(note.split(": ")[1].split()[0]) >= 1, note
    assert result.outcome == "done"


def test_hard_links_keep_old_releases_as_they_were(sshd, project_factory, engine):
    files = {"a": "a", "b": "b", "run": Script("x"), "conf/app": "seed", "link": Link("a")}
    project = project_factory([sshd], files, deploy={"copy": "hardlink", "shared": ["conf/app"]}, source="directory")
    operator = engine(project)
    operator.deploy(tag="r1")
    before = snapshot(sshd.files / "releases/r1")
    assert os.stat(sshd.files / "releases/r1/a").st_nlink > 1
    # What the application writes into a shared file stays there.
    with (sshd.files / "current/conf/app").open("a") as file:
        file.write(" and more")
    assert (sshd.files / "deploy-cache/conf/app").read_text() == "seed"
    project.write({"a": "changed", "b": Script("b"), "run": "x", "link": "file"})
    operator.deploy(tag="r2")
    assert snapshot(sshd.files / "releases/r1") == before
    released = {path: entry for path, entry in snapshot(sshd.files / "releases/r2").items() if path != b"conf/app"}
    assert released == {path: entry for path, entry in tree_of(project).items() if path != b"conf/app"}
    assert (sshd.files / "current/conf/app").read_text() == "seed and more"


def test_a_shared_path_never_reaches_outside_of_the_release(sshd, project_factory, engine, tmp_path):
    precious = tmp_path / "precious"
    (precious / "uploads").mkdir(parents=True)
    (precious / "uploads/file").write_text("x")
    files = {"index.html": "1", "storage": Link(str(precious))}
    project = project_factory([sshd], files, source="directory", deploy={"shared": ["storage/uploads/"]})
    operator = engine(project)
    operator.fails(operator.deploy, match="storage")
    assert (precious / "uploads/file").read_text() == "x"
    assert live(sshd) == ""
    at_rest([sshd])
