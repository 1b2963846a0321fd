"""A pass over one stream for several takers, and when one of them no longer keeps its pace."""

from __future__ import annotations

import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from msgspec import Struct, field

from core.errors import SourceError, TurnoutError
from core.jobs import fault
from core.tar.writer import Chunk

DEPTH = 16
"""Chunks that wait for a taker at most: others get ahead of it by 2 MB, and memory does not grow."""
PATIENCE = 2.0
"""Seconds for which others wait for a taker before it is left behind."""
SHARE = 0.25
"""And the share of a pass: who takes turns with others in being the last holds nobody up."""
_LOOK = 0.2
"""Seconds between two looks at who is waited for."""


class Place(NamedTuple):
    """How many chunks of a stream came before it, and the CRC-32 of all of them."""

    chunks: int = 0
    seal: int = 0

    def behind(self, chunk: Chunk) -> Place:
        return Place(self.chunks + 1, zlib.crc32(chunk.raw, self.seal))


START = Place()


def is_too_slow(held_up: float, elapsed: float) -> bool:
    """Whether a taker is left behind for which others waited `held_up` of `elapsed` seconds (pure)."""
    return held_up >= PATIENCE and held_up >= SHARE * elapsed


class _Line(Struct):
    """The chunks that wait for one taker.

    has       how much of the stream it has
    more      tells it that there is something for it
    waiting   chunks, and what it has with each
    held_up   seconds for which others waited for it
    idle      since when it waits for a chunk; 0.0: it does not
    left      it was left behind: it gets no more, and nothing waits for it
    error     why it gets no more
    """

    has: Place
    more: threading.Condition
    waiting: deque[tuple[Chunk, Place]] = field(default_factory=deque)
    held_up: float = 0.0
    idle: float = 0.0
    left: bool = False
    error: TurnoutError | None = None

    @property
    def full(self) -> bool:
        return len(self.waiting) >= DEPTH


class Pass:
    """Makes the chunks of a stream once and hands them to all who keep the pace, each on its own thread.

    chunks      the stream; the same each time it is made
    takers      who takes it, from which place on; also those that come a little later
    may_leave   whether one that does not keep the pace may be left behind now
    """

    def __init__(self, chunks: Iterable[Chunk], takers: Mapping[str, Place], may_leave: Callable[[], bool]) -> None:
        self._chunks = chunks
        self._may_leave = may_leave
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._lines = {name: self._line(place) for name, place in takers.items()}
        self._given = START
        self._begun = time.monotonic()
        self._ended = False

    def _line(self, place: Place) -> _Line:
        return _Line(place, threading.Condition(self._lock))

    def start(self, on_end: Callable[[Pass], None]) -> None:
        """Begin, on a thread of its own; `on_end` is called when all is handed out, or nobody takes it any more."""

        def work() -> None:
            self._run()
            on_end(self)

        threading.Thread(target=work, name="pass", daemon=True).start()

    def join(self, taker: str, place: Place) -> bool:
        """Take from this place on; False where this pass is beyond it, or has left this taker behind."""
        with self._lock:
            if self._ended or taker in self._lines or self._given.chunks > place.chunks:
                return False
            self._lines[taker] = self._line(place)
            return True

    def take(self, taker: str) -> Chunk | None:
        """The next chunk for a taker; waits for it. None at the end, and where it was left behind.

        Raises what making the stream raised; SourceError where it is not what the taker had the beginning of.
        """
        with self._lock:
            line = self._lines[taker]
            line.idle = time.monotonic()
            while not line.waiting and not line.left and line.error is None and not self._ended:
                line.more.wait()
            line.idle = 0.0
            if line.waiting:
                was_full = line.full
                chunk, line.has = line.waiting.popleft()
                if was_full and not self._full():
                    self._room.notify()
                return chunk
            if line.error is not None:
                raise line.error.again()  # each says its own server
            return None

    def left(self, taker: str) -> Place | None:
        """What a taker has that was left behind, and goes on elsewhere; None where it was not."""
        with self._lock:
            line = self._lines[taker]
            return line.has if line.left else None

    def leave(self, taker: str) -> None:
        """A taker takes no more."""
        with self._lock:
            self._lines.pop(taker, None)
            self._room.notify()

    def _full(self) -> list[_Line]:
        """Those that have enough to do."""
        return [line for line in self._lines.values() if line.full]

    def _run(self) -> None:
        error: TurnoutError | None = None
        try:
            for chunk in self._chunks:
                if not self._hand_out(chunk):
                    break
        except TurnoutError as problem:
            error = problem
        except Exception as problem:  # a fault of ours must reach the operator, not die on a thread
            error = fault(problem)
        with self._lock:
            self._ended = True
            for line in self._lines.values():
                if not line.left:
                    other = line.has.chunks >= self._given.chunks and line.has != self._given
                    line.error = line.error or error or (_other() if other else None)
                line.more.notify()

    def _hand_out(self, chunk: Chunk) -> bool:
        """Give a chunk to all whose turn it is; False where no taker is left."""
        with self._lock:
            self._wait_for_room()
            before, self._given = self._given, self._given.behind(chunk)
            for line in self._lines.values():
                if line.left or line.error or line.has.chunks > before.chunks:
                    continue
                if line.has.chunks == before.chunks and line.has.seal != before.seal:
                    line.error = _other()
                else:
                    line.waiting.append((chunk, self._given))
                line.more.notify()
            # Nobody may come between this look and the end: what is there then is all that is handed out.
            self._ended = all(line.left or line.error is not None for line in self._lines.values())
            return not self._ended

    def _wait_for_room(self) -> None:
        """Wait for those that have enough to do, and leave behind who holds the others up."""
        while full := self._full():
            begun = time.monotonic()
            self._room.wait(_LOOK)
            now = time.monotonic()
            idle = [line.idle for line in self._lines.values() if line.idle]
            waited = now - max(begun, min(idle)) if idle else 0.0
            for line in full:
                if not line.idle:
                    line.held_up += waited
                if is_too_slow(line.held_up, now - self._begun) and self._may_leave():
                    line.left = True
                    line.waiting.clear()  # else each of many that stand still would keep its own
                    line.more.notify()


def _other() -> SourceError:
    return SourceError(
        "the source changed while it was sent", hint="deploy again when nothing writes to it; nothing was switched"
    )
