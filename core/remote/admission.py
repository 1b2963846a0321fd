"""How many logins are under way at an address: sshd drops connections where too many have not logged in yet."""

from __future__ import annotations

import random
import threading
from collections.abc import Hashable

AT_ONCE = 8
"""Logins under way at one address: sshd's default, MaxStartups 10:30:100, drops none below 10."""
TRIES = 8
"""How many times a connection is tried that the server cuts before the login."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
"""Seconds between two tries: doubled each time, with half of it left to chance."""


def pause(tries: int) -> float:
    """Seconds to wait after so many tries."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (tries - 1)) * random.uniform(0.5, 1.0)


class Gate:
    """Allows so many logins at a time; fewer where the server cuts connections, slowly more again where it does not."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._width = float(AT_ONCE)

    @property
    def width(self) -> int:
        return int(self._width)

    def enter(self) -> None:
        """Wait for a place."""
        with self._changed:
            while self._inside >= self.width:
                self._changed.wait()
            self._inside += 1

    def leave(self, *, cut: bool) -> None:
        """Give the place back. `cut`: the server ended the connection before a login."""
        with self._changed:
            self._width = max(1.0, min(self._width, self._inside) / 2) if cut else min(AT_ONCE, self._width + 0.25)
            self._inside -= 1
            self._changed.notify_all()


_gates: dict[Hashable, Gate] = {}
_lock = threading.Lock()


def gate(address: Hashable) -> Gate:
    """The gate of an address, one in this process: all fleets and their gateways share it."""
    with _lock:
        return _gates.setdefault(address, Gate())
