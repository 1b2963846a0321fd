"""Callers that ask a site all the time, and count what it says."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter

from tests.crowd import Crowd
from tests.waiting import until

RATE = 200
"""Requests a second."""
CALLERS = 10


def ask(port: int, path: str = "/", site: str = "127.0.0.1") -> tuple[int, str]:
    """The status and the text that a port of this machine answers with; `site` is the name of the site there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers={"Host": site})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


class Load(Crowd):
    """Asks a port of this machine so many times a second, and counts what it says.

    path    what is asked for
    site    the name of the site, if several are served there
    """

    def __init__(self, port: int, path: str = "/", site: str = "127.0.0.1") -> None:
        super().__init__(*[self.call] * CALLERS)
        self.port, self.path, self.site = port, path, site
        self.said: Counter[str] = Counter()
        self.sequence: list[str] = []
        self._lock = threading.Lock()

    def call(self) -> None:
        due = time.monotonic()
        while not self.stop.is_set():
            answer = self.ask()
            with self._lock:
                self.said[answer] += 1
                self.sequence.append(answer)
            due += CALLERS / RATE
            self.stop.wait(max(due - time.monotonic(), 0))

    def ask(self) -> str:
        """The status and the text of one answer, or how it failed."""
        try:
            status, text = ask(self.port, self.path, self.site)
        except (OSError, http.client.HTTPException) as error:
            return f"failed: {type(error).__name__}: {error}"
        return f"{status} {text}".strip()

    def more(self, number: int = 100) -> None:
        """Wait for so many more answers."""
        wanted = self.said.total() + number
        until(lambda: self.said.total() >= wanted, "the site answers")
