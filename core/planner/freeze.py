"""Whether changes are frozen, by hand or by the calendar, and in which words (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.freezes import Window, holding
from core.records import ServerState


def frozen(states: Iterable[ServerState], windows: Sequence[Window], now: float) -> str:
    """Why operations that change releases are refused, for after `is frozen`; "" where they are not.

    A freeze on one server counts: an operation works on all of its servers or on none.
    now   seconds since the epoch
    """
    on = {state.server: state.freeze for state in states if state.freeze is not None}
    if on:
        return next(iter(on.values())).describe()
    window = holding(windows, now)
    return f"by the calendar until {window.until(now)} (`freeze` in turnout.toml)" if window else ""
