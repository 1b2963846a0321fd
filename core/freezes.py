"""Times in which an environment's releases must not be changed, as turnout.toml has them (pure).

`Fri 16:00 - Mon 08:00 Europe/Berlin` comes every week; `2026-12-18 16:00 - 2027-01-04 08:00 Europe/Berlin` once. Both
are read by the clock on the wall there, whatever the hour is called that summer time skips or repeats.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from msgspec import Struct

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WEEK = 7 * 24 * 60
"""Minutes of a week."""
LEAST_FREE = 30
"""Minutes of a week that must be free at least: `Sun 23:59` is meant as the end of the week."""
LONGEST = 366
"""Days for which a freeze from date to date lasts at most."""

_CLOCK = r"([01]?[0-9]|2[0-3]):([0-5][0-9])"
_WEEKLY = re.compile(rf"([A-Za-z]+) {_CLOCK} ?- ?([A-Za-z]+) {_CLOCK} (\S+)")
_ONCE = re.compile(
    rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}) {_CLOCK} ?- ?([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}) {_CLOCK} (\S+)"
)
EXAMPLE = '"Fri 16:00 - Mon 08:00 Europe/Berlin" or "2026-12-18 16:00 - 2027-01-04 08:00 Europe/Berlin"'


class Window(Struct, frozen=True):
    """One such time.

    text         as it stands in turnout.toml
    begin, end   minutes of the week from Monday 00:00, or dates and times; by the clock in `zone`. At `end` it is over
    """

    text: str
    begin: int | datetime
    end: int | datetime
    zone: tzinfo

    def holds(self, moment: float) -> bool:
        """Whether it holds at this time, in seconds since the epoch."""
        there = self._there(moment)
        if isinstance(self.begin, datetime) and isinstance(self.end, datetime):
            return self.begin <= there < self.end
        assert isinstance(self.begin, int) and isinstance(self.end, int)
        minute = there.weekday() * 24 * 60 + there.hour * 60 + there.minute
        return (minute - self.begin) % WEEK < (self.end - self.begin) % WEEK

    def until(self, moment: float) -> str:
        """When it ends that holds now, for people: `Mon 08:00 Europe/Berlin`."""
        return self.text.partition("-")[2].strip() if isinstance(self.end, int) else self.text.rpartition(" - ")[2]

    def _there(self, moment: float) -> datetime:
        """The time on the wall there, without its zone."""
        return datetime.fromtimestamp(moment, UTC).astimezone(self.zone).replace(tzinfo=None)


def parse(text: str) -> Window:
    """The window that a text of turnout.toml means. ValueError with words for the person who wrote it."""
    if match := _WEEKLY.fullmatch(text):
        begin, end = _minute(*match.groups()[:3]), _minute(*match.groups()[3:6])
        if begin == end:
            raise ValueError("begins and ends at the same time of the week")
        return Window(text, begin, end, _zone(match[7]))
    if match := _ONCE.fullmatch(text):
        first, last = _date(*match.groups()[:3]), _date(*match.groups()[3:6])
        if last <= first:
            raise ValueError("ends before it begins")
        return Window(text, first, last, _zone(match[7]))
    raise ValueError(f"is not a time such as {EXAMPLE}; the time zone is needed")


def holding(windows: Sequence[Window], moment: float) -> Window | None:
    """The first window that holds at this time, in seconds since the epoch; None where none does."""
    return next((window for window in windows if window.holds(moment)), None)


def always(windows: Sequence[Window]) -> bool:
    """Whether the windows that come every week leave less than LEAST_FREE minutes of it, in winter and in summer."""
    weekly = [window for window in windows if isinstance(window.begin, int)]
    return all(
        _covered(weekly, moment) for moment in (datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC))
    )


def without_end(windows: Sequence[Window]) -> bool:
    """Whether windows from date to date join to more than LONGEST days."""
    end = begin = datetime.min
    for first, last in sorted(
        (window.begin, window.end)
        for window in windows
        if isinstance(window.begin, datetime) and isinstance(window.end, datetime)
    ):
        begin, end = (begin, max(end, last)) if first <= end else (first, last)
        if end - begin > timedelta(days=LONGEST):
            return True
    return False


def _covered(windows: Sequence[Window], moment: datetime) -> bool:
    """Whether weekly windows cover the week, where their zones differ from UTC as they do at a moment."""
    spans = []
    for window in windows:
        assert isinstance(window.begin, int) and isinstance(window.end, int)
        ahead = int((window.zone.utcoffset(moment.replace(tzinfo=None)) or timedelta()).total_seconds()) // 60
        spans.append((window.begin - ahead, (window.end - window.begin) % WEEK))
    at = free = 0
    while at < WEEK:
        left = max((length - (at - begin) % WEEK for begin, length in spans), default=0)
        if left <= 0:
            left = min([WEEK - at, *((begin - at) % WEEK or WEEK for begin, _ in spans)])
            free += left
        at += left
    return free < LEAST_FREE


def _minute(day: str, hour: str, minute: str) -> int:
    name = day[:3].title()
    if name not in DAYS or (len(day) > 3 and not _full(name).startswith(day.lower())):
        raise ValueError(f"{day!r} is not a day of the week: use {', '.join(DAYS)}")
    return DAYS.index(name) * 24 * 60 + int(hour) * 60 + int(minute)


def _full(name: str) -> str:
    """The whole name of a day, in lower case."""
    monday = datetime(2024, 1, 1)
    return f"{monday + timedelta(days=DAYS.index(name)):%A}".lower()


def _date(date: str, hour: str, minute: str) -> datetime:
    try:
        return datetime.fromisoformat(date).replace(hour=int(hour), minute=int(minute))
    except ValueError:
        raise ValueError(f"there is no day {date}") from None


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError(
            f"{name!r} is not a time zone that this machine knows: use a name such as Europe/Berlin, or UTC"
        ) from None
