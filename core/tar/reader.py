"""Take the tar stream of `git archive` apart, and hash the files on the way: one pass over the bytes.

Python's tarfile takes several times as long for thousands of small files, and the system's tar would leave the hashing
for a second pass. Only what git writes is understood: ustar headers and pax records for long names and sizes.
"""

from __future__ import annotations

import errno
import functools
import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO, NamedTuple, Protocol

from core.errors import SourceError
from core.gathering import Gathering
from core.jobs import Cancel
from core.manifest import EXECUTABLE, FILE, FOLDER, FOLDER_ENTRY, Entry, is_inside, link
from core.sums import Summing, has_sums
from core.text import show_path

_BLOCK = 512
_WHOLE = 1 << 20
"""Bytes. Files up to this size are read at once, larger ones in pieces of it."""
_CHECK_EVERY = 64
_POINTER = b"version https://git-lfs.github.com/spec/"


class Member(NamedTuple):
    """One header: type flag of ustar, path, mode bits, size in bytes, time in seconds since the epoch, link target."""

    flag: bytes
    path: bytes
    mode: int
    size: int
    time: int
    target: bytes


class Sink(Protocol):
    """Takes what a stream holds; nothing else writes there. FileExistsError for a path that it has already."""

    place: str
    """What it is, for errors."""

    def folder(self, path: bytes) -> None:
        """A folder; those above it came before."""

    def link(self, path: bytes, target: bytes) -> None:
        """A symbolic link."""

    def file(
        self, path: bytes, size: int, *, executable: bool, when: int
    ) -> AbstractContextManager[Callable[[Buffer], None]]:
        """A file of so many bytes: what takes its content piece by piece. when: seconds since the epoch."""

    def whole(self, path: bytes, content: Buffer, *, executable: bool, when: int) -> None:
        """A file whose content is at hand."""

    def summed(self, summing: Summing) -> None:
        """What came out of hashing a large file."""


Buffer = bytes | memoryview


class Unpacked(NamedTuple):
    """Entries by path, and the paths of files that begin like a Git LFS pointer."""

    entries: Gathering
    pointers: list[bytes]


def members(stream: BinaryIO) -> Iterator[Member]:
    """The headers one by one; the caller reads `rounded(size)` bytes before it asks for the next."""
    extended: dict[bytes, bytes] = {}
    while True:
        block = _read(stream, _BLOCK)
        if not block.strip(b"\0"):
            return
        if block[257:262] != b"ustar":
            raise SourceError("git archive wrote something that is not a tar stream")
        flag, size = block[156:157], _number(block[124:136])
        if flag in (b"x", b"g"):
            records = _read(stream, rounded(size))[:size]
            if flag == b"x":
                extended = dict(_records(records))
            continue
        path, prefix = _string(block[:100]), _string(block[345:500])
        if prefix:
            path = prefix + b"/" + path
        mode, time, target = _few(block[100:108]), _few(block[136:148]), _string(block[157:257])
        if extended:
            path, target = extended.get(b"path", path), extended.get(b"linkpath", target)
            size = int(extended.get(b"size", size))
            extended = {}
        yield Member(flag, path.rstrip(b"/"), mode, size, time, target)


