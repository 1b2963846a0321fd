"""Signs of life while an operation runs: beats for the watchdogs, and its events for those who watch elsewhere."""

from __future__ import annotations

import json
import threading
import time

from core.errors import TurnoutError
from core.events import Event, UploadProgress
from core.remote.session import Session

BEAT_EVERY = 5.0
"""Seconds between beats; a watchdog waits for core.remote.session.PATIENCE seconds."""
EVENTS_EVERY = 1.0
"""Seconds between deliveries of events. Progress of uploads is sampled to this."""
DELIVERY = 32768
"""Characters of one delivery at most: the agent reads its input byte by byte."""


class Heart:
    """Beats for every server that was given to it, each on a daemon thread of its own, until it is stopped."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._progress: dict[str, UploadProgress] = {}
        self._told: dict[str, int] = {}
        self._beating: dict[str, int] = {}
        """By server: the number of the thread that beats for it."""
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def tell(self, event: Event) -> None:
        """An event for those who watch."""
        with self._lock:
            if isinstance(event, UploadProgress):
                self._progress[event.server] = event
            else:
                self._settle(event.server)
                self._lines.append(json.dumps(event.to_json()))

    def start(self, session: Session) -> None:
        """Begin to beat for a server whose lock was taken, or was taken again after its connection broke."""
        # One that still hangs in the connection that broke ends by itself, and is none to rely on.
        number = self._beating[session.name] = self._beating.get(session.name, 0) + 1
        threading.Thread(target=self._beat, args=(session, number), name=f"heart {session.name}", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def deliver(self, session: Session) -> bool:
        """Hand a server what it has not been told yet; False where there was nothing. Raises ConnectError."""
        with self._lock:
            for server in list(self._progress):
                self._settle(server)
            told = self._told.get(session.name, 0)
            lines: list[str] = []
            while told < len(self._lines) and sum(map(len, lines)) + len(self._lines[told]) < DELIVERY:
                lines.append(self._lines[told])
                told += 1
            # One event larger than a delivery: those who watch do without it.
            self._told[session.name] = told + (0 if lines or told == len(self._lines) else 1)
        if lines:
            session.sign_of_life("\n".join(lines))
        return bool(lines)

    def _settle(self, server: str) -> None:
        """Put a server's newest progress into its place before what comes after it."""
        progress = self._progress.pop(server, None)
        if progress:
            self._lines.append(json.dumps(progress.to_json()))

    def _beat(self, session: Session, number: int) -> None:
        last = time.monotonic()
        while not self._stopped.wait(EVENTS_EVERY) and self._beating[session.name] == number:
            try:
                if self.deliver(session):
                    last = time.monotonic()
                elif time.monotonic() - last >= BEAT_EVERY:
                    session.sign_of_life()
                    last = time.monotonic()
            except TurnoutError:
                return  # whoever works with the server finds out and says so
