"""The demo's sample project has the history that the demo promises, and the same one each time."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tui.demo import shop
from tui.demo.sample import BROKEN_SUBJECT, RELEASED, history, make_repository

NEWEST = datetime(2026, 11, 21, 19, 30, tzinfo=UTC)
CHANGES = history(photo_bytes=2000, winter_photo_bytes=2000)


def git(folder: Path, *words: str) -> str:
    return subprocess.check_output(["git", "-C", str(folder), *words], text=True).strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    make_repository(folder, CHANGES, NEWEST)
    return folder


def test_the_history_has_a_dozen_commits_by_several_people_over_weeks(repository: Path) -> None:
    lines = [line.split("\t") for line in git(repository, "log", "--reverse", "--format=%s%x09%an%x09%at").splitlines()]
    assert [subject for subject, _, _ in lines] == [change.subject for change in CHANGES]
    assert len(lines) == 12
    assert len({author for _, author, _ in lines}) == 3
    times = [int(when) for _, _, when in lines]
    assert times == sorted(times)
    assert times[-1] - times[0] > 30 * 86400
    assert times[-1] < NEWEST.timestamp()


def test_the_same_time_gives_the_same_commits(repository: Path, tmp_path: Path) -> None:
    again = make_repository(tmp_path, CHANGES, NEWEST)
    assert again == git(repository, "rev-list", "--reverse", "main").split()


def test_the_person_can_work_in_it_at_once(repository: Path) -> None:
    (repository / "turnout.toml").write_text("# not a part of the history\n")
    assert git(repository, "status", "--porcelain") == ""
    assert git(repository, "branch", "--show-current") == "main"
    assert git(repository, "branch", "--list", "--format=%(refname:short)").split() == ["main", "search"]
    assert git(repository, "tag").split() == ["v1.0", "v1.1"]


def test_each_release_says_which_commit_it_is(repository: Path) -> None:
    for commit in git(repository, "rev-list", "main").split():
        archive = subprocess.check_output(["git", "-C", str(repository), "archive", commit, "REVISION"])
        shown = subprocess.run(["tar", "-xO", "REVISION"], input=archive, capture_output=True, check=True).stdout
        assert shown.decode() == f"{commit}\n"


def whole(files: set[str], page: str) -> bool:
    """Whether everything that the front page needs is among the files."""
    return all(part.split('"')[0] in files for part in page.replace("src=", "href=").split('href="')[1:])


def test_only_the_broken_commit_lacks_what_its_front_page_needs(repository: Path) -> None:
    commits = git(repository, "rev-list", "--reverse", "main").split()
    broken = []
    for commit in commits:
        files = set(git(repository, "ls-tree", "-r", "--name-only", commit).split())
        if not whole(files, git(repository, "show", f"{commit}:index.html").replace('src="', 'href="')):
            broken.append(git(repository, "log", "-1", "--format=%s", commit))
    assert broken == [BROKEN_SUBJECT]
    assert CHANGES[-1].subject != BROKEN_SUBJECT
    assert BROKEN_SUBJECT not in [CHANGES[index].subject for index in RELEASED]


def test_photographs_are_pictures_of_the_asked_size_that_differ() -> None:
    linen, tweed = shop.photograph("linen", 100_000), shop.photograph("tweed", 100_000)
    assert linen.startswith(b"\x89PNG\r\n\x1a\n")
    assert abs(len(linen) - 100_000) < 3000
    assert linen != tweed
    assert linen == shop.photograph("linen", 100_000)
