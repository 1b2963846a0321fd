"""The entries of trees: kinds, modes, their lines in the text form, and what two trees differ by (pure).

core.manifest has the text form, and gives these names as well.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import NamedTuple

from msgspec import Struct

from core.text import decode_path, encode_path

FILE, EXECUTABLE, LINK, FOLDER = "f", "x", "l", "d"

_OPEN = {FILE: 0o644, EXECUTABLE: 0o755, FOLDER: 0o755, LINK: 0o777}


class Entry(NamedTuple):
    """One entry: kind, size in bytes, content (SHA-256 in hex, a link's encoded target, or "-").

    closed   the permission bits that group and others do not have, of 0o055 or, for a file, 0o044
    """

    kind: str
    size: int
    content: str
    closed: int = 0

    @property
    def mode(self) -> int:
        """The permission bits of a file or folder."""
        return _OPEN[self.kind] & ~self.closed

    @property
    def is_file(self) -> bool:
        return self.kind in (FILE, EXECUTABLE)

    @property
    def target(self) -> bytes:
        """Where a symbolic link leads, byte for byte."""
        return decode_path(self.content)


def link(target: bytes) -> Entry:
    """The entry of a symbolic link."""
    return Entry(LINK, 0, encode_path(target))


FOLDER_ENTRY = Entry(FOLDER, 0, "-")


def closed(kind: str, mode: int) -> int:
    """What `Entry.closed` is for a file or folder with a mode: who may not read a file, may not run it either.

    A folder is closed to those who may not go into it; who may go through it alone (711) may go on to do that.
    """
    bits = 0
    for place in (3, 0):
        r, x = mode >> place & 4, mode >> place & 1
        if kind == FOLDER:
            left = (4 if r else 0) | 1 if x else 0
        else:
            left = 5 if r else 0
        bits |= (5 & ~left) << place
    return bits & _OPEN[kind]


def masked(kind: str, umask: int) -> int:
    """What `Entry.closed` is for a file or folder that all may read but for a umask."""
    return closed(kind, _OPEN[kind] & ~umask) if umask and kind != LINK else 0


def line(path: bytes, entry: Entry) -> str:
    """One line of the text form."""
    kind = f"{entry.kind}{entry.mode:o}" if entry.closed else entry.kind
    return f"{encode_path(path)}\t{kind}\t{entry.size}\t{entry.content}"


class Difference(Struct, frozen=True, dict=True):
    """What turns one tree into another.

    remove  paths to remove first, parents only: what lies below a removed folder is not named
    send    paths to send then, sorted, folders before what lies in them
    bytes   bytes of file content among `send`
    gone, added   lines of the text forms that only the old, only the new one has (sorted)
    """

    remove: tuple[bytes, ...]
    send: tuple[bytes, ...]
    bytes: int
    files: int
    gone: Sequence[str]
    added: Sequence[str]

    @property
    def empty(self) -> bool:
        return not self.gone and not self.added


def below(path: bytes, folders: Set[bytes]) -> bool:
    """Whether a parent of `path` is among `folders`."""
    while b"/" in path:
        path = path.rpartition(b"/")[0]
        if path in folders:
            return True
    return False


def new_folders(path: bytes, known: set[bytes]) -> list[bytes]:
    """The folders above a path that are not known yet, the highest first; they are from now on.

    known   has with each folder also those above it, now or once all its paths were asked about
    """
    new = []
    folder = path.rpartition(b"/")[0]
    while folder and folder not in known:
        known.add(folder)
        new.append(folder)
        folder = folder.rpartition(b"/")[0]
    return new[::-1]
