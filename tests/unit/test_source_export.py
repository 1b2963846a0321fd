"""Exports in the cache: a part gives the same tree as a whole export, nothing half-made is trusted, old ones go."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import Cancelled, SourceError
from core.jobs import Cancel
from core.settings import Settings
from core.source import Tree, make_tree
from core.source.git import checkout, repository
from core.source.git.export_cache import KEPT
from tests.projects import Files, Link, Nowhere, SampleProject, Script, make_project
from tests.strategies import AWKWARD_NAMES
from tests.trees import at_hand, contents, tree_of
from tests.unit.conftest import GitProject
from tests.waiting import until

LONG_AGO = 1_000_000_000


def exports() -> list[Path]:
    """Finished exports, those used last first."""
    folders = [path for path in (Settings().cache / "exports").glob("*/*") if not path.name.startswith(".")]
    return sorted(folders, key=lambda path: path.stat().st_mtime_ns, reverse=True)


def kept_of(tree: Tree) -> set[str]:
    """The names of what the cache keeps of an export."""
    return {path.name for path in tree.folder.rglob("*")}


def exported_whole(project: SampleProject, ref: str) -> Tree:
    """The same revision exported where the cache is empty."""
    kept = os.environ["TURNOUT_CACHE_DIR"]
    os.environ["TURNOUT_CACHE_DIR"] = tempfile.mkdtemp(dir=Path(kept).parent)
    try:
        return tree_of(project, ref)
    finally:
        os.environ["TURNOUT_CACHE_DIR"] = kept


file_contents = st.one_of(
    st.sampled_from(["one\n", "two\r\n", "$Id$\n", "$Format:%H$\n", ""]),
    st.sampled_from(["run\n", "go\n"]).map(Script),
    st.sampled_from([b"a", b"../up", b"\xff"]).map(Link),
)
parts = st.sampled_from([b"a", b"b", b"docs", b"x.map", *AWKWARD_NAMES[:12], "💾".encode(), b"\xff\xfe"])
paths = st.lists(parts, min_size=1, max_size=3).map(b"/".join)
attribute_lines = st.sampled_from(
    [
        "docs export-ignore",
        "/docs/** export-ignore",
        "*.map export-ignore",
        "a/ export-ignore",
        "/b export-ignore",
        "* text eol=crlf",
        "a ident",
        "x.map -text",
        "* export-subst",
        "[attr]odd export-subst",
        "* odd",
    ]
)
attribute_files = st.dictionaries(
    st.sampled_from([b".gitattributes", b"a/.gitattributes", b"docs/.gitattributes"]),
    st.lists(attribute_lines, max_size=2).map(lambda lines: "\n".join([*lines, ""])),
    max_size=2,
)


def consistent(files: Files) -> Files:
    """The files without those that another one, as a folder, would have to hold."""
    return {path: text for path, text in files.items() if not any(other.startswith(path + b"/") for other in files)}


revisions = st.tuples(st.dictionaries(paths, file_contents, max_size=6), attribute_files).map(
    lambda pair: consistent({**pair[0], **pair[1]})
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(history=st.lists(revisions, min_size=2, max_size=4), named=st.sampled_from([0, checkout.MOST_NAMED]))
def test_a_part_upon_an_earlier_export_gives_the_same_tree_as_a_whole_one(
    tmp_path: Path, history: list[Files], named: int
) -> None:
    """`named`: so many changed files are named to git archive; of more a tree is made."""
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    os.environ["TURNOUT_CACHE_DIR"] = str(folder / "cache")
    project = make_project(folder / 'pro:"j\\ect', [Nowhere()], {"first": "x"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkout, "MOST_NAMED", named)
        compare_history(project, history)


def compare_history(project: SampleProject, history: list[Files]) -> None:
    """Each revision gives the same upon the one before as whole."""
    tree_of(project)
    for files in history:
        for left in project.tree.iterdir():
            if left.name != ".git":
                shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        project.commit(files)
        tree, plain = tree_of(project), exported_whole(project, "HEAD")
        assert tree.manifest.entries == plain.manifest.entries
        assert contents(tree) == contents(plain)


@pytest.mark.parametrize("own", [False, True], ids=["tree", "own"])
@pytest.mark.parametrize(
    "line", ["", "* text=auto", "* text eol=crlf", "*.txt ident", "a.txt working-tree-encoding=latin1", "* crlf"]
)
def test_large_files_are_as_git_gives_them(
    git_project: GitProject, monkeypatch: pytest.MonkeyPatch, line: str, own: bool
) -> None:
    """Those that git reads in pieces, which it does not convert; `own`: by the repository's own attributes."""
    monkeypatch.setattr(repository, "_IN_PIECES", ("-c", "core.bigFileThreshold=1k"))
    text = "$Id$ and a line\n" * 5000
    project = git_project({"a.txt": text, **({} if own else {".gitattributes": f"{line}\n"})})
    if own:
        (project.tree / ".git/info").mkdir(exist_ok=True)
        (project.tree / ".git/info/attributes").write_text(f"{line}\n")
    for number in range(2):
        project.commit({"a.txt": f"{number}\n{text}"})
        git = ["git", "-C", project.tree, "-c", "core.eol=lf", "archive", "--format=tar", "HEAD", "a.txt"]
        packed = subprocess.run(git, check=True, capture_output=True).stdout
        unpacked = subprocess.run(["tar", "-xO"], input=packed, check=True, capture_output=True).stdout
        assert contents(tree_of(project))[b"a.txt"] == unpacked


