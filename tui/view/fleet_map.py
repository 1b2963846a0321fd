"""The map of a large fleet: one cell a server, in the order of turnout.toml (pure)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tui.view import conditions
from tui.view.fleet import Activity, FleetView
from tui.view.formats import range_name
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, Span, fit
from tui.view.server_row import server_sign

LEAST_ACROSS = 20
"""Cells of a map's line, where there is room."""


@dataclass(frozen=True)
class MapLayout:
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


def map_line(
    layout: MapLayout,
    y: int,
    fleet: FleetView,
    glyphs: Glyphs,
    activity: Callable[[str], Activity | None],
    selected: str = "",
) -> Line:
    """A line of the map; the cell of the server that is selected has the role `key`."""
    spans: list[Span] = []
    for server in fleet.servers[y * layout.across : (y + 1) * layout.across]:
        sign, role = server_sign(server, fleet, glyphs)
        doing = activity(server.name)
        if doing is not None:
            sign, role = doing.glyph or glyphs.busy, doing.role
        if server.name == selected:
            role = "here"
        if spans and spans[-1].role == role != "here":
            spans[-1] = Span(spans[-1].text + sign, role)
        else:
            spans.append(Span(sign, role))
    return tuple(spans)


def map_title(fleet: FleetView, cells: int, glyphs: Glyphs) -> Line:
    """`FLEET web1-100`, and what the signs mean, as far as they are on it."""
    found = set(fleet.conditions.values())
    spans = [Span(f"FLEET {range_name(fleet.names)}", "head")]
    legend = (
        (conditions.LIVE, f"{glyphs.live}live", "ok"),
        (conditions.BEHIND, f"{glyphs.kept}behind", "warn"),
        (conditions.AHEAD, f"{glyphs.kept}ahead", "warn"),
        ("alert", f"{glyphs.alert}trouble", "bad"),
    )
    for condition, text, role in legend:
        there = condition in found or (condition == "alert" and found & {"dark", "refused", "down", "odd"})
        if there and sum(len(span.text) for span in spans) + len(text) + 2 <= cells:
            spans += [Span("  "), Span(text, role)]
    used = sum(len(span.text) for span in spans)
    return (*spans, Span(fit("", max(cells - used, 0))))
