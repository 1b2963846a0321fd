"""The order of releases, from all that is known of when each was made (pure)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

_DATE = re.compile(
    r"(?<![0-9])((?:19|20)[0-9]{2})[-_.]?([01][0-9])[-_.]?([0-3][0-9])"
    r"(?:[T_.-]?([0-2][0-9])[-_.:]?([0-5][0-9])(?:[-_.:]?([0-5][0-9]))?)?(?![0-9])"
)
_SECONDS = re.compile(r"1[0-9]{9}")
_PARTS = re.compile(r"([0-9]+)")


class Dated(Protocol):
    """What can be put in order.

    number  its place among those that have one, from 1; 0 for none
    when    seconds since the epoch, as a record, a log or its name tells; 0.0 where nothing does
    mtime   of its folder: only ever later than the truth, for every file that is written there moves it
    """

    @property
    def tag(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def when(self) -> float: ...
    @property
    def mtime(self) -> float: ...


D = TypeVar("D", bound=Dated)


def natural(tag: str) -> tuple[tuple[bool, int, str], ...]:
    """A key that sorts numbers in names by their size: 9 before 10."""
    return tuple((part.isdigit(), int(part) if part.isdigit() else 0, part) for part in _PARTS.split(tag) if part)


def time_in(tag: str, mtime: float = 0.0) -> float:
    """The time that a name tells, taken for UTC: `20261121193000`, `2026-11-21_1930`, `1763753400`; 0.0 for none.

    Of a day alone the folder's time chooses the hour, as far as it is on that day.
    """
    if _SECONDS.fullmatch(tag):
        return float(tag)
    found = _DATE.search(tag)
    if not found:
        return 0.0
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    try:
        start = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return 0.0
    if found[4] is not None:
        return start.timestamp()
    return min(max(mtime, start.timestamp()), (start + timedelta(days=1)).timestamp() - 1)


def in_order(items: Iterable[D]) -> list[D]:
    """The oldest first.

    Those with a number keep the order of their numbers, whatever their clocks say: two have the same number where each
    was deployed to servers that the other was not, and then the tag makes it the same everywhere. The others come
    between them by the time that is known of them. Names that count (Deployer's 9, 10) keep that order among themselves
    too, for nothing but the folder's time may be known of them.
    """
    numbered: list[tuple[int, str, D]] = []
    counting: list[D] = []
    rest: list[D] = []
    for item in items:
        if number := item.number:
            numbered.append((number, item.tag, item))
        elif item.tag.isdigit() and not time_in(item.tag):
            counting.append(item)
        else:
            rest.append(item)
    numbered.sort(key=lambda entry: entry[:2])
    known = [item for _, _, item in numbered]
    if not counting and not rest:
        return known
    counting.sort(key=lambda item: natural(item.tag))
    placed: list[tuple[tuple[float, int, Any], D]]
    placed = [((time, 1, place), item) for place, (time, item) in enumerate(_bounded(known))]
    placed += [((time, 0, natural(item.tag)), item) for time, item in _bounded(counting)]
    placed += [((item.when or item.mtime, 0, natural(item.tag)), item) for item in rest]
    return [item for _, item in sorted(placed, key=lambda entry: entry[0])]


def _bounded(items: list[D]) -> list[tuple[float, D]]:
    """Each with a time that is not later than that of any that follows it."""
    time, found = math.inf, []
    for item in reversed(items):
        time = min(time, item.when or item.mtime or math.inf)
        found.append((time, item))
    return found[::-1]