def test_git_reads_large_files_in_pieces(git_project: GitProject, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    archive = repository.Resolved.archive
    monkeypatch.setattr(
        repository.Resolved,
        "archive",
        lambda *words, **options: (asked.append(options["in_pieces"]), archive(*words, **options))[1],
    )
    project = git_project({"a": "1", ".gitattributes": "*.png binary\n* text=auto\n*.psd filter=lfs\n"})
    tree_of(project)
    project.commit({"a": "2"})
    tree_of(project)
    tree_of(project).fetch([b"a"], Cancel())
    assert asked == [True, True, True]


def test_of_a_small_change_only_that_is_exported(git_project: GitProject) -> None:
    project = git_project({"a": "1", "b/c": "1", "b/d": "1"})
    first = tree_of(project)
    assert at_hand(first) == {b"a", b"b/c", b"b/d"}
    project.commit({"b/c": "2", "a": None, "e/f": "new"})
    tree = tree_of(project)
    assert at_hand(tree) == {b"b/c", b"e/f"}
    assert contents(tree) == {b"b/c": b"2", b"b/d": b"1", b"e/f": b"new"}
    assert contents(first) == {b"a": b"1", b"b/c": b"1", b"b/d": b"1"}


def test_of_many_changes_only_they_are_exported_and_nothing_is_left_in_the_repository(git_project: GitProject) -> None:
    project = git_project({f"d/{n}": "1" for n in range(400)})
    tree_of(project)
    project.commit({f"d/{n}": "2" for n in range(300)})
    objects = sorted(project.tree.joinpath(".git/objects").rglob("*"))
    tree = tree_of(project)
    assert at_hand(tree) == {b"d/%d" % n for n in range(300)}
    assert contents(tree) == {b"d/%d" % n: b"2" if n < 300 else b"1" for n in range(400)}
    assert sorted(project.tree.joinpath(".git/objects").rglob("*")) == objects


def test_files_that_git_has_are_not_kept_on_disk(git_project: GitProject) -> None:
    project = git_project({"a": "1", "d/b": "x" * 10_000})
    tree = tree_of(project)
    assert contents(tree)[b"d/b"] == b"x" * 10_000
    assert kept_of(tree) == {"manifest", "about.json"}
    assert not leftovers()


def test_only_the_files_that_are_needed_are_fetched_again(git_project: GitProject) -> None:
    project = git_project({"a": "1", "b": "2", "c/d": "3"})
    tree_of(project)
    again = tree_of(project)
    assert at_hand(again) == frozenset()
    again.fetch([b"b", b"c"], Cancel())
    assert at_hand(again) == {b"b"}, "folders need not be fetched"
    assert contents(again) == {b"a": b"1", b"b": b"2", b"c/d": b"3"}


def test_a_fetch_is_cancelled(git_project: GitProject) -> None:
    project = git_project({f"d{number}/f": "x" for number in range(200)})
    tree_of(project)
    tree, cancel = tree_of(project), Cancel()
    cancel.request()
    with pytest.raises(Cancelled):
        tree.fetch(list(tree.manifest.entries), cancel)
    assert at_hand(tree) == frozenset()


def test_git_that_gives_another_content_than_before_is_refused(git_project: GitProject) -> None:
    project = git_project({"a": "one\n", "b": "two\n"})
    tree_of(project)
    tree = tree_of(project)
    (project.tree / ".git/info").mkdir(exist_ok=True)
    (project.tree / ".git/info/attributes").write_text("b text eol=crlf\n")
    with pytest.raises(SourceError, match="another content of b in") as caught:
        tree.fetch([b"a", b"b"], Cancel())
    assert "deploy again" in caught.value.hint
    assert contents(tree_of(project)) == {b"a": b"one\n", b"b": b"two\r\n"}


def test_a_repository_that_is_gone_when_files_are_needed_is_an_error_of_the_source(git_project: GitProject) -> None:
    project = git_project({"a": "1"})
    tree_of(project)
    tree = tree_of(project)
    shutil.rmtree(project.tree)
    with pytest.raises(SourceError):
        tree.open(b"a")


@pytest.mark.parametrize("kept", [False, True], ids=["first", "again"])
def test_a_disk_that_is_full_is_an_error_of_the_source(git_project: GitProject, kept: bool) -> None:
    project = git_project({"a": "x" * 3_000_000, "b": "1"})
    tree = (tree_of(project), tree_of(project))[1] if kept else None
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(SourceError, match=r"written to|cannot be made") as caught:
            tree.fetch([b"a"], Cancel()) if tree else tree_of(project)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "TURNOUT_CACHE_DIR" in caught.value.hint or "written to" in caught.value.title
    assert len(contents(tree_of(project))[b"a"]) == 3_000_000
    assert not leftovers()


def test_many_threads_read_one_tree(git_project: GitProject) -> None:
    files = {f"d{number % 5}/f{number}": str(number) * 100 for number in range(100)}
    project = git_project(files)
    tree_of(project)
    tree = tree_of(project)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: contents(tree), range(16)))
    assert found == [{path.encode(): text.encode() for path, text in files.items()}] * 16


