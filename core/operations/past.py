"""What was done: the history that the servers' journals tell together, and the stored events of one operation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from msgspec.structs import replace

from core.condensed import events_of
from core.errors import FleetError, TurnoutError, UsageError
from core.events import Event, OperationFinished, Switched
from core.fleet import Fleet
from core.history import DONE, NO_END, Entry, History, merged, outcome_told
from core.records import JournalLine
from core.text import count

LINES_EACH = 5
"""Lines of a journal that are asked for per operation: one begins, drains this server, switches it, lets it return, and
ends."""
FULL = 2
"""Servers whose journals are asked for the names of an operation's servers, too: the others say the same."""
LARGEST_LOG = 20_000_000
"""Bytes of stored events that are read: a server keeps no more of all operations together."""


def read_history(
    fleet: Fleet, limit: int, running: Set[str] = frozenset(), current: Mapping[str, str] | None = None
) -> History:
    """The last `limit` operations, newest first, from all servers that answer; changes nothing.

    running   ids of operations that hold a lock now, as an inspection saw it
    current   by server: what is live there, as that saw it
    FleetError where no server answers.
    """
    outcome = fleet.at_once(fleet.names, lambda name: read_journal(fleet, name, limit))
    if not outcome.results:
        raise FleetError(outcome.errors, phase="connect")
    return told(outcome.results, {name: error.title for name, error in outcome.errors.items()}, limit, running, current)


def read_journal(fleet: Fleet, name: str, limit: int) -> tuple[JournalLine, ...]:
    """What one server's journal says of the last `limit` operations, oldest line first. Raises TurnoutError."""
    with fleet.masked():
        return fleet.open(name).history(limit * LINES_EACH, brief=name not in fleet.names[:FULL])


def told(
    journals: Mapping[str, Sequence[JournalLine]],
    unheard: Mapping[str, str],
    limit: int,
    running: Set[str],
    current: Mapping[str, str] | None = None,
) -> History:
    """The last `limit` operations that these journals tell of. unheard: why, by server that gave none."""
    found = merged(journals, unheard, running, current)
    return replace(found, entries=found.entries[:limit])


def read_log(fleet: Fleet, entry: Entry, silent: Set[str] = frozenset()) -> list[Event]:
    """The stored events of an operation, oldest first, from the first server that has them.

    silent   servers that do not answer at present: they are asked last
    An operation cannot tell the servers its last events. Where they are missing, its end is added as the journals have
    it, and the switch of one that switched and ended in one request.
    UsageError where no server that answers keeps them any more; FleetError where none answers.
    """
    first = [name for name in entry.by_server if name in fleet.names]
    errors: dict[str, TurnoutError] = {}
    for name in sorted(dict.fromkeys([*first, *fleet.names]), key=lambda name: name in silent):
        try:
            with fleet.masked():
                found = list(_events(fleet, name, entry.operation))
        except TurnoutError as error:
            errors[name] = error
            continue
        if found:
            return [*found, *_untold(entry, found)]
    if len(errors) == len(fleet.names):
        raise FleetError(errors, phase="connect")
    raise UsageError(
        f"no server keeps the events of operation {entry.operation} any more",
        hint="each keeps those of the last 50 operations, 20 MB at most",
    )


def _untold(entry: Entry, told: Sequence[Event]) -> Iterator[Event]:
    """What the journals know of it that its events do not say."""
    place: dict[str, Any] = {"operation": entry.operation, "time": entry.ended}
    switched = {event.server for event in told if isinstance(event, Switched)}
    if entry.changed_live:
        for name, outcome in entry.by_server.items():
            if name not in switched and outcome == DONE:
                yield Switched(server=name, tag=entry.tag, previous=entry.previous, **place)
    if entry.outcome not in NO_END and not any(isinstance(e, OperationFinished) for e in told):
        yield OperationFinished(
            kind=entry.kind,
            outcome=outcome_told(entry.kind, entry.outcome, entry.exit_code, cancelled=entry.cancelled),
            exit_code=entry.exit_code,
            seconds=entry.seconds,
            summary=f"according to the journals of {count(len(entry.by_server), 'server')}",
            tag=entry.tag,
            **place,
        )


def _events(fleet: Fleet, name: str, operation: str) -> Iterator[Event]:
    """What one server has stored of it; lines that are not events of this operation are passed over."""
    session, offset = fleet.open(name), 0
    while offset < LARGEST_LOG:
        piece = session.events(offset, operation)
        for line in piece.lines:
            yield from (event for event in events_of(line) if event.operation == operation)
        if not piece.bytes:
            return
        offset += piece.bytes
