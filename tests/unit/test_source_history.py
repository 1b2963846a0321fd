"""What git says of two commits: which commits lie between them, lines, content; and why it cannot say it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from core import changes
from core.changes import Commits
from core.source import source_of
from core.source.git import history as module
from core.source.git.history import GitHistory
from core.source.kinds import History
from tests.projects import Nowhere, SampleProject, make_project
from tests.unit.conftest import GitProject


def history(project: SampleProject) -> History:
    found = source_of(project.load()).history()
    assert found is not None
    return found


def subjects(commits: Commits) -> tuple[list[str], list[str]]:
    return [commit.subject for commit in commits.taken], [commit.subject for commit in commits.added]


def test_commits_between_two_revisions_are_told_both_ways(git_project: GitProject) -> None:
    project = git_project()
    first = project.git("rev-parse", "HEAD")
    project.commit({"a": "1\n"}, "Second")
    third = project.commit({"a": "2\n"}, "Third")
    forward = history(project).commits(first, third)
    assert subjects(forward) == ([], ["Third", "Second"])
    assert (forward.taken_count, forward.added_count, forward.unknown, forward.note) == (0, 2, "", "")
    assert forward.added[0].author == "Ana Test" and forward.added[0].revision == third
    assert subjects(history(project).commits(third, first)) == (["Third", "Second"], [])
    assert history(project).commits(third, third) == Commits()


def test_a_merge_counts_with_all_that_it_brings(git_project: GitProject) -> None:
    project = git_project()
    first = project.git("rev-parse", "HEAD")
    project.git("checkout", "--quiet", "-b", "side")
    project.commit({"b": "1\n"}, "Aside")
    project.git("checkout", "--quiet", "main")
    project.commit({"c": "1\n"}, "Ahead")
    project.git("merge", "--quiet", "--no-ff", "-m", "Join", "side")
    found = history(project).commits(first, project.git("rev-parse", "HEAD"))
    assert sorted(subjects(found)[1]) == ["Ahead", "Aside", "Join"]


def test_a_rewritten_history_takes_back_and_brings(git_project: GitProject) -> None:
    project = git_project()
    old = project.commit({"a": "1\n"}, "As it was")
    project.git("commit", "--quiet", "--amend", "-m", "As it is")
    assert subjects(history(project).commits(old, project.git("rev-parse", "HEAD"))) == (["As it was"], ["As it is"])


def test_histories_with_nothing_in_common_say_so(git_project: GitProject) -> None:
    project = git_project()
    old = project.git("rev-parse", "HEAD")
    project.git("checkout", "--quiet", "--orphan", "new")
    found = history(project).commits(old, project.commit({"z": "1"}, "Anew"))
    assert found.note == "the two have no common history" and (found.taken_count, found.added_count) == (1, 1)


@pytest.mark.parametrize("missing", ["old", "new"])
def test_a_commit_that_is_not_there_is_named(git_project: GitProject, missing: str) -> None:
    project = git_project()
    here, gone = project.git("rev-parse", "HEAD"), "0123456789" * 4
    found = history(project).commits(*((gone, here) if missing == "old" else (here, gone)))
    assert found == Commits(unknown="012345678901 is not in the repository; git fetch")


@pytest.mark.parametrize("revision", ["", "main", "--all", "abc123", "HEAD"])
def test_what_is_not_a_whole_commit_id_is_never_given_to_git(git_project: GitProject, revision: str) -> None:
    project = git_project()
    assert "not a whole commit id" in history(project).commits(revision, project.git("rev-parse", "HEAD")).unknown


def test_a_shallow_clone_says_what_it_lacks(git_project: GitProject, tmp_path: Path) -> None:
    project = git_project()
    first = project.git("rev-parse", "HEAD")
    second = project.commit({"a": "1"}, "Second")
    third = project.commit({"a": "2"}, "Third")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--depth=2", project.tree.as_uri(), clone], check=True)
    shallow = SampleProject(project.folder, clone)
    project.config.write_text(project.config.read_text().replace('git = "app"', f'git = "{clone}"'))
    told = history(shallow)
    assert told.commits(first, third).unknown == f"{first[:12]} is not in the repository; git fetch --unshallow"
    near = told.commits(second, third)
    assert subjects(near) == ([], ["Third"]) and near.note == "shallow clone: there may be more"


def test_a_directory_has_no_history(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", [Nowhere()], {"a": "1"}, source="directory")
    assert source_of(project.load()).history() is None


def test_very_many_commits_are_counted_and_not_listed(git_project: GitProject, monkeypatch: pytest.MonkeyPatch) -> None:
    project = git_project()
    first = project.git("rev-parse", "HEAD")
    for number in range(5):
        project.commit({}, f"Number {number}")
    monkeypatch.setattr(module, "MOST_COMMITS", 3)
    found = history(project).commits(first, project.git("rev-parse", "HEAD"))
    assert subjects(found)[1] == ["Number 4", "Number 3", "Number 2"] and found.added_count == 5
    assert changes.MOST_COMMITS >= 100


def test_subjects_are_one_harmless_line_each(git_project: GitProject) -> None:
    project = git_project()
    first = project.git("rev-parse", "HEAD")
    last = project.commit({}, "Bad \x1b[31mred\x1b[0m \u202e and [b]markup[/b]\n\nbody")
    (commit,) = history(project).commits(first, last).added
    assert commit.subject == "Bad red and [b]markup[/b]"


def test_a_git_that_takes_too_long_is_the_reason(git_project: GitProject, monkeypatch: pytest.MonkeyPatch) -> None:
    project = git_project()

    def late(process: subprocess.Popen[bytes], within: float) -> None:
        process.communicate()
        raise TimeoutError

    told = history(project)
    monkeypatch.setattr(module, "collect", late)
    head = project.git("rev-parse", "HEAD")
    assert told.commits("0" * 40, head).unknown == "git took longer than 10 s to list the commits"
    assert told.lines("0" * 40, head) == {} and told.content(head, b"index.html", 100) is None


def test_a_commit_that_adds_a_migration_is_marked(git_project: GitProject) -> None:
    project = git_project()
    first = project.git("rev-parse", "HEAD")
    second = project.commit({"db/migrate/001\nx.sql": "create"}, "Table")
    project.commit({"db/migrate/001\nx.sql": "create it"}, "Not another one")
    found = history(project).commits(first, project.git("rev-parse", "HEAD"), lambda path: path.startswith(b"db/"))
    assert {commit.revision for commit in found.added if commit.migrates} == {second}


def test_lines_are_counted_for_odd_names_and_not_for_binary_files(git_project: GitProject) -> None:
    names = {"a": "1\n2\n", "tab\there": "x\n", "new\nline": "x\n", b"\xff\x1b": "x\n", "binary": b"\0\1\2"}
    encoded = {name.encode() if isinstance(name, str) else name: content for name, content in names.items()}
    project = git_project(encoded)
    first = project.git("rev-parse", "HEAD")
    last = project.commit({name: b"\0\2" if name == b"binary" else "2\n3\n4\n" for name in encoded})
    lines = history(project).lines(first, last)
    assert lines == {b"a": (2, 1), b"tab\there": (3, 1), b"new\nline": (3, 1), b"\xff\x1b": (3, 1)}


def test_paths_are_those_of_the_release(git_project: GitProject) -> None:
    project = git_project({"dist/a": "1\n", "src/b": "1\n"}, source_options={"publish": "dist"})
    first = project.git("rev-parse", "HEAD")
    last = project.commit({"dist/a": "2\n", "src/b": "2\n", "dist/m/1.sql": "x\n"})
    told = history(project)
    assert told.lines(first, last) == {b"a": (1, 1), b"m/1.sql": (1, 0)}
    assert told.content(last, b"a", 100) == b"2\n" and told.content(last, b"src/b", 100) is None
    assert told.commits(first, last, lambda path: path == b"m/1.sql").added[0].migrates


def test_a_folder_of_a_repository_has_the_commits_that_touch_it(git_project: GitProject) -> None:
    project = git_project({"shop/a": "1\n", "blog/b": "1\n"})
    first = project.git("rev-parse", "HEAD")
    project.commit({"blog/b": "2\n"}, "Blog")
    last = project.commit({"shop/a": "2\n"}, "Shop")
    project.config.write_text(project.config.read_text().replace('git = "app"', 'git = "app/shop"'))
    told = history(project)
    assert subjects(told.commits(first, last)) == ([], ["Shop"])
    assert told.lines(first, last) == {b"a": (1, 1)} and told.content(last, b"a", 100) == b"2\n"


def test_the_content_of_a_file_is_bounded(git_project: GitProject) -> None:
    project = git_project({"a": "12345"})
    head = project.git("rev-parse", "HEAD")
    told = history(project)
    assert isinstance(told, GitHistory)
    assert told.content(head, b"a", 5) == b"12345"
    assert told.content(head, b"a", 4) is None
    assert told.content(head, b"no", 9) is None and told.content("main", b"a", 9) is None
