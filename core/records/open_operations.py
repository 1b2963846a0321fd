"""Operations that have no end on a server, by its lines (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from core.records.journal import JournalLine
from core.records.server import ServerState


def open_operations(transitions: Sequence[JournalLine]) -> list[list[JournalLine]]:
    """The lines of the operations that have no end, oldest first; each one's `begin` first. Only operations that change
    what is live have lines there.

    An operation that did nothing, or whose work was put back, leaves open what was open before it. One that was
    carried out closes everything before it. Where a `begin` was lost (a full disk), a switch is enough.
    """
    open_ones: list[list[JournalLine]] = []
    for line in transitions:
        if line.what == "end":
            if line.outcome == "done":
                open_ones.clear()
            else:
                open_ones = [lines for lines in open_ones if lines[0].operation != line.operation]
            continue
        same = (lines for lines in reversed(open_ones) if line.operation in ("", lines[0].operation))
        mine = next(same, None)
        if mine is not None:
            mine.append(line)
        elif line.what in ("begin", "switch"):
            open_ones.append([line])
    return open_ones


def may_serve(state: ServerState) -> frozenset[str]:
    """The releases of which an operation that was interrupted leaves open which one serves: those that it switched
    between, but for what it had begun to retire. Nothing while an operation runs.
    """
    if state.lock and state.lock.alive:
        return frozenset()
    tags: set[str] = set()
    for lines in open_operations(state.transitions):
        for line in lines:
            if line.what in ("switch", "restore"):
                tags |= {line.tag, line.previous}
            elif line.what == "retire":
                tags.discard(line.tag)
    return frozenset(tags - {""})


def turned_back(state: ServerState, left: str) -> bool:
    """Whether the last thing that an interrupted operation did there was to switch back from the release `left`, so
    that the hooks after that may not have run.
    """
    back = False
    for lines in open_operations(state.transitions):
        for line in lines:
            if line.what in ("switch", "restore"):
                back = line.what == "restore"
            elif line.what == "retire" and line.tag == left:
                back = False
    return back and state.current != left


def begun_to_retire(state: ServerState, tag: str) -> bool:
    """Whether an interrupted operation had begun to retire a release there: it may be stopped."""
    lines = (line for group in open_operations(state.transitions) for line in group)
    return any(line.what == "retire" and line.tag == tag for line in lines)
