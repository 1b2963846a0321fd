"""The releases matrix: one row a release, one column a server, for any width and any number of servers (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from core.records import ABSENT, FAILED, KEPT, LIVE, PRUNED, UNKNOWN, FleetRelease
from core.text import size
from tui.view.fleet import FleetView
from tui.view.formats import ago, range_name
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, Span, fit, one_line, right
from tui.view.matrix_layout import (
    COUNT_WORDS,
    COUNTED_CELLS,
    DENSE,
    LEAD,
    LIVED_CELLS,
    NAMED,
    WHAT,
    Layout,
    count_titles,
    plan_layout,
)
from tui.view.names import shortened
from tui.view.release_state import ROLES, row_state, signs, state_in, what

LIVED_BAR = 6


def head_line(layout: Layout, glyphs: Glyphs, selected: str = "") -> Line:
    """The titles of the columns; the server chosen in the servers pane is highlighted."""
    spans = [Span(LEAD, "head")]
    for column in layout.columns:
        title = right(column.title, column.cells) if column.to_right else fit(column.title, column.cells, glyphs.more)
        spans.append(Span(title + "  ", "head"))
    if layout.mode == NAMED:
        shown = shortened(layout.servers, layout.server_cells[0] - 1, glyphs.more)
        for name, cells in zip(layout.servers, layout.server_cells, strict=True):
            spans.append(Span(shown[name].center(cells - 1) + " ", "accent" if name == selected else "head"))
    elif len(layout.server_cells) > 1:
        titles = zip(count_titles(glyphs), layout.server_cells, strict=True)
        spans += [Span(fit(title, cells, glyphs.more), "head") for title, cells in titles]
    else:
        label = range_name(layout.servers) if layout.servers else ""
        spans.append(Span(fit(label, sum(layout.server_cells), glyphs.more), "head"))
    return tuple(spans)


def row_line(
    row: FleetRelease, fleet: FleetView, layout: Layout, glyphs: Glyphs, now: float, marked: bool = False
) -> Line:
    """One row of the matrix."""
    glyph, role, word = row_state(row, fleet, glyphs)
    plain_role = "dim" if word == "pruned" else ""
    spans = [Span(glyphs.marked if marked else " ", "accent"), Span(glyph + " ", role)]
    for column in layout.columns:
        text, text_role = _cell(column.name, row, fleet, layout, glyphs, now, word, role)
        text = right(text, column.cells, glyphs.more) if column.to_right else fit(text, column.cells, glyphs.more)
        spans.append(Span(text + "  ", text_role or plain_role))
    spans += server_cells(row, fleet, layout, glyphs)
    return tuple(spans)


def times_of(row: FleetRelease, fleet: FleetView, now: float) -> str:
    """What of a row changes as time goes on: how long ago it was deployed, and how long it was live."""
    lived = fleet.lived(row.tag, now)
    return f"{ago(max(now - deployed_at(row, fleet), 0))} {lived.words if lived else ''}"


def deployed_at(row: FleetRelease, fleet: FleetView) -> float:
    """When a release became live for the first time; one of which that is unknown, or that never was: when it was made.
    Between the two a plan was read, files were sent, and perhaps somebody was waited for.
    """
    life = fleet.lives.get(row.tag)
    return (life.first if life else 0.0) or row.created


def table_lines(fleet: FleetView, cells: int, glyphs: Glyphs, now: float) -> list[Line]:
    """The matrix for a terminal's scrollback: its head and all its rows, each beginning with the release's tag."""
    if not fleet.rows:
        return []
    layout = plan_layout(fleet, cells, now, table=True)
    # Without the spans of LEAD: one of the head, two of each row.
    rows = [row_line(row, fleet, layout, glyphs, now)[2:] for row in fleet.rows]
    return [head_line(layout, glyphs)[1:], *rows]


def _cell(
    name: str, row: FleetRelease, fleet: FleetView, layout: Layout, glyphs: Glyphs, now: float, word: str, role: str
) -> tuple[str, str]:
    record = row.record
    if name == "release":
        tag = row.tag if layout.full_tags else fleet.short(row.tag)
        return tag, "strong" if word.startswith("live") else ""
    if name == "state":
        return word, role
    if name == WHAT:
        said = any(column.name == "state" for column in layout.columns)
        lived = any(column.name == "lived" for column in layout.columns)
        return what(row, "" if word == "live" and lived else word, said), ""
    if name == "by":
        who = record.by if record else row.told.who if row.told else ""
        return one_line(who).partition("@")[0], "dim"
    if name == "deployed":
        when = deployed_at(row, fleet)
        return ago(max(now - when, 0)) if when else "", "dim"
    if name == "lived":
        return _lived(row, fleet, layout, glyphs, now), role if row.tag == fleet.live else "dim"
    return size(record.bytes) if record and record.bytes else "", "dim"


def _lived(row: FleetRelease, fleet: FleetView, layout: Layout, glyphs: Glyphs, now: float) -> str:
    """How long a release was live, with a bar beside the one that was live longest: `22 h   ━━`."""
    lived = fleet.lived(row.tag, now)
    if lived is None:
        return f"{glyphs.never} failed" if row.failed else glyphs.never
    if not lived.words:
        return ""
    # What is live goes on living after the columns were laid out.
    part = min(round(LIVED_BAR * lived.seconds / layout.longest), LIVED_BAR) if layout.longest else 0
    bar = glyphs.rail * part or glyphs.least
    return f"{lived.words:<{LIVED_CELLS - LIVED_BAR - 1}} {bar}"


def server_cells(row: FleetRelease, fleet: FleetView, layout: Layout, glyphs: Glyphs) -> list[Span]:
    """The cells of a row: one a server, or counts where there is no room for that."""
    drawn = signs(glyphs)
    cells = [state_in(row, server, drawn) for name in layout.servers if (server := fleet.server(name))]
    if layout.mode == NAMED:
        return [
            Span(sign.center(wide - 1) + " ", role)
            for (sign, role, _), wide in zip(cells, layout.server_cells, strict=True)
        ]
    if layout.mode == DENSE:
        return [*_runs(cells), Span(" " * (layout.server_cells[0] - len(cells)))]
    found = Counter(here for _, _, here in cells)
    if len(layout.server_cells) > 1:
        return _counts_apart(found, layout, glyphs)
    return _counts_together(found, glyphs)


def _counts_apart(found: Mapping[str, int], layout: Layout, glyphs: Glyphs) -> list[Span]:
    """How many there are of each kind, in columns; what was pruned is absent, too."""
    out = []
    for column, cells in zip(COUNT_WORDS, layout.server_cells, strict=True):
        number = found.get(column, 0) + (found.get(PRUNED, 0) if column == ABSENT else 0)
        text = right(str(number) if number else glyphs.dot, cells - 1)
        out.append(Span(text + " ", ROLES[column] if number else "dim"))
    return out


def _counts_together(found: Mapping[str, int], glyphs: Glyphs) -> list[Span]:
    """How many there are of each kind, as many kinds as fit; the live ones are always among them, and come first."""
    spans: list[Span] = []
    room = COUNTED_CELLS
    for kind in (LIVE, UNKNOWN, FAILED, KEPT, ABSENT, PRUNED):
        text = f"{signs(glyphs)[kind]}{found.get(kind, 0)} "
        if found.get(kind) and len(text) <= room:
            spans.append(Span(text, ROLES[kind]))
            room -= len(text)
    return [*spans, Span(" " * room)]


def _runs(cells: Sequence[tuple[str, str, str]]) -> list[Span]:
    spans: list[Span] = []
    for sign, role, _ in cells:
        if spans and spans[-1].role == role:
            spans[-1] = Span(spans[-1].text + sign, role)
        else:
            spans.append(Span(sign, role))
    return spans
