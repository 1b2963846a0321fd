"""The one place where engine events cross into Textual's thread: collected from any thread, sampled by a timer."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from textual.timer import Timer

from core.backlog import Valve
from core.events import Event, UploadProgress
from core.jobs import Job

TICK = 0.1
"""Seconds between two samples while a job runs. Nothing ticks when none does."""

MOST_EVENTS = 2000
"""Events that one tick hands over for one job, so that a chatty hook cannot hold up a key; the rest waits."""

OnEvents = Callable[[list[Event]], None]
OnEnd = Callable[[Job[Any]], None]


class _Followed:
    """One job and what it said since the last tick; of an upload only the newest figure a server is kept."""

    def __init__(self, job: Job[Any], on_events: OnEvents | None, on_end: OnEnd) -> None:
        self.job = job
        self.on_events = on_events
        self.on_end = on_end
        self._lock = threading.Lock()
        self._events: deque[Event] = deque()
        self._valve = Valve()
        self._uploads: dict[str, UploadProgress] = {}

    def collect(self, event: Event) -> None:
        """Take an event, from any thread; never blocks for long."""
        with self._lock:
            if isinstance(event, UploadProgress):
                self._uploads[event.server] = event
            else:
                self._events.extend(self._valve.admit(event))

    def drain(self) -> tuple[list[Event], bool]:
        """What was said since the last time, and whether that was all."""
        with self._lock:
            taken: list[Event] = []
            while self._events and len(taken) < MOST_EVENTS:
                taken.append(self._events.popleft())
            self._valve.taken(taken)
            if self._events:
                return taken, False
            # An upload's figure belongs before the event that ended its phase only as history: the newest one counts.
            uploads: list[Event] = list(self._uploads.values())
            self._uploads.clear()
            return [*uploads, *taken], True


class Bridge:
    """Follows jobs on behalf of Textual's thread, on which all its methods are called."""

    def __init__(self) -> None:
        self._followed: list[_Followed] = []
        self._timer: Timer | None = None
        self._listeners: list[Callable[[], None]] = []

    def attach(self, timer: Timer) -> None:
        """Use this timer (paused while nothing runs) for the sampling."""
        self._timer = timer
        if self._followed:
            timer.resume()

    def on_tick(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after every tick; there are ticks only while a job runs. Returns what takes that back."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def follow(self, job: Job[Any], on_end: OnEnd, on_events: OnEvents | None = None) -> None:
        """Hand over what a job says, and its end once everything it said was handed over. Starts no job."""
        followed = _Followed(job, on_events, on_end)
        self._followed.append(followed)
        if on_events is not None:
            job.subscribe(followed.collect)
        if self._timer is not None:
            self._timer.resume()

    @property
    def busy(self) -> bool:
        return bool(self._followed)

    def tick(self) -> None:
        """Hand over what has come since the last tick."""
        if not self._followed:
            return  # it was on its way when the timer was paused
        for followed in list(self._followed):
            ended = (
                followed.job.finished
            )  # asked before draining: whatever was said before the end is in the queue then
            events, all_of_them = followed.drain()
            if events and followed.on_events is not None:
                followed.on_events(events)
            if ended and all_of_them:
                self._followed.remove(followed)
                followed.on_end(followed.job)
        for listener in list(self._listeners):
            listener()
        if not self._followed and self._timer is not None:
            self._timer.pause()
