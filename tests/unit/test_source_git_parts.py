"""A part of a repository, the newest tag, submodules, Git LFS: what the clone has is deployed, else it is refused."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from core.changes import Commits
from core.errors import SourceError, UsageError
from core.events import HookOutput
from core.manifest import EXECUTABLE, FOLDER
from core.settings import Settings
from core.source import source_of
from core.source.git.tags import newest
from core.source.sums import KeptSums
from tests.projects import Link, Nowhere, SampleProject, Script, make_project
from tests.trees import at_hand, contents, record_of, tree_of
from tests.unit.conftest import GitProject


def bare(project: SampleProject, place: Path) -> None:
    """Let the project's source be a bare clone."""
    subprocess.run(["git", "clone", "-q", "--bare", project.tree, place], check=True)
    project.set(git=str(place))


# A folder of a repository


@pytest.mark.parametrize("kind", ["work tree", "bare", "folder"])
def test_a_path_of_a_repository_is_deployed_alone(git_project: GitProject, tmp_path: Path, kind: str) -> None:
    files = {"services/shop/a": "1", "services/shop/d/b": Script("x"), "services/shop2/c": "1", "top": "1"}
    project = git_project(files | {"services/shop/up": Link("../../top")}, source_options={"path": "services/shop"})
    if kind == "bare":
        bare(project, tmp_path / "bare.git")
    elif kind == "folder":
        project.set(git="app/services", path="shop")
    tree = tree_of(project)
    assert contents(tree) == {b"a": b"1", b"d/b": b"x"}
    assert tree.manifest.entries[b"d/b"].kind == EXECUTABLE and tree.manifest.entries[b"up"].target == b"../../top"
    if kind != "bare":
        project.commit({"services/shop/a": "2", "top": "2"})
        assert contents(tree_of(project))[b"a"] == b"2"


def test_a_path_need_not_be_in_the_work_tree(git_project: GitProject) -> None:
    project = git_project({"services/shop/a": "1"}, source_options={"path": "services/shop"})
    old = project.git("rev-parse", "HEAD")
    project.commit({"services/shop/a": None, "b": "1"}, "Moved away")
    assert contents(tree_of(project, old)) == {b"a": b"1"}
    with pytest.raises(UsageError, match=r"source\.path: there is no folder services/shop of HEAD"):
        source_of(project.load()).check(None)


def test_a_path_that_is_not_a_folder_is_refused_with_the_nearest(git_project: GitProject) -> None:
    project = git_project({"services/shop/a": "1"}, source_options={"path": "services/shp"})
    with pytest.raises(UsageError, match="there is no folder services/shp") as refused:
        source_of(project.load()).check(None)
    assert refused.value.hint == "did you mean services/shop?"
    project.set(path="services/shop/a")
    with pytest.raises(UsageError, match="is not a folder"):
        source_of(project.load()).check(None)


def test_a_build_sees_the_path_alone_and_publishes_from_it(git_project: GitProject) -> None:
    options = {"path": "services/shop", "build": ["ls", "mkdir dist; cp a dist/"], "publish": "dist"}
    project = git_project({"services/shop/a": "1", "other": "1"}, source_options=options)
    events: list = []
    assert contents(tree_of(project, events=events)) == {b"a": b"1"}
    assert [event.line for event in events if isinstance(event, HookOutput)] == ["a"]


@pytest.mark.parametrize("in_bare_clone", [False, True])
def test_the_history_of_a_path_is_that_of_its_folder(
    git_project: GitProject, tmp_path: Path, in_bare_clone: bool
) -> None:
    project = git_project({"services/shop/a": "1\n", "other": "1\n"}, source_options={"path": "services/shop"})
    first = project.git("rev-parse", "HEAD")
    project.commit({"other": "2\n"}, "Another service")
    last = project.commit({"services/shop/a": "1\n2\n", "services/shop/m/1": "x\n", "other": "3\n"}, "Ours")
    if in_bare_clone:
        bare(project, tmp_path / "bare.git")
    history = source_of(project.load()).history()
    assert history is not None
    found: Commits = history.commits(first, last, lambda path: path.startswith(b"m/"))
    assert [(commit.subject, commit.migrates) for commit in found.added] == [("Ours", True)]
    assert history.lines(first, last) == {b"a": (1, 0), b"m/1": (1, 0)}
    assert history.content(last, b"a", 100) == b"1\n2\n"


