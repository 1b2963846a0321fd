"""A folder as a manifest: what lies in it is listed and hashed by content.

Hashes are kept (core.source.hashes), so that unchanged files are not read again. A hash is only kept where the file had
not been touched for a while before it was read: a second write within the clock's tick would leave the same times (git
calls such entries racy).
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct, field

from core.errors import SourceError
from core.gathering import Gathering
from core.jobs import Cancel
from core.manifest import EXECUTABLE, FILE, FOLDER, FOLDER_ENTRY, Entry, Manifest, closed, link
from core.source.hashes import Hashes, Stamp, stamp_of, touched
from core.source.selection import Excluded, not_a_folder, nothing
from core.source.sums import KeptSums
from core.sums import Summing, has_sums
from core.text import count, show_path, some_lines

SETTLED = 2_000_000_000
"""Nanoseconds. A hash is kept if its file was untouched for this long: the coarsest clock of common file systems."""

_BATCH = 2048
"""Files that are hashed at a time."""
_WHOLE = 1 << 20
_ATTEMPTS = 3
_THREADS = 2
_SHOWN = 20

_REFUSED = {
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFBLK: "a block device",
    stat.S_IFCHR: "a character device",
}


class _File(NamedTuple):
    """A file that is to be hashed: `kind` file or executable, `closed` as in its entry."""

    path: bytes
    stamp: Stamp
    size: int
    kind: str
    closed: int


class _Listing(Struct):
    """What is found in a folder. kept: how many of the hashes of before are still right."""

    hashes: Hashes
    kept: int = 0
    entries: Gathering = field(default_factory=Gathering)
    files: list[_File] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def take(self, file: _File) -> None:
        """Take a file's hash from what is known, or note that it is to be hashed."""
        content = self.hashes.get(file.path, file.stamp)
        if content:
            self.kept += 1
            self.hashes.add(file.path, file.stamp, content)
            self.entries[file.path] = Entry(file.kind, file.size, content, file.closed)
        else:
            self.files.append(file)


def scan(
    folder: Path,
    cancel: Cancel,
    *,
    excluded: Excluded = nothing,
    hashes: Hashes | None = None,
    sums: KeptSums | None = None,
    as_it_is: bool = False,
) -> Manifest:
    """The manifest of a folder, without what is excluded.

    hashes     of before; when this returns, of now
    sums       where those of large files are kept
    as_it_is   it is a person's own folder: private files stay private, and `.git` at its top is left out. Files made by
               git or a build have the modes that the umask left, so of them only execute bits count

    SourceError names everything that can be neither read nor sent (sockets, FIFOs, devices) at once.
    """
    hashes = Hashes() if hashes is None else hashes
    began = time.time_ns()
    listing = _Listing(hashes)
    top = os.path.join(os.fsencode(folder), b"")
    _list(top, b"", listing, excluded, cancel, skip=b".git" if as_it_is else b"", modes=as_it_is)
    for path, stamp, entry, problem in _hash_all(top, listing.files, sums, cancel):
        if problem:
            listing.unreadable.append(problem)
            continue
        listing.entries[path] = entry
        if touched(stamp) < began - SETTLED:
            hashes.add(path, stamp, entry.content)
    _complain(folder, listing)
    before = len(hashes)
    hashes.settle()
    if not listing.kept == before == len(hashes):
        hashes.save()
    return listing.entries.manifest()


def part_of(top: Path, publish: str) -> Path:
    """The folder `publish` of a folder, or all of it for "". SourceError where there is none; no link is followed."""
    part = top / publish
    if publish and (part.is_symlink() or not part.is_dir()):
        near = [path for pattern in ("*/", "*/*/") for path in top.glob(pattern)]
        raise not_a_folder(publish, [os.fsencode(path.relative_to(top)) for path in near], os.path.lexists(part))
    return part


