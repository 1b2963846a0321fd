"""Where the panes are and what their borders say, in every size that is supported."""

from __future__ import annotations

import pytest

from tui.view.glyphs import ASCII, UNICODE
from tui.view.placement import REST, Wanted, place
from tui.view.titles import list_title, tab_names

TABS = ("progress", "log", "details", "changes", "history", "preflight", "logs")


def written(shown: str, cells: int) -> str:
    return "".join(text for text, _ in tab_names(TABS, shown, cells, UNICODE))


@pytest.mark.parametrize("shown", TABS)
def test_the_tab_that_is_shown_is_always_named_and_no_title_is_too_wide(shown: str) -> None:
    for cells in range(20, 100):
        for glyphs in (UNICODE, ASCII):
            parts = tab_names(TABS, shown, cells, glyphs)
            assert sum(len(text) for text, _ in parts) <= cells
            assert (shown, shown) in parts


def test_all_tabs_are_named_from_60_cells_on() -> None:
    assert written("progress", 56) == "│".join(TABS)
    assert written("progress", 70) == " │ ".join(TABS)


def test_names_that_are_left_out_have_a_sign_that_leads_to_the_next() -> None:
    parts = tab_names(TABS, "history", 30, UNICODE)
    assert "".join(text for text, _ in parts) == "…│changes│history│preflight│…"
    assert (parts[0][1], parts[-1][1]) == ("details", "logs")


def test_a_title_tells_filter_place_marks_and_zoom() -> None:
    assert list_title("2 Releases", "", None, 0, "", UNICODE) == "2 Releases"
    told = list_title("2 Releases", "cart", (3, 40), 2, "z", UNICODE)
    assert told == "2 Releases · / cart · 3 of 40 · 2 marked · z shows all panes"
    told = list_title("2 Releases", "", (1, 301), 0, "", UNICODE, 1699)
    assert told == "2 Releases · 1 of 301 · 1,699 older not listed"


@pytest.mark.parametrize(("wide", "high"), [(60, 16), (80, 24), (120, 34), (160, 45), (200, 60)])
@pytest.mark.parametrize("servers", [1, 3, 24, 100])
@pytest.mark.parametrize("focused", ["servers", "releases", "bottom"])
def test_the_panes_leave_the_tabs_their_room(wide: int, high: int, servers: int, focused: str) -> None:
    short = high < 20
    folded = frozenset({"servers", "releases", "bottom"} - {focused}) if short else frozenset()
    placed = place(wide, high, Wanted(servers + 2, 201, servers, False, focused, folded))
    if short:
        assert [placed.servers, placed.releases] == [
            REST if focused == "servers" else 1,
            REST if focused == "releases" else 1,
        ]
        return
    assert isinstance(placed.servers, int) and 5 <= placed.servers <= high // 2 + 1
    assert placed.releases == REST, "many releases share what is left with the tabs"
    assert placed.map == (servers >= 24)


def test_few_releases_take_no_more_than_their_lines() -> None:
    placed = place(200, 60, Wanted(5, 9, 3))
    assert (placed.servers, placed.releases) == (7, 10)
    assert place(200, 60, Wanted(5, 9, 3, zoomed=True)).releases == REST
