"""Everything that the Progress tab shows, fitted into the rows that there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from core.errors import TurnoutError
from tui.view import switch_lines as switch
from tui.view.batch_lines import batch_line
from tui.view.glyphs import Glyphs
from tui.view.lines import Line
from tui.view.names import column
from tui.view.operation_lines import bytes_line, folded, phase_line, title_line
from tui.view.progress import Progress
from tui.view.progress_lines import by_urgency, fleet_line, notes_lines, server_progress_line
from tui.view.progress_rest import rest_lines
from tui.view.question_lines import question_lines
from tui.view.receipt_lines import receipt_lines

NOTES = 8
"""Warnings that are listed; in few rows fewer."""


class Page(Struct, frozen=True):
    """lines: for the rows that are seen. below: names of the servers whose rows come after them, for who scrolls."""

    lines: Sequence[Line]
    below: Sequence[str] = ()


class Frame(Struct, frozen=True):
    """What there is to draw on.

    motion   whether things may move
    keys     by id, those that a receipt offers
    topic    the section of the runbook that has more about the operation's error
    """

    cells: int
    rows: int
    glyphs: Glyphs
    keys: Mapping[str, str]
    motion: bool = True
    topic: str = ""

    def name_cells(self, progress: Progress) -> int:
        """Cells of the column of names."""
        return column(list(progress.servers), max(self.cells // 4, 8), self.glyphs.more)


def page(progress: Progress, error: TurnoutError | None, now: float, frame: Frame) -> Page:
    """The operation as it stands now."""
    if progress.finished or error:
        return _ended(progress, error, now, frame)
    cells, glyphs = frame.cells, frame.glyphs
    head = [title_line(progress, cells, now, glyphs), phase_line(progress, cells, glyphs)]
    head += [
        spans for spans in (bytes_line(progress, cells, now, glyphs), fleet_line(progress, cells, now, glyphs)) if spans
    ]
    if batch := batch_line(progress, cells, now, glyphs):
        head.append(batch)
    if switch.in_sight(progress):
        head += switch.switch_lines(progress, cells, now, glyphs, motion=frame.motion)
    if progress.question:
        head += question_lines(progress.question, cells, now, glyphs)
    head += notes_lines(progress, cells, glyphs, min(NOTES, max(frame.rows // 5, 1)))
    return _with_servers(progress, head, now, frame)


def _ended(progress: Progress, error: TurnoutError | None, now: float, frame: Frame) -> Page:
    """The receipt, then the servers; while the last switch is still to be seen, that."""
    cells, glyphs = frame.cells, frame.glyphs
    if frame.motion and switch.in_sight(progress) and switch.moving(progress, now):
        head = [
            title_line(progress, cells, now, glyphs),
            *switch.switch_lines(progress, cells, now, glyphs, motion=True),
        ]
        return Page(head)
    head = receipt_lines(progress, error, cells, glyphs, frame.keys, frame.topic)
    head += notes_lines(progress, cells, glyphs, NOTES)
    names = sorted(progress.servers, key=lambda name: progress.servers[name].failed is None)
    room = frame.rows - len(head) - 1 - len(names)
    if room < 0:
        return Page([*head, ()], names)
    return Page([*head, (), *_rows(progress, names, now, frame), *rest_lines(progress, cells, room, glyphs)])


def _with_servers(progress: Progress, head: list[Line], now: float, frame: Frame) -> Page:
    """Under the head a row each for the servers that matter most; the rest counted."""
    room = frame.rows - len(head)
    names = list(progress.servers)
    if len(names) <= room:
        names.sort(key=lambda name: progress.servers[name].failed is None and not progress.servers[name].stalled(now))
        rest = rest_lines(progress, frame.cells, room - len(names), frame.glyphs)
        return Page([*head, *_rows(progress, names, now, frame), *rest])
    busy, quiet = by_urgency(progress, now)
    kept = min(max(room - 1, 0), len(busy))
    while True:
        folds = folded(progress, [*busy[kept:], *quiet], busy[:kept], frame.cells, frame.glyphs)
        if not kept or kept + len(folds) <= room:
            break
        kept -= 1
    rows = _rows(progress, busy[:kept], now, frame)
    shown = set(busy[:kept])
    return Page([*head, *rows, *folds], [name for name in names if name not in shown])


def _rows(progress: Progress, names: Sequence[str], now: float, frame: Frame) -> list[Line]:
    return [row(progress, name, now, frame) for name in names]


def row(progress: Progress, name: str, now: float, frame: Frame) -> Line:
    """The row of one server."""
    return server_progress_line(progress, name, frame.cells, now, frame.glyphs, frame.name_cells(progress))
