"""Where the time of a command went, by what was done and where: for TURNOUT_PROFILE (pure but for the clocks).

Times are those of `time.monotonic` and `time.process_time`, in seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Moment(NamedTuple):
    """A time, and what all threads of this process had used of processors by then."""

    time: float
    used: float

    @classmethod
    def now(cls) -> Moment:
        return cls(time.monotonic(), time.process_time())


class Span(NamedTuple):
    """Something that was done from one moment to another; `server` is "" for what concerns all."""

    name: str
    server: str
    began: Moment
    ended: Moment

    @property
    def seconds(self) -> float:
        return self.ended.time - self.began.time


class Cost(NamedTuple):
    """Processor seconds that a server had used when it answered."""

    server: str
    at: float
    seconds: float


class Profile:
    """Spans and costs that any thread adds, in the order in which they ended."""

    def __init__(self) -> None:
        self._spans: list[Span] = []
        self._costs: list[Cost] = []
        self._lock = threading.Lock()

    @property
    def spans(self) -> tuple[Span, ...]:
        with self._lock:
            return tuple(self._spans)

    @property
    def costs(self) -> tuple[Cost, ...]:
        with self._lock:
            return tuple(self._costs)

    def add(self, name: str, began: Moment, server: str = "") -> None:
        """Add what ends now."""
        with self._lock:
            self._spans.append(Span(name, server, began, Moment.now()))

    def spend(self, server: str, seconds: float) -> None:
        """Add what a server used for the answer that has just come."""
        with self._lock:
            self._costs.append(Cost(server, time.monotonic(), seconds))

    @contextmanager
    def span(self, name: str, server: str = "") -> Iterator[None]:
        """Add what the block takes, however it ends."""
        began = Moment.now()
        try:
            yield
        finally:
            self.add(name, began, server)
