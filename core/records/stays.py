"""What was live on a server before, and until when, as its journals tell (pure)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from msgspec import Struct

from core.records.journal import JournalLine
from core.records.order import time_in


class Stay(Struct, frozen=True, kw_only=True):
    """A release that was live on a server, and what ended that.

    until       seconds since the epoch, by the clock of the operator who ended it; 0.0 where that is unknown
    kind, who   of the operation that switched away from it; "" where that was no operation
    operation   its id; "" where that was no operation, or it is unknown
    """

    tag: str
    until: float = 0.0
    kind: str = ""
    who: str = ""
    operation: str = ""


UNKNOWN_OPERATION = "0"
"""The id that stands for an operation that is not known: none has it."""


def stays_before(transitions: Sequence[JournalLine], journal: Sequence[JournalLine], current: str) -> tuple[Stay, ...]:
    """What was live before `current` on one server, the latest first, each release once.

    transitions   the lines that nothing pushes out: they tell of the last switch, however long ago it was
    journal       the last lines of the journal, which may reach further back
    """
    found: dict[str, Stay] = {}
    for lines in (transitions, journal):
        for stay in _before(lines, current):
            if stay.tag and stay.tag != current:
                found.setdefault(stay.tag, stay)
    return tuple(found.values())


def live_by_journal(transitions: Sequence[JournalLine]) -> str:
    """The release that our last operation which switched a server left live there; "" where that is not known, as while
    an operation is open.
    """
    last = transitions[-1] if transitions else None
    return last.tag if last and last.what == "end" and last.outcome == "done" else ""


def switches_before(
    transitions: Sequence[JournalLine], journal: Sequence[JournalLine], current: str
) -> tuple[Stay, ...]:
    """What each operation that switched this server left there, the last operation first, each operation once; the
    tag is "" where nothing was live before.
    """
    found: dict[str, Stay] = {}
    for lines in (transitions, journal):
        for stay in _before(lines, current):
            if stay.operation not in ("", UNKNOWN_OPERATION):
                found.setdefault(stay.operation, stay)
    return tuple(found.values())


def with_theirs(
    stays: Sequence[Stay], transitions: Sequence[JournalLine], lived: Sequence[str], current: str
) -> tuple[Stay, ...]:
    """The same, with what another tool's log says was live there.

    lived   by that log, the latest last. Where it ends with `current`, that tool switched last: what it made after our
            last switch was live since then. All else comes after what our journals know.
    """
    ours = {stay.tag: stay for stay in stays}
    theirs = [tag for tag in reversed(lived) if tag != current]
    since: list[str] = []
    if lived and lived[-1] == current:
        last = max((line.time for line in transitions if line.what == "switch"), default=0.0)
        since = list(itertools.takewhile(lambda tag: time_in(tag) > last and tag not in ours, theirs))
    found = {tag: ours.get(tag, Stay(tag=tag)) for tag in (*since, *ours, *theirs)}
    return tuple(found.values())


class _Switch(Struct, frozen=True):
    operation: str
    tag: str | None
    """None: whatever is live now."""
    left: Stay


def _before(lines: Sequence[JournalLine], current: str) -> list[Stay]:
    """The releases that these lines say were left, the latest first."""
    switches: list[_Switch] = []
    for line in lines:
        if line.what == "switch":
            left = Stay(tag=line.previous, until=line.time, kind=line.kind, who=line.who, operation=line.operation)
            switches.append(_Switch(line.operation, line.tag, left))
        elif line.what == "restore" and switches and switches[-1].left.tag == line.tag:
            switches.pop()
        elif line.what == "end":
            _end(switches, line)
    # One that was killed wrote the line of its switch, and may not have come to the switch itself.
    ended = {line.operation for line in lines if line.what == "end" and line.outcome == "done"}
    while switches and switches[-1].tag not in (None, current) and switches[-1].left.tag == current:
        if switches[-1].operation in ended:
            break  # a person has gone back
        switches.pop()
    stays = [switch.left for switch in reversed(switches)]
    if switches and switches[-1].tag not in (None, current):
        stays.insert(0, Stay(tag=switches[-1].tag or ""))  # a person or another program switched since
    return stays


def _end(switches: list[_Switch], line: JournalLine) -> None:
    """Take in how an operation ended: one that was put back left nothing; one that found the release live already
    carries on what was live before, and which operation switched away from that.
    """
    if line.outcome == "put-back" and not line.until:
        switches[:] = [switch for switch in switches if switch.operation != line.operation]
    elif line.until and line.previous and all(switch.operation != line.operation for switch in switches):
        by = line.by or line.operation
        switches.append(_Switch(line.operation, None, Stay(tag=line.previous, until=line.until, operation=by)))
