"""Git as a source: revisions resolve to the tree that git has, byte for byte, whatever lies around the repository."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from core.errors import SourceError, UsageError
from core.jobs import Cancel
from core.records import Record
from core.source import make_tree, source_of, tree_of_record
from core.source.git.repository import Repository
from tests.projects import Link, Nowhere, make_project
from tests.trees import content, record_of, tree_of
from tests.unit.conftest import GitProject


def test_a_branch_a_tag_and_a_commit_give_their_trees(git_project: GitProject) -> None:
    project = git_project({"a": "one\n"})
    first = project.git("rev-parse", "HEAD")
    project.git("tag", "-a", "v1", "-m", "the first")
    second = project.commit({"a": "two\n"}, "The second")
    project.git("branch", "old", first)
    for ref, revision, text in [
        (None, second, b"two\n"),
        ("main", second, b"two\n"),
        ("v1", first, b"one\n"),
        ("old", first, b"one\n"),
        (first[:10], first, b"one\n"),
        ("HEAD~1", first, b"one\n"),
    ]:
        tree = tree_of(project, ref)
        assert tree.revision == revision
        assert content(tree, b"a") == text
        assert tree.ref == (ref or "HEAD")
    assert (tree.subject, tree.author, tree.source) == ("The first version", "Ana Test", "git")
    assert tree.committed == float(project.git("log", "-1", "--format=%ct", first))


def test_the_projects_own_ref_is_the_default(git_project: GitProject) -> None:
    project = git_project({"a": "one\n"}, source_options={"ref": "stable"})
    project.git("branch", "stable")
    project.commit({"a": "two\n"})
    assert content(tree_of(project), b"a") == b"one\n"


def test_what_is_not_committed_is_not_exported(git_project: GitProject) -> None:
    project = git_project({"a": "one\n"})
    project.write({"a": "changed\n", "new": "x"})
    tree = tree_of(project)
    assert list(tree.manifest.entries) == [b"a"]
    assert content(tree, b"a") == b"one\n"


def test_long_paths_and_long_link_targets_are_exported(git_project: GitProject) -> None:
    deep = b"/".join([b"d" * 60] * 8)
    target = b"t" * 300
    tree = tree_of(git_project({deep + b"/file": b"x", b"l" * 150: Link(target)}))
    assert content(tree, deep + b"/file") == b"x"
    assert tree.manifest.entries[b"l" * 150].target == target


def test_export_ignore_and_export_subst_are_honoured(git_project: GitProject) -> None:
    attributes = "/docs export-ignore\n*.secret export-ignore\n.gitattributes export-ignore\nversion export-subst\n"
    project = git_project(
        {".gitattributes": attributes, "docs/a": "x", "k.secret": "x", "version": "$Format:%H$\n", "src/s.secret": "x"}
    )
    tree = tree_of(project)
    assert set(tree.manifest.entries) == {b"version"}
    assert content(tree, b"version").decode().strip() == tree.revision


def test_the_repositorys_own_attributes_count_too(git_project: GitProject) -> None:
    project = git_project({"a": "x", "internal": "x"})
    assert b"internal" in tree_of(project).manifest.entries
    (project.tree / ".git/info").mkdir(exist_ok=True)
    (project.tree / ".git/info/attributes").write_text("internal export-ignore\n")
    assert b"internal" not in tree_of(project).manifest.entries


def test_a_persons_own_settings_do_not_change_the_tree(git_project: GitProject, home: Path) -> None:
    project = git_project({"a.txt": "one\ntwo\n", "b": "x"})
    before = tree_of(project).manifest.digest
    (home / "attributes").write_text("b export-ignore\n* text=auto eol=crlf\n")
    with (home / ".gitconfig").open("a") as file:
        file.write(f"[core]\n attributesFile = {home}/attributes\n autocrlf = true\n[tar]\n umask = 0777\n")
    os.environ["TURNOUT_CACHE_DIR"] = str(home / "another cache")
    assert tree_of(project).manifest.digest == before


def test_a_hooks_environment_leads_to_no_other_repository(
    git_project: GitProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = git_project({"a": "right"})
    other = make_project(tmp_path / "other", [Nowhere()], {"a": "wrong"})
    monkeypatch.setenv("GIT_DIR", str(other.tree / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.tree))
    assert content(tree_of(project), b"a") == b"right"


def test_a_bare_repository_is_a_source(git_project: GitProject, tmp_path: Path) -> None:
    project = git_project({"a": "one\n"})
    subprocess.run(["git", "clone", "-q", "--bare", project.tree, tmp_path / "bare.git"], check=True)
    project.config.write_text(project.config.read_text().replace('git = "app"', f'git = "{tmp_path}/bare.git"'))
    assert content(tree_of(project), b"a") == b"one\n"


def test_a_folder_of_a_repository_gives_that_folder(git_project: GitProject) -> None:
    project = git_project({"site/index.html": "x", "site/css/a.css": "x", "other": "x"})
    project.config.write_text(project.config.read_text().replace('git = "app"', 'git = "app/site"'))
    assert set(tree_of(project).manifest.entries) == {b"index.html", b"css", b"css/a.css"}
    project.commit({"site/new": "x", "other": "y"})
    assert set(tree_of(project).manifest.entries) == {b"index.html", b"css", b"css/a.css", b"new"}


def test_what_is_not_committed_is_named_where_the_work_tree_is_at_the_revision(
    git_project: GitProject, tmp_path: Path
) -> None:
    project = git_project({"a": "one", "b c": "one", "d/e": "one", "f": "one", "g": "one"})
    old = project.git("rev-parse", "HEAD").strip()
    project.commit({"a": "two"})
    assert source_of(project.load()).not_deployed(None) == []
    (project.tree / "untracked").write_text("x")
    (project.tree / "b c").write_text("changed")
    (said,) = source_of(project.load()).not_deployed(None)
    assert said == "not committed, so not deployed: changes in 1 file (b c)"
    (project.tree / "d/e").unlink()
    project.git("mv", "f", "new")
    (said,) = source_of(project.load()).not_deployed("main")
    assert said == "not committed, so not deployed: changes in 4 files (b c, d/e, f and 1 more)"
    assert source_of(project.load()).not_deployed(old) == []
    subprocess.run(["git", "clone", "-q", "--bare", project.tree, tmp_path / "bare.git"], check=True)
    project.config.write_text(project.config.read_text().replace('git = "app"', f'git = "{tmp_path}/bare.git"'))
    assert source_of(project.load()).not_deployed(None) == []


@pytest.mark.parametrize("ref", ["mian", "", "--help", "-x", "main..main", "a\0b", "HEAD^{tree}", "nope\x1b[31m"])
def test_an_unknown_revision_is_refused_with_the_nearest(git_project: GitProject, ref: str) -> None:
    project = git_project({"a": "x"})
    project.git("branch", "release")
    with pytest.raises(UsageError) as caught:
        Repository(project.tree, os.environ).resolve(ref)
    assert "main" in caught.value.hint
    assert "\x1b" not in str(caught.value)


def test_an_empty_repository_says_that_it_has_no_commits(git_project: GitProject) -> None:
    project = git_project({"a": "x"})
    project.git("update-ref", "-d", "refs/heads/main")
    with pytest.raises(UsageError, match="no commits yet"):
        tree_of(project)
    assert Repository(project.tree, os.environ).branches() == []


def test_what_is_not_a_repository_says_so(git_project: GitProject, tmp_path: Path) -> None:
    project = git_project({"a": "x"})
    (tmp_path / "plain").mkdir()
    for folder, message in [(tmp_path / "plain", "not a git repository"), (tmp_path / "missing", "not a folder")]:
        project.config.write_text(f'project = "p"\n[source]\ngit = "{folder}"\n' + _servers())
        with pytest.raises(SourceError, match=message):
            tree_of(project)


def _servers() -> str:
    return '[environments.p]\nservers = [{ name = "a", host = "h", root = "/srv/x" }]\n'


def test_a_missing_git_is_explained(git_project: GitProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    project = git_project({"a": "x"})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="git is not installed"):
        make_tree(project.load(), None, [].append, Cancel())


def test_recent_commits_come_newest_first_with_their_names(git_project: GitProject) -> None:
    project = git_project({"a": "1"})
    project.git("tag", "v1.0")
    project.commit({"a": "2"}, "feat[core]: markup [/x] and\ttabs \x1b[31mred")
    project.git("branch", "feature/x")
    newest, oldest = source_of(project.load()).choices().commits
    assert newest.subject == "feat[core]: markup [/x] and tabs red"
    assert set(newest.refs) == {"main", "feature/x"}
    assert oldest.refs == ("tag: v1.0",)
    assert (oldest.subject, oldest.author, oldest.revision) == (
        "The first version",
        "Ana Test",
        project.git("rev-parse", "v1.0"),
    )
    assert Repository(project.tree, os.environ).recent("HEAD", limit=1) == [newest]


def test_commits_with_odd_bytes_do_not_disturb_their_neighbours(git_project: GitProject) -> None:
    project = git_project({"a": "1"})
    for message in (b"\xff\xfe not text", b"", b"one\n\ntwo\nthree"):
        subprocess.run(
            ["git", "commit", "-q", "--allow-empty", "--allow-empty-message", "--cleanup=verbatim", "-F", "-"],
            cwd=project.tree,
            input=message,
            check=True,
        )
    subjects = [commit.subject for commit in source_of(project.load()).choices().commits]
    assert subjects == ["one", "", "ÿþ not text", "The first version"]


def test_a_signature_setting_does_not_get_between_the_commits(git_project: GitProject, home: Path) -> None:
    project = git_project({"a": "1"})
    with (home / ".gitconfig").open("a") as file:
        file.write("[log]\n showSignature = true\n date = relative\n[color]\n ui = always\n")
    assert [commit.subject for commit in source_of(project.load()).choices().commits] == ["The first version"]


def test_branches_and_tags_point_to_commits(git_project: GitProject) -> None:
    project = git_project({"a": "1"})
    first = project.git("rev-parse", "HEAD")
    project.git("tag", "light")
    project.git("tag", "-a", "heavy", "-m", "of the tag")
    project.git("tag", "tree", "HEAD^{tree}")
    project.git("branch", "topic/two")
    project.git("update-ref", "refs/remotes/origin/main", first)
    project.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    choices = source_of(project.load()).choices()
    assert {branch.name for branch in choices.branches} == {"main", "topic/two", "origin/main"}
    assert {(tag.name, tag.revision, tag.subject, tag.author) for tag in choices.tags} == {
        ("light", first, "The first version", "Ana Test"),
        ("heavy", first, "The first version", "Ana Test"),
    }


def test_branches_with_the_newest_commits_come_first(git_project: GitProject, monkeypatch: pytest.MonkeyPatch) -> None:
    project = git_project({"a": "1"})
    for number, name in enumerate(["older", "newest"], start=1):
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"{4_000_000_000 + number} +0000")
        project.git("checkout", "-q", "-b", name)
        project.commit({"a": name})
    assert [branch.name for branch in source_of(project.load()).choices().branches] == ["newest", "older", "main"]


def test_a_release_is_made_again_from_its_record(git_project: GitProject) -> None:
    project = git_project({"a": "one\n"})
    record = record_of(tree_of(project, "main"))
    project.commit({"a": "two\n"})
    again = tree_of_record(project.load(), record, [].append, Cancel())
    assert again.manifest.digest == record.digest
    assert content(again, b"a") == b"one\n"
    assert again.ref == "main"


def test_a_record_whose_commit_is_gone_says_so(git_project: GitProject) -> None:
    project = git_project({"a": "one\n"})
    record = Record(tag="t", seq=1, created=0, source="git", revision="b" * 40, digest="c" * 64)
    with pytest.raises(SourceError, match="is gone"):
        tree_of_record(project.load(), record, [].append, Cancel())


def test_a_record_that_other_settings_made_says_so(git_project: GitProject) -> None:
    project = git_project({"a": "one\n", "b": "x"})
    record = record_of(tree_of(project))
    project.config.write_text(project.config.read_text().replace('git = "app"', 'git = "app"\nexclude = ["b"]'))
    with pytest.raises(SourceError, match="now produces different files"):
        tree_of_record(project.load(), record, [].append, Cancel())
