"""What comes of a tree is told in its order while it is still read, and never more than is there."""

from __future__ import annotations

import io
import tarfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.entry import EXECUTABLE, FILE, FOLDER_ENTRY, Entry, link
from core.errors import SourceError
from core.manifest import Manifest
from core.source.coming import Coming
from core.source.selection import Selection, selected
from core.source.spool import Spool
from core.tar.writer import END, stream_of_arrivals
from tests.waiting import PATIENCE, until

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n"


def told(path: bytes, folder: bool) -> bytes:
    return path


def filled(spool: Spool, files: list[tuple[bytes, bytes | None]]) -> None:
    """Give a spool files, as `git archive` gives them: folders first; None is a link to `target`."""
    known: set[bytes] = set()
    for path, content in files:
        parts = path.split(b"/")[:-1]
        for depth in range(1, len(parts) + 1):
            folder = b"/".join(parts[:depth])
            if folder not in known:
                known.add(folder)
                spool.folder(folder)
        if content is None:
            spool.link(path, b"target")
        elif len(content) % 2:
            spool.whole(path, content, executable=False, when=1)
        else:
            with spool.file(path, len(content), executable=True, when=1) as write:
                for place in range(0, len(content), 1000):
                    write(content[place : place + 1000])


NAMES = st.from_regex(rb"[a-c]{1,2}(/[a-c]{1,2}){0,2}", fullmatch=True).map(lambda name: name + b".f")
TREES = st.dictionaries(NAMES, st.none() | st.binary(max_size=3000) | st.just(b"x" * 300_001), max_size=12)


@settings(deadline=None, max_examples=60)
@given(TREES)
def test_a_reader_beside_the_writer_gets_all_of_it_as_a_tar_stream(tmp_path_factory, tree) -> None:
    coming = Coming(told)
    spool = Spool(tmp_path_factory.getbasetemp())
    spool.tell(coming, 7)
    folders: set[bytes] = set()
    chunks = []
    reader = threading.Thread(target=lambda: chunks.extend(stream_of_arrivals(coming, b"top/", folders)))
    reader.start()
    with coming.ending():
        filled(spool, sorted(tree.items()))
    reader.join()
    raw = b"".join(chunk.raw for chunk in chunks)
    assert sum(chunk.content for chunk in chunks) == sum(len(content or b"") for content in tree.values())
    assert sum(chunk.files for chunk in chunks) == sum(content is not None for content in tree.values())
    with tarfile.open(fileobj=io.BytesIO(raw + END)) as archive:
        found = {}
        for member in archive:
            assert member.mtime == 7
            name = member.name.removeprefix("top/").encode()
            assert member.isdir() is (name in folders)
            if member.issym():
                found[name] = None
                assert member.linkname == "target"
            elif member.isfile():
                content = archive.extractfile(member).read()
                found[name] = content
                assert bool(member.mode & 0o100) is (len(content) % 2 == 0)
            else:
                assert member.mode == 0o755
    assert found == tree
    assert coming.lacking([b"a", *sorted(tree), b"z"], folders) == [b"a", b"z"] if b"a" not in folders else [b"z"]
    assert coming.lacking([b"z", *sorted(tree, reverse=True)], folders) == [b"z"]


def test_large_files_are_given_before_they_have_come_whole(tmp_path: Path) -> None:
    coming = Coming(told)
    spool = Spool(tmp_path)
    spool.tell(coming, 0)
    with spool.file(b"video", 1_000_000, executable=False, when=0) as write:
        write(b"a" * 600_000)
        (number, path, entry), *_ = [next(coming.entries())]
        pieces = coming.content(number, 200_000)
        assert (path, entry) == (b"video", Entry(FILE, 1_000_000, ""))
        assert [len(next(pieces)) for _ in range(3)] == [200_000] * 3
        write(b"b" * 400_000)
        assert b"".join(pieces) == b"b" * 400_000


def test_another_reader_takes_nothing_that_is_still_on_its_way_into_the_file(tmp_path: Path) -> None:
    """The one has it written and waits for the disk; the other one comes to the same place."""
    written = threading.Event()
    settling = threading.Semaphore(0)

    class Slow(Spool):
        def settle(self) -> None:
            settling.release()
            assert written.wait(PATIENCE)
            super().settle()

    coming = Coming(told)
    spool = Slow(tmp_path)
    spool.tell(coming, 0)
    spool.whole(b"page", b"0123456789" * 100, executable=False, when=0)
    coming.end()
    got: list[bytes] = []
    readers = [threading.Thread(target=lambda: got.extend(coming.content(0, 1_000)), daemon=True) for _ in range(2)]
    readers[0].start()
    assert settling.acquire(timeout=PATIENCE)
    readers[1].start()
    until(lambda: settling.acquire(blocking=False) or not readers[1].is_alive(), "the second one at the same place")
    written.set()
    for reader in readers:
        reader.join(PATIENCE)
    assert got == [b"0123456789" * 100] * 2


