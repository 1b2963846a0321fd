"""Names in little room stay different names."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from tui.view.glyphs import ASCII, UNICODE
from tui.view.names import column, direction, least_listed, listed, short_tags_of, shortened
from tui.view.promotion_words import promotion_words

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789-."
NAMES = st.lists(st.text(LETTERS, min_size=1, max_size=40), min_size=1, max_size=30, unique=True)


@given(NAMES, st.text(LETTERS, max_size=30), st.integers(5, 40))
def test_different_names_stay_different_and_fit(names: list[str], prefix: str, cells: int) -> None:
    names = [prefix + name for name in names]
    for more in ("…", "~"):
        short = shortened(names, cells, more)
        assert list(short) == names
        assert all(len(text) <= cells for text in short.values())
        assert len(set(short.values())) == len(names)


@given(NAMES, st.integers(0, 4))
def test_names_fit_even_where_there_is_hardly_room(names: list[str], cells: int) -> None:
    assert all(len(text) <= cells for text in shortened(names, cells).values())


@given(NAMES, st.text(LETTERS, max_size=30), st.integers(5, 40))
@example(["0", "00000"], "0.", 5)
def test_a_column_is_as_wide_as_its_names_and_changes_none_of_them(names: list[str], prefix: str, cells: int) -> None:
    names = [prefix + name for name in names]
    wide = column(names, cells)
    assert wide <= cells and shortened(names, wide) == shortened(names, cells)


def test_names_with_one_beginning_keep_the_part_in_which_they_differ() -> None:
    names = [f"shop-frontend-eu-central-1-node-{number:02d}" for number in (1, 2, 13)]
    assert list(shortened(names, 10).values()) == ["…01", "…02", "…13"]


def test_a_long_name_alone_loses_its_middle() -> None:
    assert shortened(["shop-frontend-eu-central-1-node-01"], 12)["shop-frontend-eu-central-1-node-01"] == "shop…node-01"


def test_names_that_fit_are_left_alone() -> None:
    assert shortened(["web1", "web2"], 4) == {"web1": "web1", "web2": "web2"}


def test_releases_of_one_revision_are_told_apart_by_their_time() -> None:
    days = ["20261121T193000Z-3f2c1ab", "20261122T080000Z-3f2c1ab", "20261121T193000Z-9ab01cd"]
    assert list(short_tags_of(days).values()) == ["3f2c1ab@11-21", "3f2c1ab@11-22", "9ab01cd"]
    hours = ["20261121T193000Z-3f2c1ab", "20261121T201500Z-3f2c1ab"]
    assert list(short_tags_of(hours).values()) == ["3f2c1ab@19:30", "3f2c1ab@20:15"]
    seconds = ["20261121T193000Z-3f2c1ab", "20261121T193007Z-3f2c1ab"]
    assert list(short_tags_of(seconds).values()) == ["3f2c1ab@19:30:00", "3f2c1ab@19:30:07"]


@given(st.lists(st.from_regex(r"2026(0[1-9]|1[0-2])([01][1-9])T([01]\d)([0-5]\d)([0-5]\d)Z-(aaa|bbb)", fullmatch=True)))
def test_short_tags_of_different_releases_differ(tags: list[str]) -> None:
    short = short_tags_of(tags)
    assert len(set(short.values())) == len(set(tags))


def test_tags_of_a_persons_own_stay_as_they_are() -> None:
    assert short_tags_of(["v1.2", "v1.3"]) == {"v1.2": "v1.2", "v1.3": "v1.3"}


WORDS = st.lists(st.text("abcdefghij-.", min_size=1, max_size=40), min_size=1, max_size=30, unique=True)


@given(WORDS, st.integers(0, 120))
def test_a_list_of_names_fits_and_counts_the_rest(names: list[str], cells: int) -> None:
    text = listed(names, cells)
    assert len(text) <= cells
    if text and " more" in text:
        assert text.startswith(names[0])
        shown = text.rpartition(" … and ")[0].split(", ")
        assert int(text.rpartition(" … and ")[2].removesuffix(" more")) == len(names) - len(shown)


@given(st.lists(st.integers(1, 40).map("web{}".format), min_size=1, unique=True), st.integers(0, 60))
def test_a_list_of_names_that_count_up_loses_none(names: list[str], cells: int) -> None:
    names.sort(key=lambda name: int(name[3:]))
    text, _, more = listed(names, cells).partition(" … and ")
    assert len(text) <= cells
    shown: list[str] = []
    for part in text.split(", ") if text else []:
        first, _, last = part.removeprefix("web").partition("-")
        shown += [f"web{number}" for number in range(int(first), int(last or first) + 1)]
    rest = int(more.removesuffix(" more")) if more else 0
    assert not text or (shown == names[: len(shown)] and len(shown) + rest == len(names))
    assert text or cells < len(least_listed(names))


def test_names_that_count_up_are_one_where_not_all_fit() -> None:
    names = [f"web{number}" for number in range(1, 101) if number not in (64, 71)]
    assert listed(names, 40) == "web1-63, web65-70, web72-100"
    assert listed(names, 27) == "web1-63 … and 35 more"
    assert listed(names[:9], 20) == least_listed(names[:9]) == "web1-9"
    assert listed(["web08", "web09", "web10", "web11"], 12) == "web08-11"
    assert listed(["a9", "a010", "b11"], 60) == "a9, a010, b11"
    assert least_listed(["a9", "a010", "b11"]) == "a9, a010, b11"


def test_names_in_little_room_are_the_beginnings_of_what_differs() -> None:
    places = ("frankfurt-web-01", "frankfurt-web-02", "virginia-web-01", "frankfurt-worker-01")
    names = [f"shop-production-{place}" for place in places]
    assert list(shortened(names, 5).values()) == ["fwe01", "fwe02", "vwe01", "fwo01"]
    assert list(shortened(names, 4).values()) == ["fwe1", "fwe2", "vwe1", "fwo1"]


def test_a_direction_keeps_both_names_apart_in_little_room() -> None:
    assert direction("staging", "production", 28, UNICODE) == "staging → production"
    long = direction("shop-frankfurt-staging", "shop-frankfurt-production", 28, UNICODE)
    assert long == "…staging → …production"
    assert len(direction("a" * 40, "a" * 39 + "b", 20, ASCII)) <= 20
    assert direction("qa", "shop-frankfurt-production", 22, UNICODE).startswith("qa → ")
    assert len(direction("qa", "shop-frankfurt-production", 22, UNICODE)) <= 22


def test_the_button_of_a_promotion_has_whole_names_or_none() -> None:
    def words(source: str, target: str, cells: int) -> str:
        said = promotion_words("Promote", source, target, cells, UNICODE)
        assert len(said) <= cells
        return said

    assert words("staging", "production", 28) == "Promote staging → production"
    assert words("staging", "production", 20) == "staging → production"
    assert words("shop-frankfurt-staging", "shop-frankfurt-production", 28) == "…staging → …production"
    assert words("acceptance", "production-eu", 20) == "→ production-eu", "not `ac…tance → pr…on-eu`"
    assert words("customer-staging", "customer-production", 20) == "Promote"
