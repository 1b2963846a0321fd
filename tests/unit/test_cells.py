"""However little is sent, a terminal shows what the dashboard drew."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region, Size
from textual.strip import Strip

from tui.view.glyphs import INSTEAD
from tui.widgets.cells import TerminalCells

WIDTH, HEIGHT = 12, 4
SIZE = Size(WIDTH, HEIGHT)
STYLES = [
    Style(),
    Style(bold=True),
    Style(color="#00ff10", bgcolor="#101010"),
    Style(color="#00ff10", bgcolor="#202020", bold=True),
    Style(color="red", reverse=True, dim=True),
    Style(bgcolor="bright_blue"),
]
CODE = re.compile(r"\x1b\[([0-9;]*)([Hm])")


class Terminal:
    """As much of a terminal as is needed: signs with the style they were written in."""

    def __init__(self) -> None:
        self.cells = [[("?", "?")] * WIDTH for _ in range(HEIGHT)]

    def write(self, codes: str) -> None:
        x = y = 0
        style: set[str] = set()
        while codes:
            if code := CODE.match(codes):
                codes = codes[code.end() :]
                numbers = code[1].split(";")
                if code[2] == "H":
                    y, x = int(numbers[0]) - 1, int(numbers[1]) - 1
                else:
                    style = self._styled(style, numbers)
                continue
            sign, codes = codes[0], codes[1:]
            self.cells[y][x] = (sign, " ".join(sorted(style)))
            for right in range(1, cell_len(sign)):
                self.cells[y][x + right] = ("", " ".join(sorted(style)))
            x += cell_len(sign)
        assert not style, "what others write comes out plain"

    @staticmethod
    def _styled(style: set[str], numbers: list[str]) -> set[str]:
        style = set(style)
        while numbers:
            number = int(numbers[0] or 0)
            length = 5 if number in (38, 48) else 1
            part, numbers = ";".join(numbers[:length]), numbers[length:]
            if number == 0:
                style.clear()
                continue
            kind = "f" if 30 <= number <= 39 or 90 <= number <= 97 else "b" if number >= 40 else "a"
            style = {other for other in style if kind == "a" or not other.startswith(kind)}
            if number not in (39, 49):
                style.add(f"{kind}{part}")
        return style


def shown(strips: list[Strip]) -> list[list[tuple[str, str]]]:
    """What a terminal shows of lines that are written whole, as Textual writes them."""
    terminal, console = Terminal(), Console(color_system="truecolor")
    for y, strip in enumerate(strips):
        terminal.write(f"\x1b[{y + 1};1H{strip.render(console)}")
    return terminal.cells


@st.composite
def strips(draw: Any) -> Strip:
    """A line of some pieces in some styles, some with wide signs."""
    texts = draw(st.lists(st.tuples(st.text("ab ─●界", min_size=1, max_size=5), st.sampled_from(STYLES)), max_size=5))
    return Strip([Segment(text, style) for text, style in texts]).adjust_cell_length(WIDTH, STYLES[2])


SCREENS = st.lists(strips(), min_size=HEIGHT, max_size=HEIGHT)


@given(screens=st.lists(SCREENS, min_size=1, max_size=6), whole=st.lists(st.booleans(), min_size=6, max_size=6))
def test_the_terminal_shows_what_was_drawn(screens, whole):
    terminal, cells, console = Terminal(), TerminalCells(), Console(color_system="truecolor")
    for place, screen in enumerate(screens):
        update: Any = LayoutUpdate([[strip] for strip in screen], Region(0, 0, WIDTH, HEIGHT))
        if not whole[place]:
            spans = [(y, 3, 5) for y in range(HEIGHT)]
            update = ChopsUpdate([{0: strip} for strip in screen], spans, [[WIDTH]] * HEIGHT)
        terminal.write(cells.difference(update, console, SIZE))
        assert terminal.cells == shown(screen)


@given(screen=SCREENS)
def test_what_is_there_already_is_not_sent(screen):
    cells, console = TerminalCells(), Console(color_system="truecolor")
    update = LayoutUpdate([[strip] for strip in screen], Region(0, 0, WIDTH, HEIGHT))
    assert cells.difference(update, console, SIZE)
    assert cells.difference(update, console, SIZE) == ""
    cells.forget()
    assert cells.difference(update, console, SIZE), "ctrl+l draws all of it"


def test_one_sign_costs_a_few_bytes():
    cells, console = TerminalCells(), Console(color_system="truecolor")
    style = Style(color="#00ff10", bgcolor="#101010")
    for text in ("62 %", "63 %"):
        strip = Strip([Segment(text.ljust(WIDTH), style)])
        sent = cells.difference(LayoutUpdate([[strip]], Region(0, 0, WIDTH, 1)), console, Size(WIDTH, 1))
    assert sent == "\x1b[1;2H\x1b[38;2;0;255;16;48;2;16;16;16m3\x1b[m"


def test_in_ascii_nothing_else_is_sent_and_every_cell_keeps_its_place() -> None:
    drawn = "│ Undo … 🔎 ▔▁█"
    assert {sign: cell_len(other) for sign, other in INSTEAD.items()} == {sign: cell_len(chr(sign)) for sign in INSTEAD}
    update = LayoutUpdate([[Strip([Segment(drawn, Style())])]], Region(0, 0, 20, 1))
    sent = TerminalCells(INSTEAD).difference(update, Console(color_system="truecolor"), Size(20, 1))
    assert CODE.sub("", sent).rstrip() == "| Undo ~ >  - #"
