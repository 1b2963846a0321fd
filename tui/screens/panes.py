"""The panes of the dashboard: what is on the screen, how it shares the room, and how each part is drawn anew."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widget import Widget

from tui.commands.base import PANES
from tui.commands.registry import hints
from tui.keymap import Keymap
from tui.model.focus import Focus
from tui.model.workspace import Workspace
from tui.model.workspaces import Workspaces
from tui.view.fleet import Activity
from tui.view.glyphs import Glyphs
from tui.view.health import is_trouble
from tui.view.placement import SHORT, Wanted, place, size_classes
from tui.view.server_list import FEW, FOLD
from tui.view.server_row import servers_title
from tui.view.titles import list_title
from tui.widgets.around import BannerLine, ElsewhereLine, HeaderLine, StatusLine
from tui.widgets.bars import KeyBar
from tui.widgets.border import set_border_title
from tui.widgets.bottom import BottomPane
from tui.widgets.filter_field import FilterField
from tui.widgets.fleet_map import FleetMap
from tui.widgets.guard import Guarded
from tui.widgets.releases import ReleasesPane
from tui.widgets.servers import ServersPane


class Panes(Guarded, Screen[None]):
    """What is seen of a workspace; it runs no command."""

    def __init__(self, workspaces: Workspaces, *, keymap: Keymap, glyphs: Glyphs, now: Callable[[], float]) -> None:
        super().__init__()
        self.keymap = keymap
        self.glyphs = glyphs
        self.now = now
        self.workspaces = workspaces
        self.asked_keys: set[str] = set()
        self.filter = FilterField(self.show_fleet, self._leave_filter, id="filter")
        self.details_of = "releases"
        self._changed = False
        self._open_pane = "releases"
        self._compared: tuple[str, str] | None = None
        self.zoomed = ""
        """The pane that has the whole screen, or ""."""
        self._heights: dict[Widget, int | str] = {}

    def compose(self) -> ComposeResult:
        # Later it would be a second look at every rule of style.
        self.add_class(*size_classes(*self.app.size))
        around = (self.glyphs, self.now, self.keymap)
        yield HeaderLine(*around, id="header")
        yield BannerLine(*around, id="banner")
        yield ElsewhereLine(*around, id="elsewhere")
        with Vertical(id="body"):
            with Horizontal(id="top"):
                yield ServersPane(self.glyphs, self.now, self._activity, id="servers")
                yield FleetMap(self.glyphs, self._activity, id="map")
            yield ReleasesPane(self.glyphs, self.now, self.keymap, id="releases")
            yield BottomPane(self.glyphs, self.now, self.keymap, id="bottom")
        yield self.filter
        yield StatusLine(*around, id="status")
        yield KeyBar(id="keys")

    def find_panes(self) -> None:
        """Keep the panes by name, once they are mounted."""
        self.servers_pane = self.query_one("#servers", ServersPane)
        self.map = self.query_one("#map", FleetMap)
        self.releases = self.query_one("#releases", ReleasesPane)
        self.bottom = self.query_one("#bottom", BottomPane)
        for line in ("#status", "#banner", "#elsewhere"):
            self.query_one(line).display = False

    @property
    def workspace(self) -> Workspace:
        """The environment that is shown."""
        return self.workspaces.shown

    @property
    def here(self) -> Focus:
        return Focus(
            pane=self.pane,
            list=self.details_of,
            tab=self.bottom.tab,
            tab_keys=self.bottom.shown.keys,
            server=self.servers_pane.key if self.servers_pane.key != FOLD else "",
            folded=self.servers_pane.key == FOLD,
            release=self.releases.row,
            marked=frozenset(self.releases.marked),
            marked_servers=frozenset(self.servers_pane.marked),
            typing=self._typing,
            pair=self._pair(),
        )

    @property
    def _typing(self) -> tuple[str, str] | None:
        """What Enter and Escape do with the text that is being typed."""
        if self.filter.typing:
            return f"Filter {self.filter.typing}", "Show all"
        return self.bottom.shown.typing if self.pane == "bottom" else None

    def _pair(self) -> tuple[str, str] | None:
        """Two releases of the history, while it is shown, or while what differs between them is."""
        if self.bottom.tab == "history":
            return self.bottom.history.pair
        return self._compared if self.bottom.tab == "changes" else None

    def go_to_pane(self, name: str) -> None:
        (self.bottom.focus_target if name == "bottom" else self.query_one(f"#{name}")).focus()

    def _leave_filter(self, pane: str) -> None:
        self.go_to_pane(pane or "releases")

    def pane_of(self, widget: Widget | None) -> str:
        """The name of the pane that a widget is in, or ""."""
        while widget is not None and widget is not self:
            if widget.id in PANES:
                return widget.id
            widget = widget.parent if isinstance(widget.parent, Widget) else None
        return ""

    @property
    def pane(self) -> str:
        """The pane that has the focus."""
        return self.pane_of(self.focused)

    # Drawing.

    def show_fleet(self) -> None:
        """Draw what is known of the fleet now."""
        self._changed = False
        fleet = self.workspace.fleet_view
        self.workspace.others.look()
        self.workspace.older.look()
        self.workspaces.count_commits()
        self.servers_pane.show(fleet, self.filter.texts["servers"])
        self.map.show(fleet, self.servers_pane.key)
        self.releases.show(fleet, self.filter.texts["releases"])
        self.place_panes()
        self.show_titles()
        self.show_header()
        self.show_details()
        self.show_keys()

    def show_header(self) -> None:
        """Draw the first line, and the one that tells of an interrupted operation or of a freeze."""
        self.query_one(HeaderLine).look(self.workspace)
        self.show_banner()

    def show_banner(self) -> None:
        """Draw the line that tells what an operation asks, that one was interrupted after it had switched something, or
        that changes are frozen."""
        self.query_one(BannerLine).look(self.workspace)

    def show_titles(self) -> None:
        """Name the panes in their borders, with the filter and the number of rows."""
        fleet = self.workspace.fleet_view
        folded = self.servers_pane.has_class("-collapsed")
        trouble = sum(is_trouble(server, fleet) for server in fleet.servers) if len(fleet.servers) > FEW else 0
        summary = servers_title(fleet, self.glyphs, max(self.app.size.width - 16, 8)) if folded else ""
        titles = {"servers": f"1 Servers {summary}".rstrip(), "releases": "2 Releases"}
        if trouble and not folded:
            titles["servers"] += f" {self.glyphs.dot} TROUBLE {trouble}"
        key = self.keymap.shown("zoom") if self.zoomed else ""
        for pane in (self.servers_pane, self.releases):
            name = pane.id or ""
            place = pane.counted if pane.overflows else None
            more = fleet.unlisted if pane is self.releases else 0
            said = list_title(titles[name], self.filter.texts[name], place, len(pane.marked), key, self.glyphs, more)
            set_border_title(pane, said)

    def show_details(self) -> None:
        """Draw all about the row under the cursor, or of the fleet, where that is shown."""
        if self.bottom.shown.follows_cursor or self.bottom.shown.follows_fleet:
            self.show_tab_content()

    def show_tab_content(self) -> None:
        """Draw what the tab that is shown has to show now."""
        self.bottom.shown.show(self.workspace, self.here)

    def show_keys(self) -> None:
        """Draw the keys that matter now."""
        self.query_one(KeyBar).offer(hints(self.workspace, self.here, self.keymap))

    def show_operation(self) -> None:
        """Draw how far the operation is, in the tabs, the servers pane and the status line."""
        if not self.bottom.shown.follows_cursor:
            self.show_tab_content()
        self.servers_pane.redraw()
        self.map.redraw()
        self.place_panes()
        self.show_status()

    def show_status(self) -> None:
        """Draw the line above the keys: the running operation, or how the last one ended."""
        seen = self.bottom.display and self.bottom.tab == "progress" and not self.bottom.has_class("-collapsed")
        self.query_one(StatusLine).look(self.workspace, seen=seen)

    def show_elsewhere(self) -> None:
        """Draw the line that tells what runs in environments that are not shown; none where nothing does."""
        if self.is_here:
            self.query_one(ElsewhereLine).look(self.workspaces.elsewhere)

    def _activity(self, name: str) -> Activity | None:
        return self.workspace.activity(name, self.glyphs)

    def fold(self) -> None:
        """Collapse panes where the terminal is too small for all of them: the one with the focus stays open.

        The terminal's size counts: this screen's own is still the one before while a resize comes.
        """
        short = self.app.size.height < SHORT
        if self.zoomed and self.pane:
            self.zoomed = self.pane
        for name in PANES:
            pane = self.query_one(f"#{name}")
            pane.set_class(short and not self.zoomed and name != self._open_pane, "-collapsed")
            (self.query_one("#top") if name == "servers" else pane).display = self.zoomed in ("", name)
        self.place_panes()
        self.show_titles()
        self.show_status()

    def place_panes(self) -> None:
        """Give each pane its lines."""
        wanted = Wanted(
            self.servers_pane.lines_high,
            self.releases.lines_high,
            len(self.workspace.fleet_view.servers),
            bool(self.zoomed),
            self.pane,
            frozenset(name for name in PANES if self.query_one(f"#{name}").has_class("-collapsed")),
        )
        placed = place(*self.app.size, wanted)
        self.map.display = placed.map
        self._set_height(self.query_one("#top"), placed.servers)
        self._set_height(self.releases, placed.releases)

    def _set_height(self, widget: Widget, lines: int | str) -> None:
        if self._heights.get(widget) != lines:
            self._heights[widget] = lines
            widget.styles.height = lines