def test_content_that_names_its_commit_is_never_taken_from_another(git_project: GitProject) -> None:
    project = git_project({".gitattributes": "version export-subst\n", "version": "$Format:%H$\n", "a": "1"})
    first = tree_of(project)
    project.commit({"a": "2"})
    second = tree_of(project)
    assert contents(first)[b"version"].decode().strip() == first.revision
    assert contents(second)[b"version"].decode().strip() == second.revision
    assert at_hand(second) == set(contents(second)), "all of it was exported"


def test_a_revision_is_exported_once(git_project: GitProject) -> None:
    project = git_project({"a": "1"})
    first = tree_of(project)
    inode = (first.folder / "manifest").stat().st_ino
    again = tree_of(project)
    assert again.folder == first.folder and at_hand(again) == frozenset()
    assert (first.folder / "manifest").stat().st_ino == inode


def test_settings_share_one_export(git_project: GitProject) -> None:
    project = git_project({"site/a": "1", "site/a.map": "1", "docs/b": "1"})
    whole = tree_of(project)
    project.config.write_text(
        project.config.read_text().replace('git = "app"', 'git = "app"\npublish = "site"\nexclude = ["*.map"]')
    )
    for _ in "worked out", "read again":
        part = tree_of(project)
        assert set(part.manifest.entries) == {b"a"}
        assert contents(part) == {b"a": b"1"}
        assert part.folder == whole.folder
    project.commit({"site/c": "2"})
    assert contents(tree_of(project)) == {b"a": b"1", b"c": b"2"}


def spoil_manifest(export: Path) -> None:
    (export / "manifest").write_text("cut off")


def spoil_about(export: Path) -> None:
    (export / "about.json").write_text("")


def forget_boot(export: Path) -> None:
    about = json.loads((export / "about.json").read_text())
    (export / "about.json").write_text(json.dumps({**about, "boot": "another"}))


@pytest.mark.parametrize("spoil", [spoil_manifest, spoil_about])
def test_an_export_that_is_not_whole_is_made_again(git_project: GitProject, spoil: Callable[[Path], None]) -> None:
    project = git_project({"a": "1"})
    tree = tree_of(project)
    spoil(tree.folder)
    again = tree_of(project)
    assert contents(again) == {b"a": b"1"}
    assert again.folder == tree.folder


def test_after_a_restart_of_the_machine_an_export_that_git_has_is_used_on(git_project: GitProject) -> None:
    project = git_project({"a": "1", "d/b": "22", "l": Link("a")})
    tree = tree_of(project)
    forget_boot(tree.folder)
    again = tree_of(project)
    assert at_hand(again) == frozenset() and contents(again) == contents(tree)
    assert json.loads((tree.folder / "about.json").read_text())["boot"] != "another"


def test_an_export_of_an_earlier_version_is_made_again(git_project: GitProject) -> None:
    project = git_project({"a": "1"})
    tree = tree_of(project)
    about = json.loads((tree.folder / "about.json").read_text())
    del about["in_git"]
    (tree.folder / "about.json").write_text(json.dumps({**about, "layers": ["another"], "format": 3}))
    again = tree_of(project)
    assert at_hand(again) == {b"a"} and again.folder == tree.folder


def test_a_small_change_upon_an_export_that_is_gone(git_project: GitProject) -> None:
    project = git_project({"a": "1", "b": "1"})
    first = tree_of(project)
    project.commit({"b": "2"})
    shutil.rmtree(first.folder)
    assert contents(tree_of(project)) == {b"a": b"1", b"b": b"2"}


