"""The time for which checks go on after a switch: a person may end it, or stop its clock."""

from __future__ import annotations

import threading
import time


class BakeClock:
    """Counts the seconds of a bake, from now. From any thread."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Stop the clock: from now on no time is left over until a person decides."""
        self._stopped.set()

    def left(self, seconds: float) -> float:
        """Seconds that are left of a bake of so many; endless where the clock was stopped."""
        return float("inf") if self._stopped.is_set() else self._began + seconds - time.monotonic()
