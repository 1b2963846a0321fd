"""Waiting for something to become true, with a limit and a reason instead of a sleep that hopes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

PATIENCE = 150.0
"""Seconds after which what is awaited counts as never coming. It finds what hangs, and says nothing of how fast a
machine is: nothing that works takes so long on a slow one that does other things as well."""


A_LOOK = 0.05
"""Seconds from one look to the next, at most: of a longer pause no more counts, for the machine had no time for us."""


class Patience:
    """How long something is waited for: seconds in which this process could look. A loaded machine gives it fewer."""

    def __init__(self, seconds: float = PATIENCE) -> None:
        self.seconds = seconds
        self._left = seconds
        self._looked = time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether it counts as never coming; asked once for each look."""
        now = time.monotonic()
        self._left -= min(now - self._looked, A_LOOK)
        self._looked = now
        return self._left < 0


def until(condition: Callable[[], Value], what: str | Callable[[], str], seconds: float = PATIENCE) -> Value:
    """The first true value of `condition`, asked every 10 ms; an AssertionError naming `what` after `seconds`.

    what   also a function, which is asked once it is too late
    """
    patience = Patience(seconds)
    while True:
        value = condition()
        if value:
            return value
        if patience.is_over:
            raise AssertionError(f"waited {seconds:g} s in vain: {what if isinstance(what, str) else what()}")
        time.sleep(0.01)
