"""Hashes of files that were read before, in 84 bytes each: a dict of them takes four times as much.

A hash counts for a path while the file's stamp is the same. Of the path itself only two sums are kept: where those of
two paths are the same, the stamps differ, which have the inode.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from bisect import bisect_left
from os import stat_result
from pathlib import Path

from core.errors import SourceError
from core.source.store import write_whole

Stamp = bytes
"""Size in bytes, mtime and ctime in nanoseconds, inode, device: another disk may be mounted in the same place."""

_STAMP = struct.Struct("<QqqQQ")
_MOST = (1 << 64) - 1
_SHA = 32
_RECORD = _STAMP.size + _SHA
_KEY, _NUMBER = "Q", "I"
_ENTRY = array(_KEY).itemsize + array(_NUMBER).itemsize + _RECORD
_FORMAT = b"hashes-3" + sys.byteorder[:1].encode("ascii")
_HEAD = len(_FORMAT) + 30
"""Bytes before the first hash: the format, the CRC-32 of what follows, and how many bytes that is. A machine that lost
its power may leave a file of the right length with zeros in it."""


def stamp_of(facts: stat_result) -> Stamp:
    """What changes when a file's content does."""
    return _STAMP.pack(facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino & _MOST, facts.st_dev & _MOST)


def touched(stamp: Stamp) -> int:
    """When a file was changed last, by either of its times, in nanoseconds since the epoch."""
    times: tuple[int, ...] = _STAMP.unpack(stamp)[1:3]
    return max(times)


class Hashes:
    """SHA-256 of files by path and stamp: those of before, and those that are added until `settle`. Kept in `file`
    (None: not kept).
    """

    def __init__(self, file: Path | None = None) -> None:
        self.file = file
        self._keys = array(_KEY)
        """Sorted; beside each, which record it is of."""
        self._numbers = array(_NUMBER)
        self._records = bytearray()
        self._added_keys = array(_KEY)
        self._added = bytearray()

    def __len__(self) -> int:
        return len(self._keys)

    @classmethod
    def load(cls, file: Path) -> Hashes:
        """What `save` kept; nothing where it cannot be read."""
        try:
            content = memoryview(file.read_bytes())
        except OSError:
            return cls(file)
        head, body = bytes(content[:_HEAD]), content[_HEAD:]
        count, rest = divmod(len(body), _ENTRY)
        if rest or head != _head(body):
            return cls(file)
        numbers, records = count * array(_KEY).itemsize, count * (_ENTRY - _RECORD)
        hashes = cls(file)
        hashes._keys.frombytes(body[:numbers])
        hashes._numbers.frombytes(body[numbers:records])
        hashes._records += body[records:]
        return hashes if max(hashes._numbers, default=0) < max(count, 1) else cls(file)

    def save(self) -> None:
        """Keep them. A cache that cannot be written is ignored."""
        if self.file is None:
            return
        parts = self._keys.tobytes(), self._numbers.tobytes(), self._records
        try:
            write_whole(self.file, b"".join((_head(*parts), *parts)))
        except (OSError, SourceError):
            return

    def get(self, path: bytes, stamp: Stamp) -> str:
        """The SHA-256 in hex of a file that has this stamp; "" where none is known."""
        key = _key(path)
        place = bisect_left(self._keys, key)
        while place < len(self._keys) and self._keys[place] == key:
            begin = self._numbers[place] * _RECORD
            end = begin + _STAMP.size
            if self._records[begin:end] == stamp:
                return self._records[end : begin + _RECORD].hex()
            place += 1
        return ""

    def add(self, path: bytes, stamp: Stamp, content: str) -> None:
        """Take in a file's SHA-256, in hex, each path once."""
        self._added_keys.append(_key(path))
        self._added += stamp + bytes.fromhex(content)

    def settle(self) -> None:
        """Have those that were added in the place of those of before."""
        keys = self._added_keys
        self._numbers = array(_NUMBER, sorted(range(len(keys)), key=keys.__getitem__))
        self._keys = array(_KEY, map(keys.__getitem__, self._numbers))
        self._records = self._added
        self._added_keys, self._added = array(_KEY), bytearray()


def _head(*parts: bytes | bytearray | memoryview) -> bytes:
    seal = 0
    for part in parts:
        seal = zlib.crc32(part, seal)
    return b"%b %08x %019d\n" % (_FORMAT, seal, sum(map(len, parts)))


def _key(path: bytes) -> int:
    return zlib.crc32(path) << 32 | zlib.adler32(path)
