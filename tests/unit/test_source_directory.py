"""A directory as a source: taken as it is, refused by name where it cannot be sent, hashed where it has changed."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.errors import Cancelled, SourceError
from core.jobs import Cancel
from core.manifest import FILE, FOLDER, LINK
from core.records import Record, make_tag
from core.source import Tree, branches, known, make_tree, recent, tags, tree_of_record
from core.source import folder as hashing
from core.source.folder import Hashes, scan
from tests.projects import Link, SampleProject, Script, make_project
from tests.strategies import AWKWARD_NAMES

PLACE = SimpleNamespace(alias="web", root="/srv/shop")
Make = Callable[..., SampleProject]
LONG_AGO = 1_000_000_000


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A project with a directory source of the given files."""
    return lambda files, **options: make_project(
        tmp_path / "project", [PLACE], files, source="directory", source_options=options
    )


def tree_of(project: SampleProject) -> Tree:
    return make_tree(project.load(), None, [].append, Cancel())


def age(folder: Path) -> None:
    """Let time pass for the files: as if they had been written long ago. Their ctime cannot be set."""
    for path in folder.rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO), follow_symlinks=False)


def test_a_directory_is_taken_as_it_is(make: Make) -> None:
    project = make({"a": "one\n", "run": Script("x"), "empty/": "", "d/link": Link("../a"), "d/gone": Link(b"\xff")})
    tree = tree_of(project)
    assert {path: entry.kind for path, entry in tree.manifest.entries.items()} == {
        b"a": FILE,
        b"run": "x",
        b"empty": FOLDER,
        b"d": FOLDER,
        b"d/link": LINK,
        b"d/gone": LINK,
    }
    assert tree.manifest.entries[b"d/gone"].target == b"\xff"
    assert tree.manifest.entries[b"a"].content == hashlib.sha256(b"one\n").hexdigest()
    assert (tree.folder, tree.source, tree.ref, tree.subject) == (project.tree, "directory", "", "")
    assert tree.revision == f"content:{tree.manifest.digest[:12]}"
    assert known(tree.manifest.digest) == tree.manifest


def test_names_of_any_bytes_are_read_byte_for_byte(make: Make) -> None:
    files = {name + b"/" + name: name for name in AWKWARD_NAMES}
    tree = tree_of(make(files))
    assert {path for path, entry in tree.manifest.entries.items() if entry.kind == FILE} == set(files)
    for path, text in files.items():
        with tree.open(path) as file:
            assert file.read() == text


def test_a_tag_names_the_content_and_not_the_word_before_it(make: Make) -> None:
    from datetime import UTC, datetime

    tree = tree_of(make({"a": "1"}))
    assert make_tag(datetime(2026, 11, 21, tzinfo=UTC), tree.revision) == f"20261121T000000Z-{tree.manifest.digest[:7]}"


def test_the_repository_at_the_top_is_left_out_and_others_are_not(make: Make) -> None:
    tree = tree_of(make({".git/config": "x", "vendor/.git": "gitdir: x", ".gitignore": "x"}))
    assert set(tree.manifest.entries) == {b"vendor", b"vendor/.git", b".gitignore"}


def test_exclude_and_publish_apply(make: Make) -> None:
    project = make(
        {"dist/a": "1", "dist/a.map": "1", "dist/docs/x": "1", "other": "1"}, publish="dist", exclude=["*.map", "/docs"]
    )
    tree = tree_of(project)
    assert set(tree.manifest.entries) == {b"a"}
    assert tree.folder == project.tree / "dist"


def test_excluded_folders_are_not_even_listed(make: Make) -> None:
    project = make({"node_modules/x/y": "1", "a": "1"}, exclude=["node_modules/"])
    os.mkfifo(project.tree / "node_modules/pipe")
    assert set(tree_of(project).manifest.entries) == {b"a"}


def test_a_directory_given_by_a_link_is_followed(make: Make, tmp_path: Path) -> None:
    project = make({"a": "1"})
    project.tree.rename(tmp_path / "real")
    project.tree.symlink_to(tmp_path / "real")
    tree = tree_of(project)
    assert set(tree.manifest.entries) == {b"a"}
    assert tree.folder == tmp_path / "real"


def test_a_directory_that_is_not_there_is_explained(make: Make) -> None:
    project = make({"a": "1"})
    (project.tree / "a").unlink()
    project.tree.rmdir()
    with pytest.raises(SourceError, match="there is no"):
        tree_of(project)
    project.tree.write_text("")
    with pytest.raises(SourceError, match="is not a folder"):
        tree_of(project)


