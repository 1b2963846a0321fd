"""What others do or did while a plan is shown, and what the keys do then (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tui.view.formats import servers_among
from tui.view.glyphs import Glyphs
from tui.view.lines import Line
from tui.view.plan_lines import bullet

WAIT, BREAK, GIVE_REASON = "wait", "break", "give-reason"
"""What has to come before a plan can run: the end of an operation, the end of a lock without a sign of life, or a
reason to change what is frozen."""

NAMED = 4
"""Servers that are named."""


def news_lines(
    moved: str, changed: Sequence[str], total: int, held: str, way: str, cells: int, glyphs: Glyphs
) -> list[Line]:
    """The news above a plan; [] for none.

    moved     what else it rests on that is not so any more: `main is 9ab01cd now, not 3f2c1ab`
    changed   the servers, of so many in all, that are no longer as the plan says
    held      why the plan cannot run now: `ana@ci runs a deploy on web1`; `way` says what a person can do about it
    """
    out = []
    if moved:
        out += bullet(f"{moved}: this plan no longer holds", cells, glyphs.alert, "warn")
    if changed:
        whom = servers_among(changed, total, NAMED)
        out += bullet(f"{whom} changed while you looked: this plan no longer holds", cells, glyphs.alert, "warn")
    if held:
        out += bullet(f"{held}: {way}" if way else held, cells, glyphs.alert, "warn")
    return [*out, ()] if out else []


def way_on(frees: str, agree: str, keys: Mapping[str, str]) -> str:
    """What a person can do while a plan cannot run.

    agree   the key that agrees to it: `y`, or `Enter` where a name is typed
    """
    leave = keys["close"]
    if frees == BREAK:
        return f"it gives no sign of life; leave with {leave}, then {keys['break-lock']} breaks its lock"
    if frees == GIVE_REASON:
        return f"leave with {leave} and begin again, which asks for a reason"
    return f"{agree} works when that has ended; {leave} leaves"
