"""Secrets are found in every form, wherever a text is cut, and nothing else is touched."""

from __future__ import annotations

import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.masking import Masking
from core.text import cut_lines

SECRET = 'p/w+rd é&"x\\y'


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower(),
        quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
    ],
)
def test_a_secret_is_found_as_programs_write_it(form: str) -> None:
    assert Masking([SECRET])(f"<{form}>") == "<***>"


def test_a_secret_is_found_with_control_characters_in_it_and_around_it() -> None:
    assert Masking(["hunter2hunter2"]).line("<hun\x1b[1mter2\x00hunter2>") == "<***>"
    assert Masking(["tab\tand\x01bell"]).line("<tab\tand\x01bell>") == "<***>"


def test_what_is_short_or_nothing_is_left_as_it_is() -> None:
    assert Masking(["yes", ""])("yes, 100 %") == "yes, 100 %"
    assert Masking()("anything") == "anything"
    assert Masking().longest == 0


def test_a_line_is_cut_after_its_secrets_are_gone() -> None:
    for before in range(80, 101):
        shown = Masking(["hunter2hunter2"]).line("x" * before + "hunter2hunter2", 100)
        assert "hunt" not in shown
        assert len(shown) <= 101


def test_secrets_are_found_in_whatever_a_value_is_made_of() -> None:
    value = {"record": {"subject": "is hunter2", "seq": 1}, "hooks": ["a", ("hunter2",)], "none": None}
    assert Masking(["hunter2"]).all(value) == {
        "record": {"subject": "is ***", "seq": 1},
        "hooks": ["a", ("***",)],
        "none": None,
    }


SECRETS = st.lists(st.text("ab", min_size=4, max_size=9), max_size=4)


@given(SECRETS, st.text("ab c\n", max_size=200), st.integers(1, 12), st.lists(st.integers(1, 30)))
def test_no_secret_hides_in_a_cut_however_the_text_arrives(
    secrets: list[str], text: str, longest: int, sizes: list[int]
) -> None:
    mask = Masking(secrets)
    pieces: list[str] = []
    rest, place = "", 0
    for size in [*sizes, len(text)]:
        lines, rest = cut_lines(rest + text[place : place + size], "\n", longest, mask.cut, mask.longest)
        place += size
        pieces += lines
    pieces.append(rest)
    assert "".join(pieces) == text.replace("\n", ""), "nothing is lost"
    # Cut or not, every secret is told as in the whole line.
    assert "".join(map(mask, pieces)) == "".join(map(mask, text.split("\n")))
    assert all(len(piece) <= longest + mask.longest for piece in pieces)
