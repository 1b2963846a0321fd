"""Which releases are pruned, and which never are (pure)."""

from __future__ import annotations

from collections.abc import Sequence, Set

from core.records import ServerState

FAILED_KEPT = 3
"""Releases that failed, or never went live, whose files stay on a server: to look at, newest first."""


def in_slot(states: Sequence[ServerState], tag: str) -> str:
    """Where a release has a slot, so that its process may run (`has the slot blue (port 8001) on web1`), or ""."""
    found = ((state.server, use) for state in states for use in state.slots if use.tag == tag)
    return next((f"has the slot {use.slot} (port {use.port}) on {server}" for server, use in found), "")


def protection(states: Sequence[ServerState], tag: str, live: str, previous: str, *, running: bool = False) -> str:
    """Why a release may not be pruned (`is live on web1`), or "".

    running  one that may run may be pruned, if it is not live
    """
    on = [state.server for state in states if state.current == tag]
    if on:
        return f"is live on {', '.join(on)}: a live release is never pruned"
    if tag == previous and tag != live:
        return "is the release before the live one: it is kept for a quick rollback"
    for state in states:
        if tag in state.links:
            return f"is used on {state.server}: the link {state.links[tag][0]} leads to it"
        release = state.releases.get(tag)
        if tag in state.pins or (release and release.pinned):
            why = state.pins[tag].why if tag in state.pins else ""
            return f"is pinned on {state.server} ({why})" if why else f"is pinned on {state.server}"
        if release and release.unread:
            return f"has a record on {state.server} that cannot be read: it may be pinned"
    if (slot := in_slot(states, tag)) and not running:
        return f"{slot}: it may still run. A deploy runs its retire hook; --force prunes it all the same"
    return ""


def beyond(state: ServerState, keep: int, needed: Set[str], *, coming: str = "", for_ever: bool = False) -> list[str]:
    """The tags with files on a server beyond the newest `keep` (at least 1), oldest first, without protected ones
    and those that may be: whose record cannot be read.

    What nothing can make again stays, but with `for_ever`; and also then where no link says what is live. What has a
    slot may still run, and stays, too.

    Releases that failed, or never went live, have a limit of their own: however many there are, they take no place of
    a good one.

    needed  tags that are kept on every server: live on any of them, or the way back
    coming  a tag that this operation makes live: it counts as the newest and as kept
    """
    safe = {*needed, coming, state.current, *state.links, *(use.tag for use in state.slots)}
    present = [r for r in state.ordered if r.present and r.tag != coming]
    good = [r.tag for r in present if r.good or r.tag == state.current]
    room = max(keep, 1) - (1 if coming else 0)
    failed = [r.tag for r in present if not r.good and r.tag != state.current]
    kept = safe | {*good[: max(room, 0)], *failed[:FAILED_KEPT]}
    for_ever = for_ever and bool(state.current)
    return [
        r.tag
        for r in reversed(present)
        if r.tag not in kept and not r.pinned and not r.unread and (r.lasting or for_ever)
    ]
