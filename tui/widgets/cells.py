"""Sends to the terminal only the cells that have changed, however much was drawn again.

Textual sends every line of whatever was refreshed, with all colours of each piece. Over a slow connection that is what
a person waits for. So what the terminal shows is remembered here, and the difference is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from rich.cells import get_character_cell_size as cells_of
from rich.color import ColorSystem
from rich.console import Console, RenderableType
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import App
from textual.geometry import Size
from textual.screen import Screen
from textual.strip import Strip

Cell = tuple[str, str]
"""The text of one cell, and the codes of its style; the right half of a wide sign is ""."""

GAP = 5
"""So many unchanged cells are sent, too: skipping them would cost as much."""

if TYPE_CHECKING:
    Base = App[str]
else:
    Base = object


class SentCells(Base):
    """A base of the app, before Textual's App."""

    instead: Mapping[int, str] = {}
    """What is sent in place of some signs, as for `str.translate`; it takes as many cells."""

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if isinstance(renderable, LayoutUpdate | ChopsUpdate) and self._sends:
            sent = self.sent_cells.difference(renderable, self.console, self.size)
            moved = self.cursor_position != self._previous_cursor_position
            super()._display(screen, cast(RenderableType, Prepared(sent)) if sent or moved else None)
        else:
            super()._display(screen, renderable)

    @property
    def _sends(self) -> bool:
        """Whether what is displayed now is sent to a terminal of which every cell is ours."""
        driver = self._driver
        return (
            self._running
            and not self._closed
            and not self._batch_count
            and not self.is_headless
            and driver is not None
            and not driver.is_inline
        )

    @property
    def sent_cells(self) -> TerminalCells:
        """What the terminal shows."""
        if not hasattr(self, "_sent_cells"):
            self._sent_cells = TerminalCells(self.instead)
        return self._sent_cells

    def draw_all_again(self) -> None:
        """Send every cell: the terminal may show something else by now."""
        self.sent_cells.forget()
        self.screen.refresh(layout=True)


class Prepared(CompositorUpdate):
    """An update whose codes are known already."""

    def __init__(self, codes: str) -> None:
        self._codes = codes

    def render_segments(self, console: Console) -> str:
        return self._codes


class TerminalCells:
    """The cells of a terminal, as far as they were sent."""

    def __init__(self, instead: Mapping[int, str] | None = None) -> None:
        self._instead = instead or {}
        self._size = Size(0, 0)
        self._lines: list[list[Cell | None]] = []

    def forget(self) -> None:
        """Forget what the terminal shows."""
        self._size = Size(0, 0)

    def difference(self, update: LayoutUpdate | ChopsUpdate, console: Console, size: Size) -> str:
        """The codes that make an update of what the terminal shows; from now on it shows that."""
        if size != self._size:
            self._size = size
            self._lines = [[None] * size.width for _ in range(size.height)]
        colours = console._color_system or ColorSystem.TRUECOLOR
        out: list[str] = []
        style = ""
        for y, x, strip in _pieces(update):
            if y >= size.height or x >= size.width:
                continue
            new = _cells(strip, colours, self._instead)[: size.width - x]
            line = self._lines[y]
            old = line[x : x + len(new)]
            if old == new:
                continue
            line[x : x + len(new)] = new
            for start, end in _runs(old, new):
                out.append(f"\x1b[{y + 1};{x + start + 1}H")
                for sign, codes in new[start:end]:
                    if codes != style:
                        out.append(_change(style, codes))
                        style = codes
                    out.append(sign)
        if style:
            out.append("\x1b[m")
        return "".join(out)


def _pieces(update: LayoutUpdate | ChopsUpdate) -> Iterator[tuple[int, int, Strip]]:
    """The strips of an update, each with its line and its first cell."""
    if isinstance(update, LayoutUpdate):
        for y, strips in enumerate(update.strips, update.region.y):
            x = update.region.x
            for strip in strips:
                yield y, x, strip
                x += strip.cell_length
        return
    for y, first, last in update.spans:
        for end, (x, chop) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if chop is not None and x < last and end > first:
                yield y, x, chop


def _cells(strip: Strip, colours: ColorSystem, instead: Mapping[int, str]) -> list[Cell]:
    out: list[Cell] = []
    for text, style, _ in strip:
        codes = ""
        if style is not None:
            codes = style._ansi if style._ansi is not None else Strip.render_ansi(style, colours)
        if instead and not text.isascii():
            text = text.translate(instead)
        if text.isascii() or _is_narrow(text):
            out += [(sign, codes) for sign in text]
        else:
            out += _wide_cells(text, codes)
    return out


@lru_cache(1024)
def _is_narrow(text: str) -> bool:
    """Whether each sign takes one cell. Texts that are ASCII, as most lines of a log, would only fill the cache."""
    return all(cells_of(sign) == 1 for sign in set(text))


def _wide_cells(text: str, codes: str) -> Iterable[Cell]:
    """Cells of a text with wide signs, and with some that belong to the one before."""
    out: list[Cell] = []
    for sign in text:
        width = cells_of(sign)
        if width == 0 and out:
            place = next((at for at in range(len(out) - 1, -1, -1) if out[at][0]), 0)
            out[place] = (out[place][0] + sign, codes)
        else:
            out += [(sign, codes), *[("", codes)] * (width - 1)]
    return out


def _runs(old: list[Cell | None], new: list[Cell]) -> Iterator[tuple[int, int]]:
    """Where cells differ: runs from a first cell up to another, of which wide signs are not cut."""
    start = end = -1
    if any(not sign or len(sign) > 1 for sign, _ in new) or any(cell and not cell[0] for cell in old):
        # Terminals do not agree on how wide such signs are: the whole piece is sent, as Textual would.
        yield 0, len(new)
        return
    for at, cell in enumerate(new):
        if cell == old[at]:
            continue
        if start < 0:
            start = at
        elif at - end > GAP:
            yield start, end
            start = at
        end = at + 1
    if start >= 0:
        yield start, end


@lru_cache(4096)
def _parts(codes: str) -> tuple[frozenset[str], str, str]:
    """Attributes, colour and ground of a style's codes."""
    attributes: set[str] = set()
    colour = ground = ""
    left = codes.split(";") if codes else []
    while left:
        number = int(left[0])
        long = 1 if number not in (38, 48) else 5 if left[1] == "2" else 3
        part = ";".join(left[:long])
        del left[:long]
        if 30 <= number <= 39 or 90 <= number <= 97:
            colour = part
        elif 40 <= number <= 49 or 100 <= number <= 107:
            ground = part
        else:
            attributes.add(part)
    return frozenset(attributes), colour, ground


@lru_cache(4096)
def _change(before: str, after: str) -> str:
    """The shortest code from one style to another."""
    old, new = _parts(before), _parts(after)
    if not old[0] <= new[0]:
        return f"\x1b[0;{after}m" if after else "\x1b[m"
    parts = sorted(new[0] - old[0])
    parts += [new[1] or "39"] if new[1] != old[1] else []
    parts += [new[2] or "49"] if new[2] != old[2] else []
    short = f"\x1b[{';'.join(parts)}m"
    whole = f"\x1b[0;{after}m" if after else "\x1b[m"
    return min(short, whole, key=len)