def test_a_release_of_a_path_is_made_again_from_its_record(git_project: GitProject) -> None:
    project = git_project({"services/shop/a": "1"}, source_options={"path": "services/shop"})
    tree = tree_of(project)
    record = record_of(tree)
    project.commit({"services/shop/a": "2"})
    from core.jobs import Cancel
    from core.source import tree_of_record

    assert contents(tree_of_record(project.load(), record, [].append, Cancel())) == {b"a": b"1"}


# The newest tag


@pytest.mark.parametrize(
    ("names", "pattern", "expected"),
    [
        (["v1.9", "v1.10", "v1.2"], "v*", "v1.10"),
        (["v2.0-rc1", "v1.9", "v2.0-rc10", "v2.0-rc9"], "v*", "v2.0-rc10"),
        (["v2.0", "v2.0-rc1", "v2.0.1", "v2.0.1-beta"], "v*", "v2.0.1"),
        (["v1.0+build9", "v1.1"], "v*", "v1.1"),
        (["release/2024-11", "release/2024-2"], "release/*", "release/2024-11"),
        (["2026.11.21", "2026.9.30", "nightly"], "20*", "2026.11.21"),
        (["v1", "V3"], "v*", "v1"),
        (["a" * 5000, "b"], "*", "b"),
        (["9" * 5000, "9" * 200], "*", "9" * 5000),
        (["v1"], "x*", ""),
        ([], "*", ""),
    ],
)
def test_the_newest_tag_is_the_one_with_the_highest_version(names: list[str], pattern: str, expected: str) -> None:
    assert newest(names, pattern) == expected
    assert newest(reversed(names), pattern) == expected


def test_a_tag_pattern_deploys_the_newest_tag_and_says_which(git_project: GitProject) -> None:
    project = git_project({"a": "1"}, source_options={"ref": "tag:v*"})
    with pytest.raises(UsageError, match=r"no tag of .* matches 'v\*'"):
        source_of(project.load()).check(None)
    project.git("tag", "v1.10")
    project.commit({"a": "2"})
    project.git("tag", "-a", "v1.9", "-m", "older by its version")
    project.git("branch", "v1.10")
    tree = tree_of(project)
    assert (contents(tree), tree.ref) == ({b"a": b"1"}, "v1.10")
    assert contents(tree_of(project, "tag:v1.9*")) == {b"a": b"2"}
    assert source_of(project.load()).not_deployed(None) == []


# A branch that is behind


def test_a_branch_that_is_behind_its_upstream_is_named(git_project: GitProject, tmp_path: Path) -> None:
    project = git_project({"a": "1"})
    subprocess.run(["git", "clone", "-q", project.tree, tmp_path / "clone"], check=True)
    project.commit({"a": "2"})
    project.commit({"a": "3"})
    project.set(git=str(tmp_path / "clone"))
    git = ["git", "-C", str(tmp_path / "clone")]
    assert source_of(project.load()).not_deployed("main") == [], "the clone does not know it yet"
    subprocess.run([*git, "fetch", "-q"], check=True)
    said = "main is 2 commits behind origin/main, as far as this clone knows: what is only there is not deployed"
    for ref in (None, "main", "heads/main"):
        assert source_of(project.load()).not_deployed(ref) == [said]
    for ref in ("origin/main", "HEAD~0", "main@{0}"):
        assert source_of(project.load()).not_deployed(ref) == []
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "mine"], check=True)
    assert ["behind origin/main, and 1 ahead" in text for text in source_of(project.load()).not_deployed(None)] == [
        True
    ]
    subprocess.run([*git, "checkout", "-q", "--detach"], check=True)
    assert source_of(project.load()).not_deployed(None) == []


# Submodules


