"""How the releases matrix is laid out in a given width: its columns, and how the servers' cells are drawn (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from core.records import ABSENT, FAILED, KEPT, LIVE, UNKNOWN
from tui.view.fleet import FleetView
from tui.view.formats import range_name
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.lines import cell_len
from tui.view.release_state import signs, what

NAMED, DENSE, COUNTED = "named", "dense", "counted"
"""How the servers' cells are drawn: a column with a name each; one cell each; only how many of each kind."""

LEAD = "   "
"""What comes before the columns: a mark and the sign of the release as a whole."""

COUNTED_CELLS = 16

COUNTED_WIDE = 100
"""Cells of the pane from which each kind of cell is counted in a column of its own."""

AGE_CELLS = 10

LIVED_CELLS = 14

LEAST_NAME = 4

ALL = -1
"""In place of the first server whose column is shown: all of them are, in little room."""

WHAT = "what"

LEAST_WHAT = 8


class Column(Struct, frozen=True):
    """A column of the matrix and its width in cells."""

    name: str
    cells: int
    title: str = ""
    to_right: bool = False


class Layout(Struct, frozen=True):
    """How a matrix is laid out in a given width."""

    cells: int
    columns: tuple[Column, ...]
    mode: str
    servers: tuple[str, ...]
    server_cells: tuple[int, ...]
    """The width of each server's column in NAMED, of each count's where they are counted apart; else of the block."""
    full_tags: bool
    longest: float = 0.0
    """Seconds for which the release was live that was live longest: its bar is full."""


def plan_layout(fleet: FleetView, cells: int, now: float = 0.0, *, table: bool = False, first: int = ALL) -> Layout:
    """The layout for a width: what matters least goes first when it is narrow.

    first   the place of the first server that gets a column with its name; ALL for an overview of all servers
    table   for a terminal's scrollback: tags are whole, for people copy them; no column is wider than what is in it
    """
    names = fleet.names
    rows = fleet.rows if table else fleet.rows[:200]
    full_cells = max([len(row.tag) for row in rows] + [7])
    full_cells = full_cells if table else min(full_cells, 34)
    short_cells = full_cells if table else min(max([len(fleet.short(row.tag)) for row in rows] + [7]), 24)
    mode, server_cells = _server_block(names, cells)
    if first != ALL:
        names, mode = names[first : first + _window(names, cells)], NAMED
        server_cells = (_name_cells(fleet.names) + 1,) * len(names)
    room = cells - (0 if table else len(LEAD)) - sum(server_cells) - 2 - (short_cells + 2)
    state_cells = max(8, len(f"live {len(names)}/{len(names)}") if len(names) > 1 else 0)
    taken: list[str] = []
    offers = [("deployed", AGE_CELLS + 2, LEAST_WHAT), ("lived", LIVED_CELLS + 2, 16), ("by", 10, 20)]
    if table:
        offers = [("deployed", AGE_CELLS + 2, LEAST_WHAT), ("state", state_cells + 2, 18), ("by", 10, 20)]
    for name, wide, least in [*offers, ("size", 9, 30), ("full", full_cells - short_cells, 56)]:
        if room - wide >= least:
            taken.append(name)
            room -= wide
    full_tags = table or "full" in taken
    if table:
        room = min(room, max([cell_len(what(row, "", True)) for row in fleet.rows], default=0))
    widths = {"state": state_cells, WHAT: max(room, 4), "deployed": AGE_CELLS, "lived": LIVED_CELLS, "by": 8, "size": 7}
    columns = [Column("release", full_cells if full_tags else short_cells, "release")]
    columns += [
        Column(name, widths[name], name, to_right=name in ("deployed", "size"))
        for name in ("state", WHAT, "deployed", "lived", "by", "size")
        if name == WHAT or name in taken
    ]
    longest = max((lived.seconds for tag in fleet.lives if (lived := fleet.lived(tag, now))), default=0.0)
    return Layout(cells, tuple(columns), mode, names, server_cells, full_tags, longest)


def _name_cells(names: Sequence[str]) -> int:
    return min(max((len(name) for name in names), default=3), 12)


def _window(names: Sequence[str], cells: int) -> int:
    """How many servers get a column with a name where only a part of them is shown."""
    return max(cells // 2 // (_name_cells(names) + 1), 1)


def next_window(layout: Layout, fleet: FleetView, cells: int, first: int, step: int) -> int:
    """The place of the first server with a column of its own after a step to the side; ALL for the overview."""
    if first == ALL and (step < 0 or (layout.mode == NAMED and layout.servers == fleet.names)):
        return ALL
    wide = _window(fleet.names, cells)
    place = 0 if first == ALL else first + step * wide
    return ALL if place < 0 else first if place >= len(fleet.names) else place


def _server_block(names: Sequence[str], cells: int) -> tuple[str, tuple[int, ...]]:
    """How the servers' cells are drawn, and how wide: named where each name fits, shortened where that helps."""
    if cells >= 60 and names and len(names) <= 16:
        longest = max(max(len(name) for name in names), 3)
        each = min(longest, int(cells * 0.34) // len(names) - 1)
        if each >= min(longest, LEAST_NAME):
            return NAMED, (max(each, 3) + 1,) * len(names)
    dense = max(len(names), len(range_name(names)) if names else 0)
    if dense <= max(cells * 0.3, 8):
        return DENSE, (dense + 1,)
    if cells >= COUNTED_WIDE:
        return COUNTED, tuple(len(title) + 1 for title in count_titles(UNICODE))
    return COUNTED, (COUNTED_CELLS,)


COUNT_WORDS = {LIVE: "live", KEPT: "kept", FAILED: "bad", ABSENT: "none", UNKNOWN: "dark"}
"""The columns of counts: what a release is on the servers that are counted, and the word for it."""


def count_titles(glyphs: Glyphs) -> list[str]:
    drawn = signs(glyphs)
    return [drawn[column] + word for column, word in COUNT_WORDS.items()]
