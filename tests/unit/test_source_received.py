"""A tree that comes from a server is the one of its manifest, whatever the server sends."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from core.errors import ServerError, SourceError
from core.jobs import Cancel
from core.manifest import FOLDER_ENTRY, Entry, Manifest, link
from core.records import Record
from core.settings import Settings
from core.source.received import kept, receive
from tests.trees import content, contents


def entry(text: bytes, kind: str = "f") -> Entry:
    return Entry(kind, len(text), hashlib.sha256(text).hexdigest())


TEXTS = {b"a": b"one", b"d/b \xff\n": b"two", b"d/run": b"#!/bin/sh\n", b"e": b""}
TREE = Manifest(
    {
        b"d": FOLDER_ENTRY,
        b"d/up": link(b"../../../etc/passwd"),
        **{path: entry(text, "x" if path == b"d/run" else "f") for path, text in TEXTS.items()},
    }
)


def record(tree: Manifest) -> Record:
    return Record(tag="r1", seq=1, created=0, source="git", revision="ab" * 20, digest=tree.digest)


class Sent:
    """What a server sends: bytes in pieces of any size, and a time for each file."""

    def __init__(self, text: bytes, time: int = 1_700_000_000) -> None:
        self.text = text
        self.time = time

    def mtime(self) -> int:
        return self.time

    def read(self, size: int) -> bytes:
        if not self.text:
            raise ServerError("it ended early")
        piece, self.text = self.text[: min(size, 2)], self.text[min(size, 2) :]
        return piece


def received(tree: Manifest, sent: Sent) -> Path:
    return receive(Settings().cache, tree, record(tree), sent, Cancel()).folder


def honest(tree: Manifest = TREE) -> Sent:
    return Sent(b"".join(TEXTS[path] for path in sorted(tree.entries) if path in TEXTS))


def test_the_files_of_a_server_are_the_tree_and_are_kept() -> None:
    tree = receive(Settings().cache, TREE, record(TREE), honest(), Cancel())
    assert contents(tree) == TEXTS and tree.manifest == TREE
    assert (tree.revision, tree.source, tree.mtime, tree.stable) == ("ab" * 20, "git", 1_700_000_000, True)
    assert os.readlink(os.fsencode(tree.folder) + b"/d/up") == b"../../../etc/passwd"
    again = kept(Settings().cache, record(TREE))
    assert again is not None and content(again, b"a") == b"one"
    assert kept(Settings().cache, record(Manifest({}))) is None


@pytest.mark.parametrize(
    "text",
    [b"", b"onetw", b"one" + b"owt" + b"#!/bin/sh\n", b"ONE" + b"two" + b"#!/bin/sh\n", b"x" * 1000],
    ids=["nothing", "cut", "another", "case", "noise"],
)
def test_what_is_not_as_the_manifest_says_is_nothing(text: bytes) -> None:
    with pytest.raises((SourceError, ServerError)):
        received(TREE, Sent(text))
    assert kept(Settings().cache, record(TREE)) is None
    parent = Settings().cache / "exports/received"
    assert [path.name for path in parent.iterdir() if not path.name.startswith(".trash")] == []


def test_the_file_that_differs_is_named() -> None:
    with pytest.raises(SourceError, match="d/run is not what the release's manifest says"):
        received(TREE, Sent(b"one" + b"two" + b"#!/bin/zz\n"))


@pytest.mark.parametrize("above", [link(b"/etc"), entry(b"one"), None], ids=["link", "file", "nothing"])
def test_nothing_is_written_through_what_is_not_a_folder(above: Entry | None, tmp_path: Path) -> None:
    entries = {b"d/cron": entry(b"one")} | ({b"d": above} if above else {})
    with pytest.raises(SourceError, match="d is not a folder there"):
        received(Manifest(entries), Sent(b"oneone"))


def test_files_of_different_times_keep_them() -> None:
    sent = honest()
    times = iter(range(1_700_000_000, 1_700_000_100))
    sent.mtime = lambda: next(times)  # type: ignore[method-assign]
    tree = receive(Settings().cache, TREE, record(TREE), sent, Cancel())
    assert tree.mtime is None
    assert int((tree.folder / "a").stat().st_mtime) == 1_700_000_000


def test_a_tree_that_does_not_fit_on_this_machine_is_refused_before_anything_is_read() -> None:
    huge = Manifest({b"a": Entry("f", 1 << 59, "0" * 64)})
    with pytest.raises(SourceError, match="not enough space on this machine"):
        received(huge, Sent(b""))
