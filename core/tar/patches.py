"""Patches: what a server makes a changed file of, from the old content that it has and what is sent.

A file is made range by range: a range that is in the old content is copied from there; any other is a zstd frame, made
with the old content around that place as its dictionary. So neither side needs memory for a whole file, and the `zstd`
of any version can unpack them (`zstd -D`, which takes dictionaries up to 32 MB). Only the SHA-256 of the whole result
tells whether it is right.

Where only the sums of the old content are left (core.sums), ranges are blocks of 16 kB, and what is new is packed
without a dictionary.

They travel in the upload's tar stream, as files of `incoming/patches`; patch.sh says what its `list` holds.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from msgspec import Struct

from core import layout
from core.files import let_go
from core.manifest import Entry
from core.sums import BLOCK, Run
from core.tar.writer import CHUNK, Chunk, blob, header, padding
from core.tar.zstd import zstd_library
from core.text import read_word, touch_time

RANGE = 8 << 20
AROUND = 4 << 20
"""Bytes of the old content that a range's patch may use, before its place and behind it."""
UNIT = 1 << 16
"""Bytes in which the server counts places of the old content: what its `dd` reads at a time."""
SMALLER = 0.7
"""What a patch has to be of its file, to be sent in its place."""
_TRIED = 4 * RANGE
"""Bytes of a file after which a patch that saves nothing is given up."""
_LEVEL, _WINDOW = 3, 24
_LOOKS = 8
"""How often the whole old content is searched, where a range is not at its place."""
_PROBE = 64

Look = Callable[[], object]
"""Is called between two ranges; raises what ends the work."""


class Range(Struct, frozen=True):
    """How a part of a file is made: `count` units of the old content from `skip` on are copied, or are the dictionary
    of the piece `piece` (-1: there is none)."""

    skip: int
    count: int
    piece: int = -1

    @property
    def line(self) -> str:
        """As patch.sh reads it."""
        return f"copy {self.skip} {self.count}" if self.piece < 0 else f"piece {self.skip} {self.count} {self.piece}"


class Part(Struct, frozen=True):
    """`count` units from `skip` on of what the piece `piece` holds, and `rest` bytes behind them."""

    piece: int
    skip: int
    count: int
    rest: int

    @property
    def line(self) -> str:
        return f"part {self.piece} {self.skip} {self.count} {self.rest}"


class Patch(Struct, frozen=True):
    """How a file is made of its old content; `sent` bytes travel for it, and `unit` bytes count as one."""

    path: bytes
    entry: Entry
    mtime: int
    ranges: Sequence[Range | Part]
    sent: int
    unit: int = UNIT


