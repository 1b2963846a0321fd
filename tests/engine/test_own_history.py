"""Turnout deploys itself: commits of this repository, compared with what git itself makes of them."""

from __future__ import annotations

import os
import subprocess

import pytest

from core import DeployRequest
from tests import REPOSITORY
from tests.engine.driving import at_rest, live, releases, snapshot
from tests.servers import need, unavailable

COMMITS = 4


def git(*words, **options):
    return subprocess.run(["git", *words], cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, **options).stdout


def history():
    """Commits of this repository, spread from its first to its last."""
    try:
        every = git("rev-list", "--first-parent", "--reverse", "HEAD").decode().split()
    except (subprocess.CalledProcessError, FileNotFoundError):
        unavailable("the tests run outside of a clone with a history")
    step = max((len(every) - 1) // (COMMITS - 1), 1)
    return list(dict.fromkeys([*every[::step][: COMMITS - 1], every[-1]]))


def archived(revision, folder):
    """The tree of a commit as `git archive` gives it."""
    folder.mkdir()
    tar = git("archive", "--format=tar", revision)
    subprocess.run([need("tar"), "-xf", "-", "-C", str(folder)], input=tar, check=True)
    return snapshot(folder)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["openssh", "busybox"])
def test_this_repositorys_own_history_arrives_as_git_archives_it(
    kind, sshd, shell_server, project_factory, engine, tmp_path
):
    place = shell_server("busybox") if kind == "busybox" else sshd
    project = project_factory([place])
    # A clone of its own, with objects shared: what others do in this checkout meanwhile does not count.
    clone = tmp_path / "clone"
    git("clone", "--quiet", "--shared", "--no-checkout", str(REPOSITORY), str(clone))
    text = project.config.read_text()
    project.config.write_text(text.replace('git = "app"', f'git = "{clone}"'))
    operator = engine(project)
    revisions = history()
    wanted = {}
    for number, revision in enumerate(revisions):
        tag = f"r{number}"
        wanted[tag] = archived(revision, tmp_path / tag)
        result = operator.run(DeployRequest(ref=revision, tag=tag))
        assert live(place) == tag and result.plan.record.revision == revision
        assert snapshot(place.files / "releases" / tag) == wanted[tag]
    assert releases(place) == sorted(wanted)
    if len(revisions) > 2:
        operator.rollback("r0")
        assert snapshot(place.files / "current/") == wanted["r0"]
        operator.prune("r1")
        operator.rollback("r1")
        assert snapshot(place.files / "current/") == wanted["r1"]
    assert not os.path.exists(place.files / "current/.git")
    at_rest([place])
