"""Sums of the blocks of a large content: which parts of a new content are in an old one that is not at hand (pure).

A sum is the CRC-32 of a block and the first bytes of it. That is enough to find what stayed, and where it moved to.
It proves nothing: only the SHA-256 of what is made of it does.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from functools import cached_property

from msgspec import Struct

BLOCK = 16 << 10
_PROBE = 12
SUM_BYTES = 4 + _PROBE

_FROM, _TO = 2 << 20, 16 << 30
"""Bytes of a content for which sums are made: they take a thousandth of it, on disk and in memory."""
_MOST_PROBES = 1 << 18
"""Blocks of an old content that are looked for at each byte: 4 GB of it, for which 30 MB of memory are needed."""
_NEAR = 4
"""Blocks behind one that has changed in which what follows is looked for first."""
_WINDOW = 8 << 20
"""Bytes of the new content in which what follows is looked for last: as much may have come in."""
_SLIDES, _SEARCHES = 128, 32
"""How often it is looked for at each byte, and in a window: 4 ms and 30 ms each."""
_TRIES = 64
"""Places that may be compared each time."""
_STRIDE = 512
"""Blocks between two looks, at most, where nothing was found several times."""
MOST_RUNS = 1000
"""Of a file: the server starts a program for each."""
_GIVEN_UP = 100 * MOST_RUNS
"""Runs of a content that has changed everywhere: it counts as new."""

Buffer = bytes | memoryview
Read = Callable[[int, int], bytes]
"""So many bytes of the new content from a place on; fewer at its end."""
Look = Callable[[], object]
"""Is called between two blocks; raises what ends the work."""


class Sums(Struct, frozen=True, dict=True):
    """Of a content of so many bytes."""

    size: int
    raw: bytes

    @property
    def fits(self) -> bool:
        """Whether there is a sum for each block."""
        return len(self.raw) == self.count * SUM_BYTES

    @cached_property
    def count(self) -> int:
        """Blocks; the last one may be shorter."""
        return -(-self.size // BLOCK)

    def length(self, block: int) -> int:
        """Bytes of a block."""
        return min(BLOCK, self.size - block * BLOCK)

    def of(self, block: int, count: int = 1) -> bytes:
        """The sums of blocks."""
        return self.raw[block * SUM_BYTES : (block + count) * SUM_BYTES]

    def probe(self, block: int) -> bytes:
        """The first bytes of a block; b"" where they would be found everywhere, or in none."""
        probe = self.of(block)[4:]
        return b"" if self.length(block) < _PROBE or probe.count(probe[0]) == _PROBE else probe


class Summing:
    """The SHA-256 of a content and, if they are wanted, the sums of its blocks, in one pass over it."""

    def __init__(self, wanted: bool = True) -> None:
        self._wanted = wanted
        self._digest = hashlib.sha256()
        self._raw = bytearray()
        self._rest = b""
        self._size = 0

    def update(self, piece: Buffer) -> None:
        """Take the next bytes."""
        self._digest.update(piece)
        self._size += len(piece)
        if not self._wanted:
            return
        view = memoryview(piece)
        if self._rest:
            missing = BLOCK - len(self._rest)
            self._rest += view[:missing]
            view = view[missing:]
            if len(self._rest) < BLOCK:
                return
            self._raw += sum_of(self._rest)
        whole = len(view) // BLOCK * BLOCK
        for place in range(0, whole, BLOCK):
            self._raw += sum_of(view[place : place + BLOCK])
        self._rest = bytes(view[whole:])

    def hexdigest(self) -> str:
        """The SHA-256 of all of it."""
        return self._digest.hexdigest()

    def sums(self) -> Sums:
        """The sums of all of it; they do not fit where none were wanted."""
        return Sums(self._size, bytes(self._raw) + (sum_of(self._rest) if self._rest else b""))


def has_sums(size: int) -> bool:
    """Whether sums of a content of so many bytes are worth it."""
    return _FROM < size <= _TO


def sum_of(block: Buffer) -> bytes:
    """The sum of one block."""
    return zlib.crc32(block).to_bytes(4, "little") + bytes(block[:_PROBE]).ljust(_PROBE, b"\0")


class Run(Struct, frozen=True):
    """The next `size` bytes of a new content: those of the old one from the block `old` on, or new ones (-1)."""

    size: int
    old: int = -1


def matched(old: Sums, new: Sums, read: Read, look: Look) -> list[Run]:
    """What a new content is made of, where only the sums of the old one are known."""
    return few(_Matching(old, new, read, look).runs())


def few(runs: list[Run], most: int = MOST_RUNS) -> list[Run]:
    """The same with so many runs at most: the shortest copies count as new."""
    blocks = 1
    while len(runs) > most:
        short = blocks * BLOCK
        runs = _joined([Run(run.size) if run.size <= short else run for run in runs])
        blocks *= 2
    return runs


class _Matching:
    def __init__(self, old: Sums, new: Sums, read: Read, look: Look) -> None:
        self._old, self._new, self._read, self._look = old, new, read, look
        self._slides, self._searches = _SLIDES if old.count <= _MOST_PROBES else 0, _SEARCHES
        self._far = True
        """Whether something that is in its old place may still come."""

    def runs(self) -> list[Run]:
        runs: list[Run] = []
        place = block = 0
        stride = 1
        while place < self._new.size:
            self._look()
            if len(runs) > _GIVEN_UP:
                return [Run(self._new.size)]
            if count := self._same_from(place, block):
                end = min((block + count) * BLOCK, self._old.size)
                runs.append(Run(end - block * BLOCK, block))
                place += end - block * BLOCK
                block += count
                stride = 1
                continue
            found = self._next(place, block)
            if found is None:
                size = min(stride * BLOCK, self._new.size - place)
                found = place + size, block + stride
                stride = min(2 * stride, _STRIDE) if self._slides else 1
            if found[0] > place:
                runs.append(Run(found[0] - place))
            place, block = found
        return _joined(runs)

    def _same_from(self, place: int, block: int) -> int:
        """How many blocks of the old content from this one on are in the new one from that place on."""
        if place == block * BLOCK:
            many = 4096
            while many > 1:
                if block + many < min(self._old.count, self._new.count) and (
                    self._old.of(block, many) == self._new.of(block, many)
                ):
                    return many
                many //= 8
        return int(self._is_at(place, block))

    def _is_at(self, place: int, block: int) -> bool:
        """Whether the new content has a block of the old one in a place."""
        if block >= self._old.count or place + self._old.length(block) > self._new.size:
            return False
        known, inside = divmod(place, BLOCK)
        if not inside and self._new.length(known) == self._old.length(block):
            return self._new.of(known) == self._old.of(block)
        return sum_of(self._read(place, self._old.length(block))) == self._old.of(block)

    def _next(self, place: int, block: int) -> tuple[int, int] | None:
        """Where the new content goes on as the old one does, behind something that is new: a place, and a block."""
        for more in range(1, _NEAR + 1):
            there = place + more * BLOCK, block + more
            if there[1] < self._old.count and self._old.probe(there[1]) and self._is_at(*there):
                return there
        return self._slid(place) or self._searched(place, block) or self._in_place(place, block)

    def _slid(self, place: int) -> tuple[int, int] | None:
        """Any block of the old content that begins in the next two blocks."""
        if not self._slides:
            return None
        self._slides -= 1
        window = self._read(place, 3 * BLOCK)
        tries = _TRIES
        for offset in range(min(2 * BLOCK, len(window))):
            block = self._by_probe.get(window[offset : offset + _PROBE])
            if block is None:
                continue
            if sum_of(window[offset : offset + self._old.length(block)]) == self._old.of(block):
                self._slides += 1
                return place + offset, block
            tries -= 1
            if not tries:
                break
        return None

    def _searched(self, place: int, block: int) -> tuple[int, int] | None:
        """One of the next blocks of the old content, behind much that came in."""
        if not self._searches:
            return None
        self._searches -= 1
        window = self._read(place, _WINDOW + BLOCK)
        tries = _TRIES
        for each in range(block, min(block + 2 * _NEAR, self._old.count)):
            probe, at = self._old.probe(each), -1
            while probe and tries and (at := window.find(probe, at + 1)) >= 0:
                if sum_of(window[at : at + self._old.length(each)]) == self._old.of(each):
                    return place + at, each
                tries -= 1
        return None

    def _in_place(self, place: int, block: int) -> tuple[int, int] | None:
        """The next block that is where it was."""
        if place != block * BLOCK or not self._far:
            return None
        for each in range(block + 1, min(self._old.count, self._new.count)):
            if self._old.of(each) == self._new.of(each) and self._old.length(each) == self._new.length(each):
                return each * BLOCK, each
        self._far = False
        return None

    @cached_property
    def _by_probe(self) -> dict[bytes, int]:
        found = {self._old.probe(block): block for block in range(self._old.count - 1, -1, -1)}
        found.pop(b"", None)
        return found


def _joined(runs: list[Run]) -> list[Run]:
    """The same with neighbours as one."""
    out: list[Run] = []
    for run in runs:
        last = out[-1] if out else None
        if last and run.old < 0 and last.old < 0:
            out[-1] = Run(last.size + run.size)
        elif last and run.old >= 0 and last.old >= 0 and last.old * BLOCK + last.size == run.old * BLOCK:
            out[-1] = Run(last.size + run.size, last.old)
        else:
            out.append(run)
    return out
