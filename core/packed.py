"""A tree of very many files in few bytes: its entries stay in the text form and are read from there (pure).

An entry of a dict takes about 350 bytes, one of the text 100. Looking for one path takes a few microseconds, for the
one behind the path that was looked for before a fraction of that; most work goes through a tree in its order.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import ItemsView, Iterator, Mapping, Sequence, ValuesView
from itertools import accumulate
from typing import overload

from core.entry import FOLDER, Difference, Entry, below, closed
from core.text import decode_path, encode_path, is_plain

_PIECE = 1 << 16
"""Bytes of the text that are taken apart at a time."""
_BLOCK = 64
"""Lines that are compared at once."""


class Lines(Sequence[str]):
    """The lines of a text in ASCII, without their newlines; the last one ends with a newline as well."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.starts = array("Q", [0])
        """Where each line begins, and where the text ends."""
        for place, piece in pieces(raw, _PIECE):
            lengths = [len(item) + 1 for item in piece.split(b"\n")]
            lengths.pop()
            self.starts.extend(accumulate(lengths[1:], initial=place + lengths[0]))

    def __len__(self) -> int:
        return len(self.starts) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(index)
        return self.raw[self.starts[place] : self.starts[place + 1] - 1].decode("ascii")

    def __iter__(self) -> Iterator[str]:
        for _, piece in pieces(self.raw, _PIECE):
            lines = piece.decode("ascii").split("\n")
            lines.pop()
            yield from lines

    def block(self, begin: int, end: int) -> bytes:
        """Some lines as they are in the text."""
        return self.raw[self.starts[begin] : self.starts[min(end, len(self))]]


def pieces(raw: bytes, least: int) -> Iterator[tuple[int, bytes]]:
    """The text in pieces of whole lines, each of so many bytes at least, and where each begins."""
    place = 0
    while place < len(raw):
        end = raw.find(b"\n", place + least) + 1 or len(raw)
        yield place, raw[place:end]
        place = end


class Packed(Mapping[bytes, Entry]):
    """The entries of a text form that is known to be right. Safe on many threads."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self._last = 0

    def __len__(self) -> int:
        return len(self.lines)

    def __iter__(self) -> Iterator[bytes]:
        for item in self.lines:
            yield path_of(item)

    def __getitem__(self, path: bytes) -> Entry:
        start = path + b"\t" if is_plain(path) else encode_path(path).encode("ascii") + b"\t"
        raw, starts = self.lines.raw, self.lines.starts
        place = self._last  # only a guess: another thread may have looked for something else
        if not raw.startswith(start, starts[place]):
            place += 1
            if place >= len(starts) or not raw.startswith(start, starts[place]):
                place = bisect_left(self.lines, start.decode("ascii"))
                if not raw.startswith(start, starts[place]):
                    raise KeyError(path)
        self._last = place
        return entry_of(raw[starts[place] : starts[place + 1] - 1].decode("ascii"))

    def __contains__(self, path: object) -> bool:
        return isinstance(path, bytes) and self.get(path) is not None

    def items(self) -> ItemsView[bytes, Entry]:
        return _Items(self)

    def values(self) -> ValuesView[Entry]:
        return _Values(self)


class _Items(ItemsView[bytes, Entry]):
    def __init__(self, packed: Packed) -> None:
        super().__init__(packed)
        self._packed = packed

    def __iter__(self) -> Iterator[tuple[bytes, Entry]]:
        for item in self._packed.lines:
            yield path_of(item), entry_of(item)


class _Values(ValuesView[Entry]):
    def __init__(self, packed: Packed) -> None:
        super().__init__(packed)
        self._packed = packed

    def __iter__(self) -> Iterator[Entry]:
        return map(entry_of, self._packed.lines)


def path_of(item: str) -> bytes:
    """The path of a line that is known to be right."""
    encoded = item[: item.index("\t")]
    return decode_path(encoded) if "%" in encoded else encoded.encode("ascii")


def entry_of(item: str) -> Entry:
    """The entry of such a line."""
    _, kind, size, content = item.split("\t")
    return Entry(kind[0], int(size), content, closed(kind[0], int(kind[1:], 8)) if len(kind) > 1 else 0)


def changes(old: Lines, new: Lines) -> Iterator[tuple[str, str]]:
    """The lines of two sorted texts that differ, in their order: those of one path together, "" where one has none."""
    first, second = 0, 0
    while first < len(old) and second < len(new):
        if old.block(first, first + _BLOCK) == new.block(second, second + _BLOCK):
            first, second = first + _BLOCK, second + _BLOCK
            continue
        for _ in range(_BLOCK):
            if first >= len(old) or second >= len(new):
                break
            one, other = old[first], new[second]
            path, its = one.partition("\t")[0], other.partition("\t")[0]
            if path <= its:
                first += 1
            if its <= path:
                second += 1
            if one != other:
                yield one if path <= its else "", other if its <= path else ""
    for place in range(first, len(old)):
        yield old[place], ""
    for place in range(second, len(new)):
        yield "", new[place]


def difference_of_large(old: Lines, new: Lines, *, of_group: bool) -> Difference:
    """`core.manifest.difference` by one pass over two sorted texts: what is the same is not taken apart."""
    remove: set[bytes] = set()
    send: list[bytes] = []
    anew: set[bytes] = set()
    size = files = 0
    gone, added = bytearray(), bytearray()
    for before, after in changes(old, new):
        path = path_of(before or after)
        entry = entry_of(before) if before else None
        successor = entry_of(after) if after else None
        if entry:
            gone += b"%b\n" % before.encode("ascii")
            if successor is None or (successor.kind != entry.kind and not (successor.is_file and entry.is_file)):
                remove.add(path)
            elif of_group and entry.kind == FOLDER:
                remove.add(path)
                anew.add(path)
        if successor:
            if len(old):
                added += b"%b\n" % after.encode("ascii")
            send.append(path)
            size += successor.size
            files += successor.is_file
    if anew:
        known = set(send)
        for path, same in Packed(new).items():
            if path not in known and below(path, anew):
                send.append(path)
                size += same.size
                files += same.is_file
    send.sort()
    return Difference(
        remove=tuple(sorted(path for path in remove if not below(path, remove))),
        send=tuple(send),
        bytes=size,
        files=files,
        gone=Lines(bytes(gone)),
        added=Lines(bytes(added)) if len(old) else new,
    )
