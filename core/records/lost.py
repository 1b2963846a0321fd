"""Servers that lost what was live on them: a disk that is not mounted, a root that somebody removed (pure)."""

from __future__ import annotations

from collections.abc import Iterable

from core.records.left_out import last_end
from core.records.server import ServerState

NOWHERE = "absent"
"""What `current` is where there is none."""


def lost_on(states: Iterable[ServerState]) -> dict[str, str]:
    """By server on which nothing is live although the last operation made a release live there, too: that release, ""
    where each server got its own.

    A server tells what its last operation was, and on which servers. A new one is in none.
    """
    states = list(states)
    bare = {state.server for state in states if not state.current and state.current_kind == NOWHERE}
    found: dict[str, str] = {}
    for state in states:
        end = last_end(state.transitions)
        if end is None or not end.tag or end.tag != state.current:
            continue
        for begin in state.transitions:
            if begin.what == "begin" and begin.operation == end.operation:
                took_part = bare.intersection(begin.servers) - set(end.left_out)
                found |= dict.fromkeys(took_part, "" if begin.each else end.tag)
    return found
