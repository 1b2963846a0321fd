"""Heartbeats while an operation runs: beats for the watchdogs, and its events for everyone who follows it."""

from __future__ import annotations

import itertools
import json
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence

from msgspec import Struct

from core import condensed
from core.backlog import left_out
from core.condensed import layers
from core.errors import TurnoutError
from core.events import Event, HookOutput, Kept, PhaseFinished, PhaseStarted, Pruned, UploadProgress
from core.protocol.asked import NONE
from core.questions import Question
from core.remote.held import Held

BEAT_EVERY = 5.0
"""Seconds between beats; a watchdog waits for core.records.SILENT_AFTER seconds."""
EVENTS_EVERY = 1.0
"""Seconds between deliveries of events. Progress of uploads is sampled to this."""
ANSWERS_EVERY = 0.4
"""Seconds between looks for answers while a question is open: an answer is there within a second."""
Heard = Callable[[str, str, str], bool]
AT_ONCE = 32768
"""Characters of one delivery at most: the agent reads its input byte by byte."""
FLEET = 8
"""Servers from which on events are joined to lines of several: what each is told of the others would else grow with
the square of the fleet, and most of it is the same."""
_PASSING = (PhaseStarted, PhaseFinished, Pruned, Kept)
LINE = 150
"""Characters of the line of an event that holds no text."""
MOST_WAITING = 8 * AT_ONCE
"""Characters of output that wait to be delivered; of more the oldest lines are left out, which is said."""


class _Entry(Struct, frozen=True):
    """A line of JSON with one event or several. `outputs` counts the lines of output so far, `own` those in it."""

    number: int
    line: str
    outputs: int
    own: int