def test_what_ends_the_source_ends_who_takes_from_it(tmp_path: Path) -> None:
    coming = Coming(told)
    spool = Spool(tmp_path)
    spool.tell(coming, 0)
    with pytest.raises(SourceError), coming.ending():
        with spool.file(b"video", 1_000_000, executable=False, when=0) as write:
            write(b"a" * 10)
            raise SourceError("git is gone")
    with pytest.raises(SourceError, match="git is gone"):
        list(stream_of_arrivals(coming, b"", set()))


def test_nothing_was_there_to_be_read() -> None:
    coming = Coming(told)
    assert not coming.begun
    coming.end()
    assert list(coming.entries()) == [] and coming.sample(1, 4, 4) == (0, []) and coming.fits(Manifest({}))


def test_a_sample_waits_for_a_source_that_has_not_begun(tmp_path: Path) -> None:
    coming = Coming(told)
    samples = []
    reader = threading.Thread(target=lambda: samples.append(coming.sample(1_000, 4, 2)))
    reader.start()
    reader.join(0.2)
    assert not samples
    spool = Spool(tmp_path)
    spool.tell(coming, 0)
    with coming.ending():
        spool.whole(b"page", b"0123456789" * 100, executable=False, when=0)
    reader.join()
    assert samples == [(1_000, [b"56"] * 4)]


def test_pointers_of_lfs_wait_for_their_content(tmp_path: Path) -> None:
    coming = Coming(told)
    spool = Spool(tmp_path)
    spool.tell(coming, 0)
    spool.whole(b"pointer", POINTER, executable=False, when=0)
    spool.whole(b"page", b"1", executable=False, when=0)
    with spool.replace(b"pointer") as write:
        write(b"abc")
    coming.end()
    assert [path for _, path, _ in coming.entries()] == [b"page"]
    assert coming.fits(Manifest({b"page": Entry(FILE, 1, "0"), b"pointer": Entry(FILE, 3, "0")}))


TREE = {b"page": Entry(FILE, 1, "0"), b"run": Entry(EXECUTABLE, 2, "0"), b"to": link(b"target"), b"f": FOLDER_ENTRY}


@pytest.mark.parametrize(
    "change",
    [
        {b"page": Entry(EXECUTABLE, 1, "0")},
        {b"page": Entry(FILE, 2, "0")},
        {b"page": Entry(FILE, 1, "0", 0o044)},
        {b"to": link(b"elsewhere")},
        {b"run": None},
        {},
    ],
)
def test_what_came_is_compared_with_the_tree(tmp_path: Path, change) -> None:
    coming = Coming(told)
    spool = Spool(tmp_path)
    spool.tell(coming, 0)
    filled(spool, [(b"page", b"1"), (b"run", b"22"), (b"to", None)])
    coming.end()
    entries = {path: entry for path, entry in {**TREE, **change}.items() if entry}
    assert coming.fits(Manifest(entries)) is (not change)


def test_a_file_that_was_replaced_after_it_came_does_not_fit(tmp_path: Path) -> None:
    coming = Coming(told)
    spool = Spool(tmp_path)
    spool.tell(coming, 0)
    spool.whole(b"page", b"1", executable=False, when=0)
    assert coming.fits(Manifest(TREE))
    with spool.replace(b"page") as write:
        write(b"2")
    assert not coming.fits(Manifest(TREE))


@given(
    st.lists(st.from_regex(r"[ab]{1,2}(/[ab]{1,2}){0,2}", fullmatch=True), unique=True),
    st.sampled_from(["", "a", "b/a"]),
    st.lists(st.sampled_from(["/a", "b", "*b/", "!ab", "a/**", "/b/a"]), max_size=3),
)
def test_entries_one_by_one_are_chosen_as_those_of_a_whole_tree(names, publish, exclude) -> None:
    entries: dict[bytes, Entry] = {}
    for name in sorted([*names, *([f"{publish}/there"] if publish else [])]):
        parts = name.encode().split(b"/")
        for depth in range(1, len(parts)):
            entries[b"/".join(parts[:depth])] = FOLDER_ENTRY
        entries.setdefault(name.encode(), Entry(FILE, 1, "0"))
    selection = Selection(publish, exclude)
    chosen = {path: selection.relative(path, entries[path].kind == "d") for path in sorted(entries)}
    kept = selected(Manifest(entries), publish, exclude).entries
    assert {path for path in chosen.values() if path} == set(kept)
