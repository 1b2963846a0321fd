"""The map of a large fleet: one cell a server, in the order of turnout.toml (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from msgspec import Struct

from tui.view import conditions
from tui.view.fleet import Activity, FleetView, ServerView
from tui.view.formats import range_name
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, Span, cell_len, short
from tui.view.server_row import server_sign

LEAST_ACROSS = 20
"""Cells of a map's line, where there is room."""


class MapLayout(Struct, frozen=True):
    """A map of so many servers: its cells in each line, and its lines below the title."""

    servers: int
    across: int
    down: int

    @property
    def cells(self) -> int:
        return self.across

    def at(self, x: int, y: int) -> int:
        """The place of the server in a cell, or -1 for a cell of none."""
        place = y * self.across + x
        return place if 0 <= x < self.across and y >= 0 and place < self.servers else -1


def plan_map(servers: int, lines: int, most: int) -> MapLayout:
    """The map in so many lines, at most so many cells wide: in tens, where that is possible, so that one can count."""
    lines = max(lines, 1)
    across = max(-(-servers // lines), LEAST_ACROSS)
    across = max(min(-(-across // 10) * 10, most), 1)
    return MapLayout(servers, across, -(-servers // across))


Activities = Callable[[str], Activity | None]
"""By the name of a server: what is being done there."""


def cell(server: ServerView, fleet: FleetView, glyphs: Glyphs, activity: Activities) -> tuple[str, str]:
    """The sign of a server's cell, and its role."""
    doing = activity(server.name)
    if doing is not None:
        return doing.glyph or glyphs.busy, doing.role
    return server_sign(server, fleet, glyphs)


def map_line(
    layout: MapLayout, y: int, fleet: FleetView, glyphs: Glyphs, activity: Activities, selected: str = ""
) -> Line:
    """A line of the map; the cell of the server that is selected has the role `here`."""
    spans: list[Span] = []
    for server in fleet.servers[y * layout.across : (y + 1) * layout.across]:
        sign, role = cell(server, fleet, glyphs, activity)
        if server.name == selected:
            role = "here"
        if spans and spans[-1].role == role != "here":
            spans[-1] = Span(spans[-1].text + sign, role)
        else:
            spans.append(Span(sign, role))
    return tuple(spans)


def legend(fleet: FleetView, glyphs: Glyphs, activity: Activities) -> list[Span]:
    """What the signs mean that are on the map now, and of each what most servers have first."""
    found = Counter(cell(server, fleet, glyphs, activity) for server in fleet.servers)
    side = next((name for name in (conditions.BEHIND, conditions.AHEAD) if name in fleet.conditions.values()), "other")
    works = any(activity(server.name) for server in fleet.servers)
    words = {
        (glyphs.live, "ok"): "live",
        (glyphs.kept, "warn"): side,
        (glyphs.kept, "dim"): "empty",
        (glyphs.alert, "bad"): "trouble",
        (glyphs.alert, "warn"): "left out",
        (glyphs.busy, "busy"): "working" if works else "looking",
        (glyphs.busy, "warn"): "stalled",
        (glyphs.wait, "dim"): "waiting",
        (glyphs.wait, "warn"): "drained",
        (glyphs.back, "warn"): "back",
    }
    return [Span(sign + words[sign, role], role) for (sign, role), _ in found.most_common() if (sign, role) in words]


def map_lines(
    layout: MapLayout, fleet: FleetView, cells: int, rows: int, glyphs: Glyphs, activity: Activities, selected: str = ""
) -> list[Line]:
    """The title, the map, and what its signs mean: beside the title if there is room, else below, else in part."""
    title = Span(short(f"FLEET {range_name(fleet.names)}", cells, glyphs.more), "head")
    signs = legend(fleet, glyphs, activity)
    grid = [map_line(layout, y, fleet, glyphs, activity, selected) for y in range(layout.down)]
    beside, below = _packed([title, *signs], cells), _packed(signs, cells)
    if len(beside) > 1 and len(below) + layout.down < rows:
        return [(title,), *grid, *below]
    return [beside[0], *grid]


def _packed(spans: Sequence[Span], cells: int) -> list[Line]:
    """Words on as few lines as hold them, two cells between any two, or one where all fit on a line then."""
    gap = 2 if sum(cell_len(span.text) + 2 for span in spans) - 2 <= cells else 1
    out: list[list[Span]] = [[]]
    used = 0
    for span in spans:
        if used and used + gap + cell_len(span.text) > cells:
            out.append([])
            used = 0
        out[-1] += [Span(" " * gap)] if used else []
        used += (gap if used else 0) + cell_len(span.text)
        out[-1].append(span)
    return [tuple(spans) for spans in out]
