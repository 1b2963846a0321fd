"""What stands below the servers of an operation where there is room: what it changes, and what was said last (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from tui.view.change_lines import plan_change_lines
from tui.view.formats import short_tags
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, Span, crop, line
from tui.view.log_lines import log_lines
from tui.view.names import column, short_tags_of, shortened
from tui.view.progress import Progress
from tui.view.rules import beside, ruled

LEAST = 4
"""Rows, with a title, below which nothing more is told."""

MOST_SAID = 16
"""Lines of what was said: more of them would only be sent to the terminal again and again."""

COLUMNS = 120
"""Cells from which the changes and what was said are beside each other."""


def rest_lines(progress: Progress, cells: int, rows: int, glyphs: Glyphs) -> list[Line]:
    """As much as fits in so many rows, the first of which stays empty; nothing where they are too few."""
    rows -= 1
    if rows < LEAST:
        return []
    wide = cells >= COLUMNS
    half = (cells - 2) // 2 if wide else cells
    changes = _changes(progress, half, glyphs)
    if not wide:
        # What is happening comes before what was known.
        said = _said(progress, cells, min(rows, MOST_SAID + 1), glyphs)
        if said and changes and len(said) + 1 + len(changes) <= rows:
            return [(), *said, (), *changes]
        return _first(said or changes, rows)
    said = _said(progress, half if changes else cells, min(rows, MOST_SAID + 1), glyphs)
    return _first(beside(changes, said, half) if changes else said, rows)


def _first(lines: Sequence[Line], rows: int) -> list[Line]:
    return [(), *lines[:rows]] if lines else []


def _changes(progress: Progress, cells: int, glyphs: Glyphs) -> list[Line]:
    changes = progress.changes
    if changes is None:
        return []
    names = short_tags_of((changes.old, changes.new))
    pair = f"{names[changes.old]}..{names[changes.new]}"
    return [ruled(line(("changes ", ""), (pair, "strong")), cells, glyphs), *plan_change_lines(changes, cells, glyphs)]


def _said(progress: Progress, cells: int, rows: int, glyphs: Glyphs) -> list[Line]:
    """The last lines of hooks, checks and troubles, each with its server, the newest at the end."""
    told = [each for event in progress.said for each in log_lines(event)][-(rows - 1) :]
    if not told:
        return []
    names = list(progress.servers)
    room = column(names, max(cells // 4, 8), glyphs.more)
    short = shortened(names, room, glyphs.more)
    out = [ruled(line(("last lines", "")), cells, glyphs)]
    for each in told:
        name = short.get(each.server, "here" if not each.server else each.server)
        out.append(crop(line((f"{name:<{room}}  ", "dim"), Span(short_tags(each.text), each.role)), cells, glyphs.more))
    return out
