"""How many errors a log has in a second, before a switch and since (pure)."""

from __future__ import annotations

from collections import deque

from msgspec import Struct

from core.logs.levels import Judged

KEPT = 1800
"""Seconds that are remembered."""

BEFORE = 300
"""Seconds before a switch that are compared with those since."""


class Rate(Struct, frozen=True):
    """Errors a second.

    what     "5xx" for a log of answers, else "errors"
    before   in the minutes before the switch; None where nothing was heard then, or there was no switch
    since    since the switch, or in the last minutes where there was none
    ago      seconds since the switch; None where there was none
    slices   of equal length up to now; `mark` is the one in which the switch was, -1 for none
    """

    what: str
    before: float | None
    since: float
    ago: float | None
    slices: tuple[float, ...]
    mark: int


class Rates:
    """Counts the errors of a log by seconds; `begin` is when it began to be heard."""

    def __init__(self, begin: float) -> None:
        self._begin = begin
        self._seconds: deque[tuple[int, int, int]] = deque()
        self._answers = False
        self._switch: float | None = None

    def switched(self, at: float) -> None:
        """There was a switch; of several the last one counts, and those of one operation follow within seconds."""
        if self._switch is None or at - self._switch > 60:
            self._switch = at

    def count(self, at: float, judged: Judged) -> None:
        """A line came."""
        self._answers = self._answers or judged.status > 0
        broken = judged.status >= 500
        if not broken and judged.level != "error":
            return
        second = int(at)
        if self._seconds and self._seconds[-1][0] >= second:
            last, errors, answers = self._seconds[-1]
            self._seconds[-1] = (last, errors + (not broken or judged.level == "error"), answers + broken)
        else:
            self._seconds.append((second, 1, int(broken)))
        while self._seconds[0][0] < second - KEPT:
            self._seconds.popleft()

    def rate(self, now: float, slices: int = 30) -> Rate:
        """What there is to say now."""
        field = 2 if self._answers else 1
        switch = self._switch
        begun = max(self._begin, now - KEPT)
        start = max(switch if switch is not None else now - BEFORE, begun)
        since = self._sum(start, now + 1, field) / max(now - start, 1.0)
        before = None
        if switch is not None and switch - begun >= 1:
            early = max(switch - BEFORE, begun)
            before = self._sum(early, switch, field) / max(switch - early, 1.0)
        first = max(min(now - 60.0, (switch or now) - 60.0), now - KEPT)
        long = (now - first) / slices
        drawn = tuple(
            self._sum(first + index * long, first + (index + 1) * long, field) / long for index in range(slices)
        )
        mark = int((switch - first) / long) if switch is not None and switch >= first else -1
        ago = now - switch if switch is not None else None
        return Rate("5xx" if self._answers else "errors", before, since, ago, drawn, min(mark, slices - 1))

    def _sum(self, start: float, end: float, field: int) -> int:
        return sum(entry[field] for entry in self._seconds if int(start) <= entry[0] < int(end))
