"""Exports in the cache: a layer gives the same tree as a whole export, nothing half-made is trusted, old ones go."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import Cancelled, SourceError
from core.jobs import Cancel
from core.settings import Settings
from core.source import Tree, make_tree
from core.source.git.checkout import MOST_LAYERS
from core.source.git.export_cache import KEPT
from tests.projects import Files, Link, Nowhere, SampleProject, Script, make_project
from tests.strategies import AWKWARD_NAMES
from tests.trees import contents, tree_of
from tests.unit.conftest import GitProject
from tests.waiting import until

LONG_AGO = 1_000_000_000


def exports() -> list[Path]:
    """Finished exports, those used last first."""
    folders = [path for path in (Settings().cache / "exports").glob("*/*") if not path.name.startswith(".")]
    return sorted(folders, key=lambda path: path.stat().st_mtime_ns, reverse=True)


def layers(tree: Tree) -> list[str]:
    return json.loads((tree.folder.parent / "about.json").read_text())["layers"]  # type: ignore[no-any-return]


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
@given(history=st.lists(revisions, min_size=2, max_size=4))
def test_a_layer_on_an_earlier_export_gives_the_same_tree_as_a_whole_one(tmp_path: Path, history: list[Files]) -> None:
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    os.environ["TURNOUT_CACHE_DIR"] = str(folder / "cache")
    project = make_project(folder / "project", [Nowhere()], {"first": "x"})
    tree_of(project)
    for files in history:
        for left in project.tree.iterdir():
            if left.name != ".git":
                shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        project.commit(files)
        tree, plain = tree_of(project), exported_whole(project, "HEAD")
        assert tree.manifest.entries == plain.manifest.entries
        assert contents(tree) == contents(plain)
        assert not layers(plain)


def test_a_small_change_is_a_layer_that_holds_only_the_change(git_project: GitProject) -> None:
    project = git_project({"a": "1", "b/c": "1", "b/d": "1"})
    first = tree_of(project)
    project.commit({"b/c": "2", "a": None, "e/f": "new"})
    tree = tree_of(project)
    assert layers(tree) == [first.folder.parent.name]
    held = {path.relative_to(tree.folder).as_posix() for path in tree.folder.rglob("*") if path.is_file()}
    assert held == {"b/c", "e/f"}
    assert contents(tree) == {b"b/c": b"2", b"b/d": b"1", b"e/f": b"new"}
    assert contents(first) == {b"a": b"1", b"b/c": b"1", b"b/d": b"1"}


def test_content_that_names_its_commit_is_never_taken_from_another(git_project: GitProject) -> None:
    project = git_project({".gitattributes": "version export-subst\n", "version": "$Format:%H$\n", "a": "1"})
    first = tree_of(project)
    project.commit({"a": "2"})
    second = tree_of(project)
    assert contents(first)[b"version"].decode().strip() == first.revision
    assert contents(second)[b"version"].decode().strip() == second.revision
    assert layers(second) == []


def test_layers_do_not_pile_up_for_ever(git_project: GitProject) -> None:
    project = git_project({"a": "0", "b": "x"})
    depths = []
    for number in range(MOST_LAYERS + 2):
        tree = tree_of(project)
        depths.append(len(layers(tree)))
        assert contents(tree) == {b"a": str(number).encode(), b"b": b"x"}
        project.commit({"a": str(number + 1)})
    assert max(depths) == MOST_LAYERS and depths[-1] == 0


def test_a_revision_is_exported_once(git_project: GitProject) -> None:
    project = git_project({"a": "1"})
    first = tree_of(project)
    marked = first.folder / "a"
    inode = marked.stat().st_ino
    assert tree_of(project).folder == first.folder
    assert marked.stat().st_ino == inode


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
        assert part.folder == whole.folder / "site"
    project.commit({"site/c": "2"})
    assert contents(tree_of(project)) == {b"a": b"1", b"c": b"2"}


def spoil_content(export: Path) -> None:
    (export / "files/a").write_text("")


def spoil_files(export: Path) -> None:
    shutil.rmtree(export / "files")


def spoil_manifest(export: Path) -> None:
    (export / "manifest").write_text("cut off")


def spoil_about(export: Path) -> None:
    (export / "about.json").write_text("")


def forget_boot(export: Path) -> None:
    about = json.loads((export / "about.json").read_text())
    (export / "about.json").write_text(json.dumps({**about, "boot": "another"}))


@pytest.mark.parametrize("spoil", [spoil_files, spoil_manifest, spoil_about])
def test_an_export_that_is_not_whole_is_made_again(git_project: GitProject, spoil: Callable[[Path], None]) -> None:
    project = git_project({"a": "1"})
    tree = tree_of(project)
    spoil(tree.folder.parent)
    again = tree_of(project)
    assert contents(again) == {b"a": b"1"}
    assert again.folder == tree.folder


def test_after_a_restart_of_the_machine_sizes_are_compared(git_project: GitProject) -> None:
    project = git_project({"a": "1", "d/b": "22", "l": Link("a")})
    tree = tree_of(project)
    export = tree.folder.parent
    forget_boot(export)
    inode = (tree.folder / "a").stat().st_ino
    assert contents(tree_of(project)) == contents(tree)
    assert (tree.folder / "a").stat().st_ino == inode, "a whole export is used on"
    assert json.loads((export / "about.json").read_text())["boot"] != "another"
    forget_boot(export)
    spoil_content(export)
    assert contents(tree_of(project)) == {b"a": b"1", b"d/b": b"22"}


def test_a_lost_layer_is_noticed(git_project: GitProject) -> None:
    project = git_project({"a": "1", "b": "1"})
    first = tree_of(project)
    project.commit({"b": "2"})
    assert layers(tree_of(project))
    shutil.rmtree(first.folder.parent)
    assert contents(tree_of(project)) == {b"a": b"1", b"b": b"2"}


def test_a_file_that_vanished_from_the_cache_is_named_with_a_way_out(git_project: GitProject) -> None:
    tree = tree_of(git_project({"a": "1"}))
    (tree.folder / "a").unlink()
    with pytest.raises(SourceError, match="a cannot be read any more") as caught:
        tree.open(b"a")
    assert str(tree.folder.parent) in caught.value.hint


def test_the_exports_used_longest_ago_go_and_layers_in_use_stay(git_project: GitProject) -> None:
    project = git_project({"a": "0", "b": "x"})
    trees = []
    for number in range(KEPT + 3):
        trees.append(tree_of(project))
        for age, export in enumerate(exports()):
            os.utime(export, (LONG_AGO - age, LONG_AGO - age))
        project.commit({"a": str(number + 1)})
    # Every export rests on all before it: none may go.
    assert len(exports()) == KEPT + 3
    assert contents(tree_of(project))[b"b"] == b"x"
    project.commit({".gitattributes": "a export-subst\n"})
    for number in range(KEPT + 1):
        project.commit({"a": f"again {number}"})
        for age, export in enumerate(exports()):
            os.utime(export, (LONG_AGO - age, LONG_AGO - age))
        newest = tree_of(project)
        assert layers(newest) == []
    kept = [export.name for export in exports()]
    assert len(kept) == KEPT
    revisions_kept = {name.partition("-")[0] for name in kept}
    assert newest.revision in revisions_kept and trees[0].revision not in revisions_kept


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
        until(lambda: list(parent.glob("*/.making-*/files/d*")), "the export has begun")
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
    assert (tree.folder / "a").stat().st_mtime == 1_700_000_000 == tree.committed < time.time()
