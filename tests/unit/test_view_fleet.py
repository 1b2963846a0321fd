"""What is said of servers and of the fleet."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import AuthenticationFailed, ConnectError, HostKeyChanged, HostKeyUnknown, TurnoutError
from core.records import Lock, Release, ServerState, fleet_releases, live_tag, previous_tag
from tests.tui.recorded import NOW, fleet_of, record, state, tag
from tui.view.fleet import (
    Activity,
    FleetView,
    ServerView,
    after_switch,
    checked,
    header_line,
    headline,
    server_line,
    servers_title,
)
from tui.view.glyphs import ASCII, UNICODE
from tui.view.lines import plain


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


def test_the_headline_counts_the_servers_that_are_behind() -> None:
    text, role = headline(fleet_of(state("web1"), state("web2"), state("web3", 1)), NOW)
    assert (text, role) == ("2 servers live on 3f2c1ab, 1 behind", "warn")


def test_the_headline_of_a_fleet_in_step_is_good_news() -> None:
    assert headline(fleet_of(state("web1"), state("web2")), NOW) == ("2 servers live on 3f2c1ab", "ok")


def test_the_headline_names_trouble_and_what_was_not_checked() -> None:
    servers = [
        ServerView("web1", state("web1"), at=NOW),
        ServerView("web2", error=ConnectError("web2 does not answer"), at=NOW),
        ServerView("web3", checking=True, asked=NOW),
    ]
    text, role = headline(FleetView.of("shop", "production", servers), NOW)
    assert text == "1 server live on 3f2c1ab, 1 in trouble, 1 not checked yet"
    assert role == "bad"


def test_the_headline_tells_connecting_unreachable_and_empty_apart() -> None:
    error = ConnectError("no answer")
    connecting = FleetView.of("shop", "production", [ServerView("web1", checking=True)])
    unreachable = FleetView.of("shop", "production", [ServerView("web1", error=error)])
    empty = fleet_of(state("web1", count=0))
    said = {headline(fleet, NOW)[0] for fleet in (connecting, unreachable, empty)}
    assert said == {"connecting to 1 server", "none of 1 server can be reached", "no release is live yet"}


def test_a_server_ahead_of_the_others_is_called_ahead() -> None:
    fleet = fleet_of(state("web1", 1), state("web2", 1), state("web3", 0))
    assert headline(fleet, NOW)[0] == "2 servers live on 9ab01cd, 1 ahead"


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
    assert "no answer for 8 s" in words(ServerView("web1", state("web1"), checking=True, asked=NOW - 8))


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
    odd = state("web1", current_kind=kind)
    assert said in words(ServerView("web1", odd), fleet_of(odd))


def test_a_running_operation_comes_before_everything_else() -> None:
    server = ServerView("web1", state("web1"))
    text = plain(server_line(server, 40, UNICODE, NOW, fleet_of(state("web1")), Activity("uploading 63 %")))
    assert text.startswith("◐ web1") and "uploading 63 %" in text


@given(st.integers(14, 60), st.sampled_from([UNICODE, ASCII]))
def test_a_servers_row_fits(cells: int, glyphs: object) -> None:
    fleet = fleet_of(state("web1"), state("web2", 1))
    for server in fleet.servers:
        assert len(plain(server_line(server, cells, UNICODE, NOW, fleet, None, 4))) <= cells


@given(st.integers(24, 200))
def test_the_header_fits_and_never_loses_the_environment(cells: int) -> None:
    text = plain(header_line(fleet_of(state("web1"), state("web2", 1)), cells, UNICODE, NOW + 3))
    assert len(text) <= cells
    assert "shop" in text and "production" in text


def test_the_header_says_how_old_the_picture_is() -> None:
    assert plain(header_line(fleet_of(state("web1")), 100, UNICODE, NOW + 3)).endswith("checked 3 s ago ")


def test_a_check_that_takes_long_is_said_in_the_header() -> None:
    servers = [ServerView("web1", state("web1"), at=NOW), ServerView("db1", checking=True, asked=NOW - 5)]
    assert checked(FleetView.of("shop", "production", servers), NOW) == "checking db1"


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
    assert servers_title(fleet_of(state("web1"), state("web2"), state("web3", 1)), UNICODE, 40) == "web1-3 ●●○"
