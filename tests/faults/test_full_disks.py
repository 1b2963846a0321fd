"""Disks that fill while an operation runs, and those that are too small for it."""

from __future__ import annotations

import errno
import os
import random
import re
import subprocess

import pytest
from msgspec.structs import replace

from core import DeployRequest, execute, make_plan
from core.disk_space import HEADROOM
from core.errors import DiskFull, FleetError, SourceError
from core.events import PhaseStarted
from core.jobs import Cancel, Controls
from tests.servers import unavailable

FILES = {f"f{number}": os.urandom(13_000) for number in range(300)}


@pytest.fixture
def small_disk(disk):
    """The server's root on a file system of its own: 64 MB and 1,000 inodes."""
    return disk("64m", 1000)


def fill(place, leave: int):
    """Write until only `leave` bytes are left; gives the file that is in the way."""
    filler = place.files / "shared/filler"
    with filler.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 16))
        except OSError as error:
            assert error.errno == errno.ENOSPC
        file.truncate(max(file.tell() - leave, 0))
    return filler


def deploy(facts, tag: str, at: str = "", leave: int = 0):
    """Deploy, and let the disk fill when a phase begins on the server."""
    place = facts.destinations[0]

    def hear(event):
        if isinstance(event, PhaseStarted) and event.phase == at:
            fill(place, leave)

    fleet = facts.fleet()
    try:
        return execute(fleet, DeployRequest(tag=tag), None, hear, Controls())
    finally:
        fleet.close()


@pytest.mark.parametrize("phase", ["upload", "stage"])
def test_a_disk_that_fills_is_reported_with_numbers_and_everything_is_put_back(
    small_disk, project_factory, truth, phase
):
    project = project_factory([small_disk], files={"f0": "0\n"}, source="directory")
    facts = truth(project, [small_disk])
    facts.do(DeployRequest(tag="one"))
    facts.close()
    project.write(FILES)
    with pytest.raises(FleetError) as raised:
        deploy(facts, "two", phase, leave=1_000_000)
    error = raised.value.errors["web"]
    assert isinstance(error, DiskFull), error
    assert (error.server, error.phase) == ("web", phase)
    space, inodes, *complaints, more = error.detail.splitlines()
    assert re.fullmatch(rf"\d+ kB of 65536 kB are free in {small_disk.files}", space)
    assert re.fullmatch(rf"\d+ of 1000 inodes are free in {small_disk.files}", inodes)
    assert len(complaints) == 3
    for line in complaints:
        assert re.fullmatch(r"(tar|cp): .*\bf\d+\b.*: No space left on device", line), error.detail
    assert re.fullmatch(r"and \d{3} more", more), "one for each file that was left"
    assert facts.live() == ["one"]
    assert os.listdir(small_disk.files / "releases") == ["one"]
    assert facts.unlocked()
    facts.complete()
    (small_disk.files / "shared/filler").unlink()
    facts.do(DeployRequest(tag="three"))
    facts.complete()
    assert facts.live() == ["three"]


@pytest.mark.parametrize("phase", ["switch", "finish"])
def test_a_disk_without_one_byte_left_does_not_keep_the_lock(small_disk, project_factory, truth, phase):
    project = project_factory([small_disk], files={"f0": "0\n"}, source="directory")
    facts = truth(project, [small_disk])
    facts.do(DeployRequest(tag="one"))
    facts.close()
    project.write({"f0": "1\n"})
    try:
        deploy(facts, "two", phase)
    except FleetError as error:
        assert isinstance(error.errors["web"], DiskFull), error
        assert facts.live() == ["one"]
    else:
        assert facts.live() == ["two"]
    assert facts.unlocked()
    facts.complete()
    (small_disk.files / "shared/filler").unlink()
    facts.do(DeployRequest(tag="three"))
    facts.complete()


def test_what_cannot_fit_is_refused_before_anything_is_touched(small_disk, project_factory, truth):
    project = project_factory([small_disk], files={"large": bytes(30_000_000)}, source="directory")
    facts = truth(project, [small_disk])
    with pytest.raises(DiskFull) as raised:
        facts.do(DeployRequest(tag="one"))
    assert "web: not enough space: 60 MB needed" in raised.value.detail
    project.write({"large": "small", **{f"n{number}": "" for number in range(450)}})
    with pytest.raises(DiskFull) as raised:
        facts.do(DeployRequest(tag="one"))
    assert "not enough inodes" in raised.value.detail
    assert facts.unlocked()
    assert os.listdir(small_disk.files / "deploy-cache") == []
    fleet = facts.fleet()
    plan = make_plan(fleet, DeployRequest(tag="one"), lambda event: None, Cancel())
    fleet.close()
    assert not plan.executable
    assert replace(plan, steps=()).executable, "it is the server that has no room"


def test_many_small_files_are_counted_in_blocks(sshd, disk, project_factory, truth):
    files = {f"d{number % 10}/f{number}": "ten bytes\n" for number in range(4000)}
    project = project_factory([disk("32m")], files=files, source="directory")
    facts = truth(project, [sshd])
    with pytest.raises(DiskFull) as raised:
        facts.do(DeployRequest(tag="one"))
    assert raised.value.detail == "web: not enough space: 33 MB needed, plus 17 MB to keep free; only 34 MB free"
    assert os.listdir(sshd.files / "deploy-cache") == []


def test_what_a_plan_accepts_fits(sshd, disk, project_factory, truth):
    files = {f"d{number % 10}/f{number}": "ten bytes\n" for number in range(1000)}
    needed = 2 * 1010 * 4096 + HEADROOM
    facts = truth(project_factory([disk(str(needed + (1 << 20)))], files=files, source="directory"), [sshd])
    facts.do(DeployRequest(tag="one"))
    facts.complete()


@pytest.mark.parametrize("size", ["1m", "64k"])
def test_an_operators_cache_that_is_full_is_named_and_leaves_nothing_on_the_server(
    sshd, tmp_path, project_factory, truth, monkeypatch, size
):
    cache = tmp_path / "small"
    cache.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(cache)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        unavailable("this user may not mount a file system")
    monkeypatch.setenv("TURNOUT_CACHE_DIR", str(cache))
    project = project_factory([sshd], files={"a": random.Random(1).randbytes(3 << 20), "b": "small"})
    facts = truth(project, [sshd])
    try:
        with pytest.raises(SourceError) as raised:
            facts.do(DeployRequest(tag="one"))
    finally:
        subprocess.run(["umount", "--lazy", str(cache)], check=True)
    assert "No space left on device" in raised.value.title
    assert "TURNOUT_CACHE_DIR" in raised.value.hint
    assert facts.unlocked()
    assert os.listdir(sshd.files / "deploy-cache") == []
