"""What was live before the last switch, and on which servers: what undo goes back to (pure)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from core.records.fleet import FleetRelease, fleet_releases, live_of
from core.records.server import ServerState
from core.records.stays import Stay

DEPLOY, ROLLBACK = "deploy", "rollback"
"""Kinds of operations in the journals (core.plan); what a rollback switched away from was left on purpose."""


class Previous(Struct, frozen=True, kw_only=True):
    """The release that undo, and a rollback without a tag, goes back to.

    tag         "" where there is none
    until       when it ceased to be live, in seconds since the epoch; 0.0 where the journals do not tell
    kind, who   of the operation that switched away from it, which undo takes back; "" where that is unknown
    skipped     releases that were live after it, or may have been, and are not gone back to: each with the reason
    guessed     no journal or log says that it was ever live
    moved       our last switch made it live, and `current` was moved since, by hand or by another tool
    tags        by server that the last switch was on: the release that was live there before it. {}: all servers go to
                `tag`. One that had none which undo goes back to gets `tag`, and is in `without`
    stay        servers that the last switch was not on: they stay as they are
    """

    tag: str = ""
    until: float = 0.0
    kind: str = ""
    who: str = ""
    skipped: tuple[tuple[str, str], ...] = ()
    guessed: bool = False
    moved: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    stay: tuple[str, ...] = ()

    def tag_on(self, server: str) -> str:
        """Where a server goes that does not stay as it is."""
        return self.tags.get(server, self.tag)


def previous_of(states: Iterable[ServerState], rows: Sequence[FleetRelease] | None = None) -> Previous:
    """What was live before the last switch, on each server that it was on. So undo after undo is there and back again.

    A release that failed or is blocked is not gone back to: then it is what was live there before that. If most servers
    on the live release were last switched by a person or another tool, it is what most of them say was live before,
    for all servers. Where the journals tell nothing usable, it is the newest release older than the live one that was
    live, and neither failed, was left by a rollback, nor is blocked.

    rows   `fleet_releases` of the states, where they are there already
    """
    states = list(states)
    rows = fleet_releases(states) if rows is None else rows
    live = live_of(rows)
    if not live:
        return Previous()
    found = _before_last_operation(states, rows, live)
    return found or _most_say(states, rows, live)


def _before_last_operation(states: Sequence[ServerState], rows: Sequence[FleetRelease], live: str) -> Previous | None:
    """What was live before the last operation on each server that it switched; None where no operation switched last,
    or it left nothing that undo goes back to.

    A server that had the same release before a deploy gave it to others, as a canary has, goes back with them.
    """
    last = [state.last_operation for state in states if state.current == live]
    if 2 * last.count("") > len(last):
        return None
    operation = last_of_all(states)
    by_tag = {row.tag: row for row in rows}
    places = {row.tag: place for place, row in enumerate(reversed(rows))}
    deployed = {state.current for state in states if ended_by(state, operation) and state.switches[0].kind == DEPLOY}
    skipped: dict[str, str] = {}
    tags: dict[str, str] = {}
    without: list[str] = []
    for state in states:
        if not operation or not state.switches or not (ended_by(state, operation) or state.current in deployed):
            continue
        left = state.switches[0].tag
        older = [stay.tag for stay in state.stays]
        older = older[older.index(left) :] if left in older else []
        for tag in [left, *older[1:]] if left else ():
            why = _no_way_back(by_tag.get(tag)) if tag != state.current else ""
            if not why:
                tags[state.server] = tag
                break
            skipped[tag] = why
        else:
            without.append(state.server)
    if not tags:
        return None
    chosen = list(tags.values())
    tag = max(dict.fromkeys(chosen), key=lambda tag: (chosen.count(tag), places.get(tag, -1), tag))
    ended = max((s.switches[0] for s in states if s.server in tags), key=lambda stay: stay.until)
    return Previous(
        tag=tag,
        until=ended.until,
        kind=ended.kind,
        who=ended.who,
        skipped=tuple((name, why) for name, why in skipped.items() if name not in chosen),
        tags=tags,
        without=tuple(without),
        stay=tuple(s.server for s in states if s.server not in tags and s.server not in without),
    )


def ended_by(state: ServerState, operation: str) -> bool:
    """Whether this operation was the last one that switched a server."""
    return bool(state.switches) and state.switches[0].operation == operation


def last_of_all(states: Iterable[ServerState]) -> str:
    """The id of the operation that switched any of these servers last; "" where no journal tells of one.

    Where two share a server, its own order decides. Only of those that share none the operators' clocks do.
    """
    states = list(states)
    last = {state.switches[0].operation: 0.0 for state in states if state.switches}
    followed: set[str] = set()
    for state in states:
        for place, stay in enumerate(state.switches):
            if stay.operation in last:
                last[stay.operation] = max(last[stay.operation], stay.until)
                followed.update([stay.operation] if place else [])
    return max(last.keys() - followed or last, key=lambda name: (last[name], name), default="")


def _most_say(states: Sequence[ServerState], rows: Sequence[FleetRelease], live: str) -> Previous:
    """One release for all servers: what most of those on the live release say was live before it; else the newest
    older one that was live."""
    by_tag = {row.tag: row for row in rows}
    skipped: dict[str, str] = {}
    while True:
        votes: dict[str, list[Stay]] = {}
        for state in states:
            stay = next((stay for stay in state.stays if stay.tag not in skipped), None)
            if state.current == live and stay:
                votes.setdefault(stay.tag, []).append(stay)
        if not votes:
            break
        places = {row.tag: place for place, row in enumerate(reversed(rows))}
        tag = max(votes, key=lambda tag: (len(votes[tag]), places.get(tag, -1), tag))
        why = _no_way_back(by_tag.get(tag))
        if not why:
            stay = max(votes[tag], key=lambda stay: stay.until)
            moved = not stay.until and any(state.moved_from == tag for state in states)
            passed = tuple(skipped.items())
            return Previous(tag=tag, until=stay.until, kind=stay.kind, who=stay.who, skipped=passed, moved=moved)
        skipped[tag] = why
    older = itertools.dropwhile(lambda row: row.tag != live, rows)
    next(older, None)
    left = {stay.tag for state in states for stay in state.stays if stay.kind == ROLLBACK}
    for row in older:
        if row.returnable and not row.block and not (row.record is None and row.tag in left):
            return Previous(
                tag=row.tag, skipped=tuple(skipped.items()), guessed=row.record is None and not _proved(row)
            )
        if row.bad:
            skipped[row.tag] = row.bad
    return Previous(skipped=tuple(skipped.items()))


def _proved(row: FleetRelease) -> bool:
    """Whether another tool's log says that it was live."""
    return any(release.told and release.told.published for release in row.on.values())


def _no_way_back(row: FleetRelease | None) -> str:
    """Why undo does not go to a release that was live, in words for after its name; "" where it may."""
    if row is None:
        return "is gone"
    if row.failed:
        return f"failed ({row.failed})"
    if row.block:
        return f"is blocked {row.block.describe()}"
    if row.bad:
        return row.bad
    if any("failed" in release.marks for release in row.on.values()):
        return "failed"
    return "has a record that cannot be read" if row.unread else ""


def previous_tag(states: Iterable[ServerState]) -> str:
    """The tag of `previous_of` these servers."""
    return previous_of(states).tag
