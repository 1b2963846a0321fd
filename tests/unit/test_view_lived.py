"""How long a release was live, by journals and by records."""

from __future__ import annotations

from core.records import JournalLine
from tests.tui.recorded import AGES, NOW, fleet_of, state, tag


def switch(operation: str, index: int, ago: float, what: str = "switch", who: str = "ana@laptop") -> JournalLine:
    return JournalLine(what=what, operation=operation, kind="rollback", who=who, time=NOW - ago, tag=tag(index))


def test_without_a_journal_a_release_lived_until_the_next_one_that_did_not_fail() -> None:
    lives = fleet_of(state("web1")).lives
    assert lives[tag(1)].seconds(NOW) == AGES[1] - AGES[0]
    assert lives[tag(2)].seconds(NOW) == AGES[2] - AGES[1]
    assert tag(3) not in lives, "it failed its check"
    assert lives[tag(4)].seconds(NOW) == AGES[4] - AGES[2], "what failed took nothing from the one before"


def test_the_live_release_lives_on() -> None:
    life = fleet_of(state("web1")).lives[tag(0)]
    assert life.since == NOW - AGES[0]
    assert life.seconds(NOW + 60) == AGES[0] + 60
    assert life.after == tag(1)


def test_a_rollback_in_the_journals_counts_for_both_releases_and_only_once() -> None:
    lines = (switch("a1", 1, 3600.0),)
    later = (switch("a1", 1, 3599.0),)
    lives = fleet_of(state("web1", 1, journal=lines), state("web2", 1, journal=later)).lives
    assert lives[tag(0)].seconds(NOW) == AGES[0] - 3600
    assert lives[tag(1)].since == NOW - 3600
    assert lives[tag(1)].before == AGES[1] - AGES[0]
    assert lives[tag(1)].by == "ana@laptop"


def test_a_deploy_that_was_put_back_lived_from_its_switch_to_the_way_back() -> None:
    lines = (switch("a1", 0, 7200.0), switch("a1", 1, 7100.0, "restore"))
    lives = fleet_of(state("web1", 1, failed=(0, 3), journal=lines)).lives
    assert lives[tag(0)].seconds(NOW) == 100
    assert lives[tag(1)].since == NOW - 7100
