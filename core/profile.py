"""Where the time of a command went, by what was done and on which server: for TURNOUT_PROFILE (pure but for the clock).

Times are those of `time.monotonic`, in seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Span(NamedTuple):
    """Something that was done from one time to another; `server` is "" for what concerns all."""

    name: str
    server: str
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began


class Profile:
    """Spans that any thread adds to, in the order in which they ended."""

    def __init__(self) -> None:
        self._spans: list[Span] = []
        self._lock = threading.Lock()

    @property
    def spans(self) -> tuple[Span, ...]:
        with self._lock:
            return tuple(self._spans)

    def add(self, name: str, began: float, server: str = "") -> None:
        """Add what ends now."""
        with self._lock:
            self._spans.append(Span(name, server, began, time.monotonic()))

    @contextmanager
    def span(self, name: str, server: str = "") -> Iterator[None]:
        """Add what the block takes, however it ends."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.add(name, began, server)