def unpack(
    stream: BinaryIO, sink: Sink, cancel: Cancel, below: bytes = b"", entries: Gathering | None = None
) -> Unpacked:
    """Hand what the stream holds to a sink.

    entries where its entries are gathered
    below   only what lies below this folder of the stream, with paths relative to it
    SourceError for a path that would leave the sink, EOFError where the stream ends too soon. A sink gets files only in
    folders that it got before: so no link in the stream can redirect a file.
    """
    entries = Gathering() if entries is None else entries
    pointers: list[bytes] = []
    start = below + b"/" if below else b""
    for number, member in enumerate(members(stream)):
        if number % _CHECK_EVERY == 0:
            cancel.check()
        path = member.path.removeprefix(start)
        if not path or (start and path == member.path):
            stream.read(rounded(member.size))
            continue  # the folder itself, or one above it
        if not is_inside(path):
            raise SourceError(f"the revision contains a path that leaves its folder: {show_path(path)}")
        try:
            _make_parents(path, entries, sink)
            if member.flag == b"5":
                if path not in entries:
                    sink.folder(path)
                    entries[path] = FOLDER_ENTRY
            elif member.flag == b"2":
                sink.link(path, member.target)
                entries[path] = link(member.target)
            else:
                inside = member if path == member.path else member._replace(path=path)
                entries[path], pointer = _file(stream, inside, sink, cancel)
                if pointer:
                    pointers.append(path)
        except FileExistsError as error:
            raise SourceError(
                f"{show_path(path)}: the file system of {sink.place} cannot distinguish it from another name",
                hint="set TURNOUT_CACHE_DIR to a folder on a file system that distinguishes upper from lower case",
            ) from error
        except OSError as error:
            raise unwritable(show_path(path), sink.place, error) from error
    return Unpacked(entries, pointers)


def unwritable(what: str, folder: object, error: OSError) -> SourceError:
    """The error where something cannot be kept in a folder of the cache."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return SourceError(
        f"{what} cannot be written to {folder}: {error.strerror}",
        hint=f"{'free some space there, or ' if full else ''}set TURNOUT_CACHE_DIR to another folder",
    )


def rounded(size: int) -> int:
    """Bytes that content of `size` takes in the stream."""
    return (size + _BLOCK - 1) // _BLOCK * _BLOCK


def _file(stream: BinaryIO, member: Member, sink: Sink, cancel: Cancel) -> tuple[Entry, bool]:
    """Hand on one file; its entry, and whether it begins like a Git LFS pointer."""
    executable = bool(member.mode & 0o100)
    kind = EXECUTABLE if executable else FILE
    if member.size <= _WHOLE:
        content = memoryview(_read(stream, rounded(member.size)))[: member.size]
        sink.whole(member.path, content, executable=executable, when=member.time)
        return Entry(kind, member.size, hashlib.sha256(content).hexdigest()), is_pointer(content)
    summing = Summing(has_sums(member.size))
    with sink.file(member.path, member.size, executable=executable, when=member.time) as write:
        left = member.size
        while left:
            cancel.check()
            piece = _read(stream, min(left, _WHOLE))
            summing.update(piece)
            write(piece)
            left -= len(piece)
        _read(stream, rounded(member.size) - member.size)
        sink.summed(summing)
    return Entry(kind, member.size, summing.hexdigest()), False


def is_pointer(content: Buffer) -> bool:
    """Whether the content of a file begins like a pointer of Git LFS."""
    return len(content) < 1024 and bytes(content[: len(_POINTER)]) == _POINTER


def _make_parents(path: bytes, entries: Gathering, sink: Sink) -> None:
    """The folders above `path`, as far as the stream has not named them; never through something else of that name."""
    parent = path.rpartition(b"/")[0]
    if not parent:
        return
    entry = entries.get(parent)
    if entry is None:
        _make_parents(parent, entries, sink)
        sink.folder(parent)
        entries[parent] = FOLDER_ENTRY
    elif entry.kind != FOLDER:
        raise SourceError(f"the revision contains {show_path(parent)} both as a folder and as something else")


def _read(stream: BinaryIO, size: int) -> bytes:
    content = stream.read(size)
    if len(content) != size:
        raise EOFError
    return content


def _number(field: bytes) -> int:
    digits = field.rstrip(b" \0")
    return int(digits, 8) if digits else 0


_few = functools.lru_cache(_number)
"""`_number` of what is mostly the same: a commit has one time and two modes."""


def _string(field: bytes) -> bytes:
    return field.split(b"\0", 1)[0]


def _records(text: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The key and value of each pax record, `LENGTH key=value NEWLINE`, where LENGTH counts all of it."""
    place = 0
    while place < len(text):
        length, _, _ = text[place:].partition(b" ")
        key, _, value = text[place + len(length) + 1 : place + int(length) - 1].partition(b"=")
        yield key, value
        place += int(length)