def test_the_exports_used_longest_ago_go(git_project: GitProject) -> None:
    project = git_project({"a": "0", "b": "x"})
    trees = []
    for number in range(KEPT + 3):
        trees.append(tree_of(project))
        for age, export in enumerate(exports()):
            os.utime(export, (LONG_AGO - age, LONG_AGO - age))
        project.commit({"a": str(number + 1)})
    kept = [export.name for export in exports()]
    assert kept == [tree.revision for tree in reversed(trees[-KEPT:])]
    assert contents(trees[0]) == {b"a": b"0", b"b": b"x"}, "a tree that is in use needs no export"


def test_exports_used_lately_are_kept_whatever_their_number(git_project: GitProject) -> None:
    project = git_project({".gitattributes": "a export-subst\n", "a": "0"})
    for number in range(KEPT + 2):
        tree_of(project)
        project.commit({"a": str(number + 1)})
    assert len(exports()) == KEPT + 2


def test_processes_that_export_the_same_revision_do_not_disturb_each_other(git_project: GitProject) -> None:
    project = git_project({f"d{number % 7}/f{number}": str(number) for number in range(200)})
    script = (
        "import sys; from pathlib import Path; from core.config import load; from core.source import make_tree;"
        "from core.jobs import Cancel; sys.stdin.readline();"
        "tree = make_tree(load(Path(sys.argv[1])), None, [].append, Cancel());"
        "[tree.open(path).close() for path, entry in tree.manifest.entries.items() if entry.is_file];"
        "print(tree.manifest.digest, tree.folder)"
    )
    command = [sys.executable, "-c", script, str(project.config)]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
        for _ in range(4)
    ]
    for process in running:
        assert process.stdin
        process.stdin.write(b"\n")
        process.stdin.flush()
    answers = {process.communicate()[0] for process in running}
    assert [process.returncode for process in running] == [0] * 4
    assert len(answers) == 1
    assert len(exports()) == 1
    until(lambda: not leftovers(), "what lost the race is removed")


def leftovers() -> list[Path]:
    return list((Settings().cache / "exports").glob("*/.*"))


def test_a_killed_export_leaves_nothing_that_is_trusted_and_is_swept(git_project: GitProject) -> None:
    project = git_project({"a": "1"})
    tree_of(project)
    parent = exports()[0].parent
    script = (
        "import sys, os; from pathlib import Path; from core.source.store import making;"
        "made = making(Path(sys.argv[1])); folder = made.__enter__(); (folder / 'files').mkdir();"
        "print(folder, flush=True); sys.stdin.readline(); os.kill(os.getpid(), 9)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(parent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdin and process.stdout
    folder = Path(process.stdout.readline().decode().strip())
    project.commit({"a": "2"})
    tree_of(project)
    assert folder.is_dir(), "its maker is alive"
    process.communicate(b"\n")
    project.commit({"a": "3"})
    assert contents(tree_of(project)) == {b"a": b"3"}
    until(lambda: not leftovers(), "the half-made export is removed")


def test_a_cancelled_export_leaves_nothing(git_project: GitProject) -> None:
    project = git_project({"a": "1"})
    cancel = Cancel()
    cancel.request()
    with pytest.raises(Cancelled):
        make_tree(project.load(), None, [].append, cancel)
    assert exports() == []


def test_an_export_is_cancelled_in_the_middle(git_project: GitProject) -> None:
    project = git_project({f"d{number}/f": "x" * 5000 for number in range(400)})
    cancel = Cancel()
    parent = Settings().cache / "exports"

    def when_it_has_begun() -> None:
        until(lambda: list(parent.glob("*/.making-*")), "the export has begun")
        cancel.request()

    watcher = threading.Thread(target=when_it_has_begun)
    watcher.start()
    try:
        tree = make_tree(project.load(), None, [].append, cancel)
        assert len(tree.manifest.entries) == 800, "it was done before it could be cancelled, and is whole"
    except Cancelled:
        assert exports() == []
    watcher.join()
    until(lambda: not leftovers(), "nothing half-made is left")


def test_a_cache_that_cannot_be_written_is_explained(git_project: GitProject, tmp_path: Path) -> None:
    project = git_project({"a": "1"})
    (tmp_path / "file").write_text("")
    os.environ["TURNOUT_CACHE_DIR"] = str(tmp_path / "file/cache")
    with pytest.raises(SourceError) as caught:
        tree_of(project)
    assert "TURNOUT_CACHE_DIR" in caught.value.hint


def test_files_carry_the_time_of_their_commit(git_project: GitProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", "1700000000 +0000")
    tree = tree_of(git_project({"a": "1"}))
    assert tree.mtime == 1_700_000_000 == tree.committed < time.time()
