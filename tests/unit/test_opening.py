"""The frame that is drawn before the dashboard is loaded."""

from __future__ import annotations

import pytest
from rich.segment import Segment
from textual.geometry import Size

from tui import theme as themes
from tui.view.glyphs import ASCII, UNICODE
from tui.widgets.opening import frame


@pytest.mark.parametrize("cells", [1, 8, 12, 40, 200])
@pytest.mark.parametrize("theme", [themes.DARK, themes.LIGHT, themes.ANSI])
def test_the_frame_fills_the_screen_and_never_more(cells: int, theme: object) -> None:
    segments = frame("shop", "production", Size(cells, 5), theme, UNICODE)  # type: ignore[arg-type]
    lines = list(Segment.split_lines(segments))
    assert [sum(segment.cell_length for segment in line) for line in lines] == [cells] * 5


def test_the_frame_names_where_we_are() -> None:
    first, *_ = Segment.split_lines(frame("shop", "production", Size(60, 5), themes.DARK, ASCII))
    text = "".join(segment.text for segment in first)
    assert text.startswith(" shop ") and "production" in text and text.endswith("opening ")
    assert "\x1b" not in "".join(segment.text for segment in frame("shop", "", Size(60, 5), themes.DARK, ASCII))
