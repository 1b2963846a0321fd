"""Which servers were left out of what is live on the others, and have not caught up (pure)."""

from __future__ import annotations

from collections.abc import Iterable

from core.records.journal import JournalLine
from core.records.server import ServerState

LEFT_OUT = "left-out"
"""The outcome in a journal's `end` of an operation that this server was left out of."""


def left_behind(states: Iterable[ServerState]) -> dict[str, str]:
    """By server that was left out: the release that it lacks.

    The last operation that was carried out on a server says who was left out of it, however long ago that was. Who
    was has caught up once that release is live there, or another one on the servers that say so. One that was not
    inspected is named too.
    """
    states = list(states)
    current = {state.server: state.current for state in states}
    found: dict[str, str] = {}
    for state in states:
        end = last_end(state.transitions)
        if end is None or not end.tag or end.tag != state.current:
            continue
        for name in end.left_out:
            if name != state.server and current.get(name) != end.tag:
                found.setdefault(name, end.tag)
    return found


def last_end(lines: Iterable[JournalLine]) -> JournalLine | None:
    """The end of the last operation that was carried out, of a server's `transitions.jsonl`."""
    ends = [line for line in lines if line.what == "end" and line.outcome == "done"]
    return ends[-1] if ends else None
