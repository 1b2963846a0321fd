"""What is private in a directory source is private on the servers: sent so, copied so, compared so, seeded so."""

from __future__ import annotations

import os
import shutil
import stat

import pytest

from core import DeployRequest
from core.drift import Drift
from core.errors import ServerError
from core.jobs import Cancel
from core.operations.verify import verify
from tests.engine.driving import live
from tests.projects import hook

FILES = {"index.html": "one", "open/page": "x", ".env": "s", "team": "s", "keys/a b.pem": "s", "run": "s", "tool": "x"}
MODES = {
    ".env": 0o600, "team": 0o640, "keys": 0o700, "keys/a b.pem": 0o600, "run": 0o700, "open": 0o755,
    "open/page": 0o644, "index.html": 0o664, "tool": 0o744,
}  # fmt: skip
SERVED = {**MODES, "index.html": 0o644, "tool": 0o755}


@pytest.fixture
def private(project_factory):
    """Make a directory project with private files for some servers."""

    def make(places, files=FILES, modes=MODES, **options):
        project = project_factory(places, files, source="directory", **options)
        project.tree.chmod(0o700)
        for name, mode in modes.items():
            (project.tree / name).chmod(mode)
        return project

    return make


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def modes(folder, names=MODES):
    return {name: mode(folder / name) for name in names}


@pytest.mark.parametrize("copy", ["auto", "hardlink"])
def test_what_is_private_stays_private(sshd, private, engine, copy):
    operator = engine(private([sshd], deploy={"copy": copy}))
    operator.deploy(tag="r1")
    assert modes(sshd.files / "releases/r1") == SERVED
    assert modes(sshd.files / "deploy-cache") == SERVED
    assert mode(sshd.files / "releases/r1") == 0o755, "where the source lies is no part of it"
    assert verify(operator.fleet, None, Cancel()).drifts == {"web": Drift()}


def test_where_there_is_only_busybox(shell_server, private, engine):
    place = shell_server("busybox")
    project = private([place], extra=hook("prepare", "echo made > made; chmod 600 made; mkdir -m 700 cache"))
    operator = engine(project)
    operator.deploy(tag="r1")
    assert modes(place.files / "releases/r1") == SERVED
    assert verify(operator.fleet, None, Cancel()).drifts == {place.alias: Drift()}
    (project.tree / "open").chmod(0o750)
    (project.tree / "keys").chmod(0o711)
    operator.deploy(tag="r2")
    assert (mode(place.files / "current/open"), mode(place.files / "current/keys")) == (0o750, 0o711)


def test_modes_are_compared_where_there_is_only_busybox(shell_server, private, engine):
    """No hook's list covers up what a look at the release does not tell."""
    place = shell_server("busybox")
    project = private([place])
    operator = engine(project)
    operator.deploy(tag="r1")
    assert verify(operator.fleet, None, Cancel()).drifts == {place.alias: Drift()}
    release = place.files / "releases/r1"
    (release / ".env").chmod(0o644)
    os.mkfifo(release / "queue")
    assert verify(operator.fleet, None, Cancel()).drifts == {place.alias: Drift(changed=(b".env",), added=(b"queue",))}
    for name in MODES:
        (project.tree / name).chmod(0o755 if (project.tree / name).is_dir() else 0o644)
    (place.files / ".turnout/cache.digest").unlink()
    operator.deploy(tag="r2")
    assert set(modes(place.files / "current").values()) == {0o644, 0o755}, "what was private in the cache is open now"


@pytest.mark.parametrize("copy", ["auto", "hardlink"])
def test_a_change_of_the_mode_alone_is_sent(sshd, private, engine, copy):
    project = private([sshd], deploy={"copy": copy})
    operator = engine(project)
    operator.deploy(tag="r1")
    for name, changed in (("open/page", 0o600), ("open", 0o750), (".env", 0o644), ("keys", 0o755)):
        (project.tree / name).chmod(changed)
    operator.deploy(tag="r2")
    changed = {**SERVED, "open/page": 0o600, "open": 0o750, ".env": 0o644, "keys": 0o755}
    assert modes(sshd.files / "current") == changed
    assert modes(sshd.files / "releases/r1") == SERVED, "an earlier release is as it was"
    operator.rollback()
    assert live(sshd) == "r1"


def test_drift_sees_who_may_read_what(sshd, private, engine):
    operator = engine(private([sshd], extra=hook("prepare", "mkdir -m 700 cache; echo x > cache/x; chmod 640 cache/x")))
    operator.deploy(tag="r1")
    assert verify(operator.fleet, None, Cancel()).drifts == {"web": Drift()}
    release = sshd.files / "releases/r1"
    for name, changed in ((".env", 0o644), ("keys", 0o755), ("open/page", 0o600), ("cache/x", 0o644)):
        (release / name).chmod(changed)
    (drift,) = verify(operator.fleet, None, Cancel()).drifts.values()
    assert drift == Drift(changed=(b".env", b"cache/x", b"keys", b"open/page"))


