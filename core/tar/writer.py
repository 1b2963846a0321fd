"""A tar stream of a tree's changes, straight from the files on disk (pure but for reading them).

GNU format: BusyBox, GNU and BSD tar read it, and its long names carry any bytes. Headers are written here because
`tarfile` halves the speed of a tree of small files.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, NamedTuple, Protocol

from core import layout
from core.entry import new_folders
from core.errors import SourceError
from core.manifest import FOLDER, FOLDER_ENTRY, LINK, Difference, Entry, Manifest, raw_of
from core.text import show_path

BLOCK = 512
CHUNK = 128 << 10
"""Bytes of a chunk. paramiko copies the rest of a buffer for each packet, so larger chunks are slower."""
END = bytes(2 * BLOCK)
_MAGIC = b"ustar  \0"
_OF_MAGIC = sum(_MAGIC)


class Chunk(NamedTuple):
    """A piece of the stream; `content` bytes of file content and `files` files end in it."""

    raw: bytes
    content: int
    files: int


def header(name: bytes, kind: bytes, mode: int, size: int, mtime: int, target: bytes = b"") -> bytes:
    """The header of one entry, with GNU long-name blocks before it where name or target exceed 100 bytes."""
    long = b""
    if len(target) > 100:
        long += _long(b"K", target)
        target = target[:100]
    if len(name) > 100:
        long += _long(b"L", name)
        name = name[:100]
    return long + _block(name, kind, mode, size, mtime, target)


def _long(kind: bytes, value: bytes) -> bytes:
    value += b"\0"
    return _block(b"././@LongLink", kind, 0o644, len(value), 0, b"") + value + padding(len(value))


def _block(name: bytes, kind: bytes, mode: int, size: int, mtime: int, target: bytes) -> bytes:
    # 8 GiB and more do not fit into octal digits: GNU's base-256 form.
    digits = b"%011o\0" % size if size < 1 << 33 else b"\x80" + size.to_bytes(11, "big")
    raw = b"%-100b%07o\0000000000\0000000000\0%b%011o\0        %b" % (
        name.ljust(100, b"\0"),
        mode,
        digits,
        max(mtime, 0),
        kind,
    )
    rest = target.ljust(100, b"\0") + _MAGIC
    return (raw[:148] + b"%06o\0 " % (sum(raw) + sum(target) + _OF_MAGIC) + kind + rest).ljust(BLOCK, b"\0")


def padding(size: int) -> bytes:
    """Zeros up to the next block."""
    return bytes(-size % BLOCK)


def blob(name: bytes, content: bytes) -> bytes:
    """One small file whose content is at hand."""
    return header(name, b"0", 0o644, len(content), 0) + content + padding(len(content))


def manifest_files(manifest: Manifest, change: Difference | None) -> list[tuple[bytes, bytes]]:
    """The small files from which a server makes a tree's manifest: the lines that a change adds and takes away from the
    one it has, or all of it.
    """
    if change is None:
        return [(f"{layout.INCOMING}/manifest".encode(), manifest.raw)]
    return [
        (f"{layout.INCOMING}/added".encode(), raw_of(change.added)),
        (f"{layout.INCOMING}/gone".encode(), raw_of(change.gone)),
    ]


class Arrivals(Protocol):
    """Files and links in the order in which they come (core.source.coming)."""

    mtime: int

    def entries(self) -> Iterator[tuple[int, bytes, Entry]]:
        """The number, path and entry of each; waits for them."""

    def content(self, number: int, piece: int) -> Iterator[bytes]:
        """The content of a file in pieces of at most so many bytes; waits for it."""


def stream_of_arrivals(arrivals: Arrivals, prefix: bytes, folders: set[bytes]) -> Iterator[Chunk]:
    """Chunks with what comes, as it comes, and the folders above it; `stream` gives the rest.

    folders   gets the paths of these; those that it has are there already
    """
    held: list[bytes] = []
    size = content = files = 0
    when = arrivals.mtime
    for number, path, entry in arrivals.entries():
        above = new_folders(path, folders)
        pieces = [header(prefix + folder + b"/", b"5", FOLDER_ENTRY.mode, 0, when) for folder in above]
        if entry.kind == LINK:
            pieces.append(header(prefix + path, b"2", 0o777, 0, when, entry.target))
        else:
            pieces.append(header(prefix + path, b"0", entry.mode, entry.size, when))
            for piece in arrivals.content(number, CHUNK):
                held += (*pieces, piece)
                size += sum(map(len, pieces)) + len(piece)
                content += len(piece)
                pieces = []
                if size >= CHUNK:
                    yield Chunk(b"".join(held), content, files)
                    held, size, content, files = [], 0, 0, 0
            pieces.append(padding(entry.size))
            files += 1
        held += pieces
        size += sum(map(len, pieces))
        if size >= CHUNK:
            yield Chunk(b"".join(held), content, files)
            held, size, content, files = [], 0, 0, 0
    if held:
        yield Chunk(b"".join(held), content, files)


def stream(
    manifest: Manifest,
    paths: Sequence[bytes],
    prefix: bytes,
    opener: Callable[[bytes], BinaryIO],
    mtime: int | None,
    tail: Sequence[tuple[bytes, bytes]] = (),
    is_hashed: Callable[[bytes, os.stat_result], bool] | None = None,
) -> Iterator[Chunk]:
    """Chunks of a tar stream with the entries of `paths`, their names below `prefix`, then the small files of `tail`.

    opener   opens a file of the tree by its path
    mtime    of all entries in seconds since the epoch; None: each file's own
    is_hashed   whether a file's facts say that it is as the manifest has it; else its content is compared while it is
             read. Asked before and after. None: they cannot have changed
    Raises SourceError where a file is not as the manifest says.
    """
    held: list[bytes] = []
    size = content = files = 0
    for path in paths:
        entry = manifest.entries[path]
        name = prefix + path
        if entry.kind == FOLDER:
            piece = header(name + b"/", b"5", entry.mode, 0, mtime or 0)
        elif entry.kind == LINK:
            piece = header(name, b"2", 0o777, 0, mtime or 0, entry.target)
        else:
            with opener(path) as file:
                when, left, digest = mtime, entry.size, None
                if when is None or is_hashed:
                    facts = os.fstat(file.fileno())
                    when = int(facts.st_mtime) if when is None else when
                    digest = hashlib.sha256() if is_hashed and not is_hashed(path, facts) else None
                held.append(header(name, b"0", entry.mode, left, when))
                size += len(held[-1])
                while left:
                    piece = file.read(min(left, CHUNK))
                    if not piece:
                        raise changed(path)
                    if digest:
                        digest.update(piece)
                    held.append(piece)
                    left -= len(piece)
                    size += len(piece)
                    content += len(piece)
                    if size >= CHUNK:
                        yield Chunk(b"".join(held), content, files)
                        held, size, content, files = [], 0, 0, 0
                if digest:
                    same = digest.hexdigest() == entry.content
                else:
                    same = not is_hashed or is_hashed(path, os.fstat(file.fileno()))
                if not same or file.read(1):
                    raise changed(path)
            piece = padding(entry.size)
            files += 1
        held.append(piece)
        size += len(piece)
        if size >= CHUNK:
            yield Chunk(b"".join(held), content, files)
            held, size, content, files = [], 0, 0, 0
    for name, value in tail:
        held.append(header(name, b"0", 0o644, len(value), 0))
        for place in range(0, len(value), CHUNK):
            held.append(value[place : place + CHUNK])
            if place + CHUNK < len(value):
                yield Chunk(b"".join(held), content, files)
                held, content, files = [], 0, 0
        held.append(padding(len(value)))
    held.append(END)
    yield Chunk(b"".join(held), content, files)


def changed(path: bytes) -> SourceError:
    """What is raised where a file is not as the manifest says."""
    return SourceError(
        f"{show_path(path)} changed while it was sent",
        hint="deploy again when nothing writes to the source; nothing was switched",
        phase="upload",
    )
