"""The map of a large fleet beside the servers: one cell a server; a click goes to that server."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.view.fleet import Activity, FleetView
from tui.view.fleet_map import MapLayout, map_lines, plan_map
from tui.view.glyphs import Glyphs
from tui.view.lines import Line
from tui.widgets.paint import ROLE_CLASSES, Drawn, strip


class FleetMap(Drawn, Widget):
    """One cell a server, in the order of turnout.toml."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = set(ROLE_CLASSES)

    class Picked(Message):
        """The cell of a server was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, glyphs: Glyphs, activity: Callable[[str], Activity | None], id: str | None = None) -> None:
        super().__init__(id=id)
        self._glyphs = glyphs
        self._activity = activity
        self._fleet = FleetView("", "")
        self._selected = ""
        self._lines: list[Line] = []

    def show(self, fleet: FleetView, selected: str) -> None:
        """Draw these servers; `selected` is the one under the cursor."""
        self._fleet, self._selected = fleet, selected
        self.redraw()

    def redraw(self) -> None:
        """Draw what has changed."""
        layout = self._laid_out()
        lines = map_lines(layout, self._fleet, *self.size, self._glyphs, self._activity, self._selected)
        if lines != self._lines:
            self._lines = lines
            self.refresh()

    def _laid_out(self) -> MapLayout:
        return plan_map(len(self._fleet.servers), self.size.height - 1, self.size.width)

    def on_resize(self) -> None:
        self.redraw()

    def render_line(self, y: int) -> Strip:
        return strip(self, self._lines[y] if y < len(self._lines) else (), self.size.width, self.rich_style)

    def on_click(self, event: events.Click) -> None:
        place = event.get_content_offset(self)
        at = self._laid_out().at(place.x, place.y - 1) if place is not None else -1
        if at >= 0:
            self.post_message(self.Picked(self._fleet.servers[at].name))
