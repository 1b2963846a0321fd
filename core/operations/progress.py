"""How far one server's upload is, as events."""

from __future__ import annotations

import threading
import time
from typing import Any

from core.events import UploadProgress
from core.operations.run import Run

REPORT_EVERY = 0.1
"""Seconds between progress events of one server."""


class Progress:
    """How far one server's upload is, as events, at most every REPORT_EVERY seconds. Safe on many threads.

    most, files_most   bytes and files of all of it
    """

    def __init__(self, run: Run, name: str, most: int, files_most: int) -> None:
        self._run = run
        self._name = name
        self._total: dict[str, Any] = {"total": most, "files_total": files_most}
        self._lock = threading.Lock()
        self._streamed = self._beside = self._reported = 0.0
        self.files = 0
        self.end()

    @property
    def sent(self) -> int:
        return int(max(0, self._streamed + self._beside))

    def add(self, content: int, files: int) -> None:
        """So many bytes of content and files more in the stream."""
        with self._lock:
            self._streamed += content
            self.files += files
            self._tell()

    def more_beside(self, content: int) -> None:
        """So many bytes more beside it; less than none for what is sent again."""
        with self._lock:
            self._beside += content
            self._tell()

    def beside(self, content: int, files: int) -> None:
        """What is there beside it, in the end."""
        with self._lock:
            self._beside = content
            self.files += files

    def end(self) -> None:
        """Say how far it is, now."""
        self._run.emit(UploadProgress(server=self._name, sent=self.sent, files=self.files, **self._total))

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._reported >= REPORT_EVERY:
            self._reported = now
            self.end()
