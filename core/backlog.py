"""Events that wait for someone slower, or are kept: lines of output are bounded, everything else is never left out."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

from core.events import Event, HookOutput, Note, UploadProgress
from core.text import count

MOST_WAITING = 16 << 20
"""Characters of output that wait in a queue: what one command prints at most (core.output) finds room in it."""
MOST_KEPT = 4 << 20
"""Characters of output that a job keeps for those who come later."""
BESIDES = 400
"""Characters that a line counts in addition to its own, for its event."""
_MOST_PROGRESS = 1000
"""Figures of uploads that wait; each is out of date as soon as the next one comes."""


def weight(event: Event) -> int:
    """What a line of output counts, in characters; 0 for what is never left out."""
    return len(event.line) + BESIDES if isinstance(event, HookOutput) else 0


def left_out(lines: int, operation: str) -> Note:
    """What is said in the place of an operation's lines."""
    return Note(
        operation=operation, text=f"{count(lines, 'line')} of output left out here: it came faster than it can be shown"
    )


class Valve:
    """In front of a queue: lets lines of output in only while its reader keeps up, and says how many it kept out.

    The engine must never wait for a reader: it holds locks on servers.
    """

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._waiting = 0
        self._progress = 0
        self._left_out = 0
        self._lock = threading.Lock()

    def admit(self, event: Event) -> list[Event]:
        """What is to be put into the queue now: the event or nothing, before it what was left out. From any thread."""
        with self._lock:
            if isinstance(event, UploadProgress):
                if self._progress >= _MOST_PROGRESS:
                    return []
                self._progress += 1
                return [event]
            if (heavy := weight(event)) and self._waiting + heavy > self._most:
                self._left_out += 1
                return []
            self._waiting += heavy
            missing, self._left_out = self._left_out, 0
            return [left_out(missing, event.operation), event] if missing else [event]

    def taken(self, events: Iterable[Event]) -> None:
        """These have left the queue."""
        with self._lock:
            for event in events:
                if isinstance(event, UploadProgress):
                    self._progress -= 1
                else:
                    self._waiting -= weight(event)


class History:
    """What was said so far; of the output the newest lines, and in the place of the others how many they were."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._events: list[Event] = []
        self._kept = 0
        self._left_out = 0
        self._gap: Note | None = None

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    def add(self, event: Event) -> None:
        self._events.append(event)
        self._kept += weight(event)
        if self._kept > self._most:
            self._shorten()

    def _shorten(self) -> None:
        """Drop the older half of the output: each line is moved a few times at most."""
        events: list[Event] = []
        place = -1
        for event in self._events:
            heavy = weight(event)
            if event is self._gap or (heavy and self._kept > self._most // 2):
                place = len(events) if place < 0 else place
                self._kept -= heavy
                self._left_out += 1 if heavy else 0
            else:
                events.append(event)
        self._gap = left_out(self._left_out, self._events[-1].operation)
        events.insert(place, self._gap)
        self._events = events
