"""The pictures in screenshots/ show what the code draws; `make screenshots` takes new ones."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from tests.pictures import AGAIN, FOLDER, LARGEST, MOVIE, NAMES, png_is_of, shown, stale
from tests.screenshots import draw


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    return draw()


def test_the_committed_pictures_show_what_the_code_draws(drawn: dict[str, str]) -> None:
    assert set(drawn) == {*NAMES, MOVIE}
    problems = stale(drawn)
    assert not problems, "\n".join([*problems, AGAIN])


def test_a_picture_of_another_text_or_style_is_old(drawn: dict[str, str]) -> None:
    for old, new in (("Opening", "Closing"), (";font-weight: bold", "")):
        changed = {**drawn, "dashboard": drawn["dashboard"].replace(old, new)}
        assert changed["dashboard"] != drawn["dashboard"]
        assert any("dashboard.svg is old" in problem for problem in stale(changed))


def test_a_png_of_another_svg_is_noticed() -> None:
    svg, png = (FOLDER / "help.svg").read_text("utf-8"), (FOLDER / "help.png").read_bytes()
    assert png_is_of(png, svg) and not png_is_of(png, svg + " ")


def test_what_is_compared_is_all_that_stands_on_the_screen(drawn: dict[str, str]) -> None:
    text = "\n".join(shown(drawn["plan"]))
    for words in ("Deploy 8205645 to production", "prepare: sh tools/compress", "Cancel"):
        assert words in text


def test_the_moving_picture_is_small_well_formed_and_needs_nothing_else(drawn: dict[str, str]) -> None:
    movie = drawn[MOVIE]
    assert len(movie.encode()) < LARGEST
    root = ElementTree.fromstring(movie)
    assert {element.tag.partition("}")[2] for element in root.iter()} == {"svg", "style", "rect", "g", "circle", "text"}
    assert not re.search(r"url\(|href|@import|src", movie), "nothing is loaded"
    seen = " ".join(" ".join(root.itertext()).replace("\xa0", " ").split())
    for words in ("D: deploy a branch", "ALL 3 SWITCHED", "LIVE on 3", "u: undo", "back, in less than a second"):
        assert words in seen, words
    changed = {**drawn, MOVIE: movie.replace("SWITCHED", "SWAPPED")}
    assert any(f"{MOVIE}.svg is old" in problem for problem in stale(changed))