def _list(
    top: bytes, part: bytes, listing: _Listing, excluded: Excluded, cancel: Cancel, *, skip: bytes, modes: bool
) -> None:
    """Everything below `part` (a path with a slash at its end, or "" for the top); `modes`: with who may read it."""
    cancel.check()
    folders = []
    try:
        with os.scandir(top + part) as items:
            for item in items:
                if item.name == skip:
                    continue
                path = part + item.name
                try:
                    facts = item.stat(follow_symlinks=False)
                    kind = stat.S_IFMT(facts.st_mode)
                    if excluded(path, kind == stat.S_IFDIR):
                        continue
                    if kind == stat.S_IFREG:
                        kind_of_file = EXECUTABLE if facts.st_mode & 0o100 else FILE
                        bits = closed(kind_of_file, facts.st_mode) if modes else 0
                        listing.take(_File(path, stamp_of(facts), facts.st_size, kind_of_file, bits))
                    elif kind == stat.S_IFDIR:
                        bits = closed(FOLDER, facts.st_mode) if modes else 0
                        listing.entries[path] = FOLDER_ENTRY._replace(closed=bits) if bits else FOLDER_ENTRY
                        folders.append(path + b"/")
                    elif kind == stat.S_IFLNK:
                        listing.entries[path] = link(os.readlink(top + path))
                    else:
                        listing.refused.append(f"{show_path(path)} is {_REFUSED.get(kind, 'not a file or link')}")
                except OSError as error:
                    listing.unreadable.append(f"{show_path(path)}: {error.strerror}")
    except OSError as error:
        listing.unreadable.append(f"{show_path(part) or 'the folder itself'}: {error.strerror}")
    for path in folders:
        _list(top, path, listing, excluded, cancel, skip=b"", modes=modes)


_Hashed = tuple[bytes, Stamp, Entry, str]


def _hash_all(top: bytes, files: list[_File], sums: KeptSums | None, cancel: Cancel) -> Iterator[_Hashed]:
    """Path, stamp, entry and problem ("" for none) of each file; the list is empty then. Several threads: hashing
    releases the GIL.
    """

    def several(share: list[_File]) -> list[_Hashed]:
        out = []
        for number, file in enumerate(share):
            if number % 64 == 0 or file.size > _WHOLE:
                cancel.check()
            out.append(_hash(top, file, sums))
        return out

    if len(files) < 16 and sum(file.size for file in files) < 4 * _WHOLE:
        yield from several(files)
        return
    with ThreadPoolExecutor(_THREADS, "hash") as pool:
        while files:
            batch = files[-_BATCH:]
            del files[-_BATCH:]
            shares = [batch[start::_THREADS] for start in range(_THREADS)]
            for share in pool.map(several, shares):
                yield from share


def _hash(top: bytes, file: _File, sums: KeptSums | None) -> _Hashed:
    """Read and hash one file; again where it changed meanwhile. A file that keeps changing is a problem."""
    path, stamp, size = file.path, file.stamp, file.size
    try:
        for _ in range(_ATTEMPTS):
            handle = os.open(top + path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                digest, summing = _digest(handle, size)
                facts = os.fstat(handle)
            finally:
                os.close(handle)
            if stamp_of(facts) == stamp:
                if sums and summing:
                    sums.keep(summing)
                return path, stamp, Entry(file.kind, size, digest, file.closed), ""
            stamp, size = stamp_of(facts), facts.st_size
    except OSError as error:
        return path, stamp, FOLDER_ENTRY, f"{show_path(path)}: {error.strerror}"
    return path, stamp, FOLDER_ENTRY, f"{show_path(path)}: it changes while it is read"


def _digest(handle: int, size: int) -> tuple[str, Summing | None]:
    if size < _WHOLE:
        # One byte more than expected: a file that grew is noticed, and no buffer is larger than the file.
        return hashlib.sha256(os.read(handle, size + 1)).hexdigest(), None
    digest = Summing(has_sums(size))
    buffer = bytearray(_WHOLE)
    view = memoryview(buffer)
    while read := os.readv(handle, [view]):
        digest.update(view[:read])
    return digest.hexdigest(), digest


def _complain(folder: Path, listing: _Listing) -> None:
    """SourceError for what can be neither sent nor read."""
    if listing.refused:
        raise SourceError(
            f"{folder} holds {count(len(listing.refused), 'thing')} that cannot be deployed",
            detail=some_lines(sorted(listing.refused), _SHOWN),
            hint="remove them, or name them in source.exclude",
        )
    if listing.unreadable:
        raise SourceError(
            f"{folder}: {count(len(listing.unreadable), 'thing')} cannot be read",
            detail=some_lines(sorted(listing.unreadable), _SHOWN),
            hint="make them readable for yourself, stop what writes to them, or name them in source.exclude",
        )
