"""The content of a tree's files, one behind the other in one file that has no name.

Thousands of small files cost more than a second of system time on a usual disk; one costs what its bytes cost. The
system removes the file with the process, however that ends.
"""

from __future__ import annotations

import errno
import os
import tempfile
import weakref
from array import array
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from core.files import let_go
from core.source.coming import Coming
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
        self._coming: Coming | None = None
        self._file = tempfile.TemporaryFile(dir=folder, buffering=_BUFFER)  # noqa: SIM115  # lives as long as we do
        weakref.finalize(self, let_go, self._file)
        self.length = 0
        """Bytes that it took; those that were settled since can be read."""
        self._numbers: dict[bytes, int] = {}
        self._places = array("Q")
        """Where the content of each file begins and ends; the first of the two is at its number."""
        self._others: set[bytes] = set()

    def __contains__(self, path: bytes) -> bool:
        return path in self._numbers

    def tell(self, coming: Coming, when: int) -> None:
        """Tell from now on what comes, as it comes. when: its time, in seconds since the epoch."""
        self._coming = coming
        coming.fill(self, when)

    def below(self, path: bytes) -> Part:
        """What lies below a folder, which is to come."""
        return Part(self, path + b"/")

    def folder(self, path: bytes) -> None:
        self._is_new(path)
        self._others.add(path)
        if self._coming:
            self._coming.folder(path)

    def link(self, path: bytes, target: bytes) -> None:
        self._is_new(path)
        self._others.add(path)
        if self._coming:
            self._coming.link(path, target)

    @contextmanager
    def file(self, path: bytes, size: int, *, executable: bool, when: int) -> Iterator[Callable[[Buffer], None]]:
        self._is_new(path)
        if self._coming:
            self._coming.file(path, size, self.length, executable=executable)
        with self._written(path) as write:
            yield write

    def whole(self, path: bytes, content: Buffer, *, executable: bool, when: int) -> None:
        self._is_new(path)
        begin = self.length
        self._write(content)
        self._note(path, begin)
        if self._coming:
            self._coming.whole(path, content, begin, executable=executable)

    @contextmanager
    def replace(self, path: bytes) -> Iterator[Callable[[Buffer], None]]:
        """Give a file another content."""
        if self._coming:
            self._coming.replaced(path)
        with self._written(path) as write:
            yield write

    @contextmanager
    def _written(self, path: bytes) -> Iterator[Callable[[Buffer], None]]:
        begin = self.length
        yield self._write
        self._note(path, begin)

    def _write(self, content: Buffer) -> None:
        self._file.write(content)
        self.length += len(content)
        if self._coming:
            self._coming.grown(self.length)

    def _note(self, path: bytes, begin: int) -> None:
        self._numbers[path] = len(self._places)
        self._places.extend((begin, self.length))

    def summed(self, summing: Summing) -> None:
        if self._sums:
            self._sums.keep(summing)

    def settle(self) -> None:
        """What it has can be read from now on. OSError where not all of it could be written."""
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

    def part(self, begin: int, end: int) -> bytes:
        """What it took from one place to another. It is there: `settle` was called since."""
        piece = os.pread(self._file.fileno(), end - begin, begin)
        if len(piece) != end - begin:
            raise OSError(errno.EIO, "the system gives less than was written", self.place)
        return piece

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

    def file(
        self, path: bytes, size: int, *, executable: bool, when: int
    ) -> AbstractContextManager[Callable[[Buffer], None]]:
        return self._spool.file(self._start + path, size, executable=executable, when=when)

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
