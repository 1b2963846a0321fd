"""A large fleet: trouble first, the rest folded; filters, orders, the map, and the card of what is live."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.errors import ConnectError
from core.records import Lock
from tests.tui.recorded import AGES, NOW, fleet_of, record, state, tag
from tui.view.environment_colour import COLOURS, colour_of
from tui.view.fleet import Activity, Ahead, FleetView, ServerView
from tui.view.fleet_map import map_line, map_lines, plan_map
from tui.view.glyphs import ASCII, UNICODE, Glyphs
from tui.view.lines import plain, width
from tui.view.live_card import card_lines
from tui.view.part_lines import part_lines
from tui.view.server_list import AS_LISTED, BY_LATENCY, BY_NAME, BY_RELEASE, FOLD, TROUBLE, fold_line, server_keys
from tui.view.server_row import error_words
from tui.view.terms import Term, parse_terms

HUNDRED = [f"web{number}" for number in range(1, 101)]


def hundred() -> FleetView:
    """A hundred servers: web17 is behind, web29 fell silent, web64 was never reached, web88 is down."""
    servers = [ServerView(name, state(name, 1 if name == "web17" else 0), at=NOW, roles=("web",)) for name in HUNDRED]
    error = ConnectError("no answer")
    servers[28] = replace(servers[28], error=error)
    servers[63] = ServerView("web64", error=error, at=NOW, roles=("db",))
    down = state("web88", count=0, current_kind="dangling", current_target="releases/gone")
    servers[87] = ServerView("web88", down, at=NOW)
    return FleetView.of("shop", "production", servers)


def test_the_subject_of_what_is_live_has_no_emoji_of_several_characters() -> None:
    found = state("web1")
    row = found.releases[tag(0)]
    subject = "\u267b\ufe0f Tidy \U0001f469\u200d\U0001f469\u200d\U0001f467"
    releases = {tag(0): replace(row, record=replace(row.record, subject=subject))}
    lines = card_lines(fleet_of(replace(found, releases=releases)), 100, UNICODE, NOW)
    assert "\u267b Tidy \U0001f469\U0001f469\U0001f467 " in plain(lines[0])


def test_what_was_not_looked_at_yet_is_no_part_of_those_that_are_as_they_should_be() -> None:
    servers = [ServerView(name, state(name), at=NOW) if name < "web4" else ServerView(name) for name in HUNDRED]
    fleet = FleetView.of("shop", "production", servers)
    seen = sum(name < "web4" for name in HUNDRED)
    said = plain(fold_line(fleet, UNICODE, unfolded=False))
    assert said.startswith(f"▸ {seen} as they should be, {100 - seen} servers not checked yet ")
    fleet = FleetView.of("shop", "production", [ServerView(name) for name in HUNDRED])
    assert plain(fold_line(fleet, UNICODE, unfolded=False)).startswith("▸ 100 servers not checked yet ")


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("deploy@web1.example.com:22 refused the connection", "refused the connection"),
        ("no SSH connection to deploy@[2001:db8::1]:2222", "no SSH connection"),
        ("the name of deploy@nowhere:22 cannot be resolved", "its name cannot be resolved"),
        ("the gateway ops@bastion:22 refused the connection", "the gateway ops@bastion:22 refused the connection"),
        ("web1 does not answer", "web1 does not answer"),
    ],
)
def test_the_row_of_a_server_does_not_say_its_address(title: str, said: str) -> None:
    assert error_words(ConnectError(title)) == said


def test_of_a_large_fleet_trouble_comes_first_the_worst_of_it_first_and_the_rest_is_folded() -> None:
    assert server_keys(hundred(), "", "", unfolded=False) == ["web88", "web64", "web29", "web17", FOLD]
    assert len(server_keys(hundred(), "", "", unfolded=True)) == 101


def test_of_a_small_fleet_every_server_is_listed_in_the_order_of_the_file() -> None:
    fleet = fleet_of(state("web1"), state("web2", 1), state("db1"))
    assert server_keys(fleet, "", "", unfolded=False) == ["web1", "web2", "db1"]
    assert server_keys(fleet, "", TROUBLE, unfolded=False) == ["web2", "web1", "db1"]


def test_a_server_that_somebody_has_locked_is_seen_first() -> None:
    servers = [ServerView(name, state(name), at=NOW) for name in HUNDRED]
    servers[4] = ServerView("web5", state("web5", lock=Lock(kind="deploy", who="bo@ci")), at=NOW)
    fleet = FleetView.of("shop", "production", servers)
    assert server_keys(fleet, "", "", unfolded=False) == ["web5", FOLD]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("web1", 12),
        ("state:behind", 1),
        ("state:dark", 1),
        ("state:down", 1),
        ("role:db", 1),
        ("role:web -web1", 86),
        ("release:9ab01cd", 1),
        ("name:web99 state:live", 1),
        ("state:", 100),
        ("behind", 1),
        ("9ab01", 1),
        ("9a", 0),
        ("db", 1),
        ("-behind web1", 11),
        ("nope", 0),
    ],
)
def test_servers_are_filtered_by_name_state_release_and_role(text: str, found: int) -> None:
    keys = server_keys(hundred(), text, "", unfolded=False)
    assert len(keys) == found
    assert FOLD not in keys, "what a filter finds is never folded away"


def test_servers_are_sorted() -> None:
    fleet = fleet_of(state("b", rtt=0.001), state("a", 1, rtt=0.9), state("c", rtt=0.5))
    orders = {
        order: server_keys(fleet, "", order, unfolded=False) for order in (AS_LISTED, BY_NAME, BY_RELEASE, BY_LATENCY)
    }
    assert orders == {
        AS_LISTED: ["b", "a", "c"],
        BY_NAME: ["a", "b", "c"],
        BY_RELEASE: ["b", "c", "a"],
        BY_LATENCY: ["a", "c", "b"],
    }


def test_a_colon_is_an_ordinary_sign_unless_a_field_stands_before_it() -> None:
    assert parse_terms("State:Live a:b -x -", ("state",)) == [
        Term("live", "state"), Term("a:b"), Term("x", "", True),
    ]  # fmt: skip


@given(st.integers(1, 300), st.integers(1, 12), st.integers(4, 120))
def test_every_server_has_one_cell_of_the_map_and_every_cell_one_server(servers: int, lines: int, most: int) -> None:
    layout = plan_map(servers, lines, most)
    assert layout.across <= most
    places = [layout.at(x, y) for y in range(layout.down) for x in range(layout.across)]
    assert [place for place in places if place >= 0] == list(range(servers))
    assert layout.at(-1, 0) == layout.at(layout.across, 0) == layout.at(0, layout.down) == -1


def test_the_map_shows_trouble_and_the_server_under_the_cursor() -> None:
    fleet, layout = hundred(), plan_map(100, 5, 40)
    lines = [map_line(layout, y, fleet, UNICODE, lambda name: None, "web2") for y in range(layout.down)]
    text = "".join(plain(spans) for spans in lines)
    assert len(text) == 100
    assert [place + 1 for place, sign in enumerate(text) if sign == "!"] == [29, 64, 88]
    assert text[16] == "○"
    assert [span.text for spans in lines for span in spans if span.role == "here"] == ["●"]
    title, *rows = drawn(fleet, 46, ASCII)
    assert title.isascii() and len(rows) == 5
    assert drawn(fleet, 46)[0] == "FLEET web1-100  ●live  !trouble  ○behind"
    assert drawn(fleet, 26)[::6] == ["FLEET web1-100", "●live  !trouble  ○behind"], "below the map"
    assert drawn(fleet, 26, rows=6)[0] == "FLEET web1-100 ●live", "as much as there is room for"


def test_the_map_says_what_its_signs_mean_while_an_operation_runs() -> None:
    doing = {f"web{number}": Activity("uploading 3 %") for number in range(1, 90)} | {
        "web90": Activity("stalled 12 s", "warn"),
        "web91": Activity("ready", "dim", UNICODE.wait),
    }
    said = drawn(hundred(), 60, activity=doing.get)[0]
    assert said == "FLEET web1-100  ◐working  ●live  ◐stalled  …waiting"


def drawn(
    fleet: FleetView,
    cells: int,
    glyphs: Glyphs = UNICODE,
    rows: int = 7,
    activity: Callable[[str], Activity | None] = lambda name: None,
) -> list[str]:
    """The lines of a map of 100 servers."""
    return [plain(spans) for spans in map_lines(plan_map(100, 5, cells), fleet, cells, rows, glyphs, activity)]


def card(fleet: FleetView, cells: int = 100) -> list[str]:
    return [plain(spans).rstrip() for spans in card_lines(fleet, cells, UNICODE, NOW)]


def test_the_card_says_what_is_live_since_when_by_whom_and_what_was_before() -> None:
    first, second = card(fleet_of(state("web1"), state("web2")))
    assert first.startswith("● LIVE  3f2c1ab  Fix cart totals for mixed VAT")
    assert first.endswith("on all 2 servers · 2 h")
    assert second.strip() == "ci from runner · main · after 9ab01cd, which lived 22 h · 58 MB in 4,812 files"


def test_the_card_says_how_many_commits_came_since_what_is_live() -> None:
    fleet = fleet_of(state("web1"))

    def origin(ref: str, commits: int, revision: str = fleet.revision) -> str:
        return card(replace(fleet, ahead=Ahead(ref, revision, commits)))[1].strip()

    assert origin("main", 4).startswith("ci from runner · main, 4 commits since · after 9ab01cd")
    assert origin("main", 0).startswith("ci from runner · main, nothing new · ")
    assert origin("v2", 1).startswith("ci from runner · main, 1 commit on v2 since · ")
    assert origin("main", 4, "another").startswith("ci from runner · main · "), "it was counted from another release"


def test_the_card_says_when_the_servers_differ() -> None:
    fleet = fleet_of(state("web1"), state("web2"), state("web3", 1))
    assert card(fleet)[0].endswith("on 2 of 3 servers · 2 h")
    assert {span.role for span in card_lines(fleet, 100, UNICODE, NOW)[0]} >= {"warn"}


@pytest.mark.parametrize("cells", [54, 58, 76, 118])
def test_the_card_keeps_what_is_live_where_and_since_when_in_little_room(cells: int) -> None:
    names = [f"shop-frankfurt-production-web-{number:02d}" for number in (1, 2, 3)]
    bad = record(0, failed="its check failed", by="ana@" + "x" * 30)
    failed = {tag(0): replace(state("x").releases[tag(0)], record=bad)}
    for fleet in (
        fleet_of(*(state(name, name == names[2]) for name in names)),
        fleet_of(*(state(name) for name in names)),
        fleet_of(*(state(name, releases={**state(name).releases, **failed}) for name in names)),
    ):
        first, second = card(fleet, cells)
        assert "LIVE" in first and "3f2c1ab" in first, first
        assert first.endswith("· 2 h") or "FAILED" in first, "what failed has no life"
        assert any(where in first for where in ("2 of 3", "2/3", "all 3")), first
        assert second.strip().startswith(("ci from runner", "ana from x")), second


def test_the_card_says_the_rest_in_fewer_words_before_it_leaves_it_out() -> None:
    fleet = fleet_of(state("web1"), state("web2"), state("web3", 1))
    assert card(fleet, 76)[1].strip() == "ci from runner · main · after 9ab01cd, still live on 1 server · 58 MB"
    assert card(fleet, 54)[1].strip() == "ci from runner · main · after 9ab01cd · 58 MB"


def test_the_card_of_a_fleet_that_does_not_answer_says_that_it_is_not_known() -> None:
    view = ServerView("web1", state("web1"), ConnectError("no answer"), at=NOW)
    text = card(FleetView.of("shop", "production", [view]))[0]
    assert "NOT KNOWN" in text and "was live on 1 of 1" in text and "●" not in text
    view = ServerView("web1", state("web1", read_at=NOW - 300), checking=True, late=True, at=NOW - 300)
    fleet = FleetView.of("shop", "production", [view])
    assert card(fleet)[0].endswith("was live on 1 of 1 · last seen 5 min ago")
    lived = fleet.lived(tag(0), NOW)
    assert lived is not None and lived.seconds == AGES[0] - 300 and lived.at_least, "its time stands still"
    assert fleet.lived(tag(0), NOW + 3600) == lived and fleet.live_for(NOW) is None


def test_the_card_says_when_the_only_site_is_down() -> None:
    fleet = fleet_of(state("web1", count=0, current_kind="dangling"))
    assert "SITE DOWN" in card(fleet)[0]


@given(st.integers(30, 200))
def test_the_card_fits(cells: int) -> None:
    for fleet in (hundred(), fleet_of(state("web1")), fleet_of(state("web1", count=0))):
        assert all(width(spans) <= cells for spans in card_lines(fleet, cells, UNICODE, NOW))


def test_a_plan_on_some_servers_says_which_and_that_the_others_stay() -> None:
    text = " ".join(plain(spans) for spans in part_lines(["web1", "web3"], 100, 60))
    assert text.startswith("Only on web1, web3 (marked).") and "other 98 servers stay" in text
    assert part_lines(["web1"], 1, 60) == []


@given(st.lists(st.text("abcdefg", min_size=1), min_size=1, max_size=5, unique=True))
def test_environments_of_a_project_have_different_colours(names: list[str]) -> None:
    colours = [colour_of(name, names) for name in names]
    assert len(set(colours)) == len(names)
    assert set(colours) <= set(COLOURS)
    assert colour_of(names[0], names) == colour_of(names[0], names[:1]), "it follows from the name"


def test_the_live_release_is_not_judged_by_who_answers() -> None:
    silent = [ServerView(name, state(name), ConnectError("no answer"), at=NOW) for name in ("web1", "web2")]
    fleet = FleetView.of("shop", "production", [*silent, ServerView("web3", state("web3", 1), at=NOW)])
    assert fleet.live == tag(0)
    assert fleet.conditions["web3"] == "behind"
