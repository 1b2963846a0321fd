"""Watch an operation that somebody else started, from any machine, by what it writes on the servers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from core.condensed import events_of
from core.errors import EXIT_DONE, EXIT_FAILED, EXIT_PERSON, ConnectError, FleetError, TurnoutError
from core.events import (
    STILL_THERE,
    Asked,
    Emit,
    Event,
    Kept,
    OperationFinished,
    PlanMade,
    Pruned,
    Switched,
    kept,
)
from core.fleet import Fleet, Inspection
from core.history import all_cancelled, outcome_told, telling_ends
from core.jobs import Cancel
from core.plan import RECOVER
from core.questions import Question, question_row
from core.records import JournalLine, Lock, ServerState, is_tag
from core.recovery import interruption

LOOK_EVERY = 1.0
"""Seconds between looks."""


class Watched(Struct, frozen=True):
    """How the operation that was watched ended. `running` is false where there was none to watch."""

    exit_code: int
    summary: str
    running: bool = True


def watch(fleet: Fleet, emit: Emit, cancel: Cancel | None = None) -> Watched:
    """Hand on the events of the running operation until it ends; its exit code. Takes no lock, changes nothing.

    Raises FleetError where no server answers, Cancelled where that was asked for.
    """
    with fleet.masked():
        return _watch(fleet, emit, cancel or Cancel())


def _watch(fleet: Fleet, emit: Emit, cancel: Cancel) -> Watched:
    inspection = fleet.inspect(cancel)
    if not inspection.states:
        raise FleetError(inspection.errors, phase="connect")
    first = next((state.lock for state in inspection.states.values() if state.lock and state.lock.alive), None)
    if first is None:
        last = _last_end(inspection.states.values())
        return Watched(0, f"nothing is running; the last operation: {last}" if last else "nothing is running", False)
    seen = _Seen(emit, first.operation, {"", *fleet.names, *(server.name for server in fleet.environment.servers)})
    held = _held(inspection, first.operation)
    part = dict.fromkeys(held)
    while held:
        # Any of them tells the whole story. One that lost its operator's connection lets go before the others do.
        followed = held[0]
        with suppress(ConnectError):
            _follow(fleet, followed, seen, cancel)
        if seen.finished is not None:
            status = seen.finished.exit_code
            return Watched(status if 0 <= status <= 255 else EXIT_FAILED, seen.finished.summary)
        inspection = fleet.inspect(cancel)
        held = _held(inspection, first.operation)
        part |= dict.fromkeys(held)
        if held and held[0] == followed:
            cancel.wait(LOOK_EVERY)
    if not any(name in inspection.states for name in part):
        raise TurnoutError("contact with the operation was lost", hint="check what is live", detail=first.describe())
    finished = ended_by_journals(fleet.environment.name, first, list(part), inspection.states)
    if finished.outcome == "done":
        seen.take_switches(inspection.states)
        seen.take_prunes(inspection.states, finished.time)
    emit(finished)
    return Watched(finished.exit_code, finished.summary)


def _held(inspection: Inspection, operation: str) -> list[str]:
    """The servers on which this operation is running."""
    return [
        name
        for name, state in inspection.states.items()
        if state.lock and state.lock.alive and state.lock.operation == operation
    ]


def ended_by_journals(
    environment: str, lock: Lock, part: Sequence[str], states: Mapping[str, ServerState]
) -> OperationFinished:
    """How an operation ended that has let go of all servers that took part, as their journals tell."""
    ends = [end for name in part if name in states and (end := _end_of(states[name], lock.operation))]
    # If they disagree, the failure counts: a server that reports success says nothing about the others.
    telling = telling_ends(ends)
    end = min(telling, key=_went_well, default=None)
    known = all(name in states for name in part)
    found = interruption(states.values()) if known else None
    if end is not None and (_went_well(end) or found is None or found.operation != lock.operation):
        return OperationFinished(
            time=end.time,
            operation=lock.operation,
            kind=lock.kind,
            outcome=outcome_told(end.kind, end.outcome, end.exit_code, cancelled=all_cancelled(telling)),
            exit_code=end.exit_code or (EXIT_DONE if _went_well(end) else EXIT_FAILED),
            seconds=max(end.time - lock.since, 0.0),
            summary=_sentence(end),
            tag=end.tag,
        )
    summary = "how it ended is unknown: check what is live"
    if found is not None:
        described = f"{found.describe(time.time())}: turnout recover {environment}"
        summary = described if found.operation == lock.operation else f"{summary}; {described}"
    elif not known:
        summary = f"{summary}; no answer from {', '.join(name for name in part if name not in states)}"
    return OperationFinished(
        operation=lock.operation,
        kind=lock.kind,
        outcome="needs-person",
        exit_code=EXIT_PERSON,
        seconds=0.0,
        summary=summary,
        tag=found.tag if found and found.operation == lock.operation else "",
    )


class _Seen:
    """Events are handed on once, whichever server tells them; only those about servers that are configured."""

    def __init__(self, emit: Emit, operation: str, servers: Set[str]) -> None:
        self.finished: OperationFinished | None = None
        self._emit = emit
        self._servers = servers
        self.operation = operation
        self._lines: set[str] = set()
        self._to_prune: dict[tuple[str, str], None] = {}
        """Server and tag of what the plan prunes, until what became of it is known."""
        self._switched: set[str] = set()
        """Servers that are known to have been switched."""

    def take(self, line: str, asks: Question | None = None) -> None:
        """Hand on the events in a line. `asks`: what is asked now, with its deadline by this machine's clock."""
        if line in self._lines:
            return
        self._lines.add(line)
        for event in events_of(line):
            if event.operation == self.operation and event.server in self._servers:
                if isinstance(event, Asked) and asks and event.question.get("id") == asks.id:
                    event = replace(event, question=dict(question_row(asks)))
                self._note(event)
                self._emit(event)

    def _note(self, event: Event) -> None:
        match event:
            case OperationFinished():
                self.finished = event
            case PlanMade():
                self._to_prune = dict.fromkeys(_prunes(event.plan))
            case Switched():
                self._switched.add(event.server)
            case Pruned() | Kept():
                self._to_prune.pop((event.server, event.tag), None)

    def take_switches(self, states: Mapping[str, ServerState]) -> None:
        """Say which servers were switched, as their journals tell: a quick operation is over between two looks."""
        for server, state in states.items():
            for line in state.journal:
                if line.what == "switch" and line.operation == self.operation and server not in self._switched:
                    self._switched.add(server)
                    switched = Switched(
                        operation=self.operation, time=line.time, server=server, tag=line.tag, previous=line.previous
                    )
                    self._emit(switched)

    def take_prunes(self, states: Mapping[str, ServerState], at: float) -> None:
        """Say what became of what was to be pruned: an operation does that last, when it can no longer send events.

        at   when it ended, by its operator's clock
        """
        for server, tag in self._to_prune:
            if server not in states:
                continue
            release = states[server].releases.get(tag)
            if release is not None and release.present:
                self._emit(kept(tag, STILL_THERE, operation=self.operation, time=at, server=server))
            else:
                self._emit(Pruned(operation=self.operation, time=at, server=server, tag=tag))


