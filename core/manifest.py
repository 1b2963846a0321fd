"""The entries of a tree, the difference of two, and the text form (pure).

Text form: one line an entry, `path TAB kind TAB size TAB content`, sorted by the bytes of the line, so that
`comm` and `sort -m` can merge two of them on a server. The path is written by core.text.encode_path. Kinds:

    f  file              size in bytes, SHA-256 in hex
    x  executable file   likewise
    l  symbolic link     size 0, its target, encoded like a path
    d  folder            size 0, "-"

All may read what the kind alone names: its mode is 644, or 755. What is private has its mode behind the kind: `f600`,
`x750`, `d700`.
"""

from __future__ import annotations

import hashlib
import operator
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TypeAlias

from msgspec import Struct

from core.entry import EXECUTABLE as EXECUTABLE
from core.entry import FILE as FILE
from core.entry import FOLDER as FOLDER
from core.entry import FOLDER_ENTRY as FOLDER_ENTRY
from core.entry import LINK as LINK
from core.entry import Difference as Difference
from core.entry import Entry as Entry
from core.entry import below, line
from core.entry import closed as closed
from core.entry import link as link
from core.entry import masked as masked
from core.text import decode_path, encode_path, same_path

MANY = 20_000
"""Entries from which on a tree is kept in its text form (core.packed): a dict of them takes three times as much."""

LONGEST_TARGET = 4095
"""Bytes of a link's target (PATH_MAX, without the NUL)."""


_Raw: TypeAlias = bytes
"""For a class that has an attribute of that name."""


class Manifest(Struct, frozen=True, dict=True):
    """The entries of a tree by path (bytes, relative, `/` between parts, never "." or "..")."""

    entries: Mapping[bytes, Entry]

    @cached_property
    def lines(self) -> Sequence[str]:
        """The text form's lines without their newlines, sorted."""
        lines: Sequence[str] | None = getattr(self.entries, "lines", None)  # core.packed
        return sorted(line(path, entry) for path, entry in self.entries.items()) if lines is None else lines

    @property
    def is_large(self) -> bool:
        """Whether its entries are kept in the text form (core.packed)."""
        return hasattr(self.entries, "lines")

    @cached_property
    def raw(self) -> _Raw:
        """The text form as bytes."""
        return raw_of(self.lines)

    @property
    def text(self) -> str:
        """The text form, ASCII; made each time."""
        return self.raw.decode("ascii")

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the text form in hex: what tells two trees apart."""
        return hashlib.sha256(self.raw).hexdigest()

    @cached_property
    def bytes(self) -> int:
        """Bytes of content of all files."""
        return sum(entry.size for entry in self.entries.values())

    @cached_property
    def files(self) -> int:
        """Number of regular files."""
        return sum(entry.is_file for entry in self.entries.values())

    def in_order(self) -> Iterator[tuple[_Raw, Entry]]:
        """Each path with its entry, sorted by path."""
        for path in sorted(self.entries):
            yield path, self.entries[path]


EMPTY = Manifest({})


def raw_of(lines: Sequence[str]) -> bytes:
    """The text of some lines, which have no newlines."""
    raw: bytes | None = getattr(lines, "raw", None)  # core.packed
    return "".join([f"{item}\n" for item in lines]).encode("ascii") if raw is None else raw


def derived(base: Manifest, entries: Mapping[bytes, Entry]) -> Manifest:
    """Build a manifest by patching `base`'s text; about three times faster when few entries differ."""
    old = base.entries
    gone = {line(path, entry) for path, entry in old.items() if entries.get(path) != entry}
    added = [line(path, entry) for path, entry in entries.items() if old.get(path) != entry]
    manifest = Manifest(entries)
    manifest.__dict__["lines"] = sorted([*(item for item in base.lines if item not in gone), *added])
    return manifest


_PATH = "[A-Za-z0-9._/+=:,@~%-]+"
_OUTSIDE = re.compile(rb"\0|(?:^|/)\.{0,2}(?:/|\Z)")
"""What no path of a tree has: a NUL, or a part that is empty, `.` or `..`."""
_LINE = re.compile(
    rf"^({_PATH})\t(?:(f(?:6[04]0|604)?|x(?:7[05]0|705)?)\t(0|[1-9][0-9]{{0,17}})\t([0-9a-f]{{64}})"
    rf"|(d(?:7[015][01]|7[01]5)?)\t0\t-|l\t0\t({_PATH}))$",
    re.MULTILINE,
)


_PIECE = 1 << 20
"""Bytes of a large text that are parsed at a time."""
_TWICE = "the manifest names a path twice"


def parse(text: str | bytes) -> Manifest:
    """The manifest of a text form. ValueError says what makes it another text than `Manifest.text`.

    A text that was cut, is out of order or is written in another way was not written by Turnout, and nothing in it
    counts. One expression over the whole text: a manifest of 5,000 entries is on the way of every command.
    """
    if isinstance(text, str):
        return parse(text.encode("ascii")) if text.count("\n") > MANY else _parse(text)
    return _parse_large(text) if text.count(b"\n") > MANY else _parse(text.decode("ascii"))


def _parse(text: str) -> Manifest:
    entries, lines = _parsed(text)
    manifest = Manifest(entries)
    manifest.__dict__.update(raw=text.encode("ascii"), lines=lines)
    return manifest


