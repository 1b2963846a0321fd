"""How long a release was live, by journals and by records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec.structs import replace

import core
from core.records import JournalLine
from tests.tui.recorded import AGES, NOW, fleet_of, state, tag
from tui.view.lived import LINES_READ, LivedFor, OlderLines
from tui.view.matrix import deployed_at


def switch(
    operation: str, index: int, ago: float, what: str = "switch", who: str = "ana@laptop", **more: Any
) -> JournalLine:
    facts: dict[str, Any] = {"operation": operation, "kind": "rollback", "who": who, **more}
    return JournalLine(what=what, time=NOW - ago, tag=tag(index), **facts)


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


def filled(*lines: JournalLine, begin: float) -> tuple[JournalLine, ...]:
    """These lines after so many of a task that began so many seconds ago that no older one was read."""
    task = JournalLine(what="end", operation="f", kind="run", who="bo@desk", time=NOW - begin)
    return (*[task] * (LINES_READ - len(lines)), *lines)


def test_what_was_live_before_the_lines_that_were_read_is_not_told() -> None:
    lines = filled(switch("a1", 1, 3600.0, previous=tag(0)), switch("a2", 0, 600.0, previous=tag(1)), begin=5000.0)
    fleet = fleet_of(state("web1", journal=lines))
    live, other, old = (fleet.lived(tag(index), NOW) for index in (0, 1, 2))
    assert live == LivedFor(5000 - 3600 + 600, at_least=True) and live.words == "33 min+"
    assert other == LivedFor(3000, at_least=True) and other.sentence == "at least 50 min"
    assert old is not None and old.words == "", "who knows how often it was rolled back to"
    assert tag(3) not in fleet.lives, "it failed its check"
    assert fleet.live_for(NOW) == LivedFor(600), "its last switch was read"


def test_the_last_switch_is_known_however_long_ago_it_was() -> None:
    fleet = fleet_of(state("web1", 1, journal=filled(begin=5000.0)))
    assert fleet.live_for(NOW) is None, "no line tells of a switch"
    last = (switch("a1", 1, 90_000.0, previous=tag(2)),)
    fleet = fleet_of(state("web1", 1, journal=filled(begin=5000.0), transitions=last))
    assert fleet.live_for(NOW) == LivedFor(90_000), "the lines of the last switch are kept"
    lived = fleet.lived(tag(2), NOW)
    assert lived is not None and lived.at_least


def test_a_switch_back_to_what_was_live_before_all_that_was_read_begins_at_the_switch() -> None:
    lines = filled(switch("a1", 1, 3600.0, previous=tag(0)), begin=3600.0)
    assert fleet_of(state("web1", 0, journal=lines)).live_for(NOW) is None, "somebody switched by hand since"
    assert fleet_of(state("web1", 1, journal=lines)).live_for(NOW) == LivedFor(3600)


def test_of_a_release_that_neither_journal_nor_records_lead_to_nothing_is_told() -> None:
    fleet = fleet_of(state("web1", 2, journal=(switch("a1", 1, 3600.0),)))
    assert fleet.live_for(NOW) is None


def test_so_many_lines_are_read() -> None:
    program = (Path(core.__file__).parent / "remote/shell/inspect.sh").read_text()
    assert f"told journal {LINES_READ}\n" in program


def test_a_deploy_that_was_put_back_lived_from_its_switch_to_the_way_back() -> None:
    lines = (switch("a1", 0, 7200.0), switch("a1", 1, 7100.0, "restore"))
    lives = fleet_of(state("web1", 1, failed=(0, 3), journal=lines)).lives
    assert lives[tag(0)].seconds(NOW) == 100
    assert lives[tag(1)].since == NOW - 7100


def test_what_was_read_beyond_a_look_tells_of_older_releases() -> None:
    old = [switch("a1", 2, 9000.0, previous=tag(4)), switch("a2", 1, 3600.0, previous=tag(2))]
    lines = filled(switch("a3", 0, 600.0, previous=tag(1)), begin=5000.0)
    fleet = fleet_of(state("web1", journal=lines))
    more = OlderLines((*old, *lines))
    told = replace(fleet, older={"web1": more})
    assert told.lived(tag(2), NOW) == LivedFor(9000 - 3600, at_least=True)
    assert fleet.lived(tag(2), NOW) == LivedFor(0, at_least=True)
    whole = replace(fleet, older={"web1": replace(more, whole=True)})
    assert whole.lived(tag(1), NOW) == LivedFor(AGES[1] - 9000 + 3000), "before these lines the records tell"
    gap = replace(fleet, older={"web1": replace(more, lines=tuple(old))})
    assert gap.lived(tag(2), NOW) == fleet.lived(tag(2), NOW), "lines between these and the look were not read"


def deployed(operation: str, index: int, ago: float, previous: int | None) -> JournalLine:
    before = "" if previous is None else tag(previous)
    return switch(operation, index, ago, kind="deploy", previous=before)


def test_the_time_before_the_switch_of_its_own_deploy_does_not_count() -> None:
    """A plan is read, a deploy waits at the barrier for somebody: the record is older than the switch."""
    held, next_one = deployed("a1", 1, AGES[1] - 7200.0, 2), deployed("a2", 0, 600.0, 1)
    fleet = fleet_of(state("web1", 0, journal=(held, next_one)))
    assert fleet.lives[tag(1)].seconds(NOW) == AGES[1] - 7200 - 600
    assert fleet.lives[tag(2)].seconds(NOW) == AGES[2] - AGES[1] + 7200, "until that switch"
    assert fleet.lives[tag(1)].first == NOW - (AGES[1] - 7200)
    row = fleet.row(tag(1))
    assert row is not None and deployed_at(row, fleet) == NOW - (AGES[1] - 7200)
    first = fleet_of(state("web1", 1, journal=(replace(held, previous=""),)))
    assert first.live_for(NOW) == LivedFor(AGES[1] - 7200.0)


def test_when_it_was_live_first_is_not_told_where_it_may_have_been_live_before() -> None:
    fleet = fleet_of(state("web1", 1, journal=filled(switch("a1", 1, 600.0, previous=tag(0)), begin=5000.0)))
    row = fleet.row(tag(1))
    assert row is not None and fleet.lives[tag(1)].first == 0.0
    assert deployed_at(row, fleet) == row.created


def test_lines_that_were_read_meet_a_look_in_the_last_switch_however_long_ago_it_was() -> None:
    old, last = deployed("a1", 1, 90_000.0, 2), deployed("a2", 0, 80_000.0, 1)
    fleet = fleet_of(state("web1", 0, journal=filled(begin=5000.0), transitions=(last,)))
    told = replace(fleet, older={"web1": OlderLines((old, last), whole=True)})
    assert told.lived(tag(1), NOW) == LivedFor(10_000.0)


def test_a_switch_on_some_servers_ends_no_life_that_goes_on_elsewhere() -> None:
    first, second = deployed("a1", 1, 3600.0, 2), deployed("a1", 1, 3598.0, 2)
    moved = deployed("a2", 0, 600.0, 1)
    fleet = fleet_of(state("web1", 1, journal=(first,)), state("web2", 1, journal=(second,)))
    partly = fleet_of(
        state("web1", 1, journal=(first,)),
        state("web2", 1, journal=(second,)),
        state("web3", 0, journal=(second, moved)),
    )
    assert partly.live == tag(1) and partly.live_for(NOW) == fleet.live_for(NOW)
    assert partly.lives[tag(0)].since == NOW - 600 and partly.lives[tag(0)].after == tag(1)
    assert partly.lives[tag(2)].seconds(NOW) == AGES[2] - 3598, "until the last server left it"
    silent = fleet_of(state("web1", 1), state("web2", 1), state("web3", 0, journal=(moved,)))
    assert silent.live_for(NOW) == LivedFor(AGES[1]), "two have no journal, and still have it live"


def test_servers_that_follow_one_by_one_end_a_life_with_the_last() -> None:
    a, b = deployed("a1", 1, 3600.0, 2), deployed("a2", 0, 600.0, 1)
    late = replace(b, operation="a3", time=NOW - 2)
    lives = fleet_of(state("web1", 0, journal=(a, b)), state("web2", 0, journal=(a, late))).lives
    assert lives[tag(1)].seconds(NOW) == 3600 - 2
    assert lives[tag(0)].since == NOW - 600
    back = fleet_of(state("web1", 1), state("web2", 1))
    assert back.live_for(NOW) is None, "who knows when they left the newer one"


def test_servers_of_which_less_was_read_hold_what_they_had() -> None:
    old, new = deployed("a1", 1, 90_000.0, 2), deployed("a2", 0, 600.0, 1)
    kept = filled(new, begin=5000.0)
    fleet = fleet_of(state("web1", 1, journal=filled(begin=5000.0), transitions=(old,)), state("web2", 0, journal=kept))
    assert fleet.lives[tag(1)].since == NOW - 90_000


def test_a_first_deploy_that_was_put_back_to_nothing_lived_until_the_way_back() -> None:
    gone = replace(switch("a1", 1, 5978.0, "restore"), tag="")
    again = (switch("a1", 1, 6000.0, kind="deploy"), gone, deployed("a2", 0, 600.0, None))
    lives = fleet_of(state("web1", 0, failed=(1, 3), journal=again)).lives
    assert lives[tag(1)].seconds(NOW) == 22
    nothing = fleet_of(replace(state("web1", 0, failed=(1, 3), journal=again[:2]), current=""))
    assert nothing.lives[tag(1)].seconds(NOW) == 22
