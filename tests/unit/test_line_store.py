"""What a viewer holds and shows: the newest lines, those that are wanted, in rows; and what is searched for in them."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.view.line_store import SPARE, LineStore, LogLine
from tui.view.lines import plain, width
from tui.view.search import Search

NAMES = ("web1", "web2", "")


def lines(*texts: str, server: str = "web1", role: str = "") -> list[LogLine]:
    return [LogLine(0.0, server, text, role) for text in texts]


def store_of(*texts: str) -> LineStore:
    store = LineStore()
    store.add(lines(*texts))
    return store


def drawn(store: LineStore) -> list[str]:
    return [plain(store.spans(row)) for row in range(store.first_row, store.first_row + store.rows)]


def test_a_million_lines_leave_a_bounded_number_and_are_counted() -> None:
    store = LineStore(most_lines=500)
    for block in range(1000):
        store.add(lines(*(f"{block} {index}" for index in range(1000))))
        assert len(store) <= 500 + SPARE
    assert store.dropped + len(store) == 1_000_000
    assert store.shown == len(store) == store.rows
    assert drawn(store)[-1] == "999 999"


def test_lines_are_bounded_by_their_characters_too() -> None:
    store = LineStore(most_lines=10_000, most_characters=50_000)
    for index in range(200):
        store.add(lines(f"{index:03} " + "x" * 996))
    assert len(store) <= 50 and store.dropped + len(store) == 200
    assert drawn(store)[-1].startswith("199 ")


def test_a_row_keeps_its_number_when_old_lines_go() -> None:
    store = LineStore(most_lines=100)
    store.add(lines(*map(str, range(150))))
    row = store.row_of(120)
    store.add(lines(*map(str, range(150, 1200))))
    assert store.first_row > 0 and plain(store.spans(store.row_of(1150))) == "1150"
    assert store.row_of(1150) - row == 1030


def test_the_lines_of_one_server_stand_with_those_of_the_fleet() -> None:
    store = LineStore()
    store.names = ("web1",)
    store.add([LogLine(0, name, f"of {name or 'all'}") for name in NAMES])
    assert drawn(store) == ["web1  of web1", "web2  of web2", "-     of all"]
    store.narrow(server="web2")
    assert drawn(store) == ["of web2", "of all"], "the column of servers says nothing now"


def test_wrapped_lines_lose_nothing_and_fit() -> None:
    store = store_of("a" * 25, "b", "漢字" * 10)
    store.form(wrap=True, cells=10)
    assert drawn(store) == ["a" * 10, "a" * 10, "a" * 5, "b", "漢字漢字漢", "字漢字漢字", "漢字漢字漢", "字漢字漢字"]
    assert all(width(store.spans(row)) <= 10 for row in range(store.rows))
    assert [store.line_at(row) for row in range(store.rows)] == [0, 0, 0, 1, 2, 2, 2, 2]


def test_times_stand_in_front_until_they_are_not_wanted() -> None:
    store = LineStore()
    moment = time.mktime((2026, 11, 26, 14, 2, 11, 0, 0, -1))
    store.add([LogLine(moment, "", "begun")])
    assert drawn(store) == ["14:02:11  begun"]
    store.form(times=False)
    assert drawn(store) == ["begun"]
    assert next(store.lines()).written(4) == "2026-11-26 14:02:11  -     begun"


def test_what_is_searched_for_is_marked_also_across_wrapped_rows() -> None:
    store = store_of("xxxxxxxxTIMEOUTxx")
    store.form(wrap=True, cells=10)
    store.narrow(search=Search.of("timeout"))
    assert store.spans(0) == (("xxxxxxxx", ""), ("TI", "match"))
    assert store.spans(1, marked=0) == (("MEOUT", "match-here"), ("xx", ""))


def test_matches_are_stepped_through_round_the_end() -> None:
    store = store_of("one", "two", "tone", "three")
    store.narrow(search=Search.of("one"))
    assert store.matches == 2 and [store.match_place(number) for number in range(4)] == [1, 0, 2, 0]
    assert [store.beside(at, 1) for at in (-1, 0, 1, 2)] == [0, 2, 2, 0]
    assert [store.beside(at, -1) for at in (0, 2, 3)] == [2, 0, 2]
    store.narrow(search=Search.of("none of them"))
    assert store.beside(0, 1) == -1


def test_without_a_search_the_errors_are_stepped_through() -> None:
    store = store_of("fine")
    store.add(lines("broken", role="bad"))
    store.add(lines("fine", "fine"))
    assert store.beside(0, 1) == store.beside(3, -1) == 1


def test_only_the_lines_that_match_may_be_shown() -> None:
    store = store_of("one", "two", "tone")
    store.narrow(search=Search.of("one"), only=True)
    store.add(lines("three", "stone"))
    assert drawn(store) == ["one", "tone", "stone"]
    store.narrow(search=Search())
    assert store.shown == 5, "where nothing is searched for, all lines are shown"


@given(
    st.lists(st.tuples(st.sampled_from(NAMES), st.text("aAbB 漢", max_size=30)), max_size=60),
    st.sampled_from(["", "a", "B", "a+b", "[", "("]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", "web1"]),
    st.integers(1, 20),
)
def test_lines_that_come_one_by_one_are_laid_out_as_if_all_had_come_at_once(
    came: list[tuple[str, str]], text: str, wrap: bool, only: bool, server: str, cells: int
) -> None:
    new = [LogLine(0.0, *line) for line in came]
    early, late = LineStore(most_lines=20), LineStore(most_lines=20)
    for store in (early, late):
        store.names = ("web1",)
        if store is late:
            store.add(new)
        store.form(wrap=wrap, cells=cells)
        store.narrow(server=server, search=Search.of(text), only=only)
        if store is early:
            for one in new:
                store.add([one])
    assert drawn(early) == drawn(late) and early.matches == late.matches


# Searches.


@pytest.mark.parametrize(
    ("typed", "text", "found"),
    [
        ("error", "an ERROR", True),
        ("Error", "an ERROR", False),
        (r"\b5\d\d\b", '"GET / HTTP/1.1" 502 12', True),
        (r"\b5\d\d\b", "took 5021 ms", False),
        ("", "anything", False),
    ],
)
def test_a_text_is_a_regular_expression_and_ignores_case_without_capitals(typed: str, text: str, found: bool) -> None:
    assert Search.of(typed).hits(text) is found
    assert not Search.of(typed).fault


@pytest.mark.parametrize("typed", ["a(b", "[", "*", "(a+)+$", r"(\w+\s)+x", "x{2,1}", "(?P<a>x)(?P<a>y)"])
def test_what_is_no_good_expression_is_searched_as_plain_text_and_says_why(typed: str) -> None:
    search = Search.of(typed)
    assert (
        search.fault and search.hits(f"before {typed} behind") and not search.hits("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!")
    )


@given(st.text(max_size=20), st.text(max_size=40))
def test_whatever_is_typed_can_be_searched_for(typed: str, text: str) -> None:
    search = Search.of(typed)
    for start, end in search.places(text):
        assert 0 <= start < end <= len(text) and search.hits(text)


def test_empty_matches_mark_nothing() -> None:
    assert Search.of("x*").places("abc") == []
    assert Search.of("b").pattern == re.compile("b", re.IGNORECASE)