def _parse_large(raw: bytes) -> Manifest:
    """The same for very many entries, a piece at a time."""
    from core.packed import Lines, Packed, pieces  # few trees are that large

    before, number = "", 0
    for _, piece in pieces(raw, _PIECE):
        _, lines = _parsed(piece.decode("ascii"), number)
        if before:
            if before.partition("\t")[0] == lines[0].partition("\t")[0]:
                raise ValueError(_TWICE)
            _check_order([before, lines[0]])
        before, number = lines[-1], number + len(lines)
    return Manifest(Packed(Lines(raw)))


def _parsed(text: str, number: int = 0) -> tuple[dict[bytes, Entry], list[str]]:
    """The entries and the lines of a text form; `number` lines come before it. ValueError as `parse`."""
    rows = _LINE.findall(text)
    if len(rows) != text.count("\n") + (text[-1:] not in ("\n", "")):
        raise ValueError(_fault(text, number))
    lines = text.split("\n")
    if lines.pop():
        raise ValueError("the manifest's last line is cut off")
    entries: dict[bytes, Entry] = {}
    new = tuple.__new__
    try:
        for encoded, kind, size, content, folder, target in rows:
            if "%" in encoded or "/." in encoded or "//" in encoded or encoded[0] in "./" or encoded[-1] == "/":
                path = decode_path(encoded)
                if encode_path(path) != encoded or not is_inside(path):
                    raise ValueError
            else:
                path = encoded.encode("ascii")
            if kind in ("f", "x"):
                entries[path] = new(Entry, (kind, int(size), content, 0))  # a third of the time that Entry() takes
            elif kind:
                entries[path] = Entry(kind[0], int(size), content, closed(kind[0], int(kind[1:], 8)))
            elif folder == FOLDER:
                entries[path] = FOLDER_ENTRY
            elif folder:
                entries[path] = FOLDER_ENTRY._replace(closed=closed(FOLDER, int(folder[1:], 8)))
            else:
                _check_target(target)
                entries[path] = Entry(LINK, 0, target)
    except ValueError:
        raise ValueError(_fault(text, number)) from None
    if len(entries) != len(rows):
        raise ValueError(_TWICE)
    _check_order(lines)
    return entries, lines


def _check_order(lines: list[str]) -> None:
    """ValueError where lines are not in the one order."""
    if not all(map(operator.lt, lines, lines[1:])):
        raise ValueError("the manifest's lines are out of order")


def _check_target(encoded: str) -> None:
    """ValueError where a link's target is not in the one form, or is none that a link can have."""
    target = decode_path(encoded)
    if encode_path(target) != encoded or b"\0" in target or len(target) > LONGEST_TARGET:
        raise ValueError


def _fault(text: str, before: int = 0) -> str:
    """Which line is not an entry, for an error; `before`: lines that come before the text."""
    for number, item in enumerate(text.removesuffix("\n").split("\n"), before + 1):
        match = _LINE.fullmatch(item)
        try:
            if not match or not is_inside(decode_path(match[1])) or same_path(match[1]) != match[1]:
                raise ValueError
            _check_target(match[6] or "")
        except ValueError:
            return f"line {number} of the manifest is not an entry: {item[:80]!r}"
    return "this is not a manifest"


def is_inside(path: bytes) -> bool:
    """Whether a path stays below the folder that it is relative to: no empty, `.` or `..` part, no NUL."""
    return _OUTSIDE.search(path) is None


KNOWN_DIFFERENCES = 4
"""How many differences a manifest keeps, each with what it differs from."""


def difference(old: Manifest, new: Manifest, *, of_group: bool = False) -> Difference:
    """What has to be removed and sent to turn `old` into `new`.

    of_group   a group shares the folder: only who made a folder can change its mode, so one of another mode is made
               anew, with all that is in it
    A path whose kind changed (but for file and executable) is removed before it is sent, so that nothing
    is ever written through an old symbolic link or over a folder.
    Found once for the same two manifests: a fleet's plan asks for each of its servers.
    """
    known: dict[tuple[int, bool], tuple[Manifest, Difference]] = new.__dict__.setdefault("_differences", {})
    key = id(old), of_group  # `old` is kept with it, so no other one has its id
    found = known.get(key)
    if found is None:
        found = known[key] = old, _difference(old, new, of_group=of_group)
        if len(known) > KNOWN_DIFFERENCES:
            known.pop(list(known)[0], None)  # noqa: RUF015  # other threads may add one meanwhile
    return found[1]


def _difference(old: Manifest, new: Manifest, *, of_group: bool) -> Difference:
    if old.is_large or new.is_large:
        from core.packed import Lines, difference_of_large  # few trees are that large

        both = [each.lines if isinstance(each.lines, Lines) else Lines(each.raw) for each in (old, new)]
        return difference_of_large(*both, of_group=of_group)
    remove: set[bytes] = set()
    send: list[bytes] = []
    gone: list[str] = []
    added: list[str] = []
    anew: set[bytes] = set()
    for path, entry in old.entries.items():
        successor = new.entries.get(path)
        if successor == entry:
            continue
        gone.append(line(path, entry))
        if successor is None or (successor.kind != entry.kind and not (successor.is_file and entry.is_file)):
            remove.add(path)
        elif of_group and entry.kind == FOLDER:
            remove.add(path)
            anew.add(path)
    for path, entry in new.entries.items():
        if old.entries.get(path) != entry:
            send.append(path)
            added.append(line(path, entry))
        elif anew and below(path, anew):
            send.append(path)
    changed = [new.entries[path] for path in send]
    return Difference(
        remove=tuple(sorted(path for path in remove if not below(path, remove))),
        send=tuple(sorted(send)),
        bytes=sum(entry.size for entry in changed),
        files=sum(entry.is_file for entry in changed),
        gone=tuple(sorted(gone)),
        added=tuple(sorted(added)),
    )
