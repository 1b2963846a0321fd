"""Threads that use a server while it is tested."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Self


class Crowd:
    """Threads that do their works while a block lasts; each work ends soon after `stop` is set."""

    def __init__(self, *works: Callable[[], object]) -> None:
        self.stop = threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in works]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join()