@pytest.fixture
def nested(git_project: GitProject, tmp_path: Path) -> SampleProject:
    """A repository with a submodule vendor/lib, which has a submodule of its own, inner."""
    inner = make_project(tmp_path / "inner", [Nowhere()], {"deep": "deep\n"})
    library = make_project(tmp_path / "library", [Nowhere()], {"x": Script("x\n"), "d/y": "y\n"})
    add(library, inner, "inner")
    project = git_project({"a": "x"})
    add(project, library, "vendor/lib")
    project.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", "--recursive")
    return project


def add(project: SampleProject, other: SampleProject, path: str) -> None:
    project.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other.tree), path)
    project.git("commit", "-q", "-m", "A submodule")


def test_submodules_are_exported_at_their_commits(nested: SampleProject) -> None:
    (nested.tree / "vendor/lib/x").write_text("changed, not committed")
    expected = {b"a": b"x", b"vendor/lib/x": b"x\n", b"vendor/lib/d/y": b"y\n", b"vendor/lib/inner/deep": b"deep\n"}
    tree = tree_of(nested)
    assert {path: text for path, text in contents(tree).items() if not path.endswith(b".gitmodules")} == expected
    assert tree.manifest.entries[b"vendor/lib/x"].kind == EXECUTABLE
    assert tree_of(nested).manifest.digest == tree.manifest.digest
    nested.commit({"b": "new"})
    later = tree_of(nested)
    assert at_hand(later) == {b"b"}, "only a small change is exported, also with submodules"
    assert contents(later) == contents(tree) | {b"b": b"new"}
    nested.git("rm", "-q", "-f", "vendor/lib", ".gitmodules")
    nested.git("commit", "-q", "-m", "Gone")
    assert {path for path, entry in tree_of(nested).manifest.entries.items() if entry.kind == FOLDER} == set()
    assert contents(tree_of(nested, "HEAD~1")) == contents(later), "the clone still has what an older commit wants"


def test_a_submodule_that_the_clone_lacks_is_refused_where_it_is_deployed(
    nested: SampleProject, tmp_path: Path
) -> None:
    subprocess.run(["git", "clone", "-q", nested.tree, tmp_path / "clone"], check=True)
    nested.set(git=str(tmp_path / "clone"))
    with pytest.raises(SourceError, match="this clone lacks 1 submodule") as refused:
        tree_of(nested)
    assert refused.value.detail == "vendor/lib"
    assert f"`git -C {tmp_path}/clone submodule update --init --recursive`" in refused.value.hint
    nested.set(exclude=["/vendor/*", ".gitmodules"])
    assert contents(tree_of(nested)) == {b"a": b"x"}
    nested.set(exclude=[], build=["true"])
    with pytest.raises(SourceError, match="this clone lacks"):
        tree_of(nested)
    nested.set(build=[])
    update = ["-c", "protocol.file.allow=always", "submodule", "-q", "update", "--init", "--recursive"]
    subprocess.run(["git", "-C", tmp_path / "clone", *update], check=True)
    assert contents(tree_of(nested))[b"vendor/lib/inner/deep"] == b"deep\n"


def test_a_path_above_a_submodule_has_it_and_one_that_is_a_submodule_is_refused(nested: SampleProject) -> None:
    nested.set(path="vendor")
    assert contents(tree_of(nested))[b"lib/d/y"] == b"y\n"
    nested.set(path="vendor/lib")
    with pytest.raises(UsageError, match="is a submodule"):
        tree_of(nested)


def test_a_name_of_a_submodule_never_leads_out_of_the_clone(nested: SampleProject, tmp_path: Path) -> None:
    outside = tmp_path / "outside.git"
    subprocess.run(["git", "clone", "-q", "--bare", tmp_path / "library/app", outside], check=True)
    modules = nested.tree / ".gitmodules"
    modules.write_text(modules.read_text().replace('"vendor/lib"', f'"../../../../{outside.name}"'))
    nested.git("commit", "-qam", "A name that leads out")
    subprocess.run(["git", "clone", "-q", nested.tree, tmp_path / "clone"], check=True)
    (tmp_path / "clone/.git/modules").mkdir()
    nested.set(git=str(tmp_path / "clone"))
    with pytest.raises(SourceError, match="lacks 1 submodule"):
        tree_of(nested)


# Git LFS


def pointer(content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(content)}\n"


