"""Signs of life while an operation runs: beats for the watchdogs, and its events for those who watch elsewhere."""

from __future__ import annotations

import itertools
import json
import threading
import time
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from core.backlog import left_out
from core.errors import TurnoutError
from core.events import Event, HookOutput, UploadProgress
from core.remote.session import Session

BEAT_EVERY = 5.0
"""Seconds between beats; a watchdog waits for core.remote.session.PATIENCE seconds."""
EVENTS_EVERY = 1.0
"""Seconds between deliveries of events. Progress of uploads is sampled to this."""
DELIVERY = 32768
"""Characters of one delivery at most: the agent reads its input byte by byte."""
MOST_WAITING = 8 * DELIVERY
"""Characters of output that wait to be delivered; of more the oldest lines are left out, which is said."""


@dataclass(frozen=True)
class _Told:
    """One event that was told: its line of JSON, and of how many lines of output it is the last or comes after."""

    number: int
    line: str
    outputs: int
    is_output: bool


class Heart:
    """Beats for every server that was given to it, each on a daemon thread of its own, until it is stopped."""

    def __init__(self, operation: str = "") -> None:
        self._operation = operation
        self._events: list[_Told] = []
        self._numbers = itertools.count(1)
        self._outputs = 0
        self._weight = 0
        self._progress: dict[str, UploadProgress] = {}
        self._told: dict[str, tuple[int, int]] = {}
        """By server: the number of the last event that it was told, and how many lines of output it knows of."""
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
                self._add(event)

    def _add(self, event: Event) -> None:
        is_output = isinstance(event, HookOutput)
        self._outputs += is_output
        told = _Told(next(self._numbers), json.dumps(event.to_json()), self._outputs, is_output)
        self._events.append(told)
        if is_output:
            self._weight += len(told.line)
            if self._weight > MOST_WAITING:
                self._events = _newest(self._events, MOST_WAITING // 2)
                self._weight = sum(len(each.line) for each in self._events if each.is_output)

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
            waiting = self._waiting(session)
            told: list[_Told] = []
            length = 0
            for event in waiting:
                length += len(event.line)
                if length > DELIVERY:
                    break
                told.append(event)
            # One event larger than a delivery: those who watch do without it.
            lines = self._lines(session, told or waiting[:1], leaving_out=not told)
        if lines:
            session.sign_of_life("\n".join(lines))
        return bool(lines)

    def deliver_all(self, session: Session) -> None:
        """Hand a server all that it has not been told yet, of the output the newest lines. Raises ConnectError."""
        with self._lock:
            told = [event for event in self._waiting(session) if len(event.line) <= DELIVERY]
            lines = self._lines(session, _newest(told, DELIVERY))
        while lines:
            length = place = 0
            while place < len(lines) and (length := length + len(lines[place])) <= DELIVERY:
                place += 1
            session.sign_of_life("\n".join(lines[: place or 1]))
            lines = lines[place or 1 :]

    def _waiting(self, session: Session) -> list[_Told]:
        for server in list(self._progress):
            self._settle(server)
        number, _ = self._told.get(session.name, (0, 0))
        return self._events[bisect_right(self._events, number, key=lambda event: event.number) :]

    def _lines(self, session: Session, events: Sequence[_Told], *, leaving_out: bool = False) -> list[str]:
        """The lines of these events, with a note where lines of output are missing; they count as told from now on."""
        number, outputs = self._told.get(session.name, (0, 0))
        lines: list[str] = []
        for event in events:
            missing = event.outputs - event.is_output - outputs
            if missing > 0:
                lines.append(json.dumps(left_out(missing, self._operation).to_json()))
            if not leaving_out:
                lines.append(event.line)
            number, outputs = event.number, event.outputs
        self._told[session.name] = number, outputs
        return lines

    def _settle(self, server: str) -> None:
        """Put a server's newest progress into its place before what comes after it."""
        progress = self._progress.pop(server, None)
        if progress:
            self._add(progress)

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


def _newest(events: Sequence[_Told], most: int) -> list[_Told]:
    """The events with only the newest output, so many characters of it."""
    kept: list[_Told] = []
    for event in reversed(events):
        if event.is_output:
            most -= len(event.line)
        if most >= 0 or not event.is_output:
            kept.append(event)
    return kept[::-1]
