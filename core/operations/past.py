"""What was done: the history that the servers' journals tell together, and the stored events of one operation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from core.errors import FleetError, TurnoutError, UsageError
from core.events import Event, from_json
from core.fleet import Fleet
from core.history import History, merged
from core.records import JournalLine

LINES_EACH = 3
"""Lines of a journal that are asked for per operation: one begins, switches on this server, and ends."""
FULL = 2
"""Servers whose journals are asked for the names of an operation's servers, too: the others say the same."""
LARGEST_LOG = 20_000_000
"""Bytes of stored events that are read: a server keeps no more of all operations together."""


def read_history(fleet: Fleet, limit: int, servers: Sequence[str] | None = None) -> History:
    """The last `limit` operations, newest first, from all servers that answer (or from these); changes nothing.

    FleetError where none answers.
    """
    names = fleet.names if servers is None else tuple(servers)

    def ask(name: str) -> tuple[JournalLine, ...]:
        return fleet.open(name).history(limit * LINES_EACH, brief=name not in names[:FULL])

    outcome = fleet.at_once(names, ask)
    if not outcome.results:
        raise FleetError(outcome.errors, phase="connect")
    found = merged(outcome.results, {name: error.title for name, error in outcome.errors.items()})
    return History(entries=found.entries[:limit], unheard=found.unheard)


def read_log(fleet: Fleet, operation: str, servers: Iterable[str] = ()) -> list[Event]:
    """The stored events of an operation, oldest first, from the first server that has them.

    operation   its id, whole
    servers     those that are asked first: that took part
    UsageError where no server that answers keeps them any more; FleetError where none answers.
    """
    first = [name for name in servers if name in fleet.names]
    errors: dict[str, TurnoutError] = {}
    for name in dict.fromkeys([*first, *fleet.names]):
        try:
            with fleet.masked():
                found = list(_events(fleet, name, operation))
        except TurnoutError as error:
            errors[name] = error
            continue
        if found:
            return found
    if len(errors) == len(fleet.names):
        raise FleetError(errors, phase="connect")
    raise UsageError(
        f"no server keeps the events of operation {operation} any more",
        hint="each keeps those of the last 50 operations, 20 MB at most",
    )


def _events(fleet: Fleet, name: str, operation: str) -> Iterator[Event]:
    """What one server has stored of it; lines that are not events of this operation are passed over."""
    session, offset = fleet.open(name), 0
    while offset < LARGEST_LOG:
        piece = session.events(offset, operation)
        for line in piece.lines:
            try:
                event = from_json(json.loads(line))
            except (ValueError, RecursionError):
                continue
            if event is not None and event.operation == operation:
                yield event
        if not piece.bytes:
            return
        offset += piece.bytes
