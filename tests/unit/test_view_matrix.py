"""The releases matrix: it fits any width and any number of servers, and every sign has a word."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len

from core.errors import ConnectError
from core.records import Block, Pin, Release, ServerState
from core.rows.servers import release_rows
from tests.tui.recorded import NOW, SUBJECTS, fleet_of, record, state, tag
from tui.view import matrix, matrix_layout, release_list, release_state
from tui.view.details import release_lines
from tui.view.fleet import FleetView, ServerView
from tui.view.glyphs import ASCII, UNICODE
from tui.view.lines import ROLES, plain

KEYS = {"close": "Esc", "deploy": "D", "refresh-all": "^r", "filter": "/"}


def shop() -> FleetView:
    return fleet_of(state("web1"), state("web2"), state("web3", 1))


def rows(fleet: FleetView, cells: int) -> list[str]:
    layout = matrix_layout.plan_layout(fleet, cells)
    return [plain(matrix.row_line(row, fleet, layout, UNICODE, NOW)) for row in fleet.rows]


@settings(max_examples=60)
@given(
    st.integers(40, 220),
    st.sampled_from([1, 2, 3, 5, 20, 100]),
    st.sampled_from(["web{}", "a-rather-long-name-{}", "{}db"]),
)
def test_every_row_and_the_head_are_as_wide_as_the_pane_at_most(cells: int, count: int, pattern: str) -> None:
    fleet = fleet_of(*[state(pattern.format(number)) for number in range(1, count + 1)])
    layout = matrix_layout.plan_layout(fleet, cells)
    head = plain(matrix.head_line(layout, UNICODE))
    assert cell_len(head) <= cells
    for text in rows(fleet, cells):
        assert cell_len(text) <= cells


def test_a_mark_is_said_before_the_subject_and_its_reason_after_it() -> None:
    seen = state("web1")

    def marked(**marks: Any) -> FleetView:
        return fleet_of(replace(seen, releases={**seen.releases, tag(0): replace(seen.releases[tag(0)], **marks)}))

    both = marked(pin=Pin(why="the audit"), block=Block(why="loses orders"))
    assert f"blocked, pinned: {SUBJECTS[0]} (loses orders; the audit)" in rows(both, 200)[0]
    narrow = rows(marked(pin=Pin(why="the audit")), 80)[0]
    assert f"pinned: {SUBJECTS[0][:8]}" in narrow and "audit" not in narrow


def test_with_room_every_server_has_a_column_with_its_name() -> None:
    fleet = shop()
    layout = matrix_layout.plan_layout(fleet, 120)
    assert layout.mode == matrix_layout.NAMED
    assert plain(matrix.head_line(layout, UNICODE)).rstrip().endswith("web1 web2 web3")


def test_drift_is_seen_at_a_glance() -> None:
    newest, older, *_ = rows(shop(), 120)
    assert newest.split()[-3:] == ["●", "●", "○"]
    assert older.split()[-3:] == ["○", "○", "●"]


def test_twenty_servers_get_one_cell_each() -> None:
    fleet = fleet_of(*[state(f"web{n}", 1 if n == 3 else 0) for n in range(1, 21)])
    assert matrix_layout.plan_layout(fleet, 120).mode == matrix_layout.DENSE
    assert rows(fleet, 120)[0].rstrip().endswith("●●○" + "●" * 17)


def test_a_hundred_servers_are_counted_where_their_cells_do_not_fit() -> None:
    fleet = fleet_of(*[state(f"web{n}", 1 if n == 3 else 0) for n in range(1, 101)])
    assert matrix_layout.plan_layout(fleet, 100).mode == matrix_layout.COUNTED
    assert rows(fleet, 80)[0].rstrip().endswith("●99 ○1")
    head = plain(matrix.head_line(matrix_layout.plan_layout(fleet, 100), UNICODE))
    assert head.rstrip().endswith("●live ○kept ✗bad ·none ?dark")
    assert rows(fleet, 100)[0].split()[-5:] == ["99", "1", "·", "·", "·"]


def test_counts_never_leave_out_the_live_ones() -> None:
    names = [f"web{n}" for n in range(1, 101)]
    servers = [ServerView(name, state(name, 1 if n > 3 else 0), at=NOW) for n, name in enumerate(names)]
    servers[-30:] = [ServerView(name, error=ConnectError("down")) for name in names[-30:]]
    fleet = FleetView.of("shop", "production", servers)
    newest = rows(fleet, 80)[0]
    assert newest.rstrip().endswith("●4 ?30 ○66")
    assert release_state.row_state(fleet.rows[0], fleet, UNICODE)[2] == "live 4/100"


def test_what_a_server_was_before_it_fell_silent_is_unknown_in_its_cells() -> None:
    servers = [ServerView("web1", state("web1")), ServerView("web2", state("web2"), ConnectError("down"))]
    fleet = FleetView.of("shop", "production", servers)
    assert rows(fleet, 120)[0].split()[-2:] == ["●", "?"]
    silent = FleetView.of("shop", "production", [replace(one, error=ConnectError("down")) for one in servers])
    assert release_state.row_state(silent.rows[0], silent, UNICODE)[2] == "was live"


def test_a_release_that_failed_on_one_server_is_failed_there_and_kept_elsewhere() -> None:
    fleet = fleet_of(state("web1", 1, failed=(0,)), state("web2", 1, failed=()))
    row = fleet.rows[0]
    assert [release_state.cell_state(row, server, UNICODE)[2] for server in fleet.servers] == ["failed", "kept"]
    assert release_state.row_state(row, fleet, UNICODE)[2] == "failed 1/2"
    assert release_rows({view.name: view.state for view in fleet.servers if view.state}, fleet.names)[0]["servers"] == {
        "web1": "failed",
        "web2": "kept",
    }
    details = [plain(spans) for spans in release_lines(row, fleet, 80, UNICODE, NOW)]
    assert "✗ failed   web1" in details and "○ kept     web2" in details


def test_the_bar_of_what_is_live_stays_in_its_column_as_time_goes_on() -> None:
    fleet = fleet_of(state("web1"), state("web2"))
    layout = matrix_layout.plan_layout(fleet, 120)
    for days in (0, 5, 6, 7, 60):
        text = plain(matrix.row_line(fleet.rows[0], fleet, layout, UNICODE, NOW + days * 86_400))
        assert "━…" not in text and text.count("━") <= matrix.LIVED_BAR
    assert text.count("━") == matrix.LIVED_BAR


def test_how_long_a_release_lived_is_told_beside_a_bar() -> None:
    texts = rows(shop(), 140)
    assert "24 h" in texts[1], "it is live on web2"
    assert "━━━" in texts[4]
    assert "— failed" in texts[3]


def test_long_names_of_servers_are_told_apart_in_the_head() -> None:
    names = [f"shop-frontend-eu-central-1-{number}" for number in (1, 2, 3)]
    fleet = fleet_of(*[state(name) for name in names])
    layout = matrix_layout.plan_layout(fleet, 80)
    assert layout.mode == matrix_layout.NAMED
    assert len(set(plain(matrix.head_line(layout, UNICODE)).split()[-3:])) == 3


def test_the_word_for_each_state_is_beside_its_sign() -> None:
    texts = rows(shop(), 120)
    for index, word in ((0, "live 2/3"), (1, "live 1/3"), (3, "failed"), (6, "pruned")):
        assert word in texts[index]


def test_without_a_column_for_states_the_word_is_before_the_subject() -> None:
    texts = rows(shop(), 50)
    assert "live 2/3: Fix" in texts[0]
    assert "pruned:" in texts[6]


def test_a_failed_release_says_why() -> None:
    assert "its check failed" in rows(shop(), 120)[3]


def test_a_release_that_a_rollback_left_is_called_so() -> None:
    before = state("web1", 1)
    releases = {**before.releases, tag(0): Release(tag=tag(0), record=record(0, left=True), present=True)}
    fleet = fleet_of(*[ServerState(server="web1", root="/srv", current=tag(1), releases=releases)])
    assert release_state.row_state(fleet.rows[0], fleet, UNICODE)[2] == "left"


def test_a_release_that_was_never_live_is_not_called_left() -> None:
    before = state("web1", 1)
    being_deployed = Release(tag=tag(0), record=record(0), present=True, unused=True)
    of_very_many = Release(tag=tag(2), present=True, seq=18)
    releases = {**before.releases, tag(0): being_deployed, tag(2): of_very_many}
    fleet = fleet_of(*[ServerState(server="web1", root="/srv", current=tag(1), releases=releases)])
    words = [matrix.row_state(row, fleet, UNICODE)[2] for row in fleet.rows]
    assert words[:3] == ["staged", "live", "kept"]


def test_a_release_of_another_tool_says_that_it_has_no_record() -> None:
    releases = {"20260101000000": Release(tag="20260101000000", present=True, mtime=NOW - 90_000)}
    fleet = fleet_of(*[ServerState(server="web1", root="/srv", releases=releases)])
    assert "made by another tool" in rows(fleet, 120)[0]


def test_cells_of_a_server_that_was_not_looked_at_are_unknown_not_empty() -> None:
    servers = [ServerView("web1", state("web1")), ServerView("web2", error=ConnectError("down"))]
    fleet = FleetView.of("shop", "production", servers)
    assert rows(fleet, 120)[0].split()[-2:] == ["●", "?"]


def test_a_release_that_was_never_on_a_server_has_a_sign_of_its_own() -> None:
    fleet = fleet_of(*[state("web1"), state("web2", 1, count=0)])
    assert rows(fleet, 120)[0].split()[-2:] == ["●", "·"]


def test_markup_and_escapes_in_a_subject_are_shown_as_they_are_or_not_at_all() -> None:
    assert any("Fix [/x] markup" in text for text in rows(shop(), 160))
    releases = {tag(0): Release(tag=tag(0), record=record(0, subject="a\x1b]0;title\x07b\nc"), present=True)}
    text = rows(fleet_of(*[ServerState(server="web1", root="/", releases=releases)]), 120)[0]
    assert "\x1b" not in text and "\n" not in text and "ab c" in text


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ("cart", 1),
        ("SEARCH", 2),
        ("ci", 3),
        ("9ab01cd", 1),
        ("failed", 1),
        ("pruned", 2),
        ("search typo", 1),
        ("nope", 0),
    ],
)
def test_the_filter_looks_at_tag_subject_people_and_state(words: str, count: int) -> None:
    assert len(release_list.matching(shop().rows, words)) == count


def test_the_four_placeholders_differ_and_each_names_the_next_step() -> None:
    error = ConnectError("web1 does not answer")
    placeholders = {
        "empty": (fleet_of(*[state("web1", count=0)]), "", "D deploys the first"),
        "never": (FleetView.of("shop", "production", [ServerView("web1", checking=True)]), "", "connecting to web1"),
        "unreachable": (FleetView.of("shop", "production", [ServerView("web1", error=error)]), "", "^r reconnects"),
        "filtered": (shop(), "zebra", "Esc shows them all again"),
    }
    texts = {}
    for name, (fleet, filter_text, next_step) in placeholders.items():
        texts[name] = "\n".join(plain(spans) for spans in release_list.placeholder(fleet, filter_text, UNICODE, KEYS))
        assert next_step in texts[name]
    assert len(set(texts.values())) == 4


def test_a_filter_that_finds_nothing_tells_of_releases_that_it_did_not_see() -> None:
    many = [replace(state(name), unlisted=unlisted) for name, unlisted in (("web1", 0), ("web2", 1699))]
    fleet = fleet_of(*many)
    assert fleet.unlisted == 1699
    shown = release_list.placeholder(fleet, "zebra", UNICODE, KEYS)
    assert {span.role for spans in shown for span in spans} <= {"", *ROLES}
    said = [plain(spans) for spans in shown]
    assert any(text.startswith("1,699 older releases without files not listed") for text in said)


def test_there_is_no_placeholder_where_there_are_rows() -> None:
    assert release_list.placeholder(shop(), "", UNICODE, KEYS) == []


def test_a_marked_row_shows_its_mark_in_ascii_too() -> None:
    fleet = shop()
    layout = matrix_layout.plan_layout(fleet, 100)
    for glyphs in (UNICODE, ASCII):
        assert plain(matrix.row_line(fleet.rows[0], fleet, layout, glyphs, NOW, True)).startswith(glyphs.marked)


def test_the_ascii_set_draws_ascii_only() -> None:
    fleet = shop()
    layout = matrix_layout.plan_layout(fleet, 60)
    assert all(plain(matrix.row_line(row, fleet, layout, ASCII, NOW)).isascii() for row in fleet.rows)


def test_subjects_are_whole_where_there_is_room() -> None:
    assert SUBJECTS[1] in rows(shop(), 160)[1]