def _prunes(plan: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Server and tag of everything that a plan prunes, read from the event that a server has of it."""
    steps = plan.get("steps")
    for step in steps if isinstance(steps, list) else []:
        tags = step.get("prune") if isinstance(step, dict) else None
        for tag in tags if isinstance(tags, list) else []:
            if isinstance(tag, str) and is_tag(tag):
                yield str(step.get("server")), tag


def _follow(fleet: Fleet, name: str, seen: _Seen, cancel: Cancel) -> None:
    """Read one server's events until its lock is given back."""
    offset = 0
    while True:
        cancel.check()
        piece = fleet.open(name).events(offset, seen.operation)
        if piece.length is not None and piece.length < offset:
            # Emptied: its operator lost the connection and took the lock again.
            offset = 0
            continue
        for line in piece.lines:
            seen.take(line, piece.asks)
        offset += piece.bytes
        if piece.bytes:
            continue
        if piece.holder != seen.operation:
            return
        cancel.wait(LOOK_EVERY)


def _went_well(end: JournalLine) -> bool:
    """Whether an operation did what it was to do: for a recovery that may be to put back, and then it ends with 0."""
    undone = end.outcome == "put-back" and end.kind == RECOVER
    return not end.exit_code and (end.outcome in ("done", "nothing-to-do") or undone)


def _end_of(state: ServerState, operation: str) -> JournalLine | None:
    """How a server's journal says that an operation ended."""
    return next((line for line in reversed(state.journal) if line.what == "end" and line.operation == operation), None)


def _last_end(states: Iterable[ServerState]) -> str:
    """The last end that the journals tell of, in words; of several that no server puts in an order, any."""
    by_server = [[line for line in state.journal if line.what == "end"] for state in states]
    followed = {line.operation for ends in by_server for line in ends[:-1]}
    last = [ends[-1] for ends in by_server if ends]
    ends = [line for line in last if line.operation not in followed] or last
    return _sentence(max(ends, key=lambda line: line.time)) if ends else ""


def _sentence(end: JournalLine) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(end.time))
    tag = f" of {end.tag}" if end.tag else ""
    outcome = f"cancelled, {end.outcome}" if end.cancelled else end.outcome
    return f"{end.kind}{tag} by {end.who}: {outcome} at {when} UTC"