def test_what_a_release_of_before_does_not_say_is_not_drift(sshd, private, engine):
    """Its note of what hooks made has no modes."""
    operator = engine(private([sshd], extra=hook("prepare", "mkdir -m 700 cache")))
    operator.deploy(tag="r1")
    made = sshd.files / ".turnout/manifests/r1.made"
    lines = [line for line in made.read_text().splitlines() if not line.startswith(("m ", "M "))]
    made.write_text("\n".join([*lines[:-1], "end"]) + "\n")
    assert verify(operator.fleet, None, Cancel()).drifts == {"web": Drift()}


def test_a_cache_that_somebody_opened_is_closed_again(sshd, private, engine):
    project = private([sshd])
    operator = engine(project)
    operator.deploy(tag="r1")
    (sshd.files / "deploy-cache/.env").chmod(0o644)
    (sshd.files / "deploy-cache/keys").chmod(0o755)
    (project.tree / "index.html").write_text("two")
    operator.deploy(tag="r2")
    assert modes(sshd.files / "current", [".env", "keys"]) == {".env": 0o600, "keys": 0o700}


def test_a_copy_that_opens_what_is_private_is_not_published(sshd, private, engine, monkeypatch):
    """As on a file system that has no modes: what `cp` makes is readable by all."""
    operator = engine(private([sshd]))
    monkeypatch.setattr("core.remote.launch.agent_program", opening(operator))
    error = operator.fails(lambda: operator.deploy(tag="r1"), ServerError, "is not complete")
    assert ".env has a different mode than was sent" in error.detail
    assert not (sshd.files / "releases/r1").exists()


def opening(operator):
    """The agent's program, in which a copy is made readable by all."""
    from core.remote.launch import agent_program

    text = agent_program()
    copying = 'long cp $copy "$@" "$into"'
    assert copying in text
    return lambda: text.replace(copying, f'{copying} && chmod -R a+rX "$into"')


def test_a_pruned_release_is_sent_again_as_private_as_it_was(sshd, private, engine):
    project = private([sshd])
    operator = engine(project)
    operator.deploy(tag="r1")
    kept = shutil.copytree(project.tree, project.folder / "kept")
    (project.tree / "index.html").write_text("two")
    operator.deploy(tag="r2")
    operator.deploy(tag="r3")
    operator.prune("r1")
    shutil.rmtree(project.tree)
    kept.rename(project.tree)
    operator.rollback("r1")
    assert modes(sshd.files / "current") == SERVED


@pytest.mark.parametrize("copy", ["auto", "hardlink"])
def test_what_seeds_a_shared_path_is_as_private_there(sshd, private, engine, copy):
    files = {"conf/app/db.yml": "s", "conf/app/x": "s", "var/data/x": "s", ".env": "s"}
    closed = {"conf": 0o700, "var/data": 0o750, ".env": 0o600}
    project = private([sshd], files, closed, deploy={"shared": ["conf/app/db.yml", "var/data/", ".env"], "copy": copy})
    engine(project).deploy(tag="r1")
    shared = sshd.files / "shared"
    assert modes(shared, ["conf", "conf/app", "conf/app/db.yml", "var", "var/data", ".env"]) == {
        "conf": 0o700, "conf/app": 0o755, "conf/app/db.yml": 0o644, "var": 0o755, "var/data": 0o750, ".env": 0o600,
    }  # fmt: skip


def test_the_plan_names_what_is_private(sshd, private, engine):
    operator = engine(private([sshd], deploy={"shared": [".env"]}))
    text = "private in the source, so not readable by every user of the servers: "
    assert f"{text}.env, keys/, keys/a b.pem and 2 more" in operator.plan(DeployRequest(tag="r1")).warnings
    operator.deploy(tag="r1")
    assert f"{text}keys/, keys/a b.pem, run and 1 more" in operator.plan(DeployRequest(tag="r2")).warnings, (
        "not what is shared"
    )
    assert not any(text in warning for warning in operator.plan(DeployRequest(tag="r1")).warnings), "it is listed twice"


def test_a_revision_of_git_has_no_private_files(sshd, project_factory, engine):
    """What a umask makes of an export or a build says nothing."""
    project = project_factory([sshd], {"a": "x"}, source_options={"build": ["echo x > built; chmod 600 built a"]})
    before = os.umask(0o077)
    try:
        plan = engine(project).plan(DeployRequest(tag="r1"))
        engine(project).deploy(tag="r1")
    finally:
        os.umask(before)
    assert not plan.warnings
    assert modes(sshd.files / "current", ["a", "built"]) == {"a": 0o644, "built": 0o644}
