"""What comes of a tree while its source is still read, for who sends it meanwhile.

One thread reads the source and fills a spool, another one takes what has come, in the same order. What is taken is
compared with the manifest once that is made: nothing counts on a server before it has the manifest, too.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Protocol

from core.errors import SourceError, TurnoutError
from core.jobs import fault
from core.manifest import EXECUTABLE, FILE, LINK, Entry, Manifest
from core.tar.reader import Buffer, is_pointer
from core.text import encode_path

_ENOUGH = 128 << 10
"""Bytes for which it is worth to wake who waits: two threads that take turns for each small file are slow."""
_LOOK = 0.05
"""Seconds between two looks for who waits."""

Choose = Callable[[bytes, bool], bytes | None]
"""The path in the tree that is sent, of a path of the source; None for what is not sent. True for a folder."""


class Spooled(Protocol):
    """What takes the content of all files, one behind the other (core.source.spool)."""

    length: int

    def settle(self) -> None:
        """What it has can be read from now on."""

    def part(self, begin: int, end: int) -> bytes:
        """What it took from one place to another."""


class Coming:
    """Files and links in the order in which they come, apart from what is still to be replaced (pointers of Git LFS).

    mtime   of all of them, in seconds since the epoch
    """

    def __init__(self, choose: Choose) -> None:
        self.mtime = 0
        self._choose = choose
        self._spool: Spooled | None = None
        self._paths: list[bytes] = []
        self._kinds = bytearray()
        self._sizes, self._begins = array("Q"), array("Q")
        self._targets: dict[int, bytes] = {}
        self._replaced: set[bytes] = set()
        self._other = False
        self._settled = 0
        self._more = threading.Condition()
        self._wanted: int | None = None
        self._error: TurnoutError | None = None
        self._ended = False

    # What the thread says that reads the source.

    def fill(self, spool: Spooled, mtime: int) -> None:
        """It begins: what comes goes through this spool."""
        self.mtime = mtime
        self._spool = spool

    def folder(self, path: bytes) -> None:
        """A folder, before what lies in it."""
        self._choose(path, True)

    def link(self, path: bytes, target: bytes) -> None:
        chosen = self._choose(path, False)
        if chosen is not None:
            self._targets[len(self._kinds)] = target
            self._add(chosen, LINK, 0, 0)

    def file(self, path: bytes, size: int, begin: int, *, executable: bool) -> None:
        """A file whose content follows, or is there, from a place of the spool on."""
        chosen = self._choose(path, False)
        if chosen is not None:
            self._add(chosen, EXECUTABLE if executable else FILE, size, begin)

    def whole(self, path: bytes, content: Buffer, begin: int, *, executable: bool) -> None:
        """A file that is there. What begins like a pointer of Git LFS waits for its content."""
        if not is_pointer(content):
            self.file(path, len(content), begin, executable=executable)

    def replaced(self, path: bytes) -> None:
        """A file has another content now."""
        chosen = self._choose(path, False)
        if chosen is not None:
            self._replaced.add(chosen)

    def other(self) -> None:
        """The tree is not made of what came, but of what another process had in place before."""
        self._other = True

    def grown(self, length: int) -> None:
        """The spool has so many bytes now."""
        if self._wanted is not None and length >= self._wanted:
            with self._more:
                self._more.notify_all()

    def end(self, error: TurnoutError | None = None) -> None:
        """All has come, or no more will, for this error. The first word counts."""
        with self._more:
            if not self._ended:
                self._error, self._ended = error, True
                self._more.notify_all()

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Read the source in the block: all has come when it ends, or what it raises is the reason why not."""
        try:
            yield
        except Exception as error:  # a fault of ours, too, must reach who waits for more
            self.end(error if isinstance(error, TurnoutError) else fault(error))
            raise
        self.end()

    def _add(self, path: bytes, kind: str, size: int, begin: int) -> None:
        self._paths.append(path)
        self._sizes.append(size)
        self._begins.append(begin)
        self._kinds.append(ord(kind))  # the last one: its length says how many there are

    # What the thread asks that sends it.

    @property
    def begun(self) -> bool:
        """Whether it was begun to read the source so that it can be told."""
        return self._spool is not None

    def entries(self) -> Iterator[tuple[int, bytes, Entry]]:
        """What comes: its number, path, and entry without what only the whole content tells; waits for it. Raises the
        error with which it ended.
        """
        number = 0
        while True:
            ended = self._ended
            while self._has(number):
                yield number, self._paths[number], self._entry(number)
                number += 1
            if ended:
                if self._error is not None:
                    raise self._error
                return
            self._wait(partial(self._has, number))

    def content(self, number: int, piece: int) -> Iterator[bytes]:
        """The content of a file in pieces of so many bytes; waits for it. Raises the error with which it ended."""
        spool = self._spool
        assert spool is not None
        place = self._begins[number]
        end = place + self._sizes[number]
        while place < end:
            until = min(place + piece, end)
            if until > self._settled:
                self._wait(partial(self._reaches, until))
                length = spool.length
                if length < until:
                    raise self._error or EOFError("the source ended in the middle of a file")
                _settle(spool)
                self._settled = length  # not before: another thread reads what is settled without asking
            yield spool.part(place, until)
            place = until

    def sample(self, most: int, number: int, size: int) -> tuple[int, list[bytes]]:
        """How many bytes have come, once those are so many or no more will come; and so many pieces of them, of `size`
        bytes, evenly spread. What went wrong with the source `entries` raises.
        """
        self._wait(partial(self._reaches, most))
        spool = self._spool
        if spool is None:
            return 0, []
        length = spool.length
        _settle(spool)
        places = [length * (2 * each + 1) // (2 * number) for each in range(number)]
        return length, [spool.part(place, min(place + size, length)) for place in places if place < length]

    def lacking(self, paths: Iterable[bytes], folders: Container[bytes]) -> list[bytes]:
        """Of these paths those that did not come, in their order, and are none of the folders; all has come."""
        came = iter(self._paths)
        expected = next(came, None)
        rest = []
        for path in paths:
            if path == expected:  # what comes is mostly in the order of its paths
                expected = next(came, None)
            elif path not in folders:
                rest.append(path)
        if expected is None:
            return rest
        others = {expected, *came}
        return [path for path in rest if path not in others]

    def fits(self, manifest: Manifest) -> bool:
        """Whether all that came is in a tree just so; its content is what was hashed on its way into the spool."""
        if self._other:
            return False
        for number, path in enumerate(self._paths[: len(self._kinds)]):
            entry, came = manifest.entries.get(path), self._entry(number)
            if entry is None or entry._replace(content=came.content) != came or path in self._replaced:
                return False
            if came.kind == LINK and entry.content != came.content:
                return False
        return True

    def _entry(self, number: int) -> Entry:
        kind = chr(self._kinds[number])
        content = encode_path(self._targets[number]) if kind == LINK else ""
        return Entry(kind, self._sizes[number], content)

    def _has(self, number: int) -> bool:
        return number < len(self._kinds)

    def _reaches(self, length: int) -> bool:
        return self._spool is not None and self._spool.length >= length

    def _wait(self, there: Callable[[], bool]) -> None:
        """Wait until it is there, or no more will come."""
        while not there() and not self._ended:
            with self._more:
                self._wanted = (self._spool.length if self._spool else 0) + _ENOUGH
                if not self._ended:
                    self._more.wait(_LOOK)
                self._wanted = None


def _settle(spool: Spooled) -> None:
    """Have all readable that came. SourceError where this machine cannot keep it."""
    try:
        spool.settle()
    except OSError as error:
        raise SourceError(
            f"files of the revision cannot be kept on this machine: {error.strerror}",
            hint="TURNOUT_CACHE_DIR names another folder for them; nothing was switched",
        ) from error