@dataclass
class Patches:
    """The patches of one upload, with their pieces in one file that has no name.

    folder   on whose file system it lies
    """

    folder: Path
    made: list[Patch] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._file = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115  # lives as long as we do
        weakref.finalize(self, let_go, self._file)
        self._ends: list[int] = []

    @property
    def sent(self) -> int:
        """Bytes that travel for all of them."""
        return sum(patch.sent for patch in self.made)

    def add(
        self, path: bytes, entry: Entry, mtime: int, old: BinaryIO, old_size: int, new: BinaryIO, look: Look
    ) -> bool:
        """Make the patch of a file; False where it saves too little, and the file is to be sent whole.

        old, new   both contents; no byte of either is trusted to be what a manifest says
        """
        before = len(self._ends)
        ranges: list[Range] = []
        sent = done = 0
        matcher = _Matcher(old, old_size, new)
        for place in range(0, entry.size, RANGE):
            look()
            size = min(RANGE, entry.size - place)
            found, frame = matcher.match(place, size)
            if frame is not None:
                self._keep(frame)
                found = Range(found.skip, found.count, len(self._ends) - 1)
                sent += len(frame)
            ranges.append(found)
            done += size
            if sent > SMALLER * (done if done >= _TRIED else entry.size):
                self._drop(before)
                return False
        if sent > SMALLER * entry.size:
            self._drop(before)
            return False
        self.made.append(Patch(path, entry, mtime, joined(ranges), sent))
        return True

    def add_matched(
        self, path: bytes, entry: Entry, mtime: int, runs: Sequence[Run], new: BinaryIO, look: Look
    ) -> bool:
        """Make the patch of a file of which `runs` tells what stays; otherwise as `add`."""
        before = len(self._ends)
        ranges: list[Range | Part] = []
        fresh = bytearray()
        place = 0

        def pack() -> int:
            if not fresh:
                return 0
            frame = _compressed(bytes(fresh), b"")
            fresh.clear()
            self._keep(frame)
            return len(frame)

        sent = 0
        for run in runs:
            end = place + run.size
            if run.old >= 0:
                ranges.append(Range(run.old, -(-run.size // BLOCK)))
                place = end
            while place < end:
                look()
                count, rest = divmod(min(end - place, RANGE - len(fresh)), BLOCK)
                ranges.append(Part(len(self._ends), len(fresh) // BLOCK, count, rest))
                fresh += read_at(new, place, count * BLOCK + rest)
                fresh += bytes(-len(fresh) % BLOCK)
                place += count * BLOCK + rest
                if len(fresh) >= RANGE:
                    sent += pack()
            if sent > SMALLER * entry.size:
                break
        sent += pack()
        if sent > SMALLER * entry.size:
            self._drop(before)
            return False
        self.made.append(Patch(path, entry, mtime, ranges, sent, BLOCK))
        return True

    def add_same(self, path: bytes, entry: Entry, mtime: int) -> None:
        """A file whose content the server has already, under another mode."""
        self.made.append(Patch(path, entry, mtime, [Range(0, -(-entry.size // UNIT))], 0))

    def settle(self) -> None:
        """All are made. OSError where this machine cannot keep them."""
        self._file.flush()

    def chunks(self) -> Iterator[Chunk]:
        """Chunks of a tar stream without its end: the list, and all pieces. Safe on several threads."""
        self.settle()
        folder = f"{layout.INCOMING}/patches/".encode()
        yield Chunk(blob(folder + b"list", self.listing().encode("ascii")), 0, 0)
        begin = 0
        for number, end in enumerate(self._ends):
            raw = header(b"%b%d" % (folder, number), b"0", 0o644, end - begin, 0)
            left = end - begin
            while left:
                piece = os.pread(self._file.fileno(), min(left, CHUNK), end - left)
                left -= len(piece)
                yield Chunk(raw + piece, len(piece), 0)
                raw = b""
            yield Chunk(raw + padding(end - begin), 0, 0)
            begin = end
        yield Chunk(b"", 0, len(self.made))

    def listing(self) -> str:
        """What patch.sh reads."""
        lines = []
        for patch in self.made:
            when, path = touch_time(patch.mtime), read_word(patch.path)
            lines.append(f"file {patch.entry.content} {patch.entry.mode:o} {when} {path}")
            lines += [f"unit {patch.unit}", *(each.line for each in patch.ranges), "end"]
        return "".join(f"{line}\n" for line in lines)

    def _keep(self, frame: bytes) -> None:
        begin = self._ends[-1] if self._ends else 0
        self._file.seek(begin)
        self._file.write(frame)
        self._ends.append(begin + len(frame))

    def _drop(self, count: int) -> None:
        del self._ends[count:]


class _Matcher:
    """Finds ranges of a new content in an old one. `shift` is how far the last one had moved."""

    def __init__(self, old: BinaryIO, old_size: int, new: BinaryIO) -> None:
        self._old = old
        self._size = old_size
        self._new = new
        self._shift = 0
        self._looks = 0

    def match(self, place: int, size: int) -> tuple[Range, bytes | None]:
        """What a range is made of, and its frame; None where it is copied."""
        wanted = read_at(self._new, place, size)
        there = place + self._shift
        if there % UNIT == 0 and there >= 0 and there + size <= self._size:
            ends_there = there + size == self._size
            if (size % UNIT == 0 or ends_there) and read_at(self._old, there, size) == wanted:
                return Range(there // UNIT, -(-size // UNIT)), None
        found, frame = self._squeeze(wanted, there)
        if len(frame) > size // 2 and self._looks < _LOOKS and size >= _PROBE:
            self._looks += 1
            moved = self._search(wanted, size // 2)
            if moved is not None and moved != there:
                other, smaller = self._squeeze(wanted, moved)
                if len(smaller) < len(frame):
                    self._shift = moved - place
                    return other, smaller
        return found, frame

    def _squeeze(self, wanted: bytes, there: int) -> tuple[Range, bytes]:
        """A range as a frame, with the old content around a place."""
        begin = min(max(0, there - AROUND), self._size) // UNIT * UNIT
        end = min(-(-max(0, there + len(wanted) + AROUND) // UNIT) * UNIT, self._size)
        near = read_at(self._old, begin, end - begin) if end > begin else b""
        # A content that begins like a dictionary of zstd's own making would be taken for one.
        if near[:4] == b"\x37\xa4\x30\xec" or len(near) < 8:
            near = b""
        frame = _compressed(wanted, near)
        return Range(begin // UNIT, -(-len(near) // UNIT)), frame

    def _search(self, wanted: bytes, middle: int) -> int | None:
        """Where the old content has what is in the middle of a range, as the place of the range's beginning."""
        probe = wanted[middle : middle + _PROBE]
        if probe.count(probe[0]) == len(probe):
            return None  # a run of one byte is everywhere
        for begin in range(0, self._size, RANGE):
            at = read_at(self._old, begin, min(RANGE + _PROBE, self._size - begin)).find(probe)
            if at >= 0:
                return begin + at - middle
        return None


def _compressed(content: bytes, near: bytes) -> bytes:
    zstd: Any = zstd_library()
    option = zstd.CompressionParameter
    options = {
        option.compression_level: _LEVEL,
        option.window_log: _WINDOW,
        option.enable_long_distance_matching: 1,
    }
    known = zstd.ZstdDict(near, is_raw=True).as_prefix if near else None
    squeeze = zstd.ZstdCompressor(options=options, zstd_dict=known)
    frame: bytes = squeeze.compress(content, mode=squeeze.FLUSH_FRAME)
    return frame


def joined(ranges: Sequence[Range]) -> list[Range]:
    """The same with copies of neighbours as one."""
    out: list[Range] = []
    for each in ranges:
        last = out[-1] if out else None
        if last and last.piece < 0 and each.piece < 0 and last.skip + last.count == each.skip:
            out[-1] = Range(last.skip, last.count + each.count)
        else:
            out.append(each)
    return out


def read_at(file: BinaryIO, place: int, size: int) -> bytes:
    """Exactly these bytes, or those up to the end of a file that was cut meanwhile."""
    file.seek(place)
    parts: list[bytes] = []
    while size and (piece := file.read(size)):
        parts.append(piece)
        size -= len(piece)
    return parts[0] if len(parts) == 1 else b"".join(parts)