def test_everything_that_cannot_be_sent_is_named_at_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make({"a": "1", "d/": ""})
    os.mkfifo(project.tree / "d/pipe\n")
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(project.tree)  # a socket's whole path may be too long for its address
        listening.bind("socket")
    with pytest.raises(SourceError, match="2 things that cannot be deployed") as caught:
        tree_of(project)
    assert caught.value.detail.splitlines() == ["d/pipe\\n is a FIFO", "socket is a socket"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_everything_that_cannot_be_read_is_named_at_once_to_others_than_root(make: Make) -> None:
    project = make({"a": "1", "secret": "1", "closed/x": "1"})
    (project.tree / "secret").chmod(0)
    (project.tree / "closed").chmod(0)
    script = (
        "import os, sys, pathlib; sys.path.insert(0, os.getcwd());"
        "from core.source.folder import scan; from core.jobs import Cancel; from core.errors import SourceError\n"
        "top = os.open(sys.argv[1], os.O_RDONLY); os.setuid(65534); os.fchdir(top)\n"
        "try: scan(pathlib.Path('.'), Cancel())\nexcept SourceError as error: print(error.title); print(error.detail)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(project.tree)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        ".: 2 things cannot be read",
        "closed/: Permission denied",
        "secret: Permission denied",
    ]


def test_an_unchanged_file_is_not_read_again(make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    project = make({f"f{number}": str(number) for number in range(30)})
    age(project.tree)
    monkeypatch.setattr(hashing, "SETTLED", -(10**12))  # as if the files had been there for long
    first = tree_of(project)
    read: list[bytes] = []
    real = hashing._hash
    monkeypatch.setattr(hashing, "_hash", lambda top, file: (read.append(file.path), real(top, file))[1])
    assert tree_of(project).manifest == first.manifest
    assert read == []
    project.write({"f3": "changed"})
    (project.tree / "f4").chmod(0o755)
    changed = tree_of(project)
    assert changed.manifest.entries[b"f3"].content == hashlib.sha256(b"changed").hexdigest()
    assert changed.manifest.entries[b"f4"].kind == "x"
    assert set(read) <= {b"f3", b"f4"} and b"f3" in read


def test_the_same_size_and_mtime_do_not_hide_a_change(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make({"a": "one"})
    age(project.tree)
    monkeypatch.setattr(hashing, "SETTLED", -(10**12))
    tree_of(project)
    before = (project.tree / "a").stat().st_ctime_ns
    while True:  # the clock of the file system has to tick once
        project.write({"a": "two"})
        age(project.tree)
        if (project.tree / "a").stat().st_ctime_ns != before:
            break
    assert tree_of(project).manifest.entries[b"a"].content == hashlib.sha256(b"two").hexdigest()


def test_a_file_written_just_now_is_not_trusted_to_stay(tmp_path: Path) -> None:
    (tmp_path / "top").mkdir()
    (tmp_path / "top/a").write_text("one")
    hashes = Hashes(tmp_path / "hashes")
    scan(tmp_path / "top", Cancel(), hashes=hashes)
    assert hashes.known == {}


@pytest.mark.parametrize(
    "spoilt",
    [b"", b"[1]", b'{"a": 3}', b'{"a": [1]}', b"\xff\xfe", b'{"\\u1234": [1,2,3,4,"x"]}', b'{"a": [1,2,3,4,5]}'],
)
def test_spoilt_hashes_are_passed_over(tmp_path: Path, spoilt: bytes) -> None:
    (tmp_path / "hashes").write_bytes(spoilt)
    (tmp_path / "top").mkdir()
    (tmp_path / "top/a").write_text("one")
    tree = scan(tmp_path / "top", Cancel(), hashes=Hashes.load(tmp_path / "hashes"))
    assert tree.entries[b"a"].content == hashlib.sha256(b"one").hexdigest()


def test_large_and_many_files_are_hashed_right(make: Make) -> None:
    files = {f"d{number % 5}/f{number}": os.urandom(number * 700) for number in range(60)}
    files["big"] = os.urandom((5 << 20) + 1)
    tree = tree_of(make(files))
    found = {path.decode(): entry.content for path, entry in tree.manifest.entries.items() if entry.is_file}
    assert found == {path: hashlib.sha256(text).hexdigest() for path, text in files.items()}


def test_a_cancel_stops_the_hashing(make: Make) -> None:
    project = make({"a": "1"})
    cancel = Cancel()
    cancel.request()
    with pytest.raises(Cancelled):
        scan(project.tree, cancel)


def test_a_release_is_made_again_while_its_content_is_there(make: Make) -> None:
    project = make({"a": "one"})
    tree = tree_of(project)
    record = Record(
        tag="t", seq=1, created=time.time(), source="directory", revision=tree.revision, digest=tree.manifest.digest
    )
    assert tree_of_record(project.load(), record, [].append, Cancel()).manifest == tree.manifest
    project.write({"a": "two"})
    with pytest.raises(SourceError, match="the content of t is gone"):
        tree_of_record(project.load(), record, [].append, Cancel())


def test_a_directory_has_no_history(make: Make) -> None:
    project = make({"a": "1"}).load()
    assert (recent(project), branches(project), tags(project)) == ([], [], [])
