"""What is said of servers and of the fleet."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.errors import AuthenticationFailed, ConnectError, HostKeyChanged, HostKeyUnknown, TurnoutError
from core.records import JournalLine, Lock, Release, ServerState, fleet_releases, live_tag, previous_tag
from tests.tui.recorded import NOW, fleet_of, record, state, tag
from tui.view.conditions import DARK, DOWN, ODD
from tui.view.details import server_lines
from tui.view.fleet import Activity, FleetView, ServerView, after_switch
from tui.view.glyphs import ASCII, UNICODE
from tui.view.header import checking, header_line, headline, seen
from tui.view.lines import plain
from tui.view.server_row import server_line, servers_title


def words(server: ServerView, fleet: FleetView | None = None, cells: int = 60) -> str:
    return plain(server_line(server, cells, UNICODE, NOW, fleet or FleetView.of("shop", "production", [server])))


@st.composite
def fleets(draw: st.DrawFn) -> list[ServerState]:
    """Servers that know some of six releases, with any of those they have live."""
    states = []
    for number in range(draw(st.integers(1, 4))):
        tags = draw(st.sets(st.integers(0, 5)))
        failed = draw(st.sets(st.integers(0, 5)))
        live = draw(st.sampled_from(sorted(tags))) if tags and draw(st.booleans()) else -1
        releases = {
            tag(index): Release(
                tag=tag(index),
                record=record(index, failed="checks" if index in failed else "", left=draw(st.booleans())),
                present=index == live or draw(st.booleans()),
                live=index == live,
            )
            for index in tags
        }
        current = tag(live) if live >= 0 else ""
        states.append(ServerState(server=f"web{number}", root="/srv", current=current, releases=releases))
    return states


@given(fleets())
def test_live_and_previous_are_those_that_the_engine_decides(states: list[ServerState]) -> None:
    seen = fleet_of(*states)
    assert seen.live == live_tag(states)
    assert seen.previous == previous_tag(states)
    assert [row.tag for row in seen.rows] == [row.tag for row in fleet_releases(states)]


def said(fleet: FleetView, cells: int = 200) -> tuple[str, set[str]]:
    spans = headline(fleet, cells)
    return plain(spans), {span.role for span in spans} - {"dim", ""}


def dark(name: str, live: int = 0, minutes: float = 4) -> ServerView:
    """A server that was seen some minutes ago and does not answer now."""
    seen_at = NOW - minutes * 60
    return ServerView(name, state(name, live, read_at=seen_at), ConnectError(f"{name} does not answer"), at=NOW)


def fleet_with(*servers: ServerView) -> FleetView:
    return FleetView.of("shop", "production", servers)


def test_the_headline_names_the_servers_that_are_behind() -> None:
    assert said(fleet_of(state("web1"), state("web2"), state("web3", 1))) == ("2 live · behind: web3", {"ok", "warn"})


def test_a_fleet_in_step_is_counted_by_its_answers() -> None:
    assert said(fleet_of(state("web1"), state("web2"))) == ("2 of 2 answer", {"ok"})


def test_the_headline_names_trouble_and_counts_what_was_not_checked() -> None:
    servers = [
        ServerView("web1", state("web1"), at=NOW),
        ServerView("web2", error=ConnectError("web2 does not answer"), at=NOW),
        ServerView("web3", checking=True, asked=NOW),
    ]
    text, roles = said(fleet_with(*servers))
    assert text == "1 of 3 answer · no answer: web2 · 1 not checked yet"
    assert "bad" in roles


def test_the_headline_tells_connecting_unreachable_and_empty_apart() -> None:
    error = ConnectError("no answer")
    fleets = (
        fleet_with(ServerView("web1", checking=True)),
        fleet_with(ServerView("web1", error=error)),
        fleet_of(state("web1", count=0)),
    )
    assert [said(fleet)[0] for fleet in fleets] == [
        "connecting to 1 server",
        "the server does not answer",
        "1 of 1 answer · no release is live yet",
    ]


def test_exceptions_are_named_as_far_as_they_fit_and_then_counted() -> None:
    names = [f"web{number}" for number in range(1, 101)]
    fleet = fleet_of(*[state(name, 1 if name in names[20:40:2] else 0) for name in names])
    assert said(fleet, 60)[0] == "90 live · behind: web21, web23, web25, web27 … and 6 more"
    assert said(fleet, 20)[0] == "90 live · 10 behind"
    fleet = fleet_of(*[state(name, 1 if name in names[20:30] else 0) for name in names])
    assert said(fleet, 60)[0] == "90 live · behind: web21-30", "names that count up are one"
    header = plain(header_line(fleet, 60, UNICODE, NOW))
    assert "behind: web21-30" in header


def test_servers_that_do_not_answer_any_more_are_never_said_to_be_live() -> None:
    fleet = fleet_with(*[dark(name, minutes=300) for name in ("web1", "web2", "web3")])
    assert said(fleet) == ("none of 3 servers answers", {"bad"})
    header = plain(header_line(fleet, 100, UNICODE, NOW))
    assert "last seen 5 h ago" in header and "live" not in header and "3f2c1ab" not in header
    assert words(fleet.servers[0], fleet).startswith("! web1  no answer 5 h, was 3f2c1ab")


def test_one_server_that_does_not_answer_takes_nothing_from_the_others() -> None:
    fleet = fleet_with(ServerView("web1", state("web1"), at=NOW), dark("web2"))
    assert said(fleet)[0] == "1 of 2 answer · no answer: web2"
    assert fleet.live == tag(0) and fleet.live_on(fleet.rows[0]) == ("web1",)
    assert seen(fleet, NOW + 2) == "seen 2 s ago", "the age of what is known, not that of the failed look"


def told(tag: str, *servers: str, **more: Any) -> tuple[JournalLine, ...]:
    """A deploy to these servers, as each of them tells it."""
    begin = JournalLine(
        what="begin", operation="a1", kind="deploy", tag=tag, servers=servers, each=more.pop("each", False)
    )
    return begin, JournalLine(what="end", operation="a1", kind="deploy", outcome="done", tag=tag, **more)


def test_a_server_that_lost_what_was_live_on_it_is_down_and_a_new_one_is_not() -> None:
    whole = state("web1", transitions=told(tag(0), "web1", "web2", "web3"))
    gone, unmounted, new = (state(name, count=0, exists=name != "web3") for name in ("web2", "web3", "web4"))
    fleet = fleet_of(whole, gone, unmounted, new)
    assert [fleet.conditions[f"web{number}"] for number in (1, 2, 3, 4)] == ["live", "down", "down", "empty"]
    assert "SITE DOWN: current is gone, was 3f2c1ab" in words(fleet.servers[1], fleet)
    assert "SITE DOWN: its root is gone, was 3f2c1ab" in words(fleet.servers[2], fleet)
    assert said(fleet) == ("1 live · SITE DOWN: web2, web3 · without a release: web4", {"ok", "bad", "warn"})
    details = server_lines(fleet.servers[1], fleet, 100, UNICODE, NOW, "web2", "/srv", {})
    assert "SITE DOWN: current is gone" in "\n".join(map(plain, details))


def test_a_server_is_not_down_for_what_it_never_got() -> None:
    left_out = state("web1", transitions=told(tag(0), "web1", "web2", left_out=("web2",)))
    fleet = fleet_of(left_out, state("web2", count=0))
    assert fleet.conditions["web2"] == "empty"
    older = state("web1", 1, transitions=told(tag(0), "web1", "web2"))
    assert fleet_of(older, state("web2", count=0)).conditions["web2"] == "empty", "somebody switched web1 since"
    running = state("web1", transitions=told(tag(0), "web1", "web2")[:1])
    assert fleet_of(running, state("web2", count=0)).conditions["web2"] == "empty", "its batch may come"
    own = fleet_of(state("web1", transitions=told(tag(0), "web1", "web2", each=True)), state("web2", count=0))
    assert own.conditions["web2"] == "down" and "was" not in words(own.servers[1], own)


def test_a_server_whose_answer_is_late_is_dark_and_keeps_what_it_was() -> None:
    late = ServerView("web1", state("web1", read_at=NOW - 20), checking=True, asked=NOW - 8, late=True)
    fleet = fleet_with(late)
    assert fleet.conditions["web1"] == DARK
    assert "no answer 20 s, was 3f2c1ab" in words(late, fleet)


def test_a_dangling_current_is_a_site_that_is_down_and_not_behind() -> None:
    down = state("web3", current="", current_kind="dangling", current_target="releases/gone")
    fleet = fleet_of(state("web1"), state("web2"), down)
    assert fleet.conditions["web3"] == DOWN
    assert said(fleet) == ("2 live · SITE DOWN: web3", {"ok", "bad"})
    assert "SITE DOWN" in words(fleet.servers[2], fleet)


def test_a_current_that_is_no_link_to_a_release_is_odd_and_not_behind() -> None:
    fleet = fleet_of(state("web1"), state("web2"), state("web3", current="", current_kind="folder"))
    assert fleet.conditions["web3"] == ODD
    assert said(fleet)[0] == "2 live · odd current: web3"


def test_the_picture_is_as_old_as_the_oldest_answer() -> None:
    servers = [ServerView(name, state(name, read_at=NOW - age), at=NOW) for name, age in (("web1", 2), ("web2", 41))]
    assert seen(fleet_with(*servers), NOW) == "seen 41 s ago"


def test_a_server_ahead_of_the_others_is_called_ahead() -> None:
    fleet = fleet_of(state("web1", 1), state("web2", 1), state("web3", 0))
    assert said(fleet)[0] == "2 live · ahead: web3"
    assert "3f2c1ab 1 ahead" in words(fleet.servers[2], fleet)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectError("web1 does not answer"), "does not answer"),
        (AuthenticationFailed("web1 accepts none of the keys"), "login refused"),
        (HostKeyChanged("another key"), "key CHANGED"),
        (
            HostKeyUnknown("new", host="web1", key_type="ssh-ed25519", fingerprint="SHA256:x", key_line=""),
            "unknown host key",
        ),
    ],
)
def test_an_error_is_in_its_servers_row_as_a_word_beside_a_sign(error: TurnoutError, said: str) -> None:
    text = words(ServerView("web1", error=error))
    assert text.startswith("! web1")
    assert said in text


def test_a_slow_server_says_how_long_it_has_not_answered() -> None:
    assert "connecting, 7 s" in words(ServerView("web1", checking=True, asked=NOW - 7))


def test_a_check_that_is_quick_does_not_flicker() -> None:
    fleet = fleet_of(state("web1"))
    assert "3f2c1ab" in words(ServerView("web1", state("web1"), checking=True, asked=NOW - 0.3), fleet)


def test_a_locked_server_says_who_runs_an_operation() -> None:
    locked = state("web1", lock=Lock(kind="deploy", who="bo@ci\x1b[31m", since=NOW - 60, age=60, phase="upload"))
    assert "deploy by bo@ci" in words(ServerView("web1", locked), fleet_of(locked))


@pytest.mark.parametrize(
    ("kind", "said"),
    [("folder", "current is a folder"), ("dangling", "current dangles"), ("elsewhere", "current points elsewhere")],
)
def test_a_strange_current_is_named(kind: str, said: str) -> None:
    odd = state("web1", current_kind=kind, current="")
    assert said in words(ServerView("web1", odd), fleet_of(odd))


def test_a_running_operation_comes_before_everything_else() -> None:
    server = ServerView("web1", state("web1"))
    text = plain(server_line(server, 40, UNICODE, NOW, fleet_of(state("web1")), Activity("uploading 63 %")))
    assert text.startswith("◐ web1") and "uploading 63 %" in text


@given(st.integers(14, 60), st.sampled_from([UNICODE, ASCII]))
def test_a_servers_row_fits(cells: int, glyphs: object) -> None:
    fleet = fleet_of(state("web1"), state("web2", 1))
    for server in fleet.servers:
        assert len(plain(server_line(server, cells, UNICODE, NOW, fleet))) <= cells


@given(st.integers(24, 200))
def test_the_header_fits_and_never_loses_the_environment(cells: int) -> None:
    text = plain(header_line(fleet_of(state("web1"), state("web2", 1)), cells, UNICODE, NOW + 3))
    assert len(text) <= cells
    assert "shop" in text and "production" in text


def test_the_header_says_how_old_the_picture_is() -> None:
    assert plain(header_line(fleet_of(state("web1")), 100, UNICODE, NOW + 3)).endswith("1 of 1 answer · seen 3 s ago ")


def test_a_check_that_takes_long_is_said_in_the_header() -> None:
    servers = [ServerView("web1", state("web1"), at=NOW), ServerView("db1", checking=True, asked=NOW - 5)]
    assert checking(FleetView.of("shop", "production", servers), NOW) == "checking db1"


def test_after_a_switch_the_other_release_is_live_and_the_old_one_kept() -> None:
    before = state("web1", 1)
    after = after_switch(before, tag(0))
    assert after.current == tag(0)
    assert [name for name, release in after.releases.items() if release.live] == [tag(0)]
    assert after.releases[tag(1)].present
    assert before.releases[tag(1)].live, "what was inspected is not changed"


def test_a_switch_to_a_release_that_was_not_there_shows_it() -> None:
    new = replace(record(0), tag="20261129T000000Z-fffffff", seq=99)
    after = after_switch(state("web1"), new.tag, new)
    assert fleet_of(after).rows[0].tag == new.tag


def test_collapsed_servers_are_one_line_of_signs() -> None:
    assert (
        servers_title(fleet_of(state("web1"), state("web2"), state("web3", 1)), UNICODE, 40)
        == "web1-3 ●●○ · LIVE 3f2c1ab"
    )


def test_many_collapsed_servers_are_counted() -> None:
    fleet = fleet_of(*[state(f"web{number}", 1 if number < 4 else 0) for number in range(1, 101)])
    assert servers_title(fleet, UNICODE, 40) == "web1-100 ●97 ○3 · LIVE 3f2c1ab"


def test_where_it_is_narrow_servers_that_differ_are_named_before_the_age_of_the_picture() -> None:
    fleet = fleet_of(*(state(f"web{number}", int(number in (17, 48, 79))) for number in range(1, 101)))
    said = [plain(header_line(fleet, cells, UNICODE, NOW + 7)).split("  ")[-1].strip() for cells in (60, 72, 100)]
    assert said == [
        "97 live · behind: web17, web48, web79",
        "97 live · behind: web17 … and 2 more · seen 7 s ago",
        "97 live · behind: web17, web48, web79 · seen 7 s ago",
    ]
    long = fleet_of(state("web1"), state("shop-production-eu-central-1-frontend-02", 1))
    assert "1 behind · seen 7 s ago" in plain(header_line(long, 60, UNICODE, NOW + 7)), "no name fits"
