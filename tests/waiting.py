"""Waiting for something to become true, with a limit and a reason instead of a sleep that hopes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

PATIENCE = 150.0
"""Seconds after which what is awaited counts as never coming. It finds what hangs, and says nothing of how fast a
machine is: nothing that works takes so long on a slow one that does other things as well."""


def until(condition: Callable[[], Value], what: str | Callable[[], str], seconds: float = PATIENCE) -> Value:
    """The first true value of `condition`, asked every 10 ms; an AssertionError naming `what` after `seconds`.

    what   also a function, which is asked once it is too late
    """
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain: {what if isinstance(what, str) else what()}")
        time.sleep(0.01)
