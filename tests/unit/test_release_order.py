"""The order of releases where only some have a record, and what was live before by every journal and log there is."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.records import JournalLine, Record, Release, Told, fleet_releases, previous_of
from core.records.order import in_order, natural, time_in
from tests.states import state, theirs


def of_ours(tag: str, seq: int, created: float, **more: Any) -> Release:
    made = Record(tag=tag, seq=seq, created=created, digest="0" * 64)
    return Release(tag=tag, record=made, present=True, **more)


def at(text: str) -> float:
    return datetime.fromisoformat(f"{text}+00:00").timestamp()


def oldest_first(*releases: Release) -> list[str]:
    return [release.tag for release in in_order(random.sample(releases, len(releases)))]


def test_numbers_in_names_are_counted_not_spelt() -> None:
    assert oldest_first(*(theirs(tag, 1.7e9) for tag in ("8", "9", "10", "100"))) == ["8", "9", "10", "100"]
    assert sorted(["v10", "v9", "v9.10", "v9.9"], key=natural) == ["v9", "v9.9", "v9.10", "v10"]


def test_a_file_that_is_written_into_an_old_release_moves_nothing() -> None:
    assert oldest_first(theirs("8", 9e9), theirs("9", 2.0), theirs("10", 3.0)) == ["8", "9", "10"]
    written = theirs("20261101120000", at("2026-12-24T00:00:00"))
    assert oldest_first(written, theirs("20261102120000", 5.0)) == ["20261101120000", "20261102120000"]


def test_names_tell_the_time() -> None:
    for name in ("20261121193000", "20261121193000Z", "2026-11-21_19-30-00", "20261121T193000Z-3f2c1ab"):
        assert time_in(name) == at("2026-11-21T19:30:00"), name
    assert time_in("1763753400") == 1763753400
    assert [time_in(name) for name in ("12", "20269921", "3f2c1ab", "99999999999999")] == [0.0] * 4
    assert time_in("20261121", at("2026-11-21T08:00:00")) == at("2026-11-21T08:00:00")
    assert time_in("20261121", at("2027-01-01T08:00:00")) < at("2026-11-22T00:00:00")


def test_another_tools_release_comes_between_ours_where_its_time_is() -> None:
    releases = (
        theirs("20261101000000"),
        of_ours("t1", 1, at("2026-11-05T00:00:00")),
        theirs("20261110000000"),
        of_ours("t2", 2, at("2026-11-15T00:00:00")),
        theirs("41", told=Told(tool="Deployer", when=at("2026-11-20T00:00:00"))),
    )
    assert oldest_first(*releases) == [release.tag for release in releases]


def test_our_own_order_is_that_of_the_numbers_whatever_clocks_say() -> None:
    assert oldest_first(of_ours("a", 1, 9e9), of_ours("b", 2, 5.0), of_ours("c", 3, 7.0)) == ["a", "b", "c"]


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(1, 1e10), st.integers(0, 40)), max_size=12))
def test_any_mix_keeps_our_order_and_theirs(made: list[tuple[int, float, int]]) -> None:
    releases = {}
    for index, (seq, time, name) in enumerate(made):
        release = of_ours(f"t{index}", seq, time) if seq else theirs(str(name), time)
        releases[release.tag] = release
    found = in_order(releases.values())
    assert len(found) == len(releases)
    ours = [release.record.seq for release in found if release.record]
    assert ours == sorted(ours)
    others = [int(release.tag) for release in found if not release.record]
    assert others == sorted(others)
    assert [row.tag for row in fleet_releases([state("web1", *releases.values())])][::-1] == [r.tag for r in found]


def switched(tag: str, previous: str, time: float, kind: str = "deploy") -> JournalLine:
    return JournalLine(what="switch", operation=f"{int(time):x}", kind=kind, time=time, tag=tag, previous=previous)


def test_undo_goes_to_what_the_other_tool_had_live_between() -> None:
    releases = (
        of_ours("t1", 1, at("2026-11-05T00:00:00")),
        theirs("20261110000000"),
        of_ours("t2", 2, at("2026-11-15T00:00:00"), live=True),
    )
    journal = (switched("t1", "", 1.0), switched("t2", "20261110000000", 2.0))
    assert previous_of([state("web1", *releases, transitions=journal[1:], journal=journal)]).tag == "20261110000000"


def test_their_log_tells_what_was_live_before_since_ours() -> None:
    a, b = theirs("20261110000000"), theirs("20261111000000")
    releases = (of_ours("t1", 1, at("2026-11-05T00:00:00")), a, b)
    journal = (switched("t1", "", at("2026-11-05T00:00:00")),)
    lived = ("20261101000000", "20261110000000", "20261111000000", "20261110000000")
    live = Release(tag=a.tag, present=True, live=True)
    server = state("web1", releases[0], live, b, transitions=journal, journal=journal, lived=lived)
    assert [stay.tag for stay in server.stays] == ["20261111000000", "t1", "20261101000000"]
    assert previous_of([server]).tag == "20261111000000"


def test_what_a_rollback_left_is_not_offered_where_the_journals_end() -> None:
    one, two, three = (theirs(tag) for tag in ("1", "2", "3"))
    journal = (switched("2", "3", 1.0, "rollback"), switched("t", "2", 2.0))
    ours = of_ours("t", 1, 5e9, live=True)
    found = previous_of([state("web1", one, two, three, ours, journal=journal, blocks={})])
    assert found.tag == "2"
    # Undo of that: 3 was left on purpose, so the way on is 1 once 2 is gone.
    found = previous_of([state("web1", one, three, ours, journal=journal)])
    assert found.tag in ("1", "3") and dict(found.skipped) == {"2": "is gone"}


def test_marks_are_skipped_and_named_and_a_guess_is_called_one() -> None:
    bad = theirs("11", told=Told(tool="Deployer", fate="is marked bad by Deployer"))
    live = theirs("12", live=True)
    found = previous_of([state("web1", theirs("10"), bad, live)])
    assert (found.tag, found.skipped, found.guessed) == ("10", (("11", "is marked bad by Deployer"),), True)
    proved = theirs("10", told=Told(tool="Capistrano", published=True))
    assert not previous_of([state("web1", proved, bad, live)]).guessed
