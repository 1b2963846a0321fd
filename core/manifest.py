"""The entries of a tree, the difference of two, and the text form (pure).

Text form: one line an entry, `path TAB kind TAB size TAB content`, sorted by the bytes of the line, so that
`comm` and `sort -m` can merge two of them on a server. The path is written by core.text.encode_path. Kinds:

    f  file              size in bytes, SHA-256 in hex
    x  executable file   likewise
    l  symbolic link     size 0, its target, encoded like a path
    d  folder            size 0, "-"
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from core.text import decode_path, encode_path

FILE, EXECUTABLE, LINK, FOLDER = "f", "x", "l", "d"
_KINDS = frozenset((FILE, EXECUTABLE, LINK, FOLDER))


class Entry(NamedTuple):
    """One entry: kind, size in bytes, content (SHA-256 in hex, a link's encoded target, or "-")."""

    kind: str
    size: int
    content: str

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


@dataclass(frozen=True)
class Manifest:
    """The entries of a tree by path (bytes, relative, `/` between parts, never "." or "..")."""

    entries: Mapping[bytes, Entry]

    @cached_property
    def lines(self) -> list[str]:
        """The text form's lines without their newlines, sorted."""
        return sorted(line(path, entry) for path, entry in self.entries.items())

    @cached_property
    def text(self) -> str:
        """The text form, ASCII."""
        return "".join([f"{item}\n" for item in self.lines])

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the text form in hex: what tells two trees apart."""
        return hashlib.sha256(self.text.encode("ascii")).hexdigest()

    @cached_property
    def bytes(self) -> int:
        """Bytes of content of all files."""
        return sum(entry.size for entry in self.entries.values())

    @cached_property
    def files(self) -> int:
        """Number of regular files."""
        return sum(entry.is_file for entry in self.entries.values())


EMPTY = Manifest({})


def line(path: bytes, entry: Entry) -> str:
    """One line of the text form."""
    return f"{encode_path(path)}\t{entry.kind}\t{entry.size}\t{entry.content}"


def parse(text: str) -> Manifest:
    """The manifest of a text form. ValueError names the first line that is not one."""
    entries: dict[bytes, Entry] = {}
    for number, item in enumerate(text.splitlines(), 1):
        try:
            encoded, kind, size, content = item.split("\t")
            path = decode_path(encoded)
            entry = Entry(kind, int(size), content)
            if not is_inside(path) or kind not in _KINDS or entry.size < 0:
                raise ValueError
            if entry.is_file and (len(content) != 64 or not set(content) <= set("0123456789abcdef")):
                raise ValueError
            if kind == LINK:
                decode_path(content)
        except ValueError:
            raise ValueError(f"line {number} of the manifest is not an entry: {item[:80]!r}") from None
        entries[path] = entry
    return Manifest(entries)


def is_inside(path: bytes) -> bool:
    """Whether a path stays below the folder that it is relative to: no empty, `.` or `..` part, no NUL."""
    return b"\0" not in path and all(part not in (b"", b".", b"..") for part in path.split(b"/"))


@dataclass(frozen=True)
class Difference:
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
    gone: tuple[str, ...]
    added: tuple[str, ...]

    @property
    def empty(self) -> bool:
        return not self.gone and not self.added


def difference(old: Manifest, new: Manifest) -> Difference:
    """What has to be removed and sent to turn `old` into `new`.

    A path whose kind changed (but for file and executable) is removed before it is sent, so that nothing
    is ever written through an old symbolic link or over a folder.
    """
    remove: set[bytes] = set()
    send: list[bytes] = []
    gone: list[str] = []
    added: list[str] = []
    for path, entry in old.entries.items():
        successor = new.entries.get(path)
        if successor == entry:
            continue
        gone.append(line(path, entry))
        if successor is None or (successor.kind != entry.kind and not (successor.is_file and entry.is_file)):
            remove.add(path)
    for path, entry in new.entries.items():
        if old.entries.get(path) != entry:
            send.append(path)
            added.append(line(path, entry))
    changed = [new.entries[path] for path in send]
    return Difference(
        remove=tuple(sorted(path for path in remove if not _below(path, remove))),
        send=tuple(sorted(send)),
        bytes=sum(entry.size for entry in changed),
        files=sum(entry.is_file for entry in changed),
        gone=tuple(sorted(gone)),
        added=tuple(sorted(added)),
    )


def _below(path: bytes, folders: Set[bytes]) -> bool:
    """Whether a parent of `path` is among `folders`."""
    while b"/" in path:
        path = path.rpartition(b"/")[0]
        if path in folders:
            return True
    return False
