"""Times in which changes are frozen: by the clock on the wall, over weeks, and where summer time begins and ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.freezes import DAYS, always, holding, parse, without_end
from core.planner.freeze import frozen
from core.records import Freeze, ServerState

BERLIN = ZoneInfo("Europe/Berlin")
WEEKEND = parse("Fri 16:00 - Mon 08:00 Europe/Berlin")


def at(*parts: int, fold: int = 0) -> float:
    """Seconds since the epoch of a time on the wall in Berlin."""
    return datetime(*parts, tzinfo=BERLIN, fold=fold).timestamp()  # type: ignore[misc,arg-type]  # year to minute


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        (at(2026, 11, 27, 15, 59), False),  # a Friday
        (at(2026, 11, 27, 16, 0), True),
        (at(2026, 11, 29, 12, 0), True),
        (at(2026, 11, 30, 7, 59), True),
        (at(2026, 11, 30, 8, 0), False),
        (at(2026, 3, 29, 1, 59), True),  # summer time begins
        (at(2026, 3, 29, 3, 1), True),
        (at(2026, 3, 30, 8, 0), False),
        (at(2026, 10, 26, 7, 59), True),  # it has ended: an hour more of freeze
        (at(2026, 10, 26, 8, 0), False),
    ],
)
def test_a_weekend_by_the_clock_in_berlin(moment, holds):
    assert WEEKEND.holds(moment) == holds


def test_an_hour_that_comes_twice_is_frozen_twice_and_one_that_is_skipped_ends_nothing_early():
    night = parse("Sun 02:15 - Sun 02:45 Europe/Berlin")
    assert night.holds(at(2026, 10, 25, 2, 30)) and night.holds(at(2026, 10, 25, 2, 30, fold=1))
    skipped = parse("Sun 02:30 - Sun 04:00 Europe/Berlin")
    first = datetime(2026, 3, 29, 1, 0, tzinfo=UTC).timestamp()  # 03:00 there, right after 01:59
    assert not skipped.holds(first - 60) and skipped.holds(first)


def test_a_freeze_from_one_date_to_another():
    window = parse("2026-12-18 16:00 - 2027-01-04 08:00 Europe/Berlin")
    assert not window.holds(at(2026, 12, 18, 15, 59)) and window.holds(at(2026, 12, 18, 16, 0))
    assert window.holds(at(2027, 1, 4, 7, 59)) and not window.holds(at(2027, 1, 4, 8, 0))
    assert window.until(0) == "2027-01-04 08:00 Europe/Berlin"
    assert WEEKEND.until(0) == "Mon 08:00 Europe/Berlin"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("weekends", "is not a time such as"),
        ("Fri 16:00 - Mon 08:00", "the time zone is needed"),
        ("Fri 24:00 - Mon 08:00 UTC", "is not a time such as"),
        ("Fro 16:00 - Mon 08:00 UTC", "'Fro' is not a day of the week: use Mon, Tue"),
        ("Fri 16:00 - Fri 16:00 UTC", "begins and ends at the same time"),
        ("Fri 16:00 - Mon 08:00 Europe/Berlim", "'Europe/Berlim' is not a time zone"),
        ("Fri 16:00 - Mon 08:00 ../etc/passwd", "is not a time zone"),
        ("2026-02-30 16:00 - 2027-01-04 08:00 UTC", "there is no day 2026-02-30"),
        ("2027-02-01 16:00 - 2027-01-04 08:00 UTC", "ends before it begins"),
    ],
)
def test_what_is_wrong_is_said(text, said):
    with pytest.raises(ValueError, match=said):
        parse(text)


minutes = st.integers(0, 7 * 24 * 60 - 1)


def named(minute: int) -> str:
    return f"{DAYS[minute // 1440]} {minute % 1440 // 60:02d}:{minute % 60:02d}"


@given(minutes, minutes, st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)))
def test_each_minute_of_the_week_is_in_a_window_or_in_its_opposite(begin, end, when):
    if begin == end:
        return
    moment = when.replace(tzinfo=UTC).timestamp()
    one, other = (parse(f"{named(a)} - {named(b)} Europe/Berlin") for a, b in ((begin, end), (end, begin)))
    assert one.holds(moment) != other.holds(moment)
    next_week = (datetime.fromtimestamp(moment, BERLIN) + timedelta(days=7)).timestamp()
    assert one.holds(moment) == one.holds(next_week)


@pytest.mark.parametrize(
    ("texts", "covers"),
    [
        (["Mon 00:00 - Thu 12:00 UTC", "Wed 23:00 - Mon 00:00 UTC"], True),
        (["Sat 00:00 - Fri 00:00 Europe/Berlin", "Thu 20:00 - Sat 03:00 UTC"], True),
        (["Mon 00:00 - Thu 00:00 UTC", "Thu 00:00 - Sun 23:59 UTC"], True),  # a minute is nobody's time for a deploy
        ([f"{day} 00:00 - {day} 23:59 UTC" for day in DAYS], True),
        (["Mon 00:00 - Sun 23:30 UTC"], False),  # half an hour is
        (["Mon 00:15 - Sun 23:45 UTC"], False),
        (["Mon 00:00 - Thu 00:00 UTC", "Thu 00:00 - Mon 00:00 Europe/Berlin"], False),  # an hour or two
        (["Mon 00:00 - Thu 00:00 UTC", "Thu 01:00 - Mon 01:00 Europe/Berlin"], False),  # in summer an hour
        (["Fri 16:00 - Fri 15:59 UTC"], True),
        (["Fri 16:00 - Fri 15:30 UTC"], False),
        (["2020-01-01 00:00 - 2099-01-01 00:00 UTC"], False),
        ([], False),
    ],
)
def test_what_covers_the_whole_week_is_known(texts, covers):
    assert always([parse(text) for text in texts]) is covers


@pytest.mark.parametrize(
    ("texts", "long"),
    [
        (["2020-01-01 00:00 - 2999-12-01 00:00 UTC"], True),
        (["2026-01-01 00:00 - 2027-01-02 00:00 UTC"], False),
        (["2026-07-01 00:00 - 2027-02-01 00:00 UTC", "2026-01-01 00:00 - 2026-08-01 00:00 Europe/Berlin"], True),
        (["2026-07-02 00:00 - 2027-02-01 00:00 UTC", "2026-01-01 00:00 - 2026-07-01 00:00 UTC"], False),
        (["Mon 00:00 - Tue 00:00 UTC"], False),
    ],
)
def test_dates_that_freeze_for_more_than_a_year_are_known(texts, long):
    assert without_end([parse(text) for text in texts]) is long


def test_a_freeze_by_hand_comes_before_the_calendar():
    friday = at(2026, 11, 27, 17, 0)
    free = ServerState(server="web1", root="/r")
    cold = ServerState(server="web2", root="/r", freeze=Freeze(by="ana@laptop", why="audit"))
    assert frozen([free, cold], (WEEKEND,), friday) == "by ana@laptop: audit"
    assert (
        frozen([free], (WEEKEND,), friday) == "by the calendar until Mon 08:00 Europe/Berlin (`freeze` in turnout.toml)"
    )
    assert frozen([free], (WEEKEND,), at(2026, 11, 26, 12, 0)) == ""
    assert holding((), friday) is None
