"""The list of environments: what a line keeps where the terminal is narrow, and what is said of one environment."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from core.errors import ConnectError
from core.records import JournalLine
from tests.tui.recorded import NOW, fleet_of, record, state, tag
from tui.view.environments import EnvironmentView, environment_line, head_line, names_of, names_width, trouble_lines
from tui.view.fleet import Ahead, FleetView, ServerView
from tui.view.glyphs import UNICODE
from tui.view.lines import plain, width
from tui.view.progress import Progress


def view(**more: Any) -> EnvironmentView:
    fleet = fleet_of(state("web1"), state("web2"), state("web3", 1))
    return EnvironmentView(replace(fleet, protected=True), **more)


def shown(found: EnvironmentView, cells: int) -> str:
    return plain(environment_line(found, names_width([found]), cells, NOW, UNICODE))


def test_a_line_has_everything_where_there_is_room_and_never_more_than_that() -> None:
    found = view()
    found = replace(found, fleet=replace(found.fleet, ahead=Ahead("main", found.fleet.revision, 4)))
    text = shown(found, 120)
    assert "production ▎P" in text and "3f2c1ab" in text and "Fix cart totals for mixed VAT" in text
    assert " 2 h  ci " in text and "●●○" in text and text.rstrip().endswith("main +4")
    for cells in range(40, 200):
        line = environment_line(found, names_width([found]), cells, NOW, UNICODE)
        assert width(line) <= cells and "3f2c1ab" in plain(line)
    assert "●●○" in shown(found, 60) and "main +4" not in shown(found, 60)
    assert plain(head_line("shop", 11, 120, UNICODE)).index("live") == text.index("3f2c1ab")


def test_long_names_with_one_beginning_stay_different() -> None:
    views = [
        replace(view(), fleet=replace(view().fleet, environment=f"shop-frankfurt-{name}"))
        for name in ("staging", "qualification", "production")
    ]
    called = names_of(views)
    assert len(set(called.values())) == 3 and all(name.startswith("…") for name in called.values())
    lines = [
        plain(environment_line(each, names_width(views), 80, NOW, UNICODE, called[each.name])).split()[0]
        for each in views
    ]
    assert lines == ["…staging", "…qualification", "…production"]


def test_what_runs_is_told_in_place_of_the_subject() -> None:
    progress = Progress("deploy", "production", ["web1"], started=NOW, title="Deploy", by="bo@ci")
    progress.tag = tag(0)
    assert "◐ starting 3f2c1ab by bo@ci" in shown(view(progress=progress), 120)


def test_a_freeze_is_told_with_its_reason() -> None:
    found = view(frozen="by ana@laptop: the fair")
    assert "frozen: by ana@laptop: the fair" in shown(found, 120)
    assert "frozen: by ana@laptop" in plain(trouble_lines(found, 100, NOW, UNICODE)[1])


def test_many_servers_are_counted_by_state() -> None:
    states = [state(f"web{number}", 0 if number > 3 else 1) for number in range(1, 41)]
    text = shown(EnvironmentView(fleet_of(*states)), 120)
    assert "37● 3○" in text


def test_the_release_is_live_since_the_last_switch_to_it() -> None:
    switches = (
        JournalLine(what="switch", operation="a", tag=tag(0), time=NOW - 9000),
        JournalLine(what="switch", operation="b", tag=tag(1), time=NOW - 600),
        JournalLine(what="switch", operation="c", tag=tag(0), time=NOW - 300),
    )
    assert " 5 min  ci " in shown(EnvironmentView(fleet_of(state("web1", journal=switches))), 120)
    assert NOW - record(0).created == 7200
    assert " 2 h  ci " in shown(EnvironmentView(fleet_of(state("web1"))), 120)


def test_what_is_live_is_not_known_while_nobody_answers() -> None:
    error, seen = ConnectError("no answer"), state("web1", read_at=NOW - 300)
    for dark in (ServerView("web1", seen, error, at=NOW), ServerView("web1", seen, checking=True, late=True, at=NOW)):
        found = EnvironmentView(FleetView.of("shop", "production", [dark]))
        text = shown(found, 120)
        assert "?3f2c1ab no answer, last seen 5 min ago" in text and " 2 h " not in text and "●" not in text
        told = "\n".join(plain(line) for line in trouble_lines(found, 100, NOW, UNICODE))
        assert "web1  no answer, last seen 5 min ago, was 3f2c1ab" in told and "as it should be" not in told


def test_what_is_wrong_in_an_environment_is_named() -> None:
    error = ConnectError("web2 does not answer")
    servers = (
        ServerView("web1", state("web1"), at=NOW),
        ServerView("web2", state("web2", read_at=NOW - 240), error=error, at=NOW),
        ServerView("web3", state("web3", 1), at=NOW),
        ServerView("web4", state("web4", current_kind="dangling"), at=NOW),
    )
    found = EnvironmentView(FleetView.of("shop", "production", servers))
    text = "\n".join(plain(line) for line in trouble_lines(found, 100, NOW, UNICODE))
    assert "web2  does not answer, last seen 4 min ago, was 3f2c1ab" in text.replace("web2 does", "does")
    assert "web3  9ab01cd behind" in text and "web4  current dangles: SITE DOWN" in text
    assert "as they should be" not in text


def test_an_environment_that_is_well_says_so_and_where_its_release_came_from() -> None:
    promoted = record(0, promoted_from="staging", built_for="staging")
    row = state("web1")
    releases = {**row.releases, tag(0): replace(row.releases[tag(0)], record=promoted)}
    found = EnvironmentView(fleet_of(replace(row, releases=releases)))
    text = "\n".join(plain(line) for line in trouble_lines(found, 120, NOW, UNICODE))
    assert "1 server as it should be" in text and "promoted from staging, built for staging" in text