class Heartbeat:
    """Beats for each server, on a daemon thread of its own, until it is stopped."""

    def __init__(self, operation: str = "") -> None:
        self._operation = operation
        self._events: list[_Entry] = []
        self._numbers = itertools.count(1)
        self._outputs = 0
        self._weight = 0
        self._waiting_to_join: list[Event] = []
        self._joining = 0
        """Characters of output among those."""
        self._joined = 0.0
        self._progress: dict[str, UploadProgress] = {}
        self._delivered: dict[str, tuple[int, int]] = {}
        """By server: the number of the last event delivered, and how many lines of output that makes."""
        self._beating: dict[str, int] = {}
        """By server: the number of the thread that beats for it."""
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._stopped = threading.Event()
        self._question: Question | None = None
        self._heard: Heard = lambda *_: True
        self._asked = 0
        """Counts up when there is another question, or none any more: each server is shown what it has not been."""
        self._shown: dict[str, int] = {}
        """By server: the last of those that it is certain to show."""
        self.lost: dict[str, TurnoutError] = {}
        """By server: why it is not beaten for any more."""

    def add(self, event: Event) -> None:
        """Queue an event for delivery. From any thread."""
        with self._lock:
            if isinstance(event, UploadProgress):
                self._progress[event.server] = event
            else:
                self._settle(event.server)
                self._append(event)

    def _append(self, event: Event) -> None:
        output = len(event.line) + LINE if isinstance(event, HookOutput) else 0
        if len(self._beating) < FLEET:
            self._enter(json.dumps(event.to_json()), bool(output))
            return
        self._waiting_to_join.append(event)
        self._joining += output
        if not event.server or self._joining > AT_ONCE:
            self._join()

    def _join(self) -> None:
        """Make lines of what waits for it; they are the same for all servers."""
        self._joined = time.monotonic()
        events, self._waiting_to_join, self._joining = self._waiting_to_join, [], 0
        for layer in layers(events):
            for line, number in condensed.lines(layer, AT_ONCE // 2):
                self._enter(line, number if isinstance(layer[0], HookOutput) else 0)

    def _enter(self, line: str, own: int) -> None:
        """Have a line delivered, in which so many are output."""
        self._outputs += own
        entry = _Entry(next(self._numbers), line, self._outputs, own)
        self._events.append(entry)
        if own:
            self._weight += len(entry.line)
            if self._weight > MOST_WAITING:
                self._events = _newest(self._events, MOST_WAITING // 2)
                self._weight = sum(len(each.line) for each in self._events if each.own)

    def start(self, held: Held) -> None:
        """Begin to beat for a server whose lock was taken, or taken again after its connection broke."""
        # A thread that still hangs in the broken connection ends by itself; a new one takes its place.
        number = self._beating[held.name] = self._beating.get(held.name, 0) + 1
        self.lost.pop(held.name, None)
        threading.Thread(target=self._beat, args=(held, number), name=f"heartbeat {held.name}", daemon=True).start()

    def ask(self, question: Question | None, heard: Heard | None = None) -> None:
        """Show every server what the operation asks, and hear how others answer; None: it asks nothing any more.

        heard   gets the server's name, the question's id and the line that somebody left, from a thread of ours; gives
                whether that can be an answer
        """
        with self._lock:
            self._question, self._heard = question, heard or self._heard
            self._asked += 1

    def wait_shown(self, servers: Collection[str], seconds: float) -> None:
        """Wait until these servers show what is asked, at most so long; one that is lost shows nothing any more."""
        with self._changed:
            self._changed.wait_for(
                lambda: all(name in self.lost or self._shown.get(name) == self._asked for name in servers), seconds
            )

    def stop(self) -> None:
        self._stopped.set()

    def deliver(self, held: Held) -> bool:
        """Send a server its next events; False where it has all of them. Raises ConnectError."""
        with self._lock:
            if len(self._beating) < FLEET or time.monotonic() - self._joined >= EVENTS_EVERY:
                self._settle_all()
            waiting = self._waiting(held)
            ready: list[_Entry] = []
            length = 0
            for event in waiting:
                length += len(event.line)
                if length > AT_ONCE:
                    break
                ready.append(event)
            # A single event that is larger than a delivery is left out.
            lines = self._lines(held, ready or waiting[:1], leaving_out=not ready)
        if lines:
            held.sign_of_life("\n".join(lines))
        return bool(lines)

    def deliver_all(self, held: Held) -> None:
        """Send a server all events that it lacks; of the output only the newest lines. Raises ConnectError."""
        with self._lock:
            if self._lacks():
                self._settle_all()
            ready = [event for event in self._waiting(held) if len(event.line) <= AT_ONCE]
            lines = self._lines(held, _newest(ready, AT_ONCE))
        while lines:
            length = place = 0
            while place < len(lines) and (length := length + len(lines[place])) <= AT_ONCE:
                place += 1
            held.sign_of_life("\n".join(lines[: place or 1]))
            lines = lines[place or 1 :]

    def _lacks(self) -> bool:
        """Whether something waits that a server has to know before its lock is given back. In a fleet, which phases the
        others entered and what they pruned within the last second may be missing there."""
        if len(self._beating) < FLEET or time.monotonic() - self._joined >= EVENTS_EVERY:
            return True
        return not all(isinstance(event, _PASSING) for event in self._waiting_to_join)

    def _settle_all(self) -> None:
        for server in list(self._progress):
            self._settle(server)
        self._join()

    def _waiting(self, held: Held) -> list[_Entry]:
        number, _ = self._delivered.get(held.name, (0, 0))
        return self._events[bisect_right(self._events, number, key=lambda event: event.number) :]

    def _lines(self, held: Held, events: Sequence[_Entry], *, leaving_out: bool = False) -> list[str]:
        """The lines of these events, with a note where lines of output are missing; they count as delivered."""
        number, outputs = self._delivered.get(held.name, (0, 0))
        lines: list[str] = []
        for event in events:
            missing = event.outputs - event.own - outputs
            if missing > 0:
                lines.append(json.dumps(left_out(missing, self._operation).to_json()))
            if not leaving_out:
                lines.append(event.line)
            number, outputs = event.number, event.outputs
        self._delivered[held.name] = number, outputs
        return lines

    def _settle(self, server: str) -> None:
        """Put a server's newest progress into its place before what comes after it."""
        progress = self._progress.pop(server, None)
        if progress:
            self._append(progress)

    def _beat(self, held: Held, number: int) -> None:
        last = asked = time.monotonic()
        shown, deaf = 0, False
        while not self._stopped.wait(ANSWERS_EVERY if self._question else EVENTS_EVERY):
            if self._beating[held.name] != number:
                return
            try:
                before, shown = shown, self._show(held, shown)
                asked = time.monotonic() if shown != before else asked
                if self._question:
                    # Replies to beats bring answers, so each of these looks is one.
                    held.sign_of_life()
                    deaf = self._listen(held, deaf=deaf)
                    self._is_shown(held, shown, asked)
                if self.deliver(held):
                    last = time.monotonic()
                elif time.monotonic() - last >= BEAT_EVERY:
                    held.sign_of_life()
                    last = time.monotonic()
            except TurnoutError as error:
                # The thread that works with the server, or waits for an answer, finds out and reports it.
                with self._changed:
                    self.lost[held.name] = error
                    self._changed.notify_all()
                return

    def _is_shown(self, held: Held, number: int, asked: float) -> None:
        """Note that a server shows a question: it has replied to a sign of life that came after it."""
        if held.heard > asked and self._shown.get(held.name) != number:
            with self._changed:
                self._shown[held.name] = number
                self._changed.notify_all()

    def _listen(self, held: Held, *, deaf: bool) -> bool:
        """Hand on how others answered on a server; `deaf` until it has removed what was refused. Whether it is now."""
        for question, line in held.answers():
            if question == NONE:
                deaf = False
            elif not deaf and not self._heard(held.name, question, line):
                held.refuse(question)
                deaf = True
        return deaf

    def _show(self, held: Held, shown: int) -> int:
        """Show a server what is asked where that is not what it shows already; the number of what it shows now."""
        with self._lock:
            number, question = self._asked, self._question
        if number != shown:
            held.ask(question)
        return number


def _newest(events: Sequence[_Entry], most: int) -> list[_Entry]:
    """The events with only the newest output: at most so many characters of it."""
    kept: list[_Entry] = []
    for event in reversed(events):
        if event.own:
            most -= len(event.line)
        if most >= 0 or not event.own:
            kept.append(event)
    return kept[::-1]
