"""Lines of the view: widths in cells, cutting, wrapping, and nothing dangerous from a server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple
from rich.cells import cell_len

from tui.view.glyphs import ASCII, UNICODE, bar, choose
from tui.view.lines import crop, fit, line, one_line, plain, right, short, width, wrap, wrap_line

texts = st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs", "Mn", "Me", "Cf")), max_size=60)


@given(texts, st.integers(1, 40))
def test_fit_takes_exactly_its_cells_whatever_the_letters(text: str, cells: int) -> None:
    assert cell_len(fit(text, cells)) == cells


@given(texts, st.integers(1, 40))
def test_right_takes_exactly_its_cells(text: str, cells: int) -> None:
    assert cell_len(right(text, cells)) == cells


@given(st.lists(texts, max_size=6), st.integers(1, 40))
def test_a_cropped_line_is_never_wider_than_asked(parts: list[str], cells: int) -> None:
    assert width(crop(line(*parts), cells)) <= cells


@given(texts, st.integers(8, 40))
def test_wrapped_lines_fit_and_lose_no_letter(text: str, cells: int) -> None:
    lines = wrap(text, cells)
    assert all(cell_len(text) <= max(cells, cell_len(text[:1]) + len(text) - len(text.lstrip())) for text in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_wrap_breaks_between_words_and_keeps_paragraphs() -> None:
    assert wrap("one two three\nfour", 8) == ["one two", "three", "four"]


def test_text_from_a_server_is_one_harmless_line() -> None:
    assert one_line("a\x1b[31mred\x1b[0m\nb\tc\x07") == "ared b c"


@pytest.mark.parametrize(
    ("text", "shown", "cells"),
    [
        ("\u267b\ufe0f Tidy", "\u267b Tidy", 6),
        ("\U0001f469\U0001f3fd\u200d\U0001f4bb", "\U0001f469\U0001f4bb", 4),
        ("1\ufe0f\u20e3 first", "1 first", 7),
        ("\u0915\u094d\u200d\u0937", "\u0915\u094d\u200d\u0937", 1),
    ],
    ids=["selector", "family", "keycap", "letters"],
)
def test_an_emoji_of_several_characters_is_shown_in_as_many_cells_everywhere(text: str, shown: str, cells: int) -> None:
    assert one_line(text) == one_line(shown) == shown
    assert width(line(shown)) == cells


def test_short_leaves_what_fits_and_marks_what_was_cut() -> None:
    assert short("abc", 3) == "abc"
    assert short("abcdef", 4) == "abc…"


def test_a_wide_letter_is_never_cut_in_half() -> None:
    assert fit("日本語", 4) == "日… " or cell_len(fit("日本語", 4)) == 4


@given(st.floats(0, 1), st.integers(1, 40))
def test_a_bar_fills_its_cells_in_both_sets_of_signs(fraction: float, cells: int) -> None:
    for glyphs in (UNICODE, ASCII):
        done, rest = bar(fraction, cells, glyphs)
        assert len(done) + len(rest) == cells


def test_a_full_bar_is_full_and_an_empty_one_empty() -> None:
    assert bar(1.0, 5, UNICODE) == ("█████", "")
    assert bar(0.0, 5, ASCII) == ("", ".....")


def test_the_linux_console_gets_plain_ascii() -> None:
    assert choose({"TERM": "linux"}) is ASCII
    assert choose({"TERM": "xterm-256color", "LANG": "C.UTF-8"}) is UNICODE
    assert choose({"TERM": "xterm", "TURNOUT_ASCII": "1"}) is ASCII
    assert all(sign.isascii() for sign in astuple(ASCII))


def test_plain_gives_the_text_of_a_line() -> None:
    assert plain(line("a", ("b", "ok"), "")) == "ab"


def test_a_line_is_wrapped_between_words_that_keep_their_roles() -> None:
    spans = line(("Deploy 3f2c1ab", "strong"), " is still running.")
    assert wrap_line(spans, 40) == [spans]
    assert wrap_line(spans, 16) == [line(("Deploy 3f2c1ab", "strong")), line("is still"), line("running.")]
    assert [plain(part) for part in wrap_line(line("one  two", ("  three", "ok")), 9)] == ["one two", "three"]
