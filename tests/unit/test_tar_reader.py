"""The reader of git's tar stream: what git cannot have written is refused, nothing is written outside the folder."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from core.errors import SourceError
from core.jobs import Cancel
from core.manifest import FOLDER_ENTRY, LINK, Manifest
from core.tar.folder import Folder
from core.tar.reader import Unpacked, unpack, unwritable
from tests.strategies import file_entry, manifests


def stream_of(items: Sequence[tuple[bytes, str, bytes]], form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar stream of path, kind (f, x, l, d) and content or target, in this order."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form, encoding="utf-8", errors="surrogateescape") as tar:
        for path, kind, content in items:
            item = tarfile.TarInfo(path.decode("utf-8", "surrogateescape"))
            item.mode = 0o775 if kind in "xd" else 0o664
            if kind == "l":
                item.type, item.linkname = tarfile.SYMTYPE, content.decode("utf-8", "surrogateescape")
            elif kind == "d":
                item.type = tarfile.DIRTYPE
            else:
                item.size = len(content)
            tar.addfile(item, io.BytesIO(content) if kind in "fx" else None)
    return out.getvalue()


def unpacked(stream: bytes, folder: Path) -> Unpacked:
    folder.mkdir(exist_ok=True)
    return unpack(io.BytesIO(stream), Folder(folder), Cancel())


@pytest.mark.parametrize(
    "path", [b"../out", b"a/../../out", b"/etc/out", b"a//b", b"./../out", b"a/./b", b".", b"..", b"a/.."]
)
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, path: bytes) -> None:
    with pytest.raises(SourceError, match="leaves its folder"):
        unpacked(stream_of([(path, "f", b"x")]), tmp_path / "in")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["in"]


def test_nothing_is_written_through_a_link_of_the_stream(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    with pytest.raises(SourceError, match="both as a folder and as something else"):
        unpacked(stream_of([(b"a", "l", bytes(tmp_path / "outside")), (b"a/x", "f", b"x")]), tmp_path / "in")
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize("kind", ["f", "l"])
def test_a_name_that_comes_twice_is_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / "target").write_text("kept")
    items = [(b"a", "l", bytes(tmp_path / "target")), (b"a", kind, b"x")]
    with pytest.raises(SourceError, match="cannot distinguish it from another name"):
        unpacked(stream_of(items), tmp_path / "in")
    assert (tmp_path / "target").read_text() == "kept"


def test_a_stream_that_ends_too_soon_is_noticed(tmp_path: Path) -> None:
    whole = stream_of([(b"a", "f", b"x" * 2000), (b"b", "f", b"y")])
    for length in (0, 100, 512, 1000, 2559, 3000):
        folder = tmp_path / str(length)
        with pytest.raises(EOFError):
            unpacked(whole[:length], folder)


def test_what_is_not_a_tar_stream_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not a tar stream"):
        unpacked(b"fatal: something".ljust(1024, b"!"), tmp_path / "in")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=manifests())
def test_any_tree_is_unpacked_as_it_is(tmp_path_factory: pytest.TempPathFactory, tree: Manifest) -> None:
    by_digest = {file_entry(text).content: text for text in (b"", b"one\n", b"two\n", b"x" * 1000)}
    items = [
        (path, entry.kind, entry.target if entry.kind == LINK else by_digest.get(entry.content, b""))
        for path, entry in sorted(tree.entries.items())
        if len(path) < 1000
    ]
    folder = tmp_path_factory.mktemp("in")
    out = unpacked(stream_of(items), folder)
    assert dict(out.entries.items()) == {path: tree.entries[path] for path, _, _ in items}
    assert out.pointers == []


def test_folders_that_the_stream_does_not_name_are_made(tmp_path: Path) -> None:
    tree = unpacked(stream_of([(b"a/b/c", "f", b"x"), (b"a/b/d", "f", b"y")]), tmp_path / "in")
    assert tree.entries[b"a"] == tree.entries[b"a/b"] == FOLDER_ENTRY
    assert (tmp_path / "in/a/b/d").read_text() == "y"


def test_content_of_every_length_around_a_block_is_kept(tmp_path: Path) -> None:
    contents = {
        str(length).encode(): b"z" * length for length in (0, 1, 511, 512, 513, 1 << 20, (1 << 20) + 1, 3 << 20)
    }
    tree = unpacked(stream_of([(path, "f", text) for path, text in contents.items()]), tmp_path / "in")
    for path, text in contents.items():
        assert tree.entries[path].content == hashlib.sha256(text).hexdigest()
        assert (tmp_path / "in" / path.decode()).read_bytes() == text


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "free some space there, or set TURNOUT_CACHE_DIR to another folder"),
        (errno.EDQUOT, "free some space there, or set TURNOUT_CACHE_DIR to another folder"),
        (errno.ENOENT, "set TURNOUT_CACHE_DIR to another folder"),
        (errno.EROFS, "set TURNOUT_CACHE_DIR to another folder"),
    ],
)
def test_only_where_there_is_no_space_the_hint_speaks_of_it(number: int, hint: str) -> None:
    error = unwritable("a file", "/cache", OSError(number, os.strerror(number)))
    assert error.hint == hint and os.strerror(number) in error.title
