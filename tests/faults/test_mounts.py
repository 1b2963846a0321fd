"""File systems that are mounted below a deploy root: nothing is removed in them, and no release is half there."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from core import DeployRequest, PruneRequest, RollbackRequest
from core.doctor import examine
from core.errors import DiskFull, FleetError, NeedsPerson, TurnoutError
from tests.engine.driving import releases, snapshot
from tests.faults.conftest import two_releases
from tests.servers import need, unavailable
from tests.waiting import until


@pytest.fixture
def mount():
    """Mount a file system on a folder, made where it is missing: a tmpfs, or `of` another folder once more."""
    mounted = []

    def on(folder, of=None, size="50%"):
        folder.mkdir(parents=True, exist_ok=True)
        words = ["--bind", str(of)] if of else ["-t", "tmpfs", "-o", f"size={size}", "none"]
        if subprocess.run(["mount", *words, str(folder)], capture_output=True, check=False).returncode:
            unavailable("this user may not mount a file system")
        mounted.append(folder)
        return folder

    yield on
    for folder in reversed(mounted):
        subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)


@pytest.fixture
def precious(tmp_path):
    """A folder outside the deploy root, in which nothing may change."""
    folder = tmp_path / "precious"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/file").write_text("precious\n")
    before = snapshot(folder)
    yield folder
    assert snapshot(folder) == before


@pytest.fixture(params=["releases", "releases, bound", ".turnout"])
def split(request, sshd, mount, tmp_path):
    """A server whose releases/ or .turnout/ is a file system of its own, or a folder of the same one mounted there."""
    place, _, bound = request.param.partition(", ")
    other = tmp_path / "disk"
    other.mkdir()
    mount(sshd.files / place, of=other if bound else None)
    return sshd


def test_a_release_on_another_file_system_gets_its_name_by_one_rename(split, project_factory, truth):
    facts = two_releases(truth(project_factory([split], deploy={"shared": ["data/"]}), [split]))
    facts.do(RollbackRequest("r1"))
    facts.sample.commit({"index.html": "3\n"})
    facts.do(DeployRequest(tag="r3"))
    facts.do(PruneRequest(("r2",)))
    facts.close()
    assert facts.live() == ["r3"] and releases(split) == ["r1", "r3"]
    until(lambda: sorted(os.listdir(split.files / "releases")) == ["r1", "r3"], "nothing half-removed is left")


def test_a_copy_that_is_cut_off_is_not_a_release(split, project_factory, truth, monkeypatch, tmp_path):
    """`mv` between file systems copies: the agent is killed while it does."""
    from core.remote import launch

    folder = tmp_path / "programs"
    folder.mkdir()
    text = launch.agent_program()
    script = folder / "mv"
    (folder / "end").write_text("read -r agent _ < .turnout/lock/process && kill -9 $agent $PPID\n")
    script.write_text(
        "#!/bin/sh\n"
        f'case "$3" in releases/*) [ ! -e {folder}/cut ] || {{ mkdir -p "$3" && . {folder}/end; exit 1; }} ;; esac\n'
        'exec /bin/mv "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setattr(launch, "agent_program", lambda: f"PATH={folder}:$PATH\n{text}")
    facts = two_releases(truth(project_factory([split]), [split]))
    (folder / "cut").touch()
    with pytest.raises(TurnoutError):
        facts.do(DeployRequest(tag="r3"))
    facts.close()
    assert "r3" not in releases(split)
    until(lambda: not facts.holders(), "the agent is gone")
    (folder / "cut").unlink()
    facts.do(DeployRequest(tag="r4"))
    facts.close()
    until(lambda: sorted(os.listdir(split.files / "releases")) == ["r1", "r2", "r4"], "what was half-made is swept")
    facts.complete()


@pytest.mark.parametrize("copy", ["auto", "hardlink"])
def test_doctor_and_plan_know_what_follows_from_another_file_system(split, project_factory, truth, copy):
    facts = truth(project_factory([split], deploy={"copy": copy}), [split])
    fleet = facts.fleet()
    (findings,) = examine(fleet).values()
    fleet.close()
    disks = next(finding for finding in findings if finding.topic == "file systems")
    assert "releases" in disks.text
    if copy == "auto":
        assert disks.level == "ok"
        facts.do(DeployRequest(tag="r1"))
        facts.complete()
    else:
        assert disks.level == "error"
        with pytest.raises(TurnoutError, match="hardlink"):
            facts.do(DeployRequest(tag="r1"))
        assert os.listdir(split.files / "deploy-cache") == []


@pytest.mark.parametrize("bind", [True, False])
def test_a_release_in_which_something_is_mounted_is_kept(sshd, project_factory, truth, mount, precious, bind):
    facts = two_releases(truth(project_factory([sshd]), [sshd]))
    facts.sample.commit({"index.html": "3\n"})
    facts.do(DeployRequest(tag="r3"))
    inside = mount(sshd.files / "releases/r1/deep/up loads", of=precious if bind else None)
    (inside / "mine").touch() if not bind else None
    result = facts.do(PruneRequest(("r1",)))
    assert releases(sshd) == ["r1", "r2", "r3"]
    assert (inside / ("deep/file" if bind else "mine")).exists()
    said = str(result)
    assert "releases/r1/deep/up" in said and "is a mount point" in said
    subprocess.run(["umount", str(inside)], check=True)
    facts.do(PruneRequest(("r1",)))
    assert releases(sshd) == ["r2", "r3"]


@pytest.mark.parametrize("place", ["incoming", "trash", "records"])
def test_a_mount_in_turnouts_own_folder_is_refused_by_name(sshd, project_factory, truth, mount, precious, place):
    facts = two_releases(truth(project_factory([sshd]), [sshd]))
    mount(sshd.files / ".turnout" / place / "x", of=precious)
    with pytest.raises(FleetError) as raised:
        facts.do(DeployRequest(tag="r3"))
    error = raised.value.errors["web"]
    assert isinstance(error, NeedsPerson)
    assert f"{sshd.files}/.turnout/{place}/x is a mount point" in error.detail
    assert facts.unlocked()


def test_a_mount_in_the_cache_is_neither_emptied_nor_written_to(sshd, project_factory, truth, mount, precious):
    facts = two_releases(truth(project_factory([sshd], {"index.html": "1\n", "a/b": "1\n"}), [sshd]))
    mount(sshd.files / "deploy-cache/a", of=precious)
    for request in (DeployRequest(tag="r3"), PruneRequest(cache=True)):
        facts.sample.commit({"index.html": "3\n", "a/b": None})
        with pytest.raises(TurnoutError, match="deploy-cache/a is a mount point"):
            facts.do(request)
    assert facts.unlocked() and facts.live() == ["r2"]


def test_a_cache_that_is_a_mount_point_is_filled_and_emptied(sshd, project_factory, truth, mount):
    mount(sshd.files / "deploy-cache")
    facts = two_releases(truth(project_factory([sshd]), [sshd]))
    facts.do(PruneRequest(cache=True))
    assert os.listdir(sshd.files / "deploy-cache") == []
    (sshd.files / "deploy-cache/odd\nname").write_text("wiped, for no line can hold it\n")
    facts.sample.commit({"index.html": "3\n"})
    facts.do(DeployRequest(tag="r3"))
    facts.close()
    facts.complete()


@pytest.mark.parametrize("place", ["deploy-cache", "releases", ".turnout"])
def test_what_cannot_fit_on_the_file_system_where_it_goes_is_refused(sshd, project_factory, truth, mount, place):
    mount(sshd.files / place, size="20m")
    facts = truth(project_factory([sshd], {"large": bytes(5_000_000)}, source="directory"), [sshd])
    with pytest.raises(DiskFull) as raised:
        facts.do(DeployRequest(tag="r1"))
    assert raised.value.detail.startswith("web: not enough space: 5.0 MB needed")
    assert raised.value.detail.endswith(f"21 MB free on the file system of {place}")
    assert facts.unlocked() and os.listdir(sshd.files / "deploy-cache") == []


@pytest.mark.parametrize("copy", ["auto", "hardlink"])
def test_shared_on_another_file_system_is_seeded_by_one_rename(sshd, project_factory, truth, mount, copy):
    mount(sshd.files / "shared")
    files = {"index.html": "1\n", "a/data/x": "seed\n", ".env": "K=1\n"}
    deploy = {"shared": ["a/data/", ".env", "new/"], "copy": copy}
    facts = truth(project_factory([sshd], files, deploy=deploy), [sshd])
    facts.do(DeployRequest(tag="r1"))
    assert (sshd.files / "shared/a/data/x").read_text() == "seed\n"
    assert (sshd.files / "current/.env").read_text() == "K=1\n"
    assert sorted(os.listdir(sshd.files / "shared")) == [".env", "a", "new"]
    assert os.listdir(sshd.files / "shared/a") == ["data"]


DISKS = ("dash", "bash", "busybox")


@pytest.mark.parametrize("name", DISKS)
def test_removal_leaves_what_is_mounted_also_where_the_system_names_no_mounts(name, tmp_path, mount):
    from core.remote.launch import script

    root = tmp_path / "a root\\with $odd 'name"
    (root / "y/z").mkdir(parents=True)
    (root / "x/only").mkdir(parents=True)
    (mount(root / "y/z") / "keep").touch()
    shell = [need(name), *(["ash"] if name == "busybox" else []), "-c"]
    for mounts_as in ("", "mounts() { mounted='?'; }\n"):
        (root / "x/only").mkdir(parents=True, exist_ok=True)
        program = f'{script("process.sh")}{script("disks.sh")}{mounts_as}cd -P "$1" && erase y x; erase x'
        done = subprocess.run([*shell, program, "sh", str(root)], capture_output=True, text=True, check=True)
        assert re.fullmatch(r"rm: y is kept: (y/z|something in y) is a mount point.*\n", done.stdout)
        assert (root / "y/z/keep").exists() and not (root / "x").exists()
