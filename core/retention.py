"""Which releases are pruned, and which never are (pure)."""

from __future__ import annotations

from collections.abc import Sequence, Set

from core.records import ServerState


def protection(states: Sequence[ServerState], tag: str, live: str, previous: str) -> str:
    """Why a release may not be pruned (`is live on web1`), or ""."""
    on = [state.server for state in states if state.current == tag]
    if on:
        return f"is live on {', '.join(on)}: a live release is never pruned"
    if tag == previous and tag != live:
        return "is the one before the live release: it is kept for a quick way back"
    for state in states:
        release = state.releases.get(tag)
        if release and release.record and release.record.pinned:
            return f"is pinned on {state.server}"
        if release and release.unread:
            return f"has a record on {state.server} that cannot be read: it may be pinned"
    return ""


def beyond(state: ServerState, keep: int, needed: Set[str], *, coming: str = "") -> list[str]:
    """The tags with files on a server beyond the newest `keep` (at least 1), oldest first, without protected ones
    and those that may be: whose record cannot be read.

    needed  tags that are kept on every server: live on any of them, or the way back
    coming  a tag that this operation makes live: it counts as the newest and as kept
    """
    safe = {*needed, coming, state.current}
    present = [r for r in state.ordered if r.present and r.tag != coming]
    room = max(keep, 1) - (1 if coming else 0)
    return [
        release.tag
        for release in reversed(present[max(room, 0) :])
        if release.tag not in safe and not release.unread and not (release.record and release.record.pinned)
    ]
