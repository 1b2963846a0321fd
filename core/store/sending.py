"""How long a store may take while an object is sent to it: it says nothing before it has a piece completely."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from core.errors import StoreError

SILENT = 30.0
"""Seconds in which something has to come from a store, or go there."""
_SLOWEST = 128 << 10
"""Bytes a second of the slowest uplink, as long as nothing is known of this one: 1 Mbit/s."""


class Sending:
    """One object that is being sent; used by the thread that sends, and by one that looks.

    under_way   bytes that the store may have got and not acknowledged, at most
    now         the clock, in seconds
    """

    def __init__(self, under_way: int, now: Callable[[], float] = time.monotonic) -> None:
        self._under_way = under_way
        self._now = now
        self._lock = threading.Lock()
        self._began = self._since = now()
        self._busy = False
        self._given = 0
        self._ended = False

    def asked(self) -> None:
        """The next piece is wanted: it is made now, for which the store does not wait. StoreError after `end`."""
        with self._lock:
            if self._ended:
                raise StoreError("the store did not answer")
            self._busy = True

    def give(self, size: int) -> None:
        """A piece of so many bytes goes out."""
        with self._lock:
            self._busy = False
            self._given += size
            self._since = self._now()

    def end(self) -> None:
        """It is given up: no more pieces are made."""
        with self._lock:
            self._ended = True

    @property
    def late(self) -> bool:
        """Whether what is under way should have been acknowledged long ago, at half the speed of what was before."""
        with self._lock:
            if self._busy:
                return False
            arrived = self._given - self._under_way
            rate = arrived / max(self._since - self._began, 0.001) / 2 if arrived > 0 else _SLOWEST
            left = min(self._given, self._under_way) if self._given else self._under_way
            return self._now() - self._since > SILENT + left / rate
