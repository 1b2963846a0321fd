"""Rules that part a page (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from tui.view.glyphs import Glyphs
from tui.view.lines import Line, Span, crop, line, width


def ruled(name: Line, cells: int, glyphs: Glyphs) -> Line:
    """`━━ src/cart.php  from git ━━━━━`: a name in a rule over the whole width."""
    name = crop(name, max(cells - 6, 4), glyphs.more)
    rest = max(cells - 4 - width(name), 0)
    return line((glyphs.rail * 2 + " ", "rail"), *name, (" " + glyphs.rail * rest, "rail"))


def beside(left: Sequence[Line], right: Sequence[Line], left_cells: int) -> list[Line]:
    """Two columns of lines; those of the left one are at most so many cells wide."""
    out: list[Line] = []
    for first, second in zip_longest(left, right, fillvalue=()):
        gap = Span(" " * (left_cells - width(first) + 2))
        out.append((*first, gap, *second) if second else first)
    return out
