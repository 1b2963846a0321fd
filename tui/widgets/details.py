"""The Details tab: all about one server or one release."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll

from tui.keymap import Keymap
from tui.model.focus import Focus
from tui.model.pages import topic
from tui.model.workspace import Workspace
from tui.view.details import release_lines, server_lines
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, line
from tui.widgets.paint import Lines
from tui.widgets.tab import Tab


class DetailsTab(VerticalScroll, Tab, can_focus=True):
    """All about the row under the cursor of the list that had the focus last; its text can be selected."""

    ALLOW_SELECT: ClassVar[bool] = True
    tab_name = "details"
    follows_cursor = True
    has_ages = True

    def __init__(self, glyphs: Glyphs, now: Callable[[], float], keymap: Keymap) -> None:
        super().__init__(id=self.tab_name)
        self._glyphs = glyphs
        self._now = now
        self._keymap = keymap
        self._draw: Callable[[int], Sequence[Line]] = lambda cells: ()

    def compose(self) -> ComposeResult:
        yield Lines(id="details-text")

    def show(self, workspace: Workspace, here: Focus) -> None:
        self._draw = lambda cells: self._lines(workspace, here, cells)
        if self.region:  # else it was hidden just now, and gets its width soon
            self._redraw()

    def _redraw(self) -> None:
        self.query_one(Lines).show(self._draw(max(self.scrollable_content_region.width - 1, 20)))

    def on_resize(self) -> None:
        self._redraw()

    def on_show(self) -> None:
        """Now it has its width."""
        self._redraw()

    def _lines(self, workspace: Workspace, here: Focus, cells: int) -> Sequence[Line]:
        fleet = workspace.fleet_view
        if here.list == "servers":
            server = fleet.server(here.server)
            if server is None:
                return []
            config = workspace.fleet.server(server.name)
            keys = {name: self._keymap.shown(name) for name in ("accept", "watch", "break-lock")}
            place = (config.host, config.root)
            about = topic(server.error) if server.error is not None else ""
            return server_lines(server, fleet, cells, self._glyphs, self._now(), *place, keys, config.roles, about)
        if here.release is None:
            return [line(("No release under the cursor.", "dim"))]
        lines = release_lines(here.release, fleet, cells, self._glyphs, self._now())
        compared = workspace.comparison.lines(here.release.tag, fleet, cells, self._glyphs)
        return [lines[0], *compared, (), *lines[1:]] if compared else lines
