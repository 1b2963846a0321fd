"""Watch an operation that somebody else started, from any machine, by what it writes on the servers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass

from core.errors import EXIT_PERSON, ConnectError, FleetError, TurnoutError
from core.events import Emit, OperationFinished, from_json
from core.fleet import Fleet
from core.jobs import Cancel
from core.records import JournalLine, ServerState

LOOK_EVERY = 1.0
"""Seconds between looks."""
PIECE = 262144
"""Bytes that one look brings at most; agent.sh's `events`."""


@dataclass(frozen=True)
class Watched:
    """How the operation that was watched ended. `running` is false where there was none to watch."""

    exit_code: int
    summary: str
    running: bool = True


def watch(fleet: Fleet, emit: Emit, cancel: Cancel) -> Watched:
    """Hand on the events of the running operation until it ends; its exit code. Takes no lock, changes nothing.

    Raises FleetError where no server answers, Cancelled where that was asked for.
    """
    inspection = fleet.inspect(cancel)
    if not inspection.states:
        raise FleetError(inspection.errors, phase="connect")
    held = [name for name, state in inspection.states.items() if state.lock and state.lock.alive]
    if not held:
        last = _last_end(inspection.states.values())
        return Watched(0, f"nothing is running; the last operation: {last}" if last else "nothing is running", False)
    lock = inspection.states[held[0]].lock
    assert lock is not None
    seen = _Seen(emit, lock.operation)
    for name in held:
        try:
            _follow(fleet, name, seen, cancel)
        except ConnectError:
            continue  # another server tells the same story
        if seen.finished is not None:
            return Watched(seen.finished.exit_code, seen.finished.summary)
        end = _end_of(fleet.inspect_one(name), lock.operation)
        finished = OperationFinished(
            operation=lock.operation,
            kind=lock.kind,
            outcome=end.outcome if end else "needs-person",
            exit_code=end.exit_code if end else EXIT_PERSON,
            seconds=max(end.time - lock.since, 0.0) if end else 0.0,
            summary=_sentence(end) if end else "it ended without saying how: look at what is live",
            tag=end.tag if end else "",
        )
        emit(finished)
        return Watched(finished.exit_code, finished.summary)
    raise TurnoutError("the operation was lost sight of", hint="look at what is live", detail=lock.describe())


class _Seen:
    """Events are handed on once, whichever server tells them."""

    def __init__(self, emit: Emit, operation: str) -> None:
        self.finished: OperationFinished | None = None
        self._emit = emit
        self._operation = operation
        self._lines: set[str] = set()

    def take(self, line: str) -> None:
        if line in self._lines:
            return
        self._lines.add(line)
        try:
            event = from_json(json.loads(line))
        except (ValueError, RecursionError):
            return
        if event is not None and event.operation == self._operation:
            if isinstance(event, OperationFinished):
                self.finished = event
            self._emit(event)


def _follow(fleet: Fleet, name: str, seen: _Seen, cancel: Cancel) -> None:
    """Read one server's events until its lock is given back."""
    offset = 0
    while True:
        cancel.check()
        lines = fleet.open(name).events(offset)
        length = next((int(line.split()[1]) for line in lines if line.startswith("length ")), offset)
        budget = min(length - offset, PIECE)
        used = 0
        for line in lines:
            if line.startswith("event "):
                text = line.removeprefix("event ")
                if used + len(text) + 1 > budget:
                    break  # the writer is in the middle of it
                used += len(text) + 1
                seen.take(text)
        offset += used
        if used:
            continue
        if "lock held" not in lines or "lock-dead yes" in lines:
            return
        cancel.wait(LOOK_EVERY)


def _end_of(state: ServerState, operation: str) -> JournalLine | None:
    """How a server's journal says that an operation ended."""
    return next((line for line in reversed(state.journal) if line.what == "end" and line.operation == operation), None)


def _last_end(states: Iterable[ServerState]) -> str:
    """The newest end in any journal, in words."""
    ends = [line for state in states for line in state.journal if line.what == "end"]
    return _sentence(max(ends, key=lambda line: line.time)) if ends else ""


def _sentence(end: JournalLine) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(end.time))
    tag = f" of {end.tag}" if end.tag else ""
    return f"{end.kind}{tag} by {end.who}: {end.outcome} at {when} UTC"