def keep(common: Path, content: bytes, *, as_: bytes | None = None) -> None:
    """Put content into a store of git-lfs; `as_`: what it is taken for."""
    digest = hashlib.sha256(as_ or content).hexdigest()
    place = common / "lfs/objects" / digest[:2] / digest[2:4] / digest
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)


LARGE = bytes(range(256)) * 9000


def test_git_lfs_files_have_the_content_of_the_clones_store(git_project: GitProject, tmp_path: Path) -> None:
    files = {
        ".gitattributes": "*.psd filter=lfs diff=lfs merge=lfs -text\n",
        "logo.psd": pointer(LARGE),
        "run.psd": Script(pointer(b"#!/bin/sh\n")),
        "sample.txt": pointer(b"a pointer that git-lfs does not track"),
    }
    project = git_project(files)
    keep(project.tree / ".git", LARGE)
    keep(project.tree / ".git", b"#!/bin/sh\n")
    for key, value in (("smudge", "false"), ("process", "false"), ("clean", "cat"), ("required", "true")):
        project.git("config", f"filter.lfs.{key}", value)
    tree = tree_of(project)
    found = contents(tree)
    assert (found[b"logo.psd"], found[b"run.psd"]) == (LARGE, b"#!/bin/sh\n")
    assert found[b"sample.txt"].startswith(b"version https://git-lfs")
    assert tree.manifest.entries[b"run.psd"].kind == EXECUTABLE
    assert tree.manifest.entries[b"logo.psd"].content == hashlib.sha256(LARGE).hexdigest()
    assert KeptSums(Settings().cache).of(hashlib.sha256(LARGE).hexdigest(), len(LARGE)), "for patches of it"
    project.git("config", "--remove-section", "filter.lfs")
    project.commit({"b": "x", "run.psd": Script(pointer(LARGE))})
    later = tree_of(project)
    assert at_hand(later) == {b"b", b"run.psd"}
    assert contents(later)[b"run.psd"] == LARGE == contents(later)[b"logo.psd"]
    subprocess.run(["git", "clone", "-q", "--bare", "--shared", project.tree, tmp_path / "borrows.git"], check=True)
    project.set(git=str(tmp_path / "borrows.git"))
    assert contents(tree_of(project)) == contents(later)


def test_git_lfs_content_that_the_clone_lacks_is_refused_where_it_is_deployed(git_project: GitProject) -> None:
    files = {".gitattributes": "*.psd filter=lfs\n", "art/logo.psd": pointer(LARGE), "site/index.html": "x"}
    project = git_project(files)
    commit = project.git("rev-parse", "HEAD")[:12]
    for wrong in (None, LARGE[:-1] + b"x", LARGE + b"x"):
        if wrong:
            keep(project.tree / ".git", wrong, as_=LARGE)
        with pytest.raises(SourceError, match="this clone lacks 1 Git LFS file") as refused:
            tree_of(project)
        assert refused.value.detail == "art/logo.psd"
        assert f"`git -C {project.tree} lfs fetch origin {commit}`" in refused.value.hint
        assert "`git lfs fsck`" in refused.value.hint
    project.set(publish="site")
    assert contents(tree_of(project)) == {b"index.html": b"x"}
    project.set(publish="art")
    with pytest.raises(SourceError, match="lacks"):
        tree_of(project)
    keep(project.tree / ".git", LARGE)
    assert contents(tree_of(project)) == {b"logo.psd": LARGE}


def test_git_lfs_files_of_a_submodule_come_from_its_own_clone(nested: SampleProject) -> None:
    library = nested.tree / "vendor/lib"
    (library / ".gitattributes").write_text("*.psd filter=lfs\n")
    (library / "logo.psd").write_text(pointer(LARGE))
    git = ["git", "-C", str(library)]
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "Large"], check=True)
    nested.git("commit", "-qam", "A newer library")
    with pytest.raises(SourceError, match="lacks 1 Git LFS file") as refused:
        tree_of(nested)
    assert "submodule foreach --recursive git lfs fetch" in refused.value.hint
    keep(nested.tree / ".git/modules/vendor/lib", LARGE)
    assert contents(tree_of(nested))[b"vendor/lib/logo.psd"] == LARGE
