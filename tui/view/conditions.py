"""The condition of a server: one decision for row, map, matrix, header and list of trouble (pure)."""

from __future__ import annotations

from collections.abc import Mapping

from core.records import ServerState

LIVE, BEHIND, AHEAD, EMPTY, ODD, DOWN, DARK, REFUSED, WAITING = (
    "live", "behind", "ahead", "empty", "odd", "down", "dark", "refused", "waiting",
)  # fmt: skip
"""What a server is: as the others, on an older or a newer release, without a release, with a `current` that is not a
link to a release, with one that points to nothing or that is gone, seen before and not answering now, never seen and
not answering, not asked or asked for the first time."""

WORDS: Mapping[str, str] = {
    DOWN: "SITE DOWN",
    REFUSED: "no answer",
    DARK: "no answer",
    ODD: "odd current",
    BEHIND: "behind",
    AHEAD: "ahead",
    EMPTY: "without a release",
    WAITING: "not checked yet",
    LIVE: "live",
}
"""By condition, the worst first: its word in headers and legends."""

ROLES: Mapping[str, str] = {
    DOWN: "bad",
    REFUSED: "bad",
    DARK: "bad",
    ODD: "warn",
    BEHIND: "warn",
    AHEAD: "warn",
    EMPTY: "warn",
    WAITING: "busy",
    LIVE: "ok",
}
"""By condition: the role in which it is drawn."""


def condition(state: ServerState | None, *, answers: bool, failed: bool, drift: str, lost: bool = False) -> str:
    """What a server is now, as far as that is known.

    state     the last known one; None for none     answers   whether that still counts as its present state
    failed    the last look at it failed     drift   `behind` or `ahead` of the live release, "" for neither
    lost      nothing is live there although the last operation made a release live (`core.records.lost_on`)
    """
    if state is None:
        return REFUSED if failed else WAITING
    if not answers:
        return DARK
    if state.current_kind == "dangling" or lost:
        return DOWN
    if state.current_kind in ("folder", "file", "elsewhere"):
        return ODD
    if not state.current:
        return EMPTY
    return drift or LIVE
