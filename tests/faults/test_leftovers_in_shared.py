"""What a killed agent has left in shared/ goes with the next operation, and nothing else there or elsewhere does."""

from __future__ import annotations

import os
import subprocess

import pytest

from core.remote.launch import DOCTOR, stripped
from tests.engine.driving import snapshot
from tests.faults.test_refused_tags_and_paths import SHELLS, ask

SHARED = ("conf/x.ini", "conf/deep/", "uploads/")
BEGIN = ("begin", "token", "operation aa11", "30", "", "", "", *SHARED)


@pytest.fixture
def number():
    """The number of a process that has ended."""
    dead = subprocess.Popen(["true"])
    dead.wait()
    return dead.pid


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "srv/root"
    for folder in ("shared/uploads", "shared/conf/deep"):
        (root / folder).mkdir(parents=True)
    (root / "shared/uploads/photo").write_text("precious\n")
    return root


def leave(folder, number):
    left = folder / f".turnout-seed.{number}"
    (left / "item/sub").mkdir(parents=True)
    (left / "item/sub/file").write_text("half\n")
    return left


def begun(root, shell):
    ((said, status),) = ask(root, SHELLS[shell], BEGIN)
    assert status == 0, said


@pytest.mark.parametrize("shell", SHELLS)
def test_what_a_killed_agent_left_goes(root, number, shell):
    before = snapshot(root / "shared")
    left = [leave(root / folder, number) for folder in ("shared", "shared/conf")]
    begun(root, shell)
    assert not any(map(os.path.lexists, left))
    assert snapshot(root / "shared") == before


@pytest.mark.parametrize("folder", ["shared/uploads", "shared/conf/deep"])
def test_what_the_application_has_is_not_looked_into(root, number, folder):
    left = leave(root / folder, number)
    begun(root, "dash")
    assert (left / "item/sub/file").exists()


def test_nothing_behind_a_link_goes(root, number):
    outside = root.parent / "outside"
    outside.mkdir()
    behind = leave(outside, number)
    (root / f"shared/.turnout-seed.{number}").symlink_to(behind)
    (root / "shared/conf").rename(root / "shared/old")
    (root / "shared/conf").symlink_to(outside)
    before = snapshot(outside)
    begun(root, "dash")
    assert snapshot(outside) == before and (root / f"shared/.turnout-seed.{number}").is_symlink()


def test_what_belongs_to_somebody_else_stays(root, number):
    left = leave(root / "shared", number)
    os.chown(left, 12345, -1)
    begun(root, "dash")
    assert (left / "item/sub/file").exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_doctor_tries_a_folder_and_not_what_takes_its_place(root, shell):
    """The link comes after the look and before the move."""
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / ".turnout-probe.1").write_text("precious\n")
    before = snapshot(outside)
    swap = f"date() {{ mv shared/conf shared/old; ln -s '{outside}' shared/conf; echo now; }}"
    race = "verb_race() { cd -P $root; rehearsal=.turnout-probe.1; mkdir $rehearsal; shared conf/x.ini; }"
    ((said, _),) = ask(root, SHELLS[shell], ("with", f"{stripped(DOCTOR)}\n{swap}\n{race}", "race"))
    assert snapshot(outside) == before
    assert (root / "shared/conf").is_symlink()
    assert [line.split()[:2] for line in said] == [["tried", "folder"]]
