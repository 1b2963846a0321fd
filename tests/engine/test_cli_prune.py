"""`turnout prune` beside an application that still works in an old release."""

import subprocess

import pytest

from tests.engine.commands import turnout
from tests.engine.driving import releases


@pytest.fixture
def in_use(sshd, project_factory):
    """Releases one, two and three, of which three is live; a process has its working directory in one."""
    project = project_factory([sshd])
    for tag in ("one", "two", "three"):
        project.commit({"index.html": f"{tag}\n"})
        assert turnout(project, "deploy", "production", "--tag", tag, "--yes").returncode == 0
    worker = subprocess.Popen(["sleep", "1000"], cwd=sshd.files / "releases/one")
    yield project
    worker.kill()
    worker.wait()


def test_a_release_that_a_process_works_in_is_kept_with_a_warning(in_use, sshd):
    ended = turnout(in_use, "prune", "production", "one", "--yes")
    assert ended.returncode == 0, ended.stderr
    assert "a running process has it as its working directory" in ended.stderr
    assert "nothing was pruned; kept one on web" in ended.stdout + ended.stderr
    assert releases(sshd) == ["one", "three", "two"]


def test_force_prunes_it_all_the_same(in_use, sshd):
    ended = turnout(in_use, "prune", "production", "one", "--yes", "--force")
    assert ended.returncode == 0, ended.stderr
    assert releases(sshd) == ["three", "two"]
