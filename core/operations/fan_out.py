"""One stream for many servers: what all of them need is read and packed once, for all who keep the pace."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping

from core.jobs import Cancel
from core.operations.passes import START, Pass, Place
from core.tar.compression import PLAIN, compressor, packed
from core.tar.writer import Chunk

MOST_PASSES = 4
"""Passes over one stream at a time: more would keep this machine busy. Until one ends, nobody is left behind, and those
that were wait."""


class FanOut:
    """Hands the same stream to several takers, each on its own thread. One that is slow, or leaves, delays no other.

    make      the stream, not packed; the same each time, however often and on however many threads it is made
    prefers   says how it is packed: PLAIN, GZIP or ZSTD; it may take its time, and raise SourceError
    rtt       seconds of the longest way

    Who does not keep the pace goes on in another pass, which makes the stream anew and leaves out what its takers have.
    """

    def __init__(
        self, make: Callable[[], Iterable[Chunk]], takers: Iterable[str], prefers: Callable[[Cancel], str], rtt: float
    ) -> None:
        self._make = make
        self._prefers = prefers
        self._rtt = rtt
        self._unpack = ""
        self._deciding = threading.Lock()
        self._takers = dict.fromkeys(takers, START)
        self._alone = len(self._takers) == 1
        self._first: Pass | None = None
        self._passes: list[Pass] = []
        self._waiting: dict[str, Place] = {}
        """Those that were left behind and wait for another pass, and which one they got."""
        self._found: dict[str, Pass] = {}
        self._changed = threading.Condition()

    def unpack(self, cancel: Cancel) -> str:
        """The program that unpacks it on the server; to be asked before `chunks`. Raises what `prefers` raises."""
        with self._deciding:
            self._unpack = self._unpack or self._prefers(cancel)
            return self._unpack

    def chunks(self, taker: str) -> Iterator[Chunk]:
        """The stream for one taker. Raises what reading the files raised.

        A single taker makes them itself, unless it would have to wait while they are packed.
        """
        if self._alone and self._unpack == PLAIN:
            yield from self._make()
            return
        current = self._begun()
        try:
            while True:
                while (chunk := current.take(taker)) is not None:
                    yield chunk
                place = current.left(taker)
                if place is None:
                    return
                current = self._next(taker, place)
        finally:
            self.leave(taker)

    def leave(self, taker: str) -> None:
        """A taker takes no more chunks."""
        with self._changed:
            self._takers.pop(taker, None)
            passes = list(self._passes)
        for each in passes:
            each.leave(taker)

    def _begun(self) -> Pass:
        """The first pass, which all begin with."""
        with self._changed:
            if self._first is None:
                self._first = self._started(self._takers)
            return self._first

    def _next(self, taker: str, place: Place) -> Pass:
        """The pass in which a taker goes on; where there are too many, waits until one has ended."""
        with self._changed:
            self._waiting[taker] = place
            while taker in self._waiting:
                joined = next((each for each in self._passes if each.join(taker, place)), None)
                if joined:
                    del self._waiting[taker]
                    return joined
                if self._may_start():
                    begun = self._started(self._waiting)
                    self._found.update(dict.fromkeys(self._waiting, begun))
                    self._waiting.clear()
                    self._changed.notify_all()
                else:
                    self._changed.wait()
            return self._found.pop(taker)

    def _may_start(self) -> bool:
        return len(self._passes) < MOST_PASSES

    def _started(self, takers: Mapping[str, Place]) -> Pass:
        begun = Pass(self._packed(), takers, self._may_start)
        begun.start(self._ended)  # which waits for the lock that is held here
        self._passes.append(begun)
        return begun

    def _ended(self, one: Pass) -> None:
        with self._changed:
            self._passes.remove(one)
            self._changed.notify_all()

    def _packed(self) -> Iterable[Chunk]:
        if self._unpack == PLAIN:
            return self._make()
        return packed(self._make(), compressor(self._unpack, self._rtt))
