"""The content of a tree's files, one behind the other in one file that has no name.

Thousands of small files cost more than a second of system time on a usual disk; one costs what its bytes cost. The
system removes the file with the process, however that ends.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from array import array
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from core.source.sums import KeptSums
from core.sums import Summing
from core.tar.reader import Buffer

_BUFFER = 1 << 20


class Spool:
    """Takes what a tar stream holds (core.tar.reader.Sink) and gives the content of its files. Safe on many threads
    once it is filled.

    folder  on whose file system it lies
    sums    where those of large files are kept
    """

    def __init__(self, folder: Path, sums: KeptSums | None = None) -> None:
        self.place = str(folder)
        self._sums = sums
        self._file = tempfile.TemporaryFile(dir=folder, buffering=_BUFFER)  # noqa: SIM115  # lives as long as we do
        weakref.finalize(self, self._file.close)
        self._length = 0
        self._numbers: dict[bytes, int] = {}
        self._places = array("Q")
        """Where the content of each file begins and ends; the first of the two is at its number."""
        self._others: set[bytes] = set()

    def __contains__(self, path: bytes) -> bool:
        return path in self._numbers

    def below(self, path: bytes) -> Part:
        """What lies below a folder, which is to come."""
        return Part(self, path + b"/")

    def folder(self, path: bytes) -> None:
        self._is_new(path)
        self._others.add(path)

    def link(self, path: bytes, target: bytes) -> None:
        self._is_new(path)
        self._others.add(path)

    @contextmanager
    def file(self, path: bytes, *, executable: bool, when: int) -> Iterator[Callable[[Buffer], None]]:
        self._is_new(path)
        with self.replace(path) as write:
            yield write

    def whole(self, path: bytes, content: Buffer, *, executable: bool, when: int) -> None:
        self._is_new(path)
        self._file.write(content)
        begin = self._length
        self._length += len(content)
        self._note(path, begin)

    @contextmanager
    def replace(self, path: bytes) -> Iterator[Callable[[Buffer], None]]:
        """Give a file another content."""
        begin = self._length

        def write(content: Buffer) -> None:
            self._file.write(content)
            self._length += len(content)

        yield write
        self._note(path, begin)

    def _note(self, path: bytes, begin: int) -> None:
        self._numbers[path] = len(self._places)
        self._places.extend((begin, self._length))

    def summed(self, summing: Summing) -> None:
        if self._sums:
            self._sums.keep(summing)

    def settle(self) -> None:
        """It is filled: from now on it can be read. OSError where not all of it could be written."""
        self._file.flush()

    def read(self, path: bytes, most: int) -> bytes:
        """The beginning of a file, also before all are there."""
        self.settle()
        with self.open(path) as file:
            return file.read(most)

    def open(self, path: bytes) -> BinaryIO:
        """The content of a file, once it is settled. KeyError where it has none of that name."""
        number = self._numbers[path]
        return cast(BinaryIO, Content(self, self._places[number], self._places[number + 1]))

    def fileno(self) -> int:
        return self._file.fileno()

    def _is_new(self, path: bytes) -> None:
        if path in self._numbers or path in self._others:
            raise FileExistsError(path)


class Part:
    """What lies below a folder of a spool, with paths relative to that."""

    def __init__(self, spool: Spool, start: bytes) -> None:
        self.place = spool.place
        self._spool = spool
        self._start = start

    def below(self, path: bytes) -> Part:
        return Part(self._spool, self._start + path + b"/")

    def folder(self, path: bytes) -> None:
        self._spool.folder(self._start + path)

    def link(self, path: bytes, target: bytes) -> None:
        self._spool.link(self._start + path, target)

    def file(self, path: bytes, *, executable: bool, when: int) -> AbstractContextManager[Callable[[Buffer], None]]:
        return self._spool.file(self._start + path, executable=executable, when=when)

    def whole(self, path: bytes, content: Buffer, *, executable: bool, when: int) -> None:
        self._spool.whole(self._start + path, content, executable=executable, when=when)

    def summed(self, summing: Summing) -> None:
        self._spool.summed(summing)

    def read(self, path: bytes, most: int) -> bytes:
        return self._spool.read(self._start + path, most)

    def replace(self, path: bytes) -> AbstractContextManager[Callable[[Buffer], None]]:
        return self._spool.replace(self._start + path)


class Content:
    """A part of a spool, to read as if it were a file of its own: what core.tar.writer asks of a file."""

    def __init__(self, spool: Spool, place: int, end: int) -> None:
        self._spool = spool  # stays open as long as somebody reads
        self._place = place
        self._end = end
        self._begin = place

    def __enter__(self) -> Content:
        return self

    def __exit__(self, *raised: object) -> None:
        return None

    def close(self) -> None:
        """Nothing: the file stays open."""

    def fileno(self) -> int:
        return self._spool.fileno()

    def seek(self, place: int) -> int:
        self._place = min(self._begin + place, self._end)
        return self._place - self._begin

    def read(self, size: int = -1) -> bytes:
        left = self._end - self._place
        wanted = left if size < 0 else min(size, left)
        if not wanted:
            return b""
        piece = os.pread(self._spool.fileno(), wanted, self._place)
        self._place += len(piece)
        return piece
