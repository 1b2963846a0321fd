"""The dashboard: servers, the releases matrix and the tabs, kept in step with what is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget

from core.events import Answered, Asked, Event
from tui import keymap as keys
from tui.commands.base import PANES
from tui.commands.operating import offer_force
from tui.commands.registry import COMMANDS, ON_DASHBOARD, bindings, hints, keys_here, why_not
from tui.commands.servers import offer_host_keys
from tui.commands.troubles import recover
from tui.dialogs.base import Dialog
from tui.keymap import Keymap
from tui.model.focus import Focus
from tui.model.operation import Followed, Operation, OthersOperation
from tui.model.shown import end_notice
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
from tui.widgets.bars import KeyBar, press
from tui.widgets.border import set_border_title
from tui.widgets.bottom import BottomPane
from tui.widgets.filter_field import FilterField
from tui.widgets.fleet_map import FleetMap
from tui.widgets.guard import Guarded
from tui.widgets.markable import MarkableRows
from tui.widgets.releases import ReleasesPane
from tui.widgets.rows import Rows
from tui.widgets.servers import ServersPane

if TYPE_CHECKING:
    from core.config import Project

T = TypeVar("T")


class Dashboard(Guarded, Screen[None]):
    """The main screen: it shows a workspace (as its Listener) and runs commands on it (as their Desk)."""

    AUTO_FOCUS = "#releases"
    BINDINGS = [*bindings(ON_DASHBOARD), *keys.bindings("close")]

    class ProjectSaved(Message):
        """turnout.toml was changed, in the form; this is what it says now."""

        def __init__(self, project: Project) -> None:
            super().__init__()
            self.project = project

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
        self._resumed = False
        self._end_ticks: Callable[[], None] = lambda: None
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

    def on_mount(self) -> None:
        self.servers_pane = self.query_one("#servers", ServersPane)
        self.map = self.query_one("#map", FleetMap)
        self.releases = self.query_one("#releases", ReleasesPane)
        self.bottom = self.query_one("#bottom", BottomPane)
        for line in ("#status", "#banner", "#elsewhere"):
            self.query_one(line).display = False
        self.set_interval(1.0, self.every_second)
        self._end_ticks = self.workspaces.bridge.on_tick(self.while_here(self.ticked))
        self.workspaces.front = self
        self.workspaces.on_change.append(self.while_here(self.show_elsewhere))
        self.show_fleet()

    def on_unmount(self) -> None:
        self._end_ticks()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        event.refresh_styles = event.refresh_styles and self._resumed  # what was just mounted has its styles
        self._resumed = True
        if self.size != self.app.size:  # of the terminal, while a screen lay over this one
            self.post_message(events.Resize.from_dimensions(self.app.size, None))
        self.show_keys()

    # As the workspace's Listener.

    def fleet_changed(self) -> None:
        """Something is known that was not: draw it once, however much comes at the same time."""
        if not self._changed and self.is_here:
            self._changed = True
            self.call_later(self.show_fleet)

    def comparison_changed(self) -> None:
        """Show that a release is being compared with its manifest, or what came of it."""
        if self.is_here:
            self.servers_pane.redraw()
            self.show_status()
            self.show_details()
            self.show_keys()

    def preflight_changed(self) -> None:
        """Show what was found, where that is shown."""
        if self.is_here and self.bottom.tab == "preflight":
            self.show_tab_content()

    def changes_changed(self) -> None:
        """Show what came of comparing two releases."""
        if self.is_here and self.bottom.tab == "changes":
            self.show_tab_content()

    def operation_started(self) -> None:
        """Show an operation that has just begun; one of somebody else's takes no focus, nor the tab being read."""
        operation = self.workspace.operation
        if operation is None:
            return
        if operation.ours:
            self.releases.unmark()
            self.servers_pane.unmark()
            if self.zoomed:  # on whatever was read before; now this is to be seen
                self.zoom()
        for tab in self.bottom.tabs.values():
            tab.begin(operation)
        if operation.ours or self.pane != "bottom" or not self.bottom.shown.follows_cursor:
            self.show_tab("progress", focus=False)
        if operation.ours and self.bottom.has_class("-collapsed"):
            self.bottom.focus_target.focus()
        self.show_banner()
        self.operation_changed()

    def operation_said(self, said: list[Event]) -> None:
        """Take in what the engine said since the last tick."""
        for tab in self.bottom.tabs.values():
            tab.hear(said)
        if any(isinstance(event, Asked | Answered) for event in said):
            self.show_banner()
            self.show_keys()

    def operation_changed(self) -> None:
        """Show how far it is, or how it ended."""
        self.show_operation()
        self.show_keys()

    def operation_told(self, operation: Followed) -> None:
        """Its receipt, or the status line, has told how it ended; a refusal is said, for what refused it may come."""
        if operation.refused:
            self.notice(*end_notice(operation))

    def operation_ended(self, operation: Operation) -> None:
        """What is to be asked after it."""
        offer_force(self, operation)

    def contact_lost(self, operation: OthersOperation) -> None:
        """Say so; nothing is shown any more that might be wrong."""
        title = f"{operation.who}'s operation cannot be followed any more"
        error = operation.error
        text = f"{error.title if error else ''}; {self.keymap.shown('watch')} watches again while it runs"
        self.notice(text, title, "warning", 10.0)

    def interruption_found(self) -> None:
        """Offer the ways out of it."""
        self.call_later(recover, self)

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        self.set_timer(seconds, work)

    # As the commands' Desk.

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
            release=self.releases.row,
            marked=frozenset(self.releases.marked),
            marked_servers=frozenset(self.servers_pane.marked),
            filtering=self.filter.typing,
            pair=self._pair(),
        )

    def _pair(self) -> tuple[str, str] | None:
        """Two releases of the history, while it is shown, or while what differs between them is."""
        if self.bottom.tab == "history":
            return self.bottom.history.pair
        return self._compared if self.bottom.tab == "changes" else None

    @property
    def is_free(self) -> bool:
        return self.app.screen is self

    def ask(self, dialog: Dialog[T], answered: Callable[[T | None], None]) -> None:
        self.app.push_screen(dialog, answered)

    def copy(self, text: str, what: str) -> None:
        cast(Any, self.app).copy_to_clipboard(text, what)

    def go_to_pane(self, name: str) -> None:
        (self.bottom.focus_target if name == "bottom" else self.query_one(f"#{name}")).focus()

    def show_tab(self, name: str, *, focus: bool = True) -> None:
        if self.bottom.tab != name:
            self._compared = self._pair() if self.pane == "bottom" else None
        self.bottom.switch(name)
        self.show_tab_content()
        self.show_status()
        if focus:
            self.bottom.focus_target.focus()

    def turn_tabs(self, step: int) -> None:
        self.show_tab(self.bottom.beside(step), focus=False)

    def show_details_of(self, pane: str) -> None:
        self.details_of = pane

    @property
    def list_pane(self) -> MarkableRows:
        """The list that has the focus, or had it last."""
        if self.pane == "bottom" and self.bottom.tab == "history":
            return self.bottom.history.list
        return self.servers_pane if (self.pane or self.details_of) == "servers" else self.releases

    def mark(self, how: Literal["one", "all", "range"]) -> None:
        pane = self.list_pane
        if pane is self.releases:
            self._compared = None
        {"one": pane.toggle_mark, "all": pane.mark_all, "range": pane.mark_range}[how]()
        self.show_fleet()

    def sort(self) -> None:
        pane = self.servers_pane if self.list_pane is self.servers_pane else self.releases
        self.notice(f"sorted: {pane.sort()}", seconds=2.0)
        self.show_fleet()

    def scroll_matrix(self, step: int) -> None:
        if not self.releases.scroll_servers(step):
            self.notice("no more servers on this side", seconds=2.0)

    def zoom(self) -> None:
        """Show only the pane that has the focus, or all of them again."""
        self.zoomed = "" if self.zoomed else self.pane or "releases"
        self.fold()
        self.call_after_refresh(self.place_panes)  # a pane that was hidden learns its width only now

    def open_filter(self, pane: str) -> None:
        self.filter.open(pane)

    def use_project(self, project: Project) -> None:
        self.post_message(self.ProjectSaved(project))

    def show_environments(self) -> None:
        press(self.app, "environments")

    def search_log(self) -> None:
        self.show_tab("log", focus=False)
        self.bottom.log_tab.action_log_search()

    def open_environment(self, name: str) -> None:
        """Look at another environment; what runs in this one goes on."""
        if name == self.workspace.name:
            return
        self.workspaces.show(name)
        self.filter.start_over()
        self.releases.start_over()
        self.servers_pane.start_over()
        operation = self.workspace.operation
        for tab in self.bottom.tabs.values():
            if operation is None:
                tab.forget()
            else:
                tab.begin(operation)
                tab.hear(list(operation.heard))
        self.show_operation()
        self.show_fleet()
        self.show_elsewhere()
        self.workspace.fleet_watch.check()

    def action_command(self, name: str) -> None:
        """Run a command, or say why it does nothing now."""
        command = COMMANDS[name]
        reason = self.why_not(name)
        if not reason:
            if command.run is not None:
                command.run(self)
            return
        self.notice(f"{self.keymap.shown(name)}: {reason}", severity="warning", seconds=3.0)
        locks = self.workspace.others.locks
        if locks:
            self.workspace.fleet_watch.check(*locks)  # it may have ended since they were looked at

    def why_not(self, name: str) -> str:
        """Why the key of this id does nothing now; "" where it does something."""
        return why_not(name, self.workspace, self.here, self.keymap)

    @property
    def keys_here(self) -> list[str]:
        """The ids of the keys that do something now, for the help."""
        return keys_here(self.workspace, self.here, self.keymap)

    def action_tab(self, name: str) -> None:
        """A click on a tab's name."""
        self.show_tab(name)

    def action_close(self) -> None:
        """Leave the innermost thing: the filter being typed, a filter, marks, the status line, the tabs."""
        operation = self.workspace.operation
        if self.filter.clear_of(self.filter.typing or self.pane):
            return
        if self.zoomed:
            self.zoom()
        elif self.list_pane.marked or self.releases.marked or self.servers_pane.marked:
            (self.list_pane if self.list_pane.marked else self.servers_pane).unmark()
            self.releases.unmark()
            self.show_fleet()
        elif self.workspace.comparison.hide():
            self.show_status()
        elif operation is not None and operation.outcome and not operation.dismissed:
            operation.dismissed = True
            self.show_status()
        elif self.pane == "bottom":
            self.go_to_pane(self.details_of)

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
        offer_host_keys(self)

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
            place = (pane.cursor + 1, len(pane.keys)) if pane.overflows else None
            said = list_title(titles[name], self.filter.texts[name], place, len(pane.marked), key, self.glyphs)
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

    def every_second(self) -> None:
        """Update what changes with time alone, also below a dialog, and inspect servers whose turn it is."""
        self.workspaces.look_at_others()
        self.workspace.look_again()
        self.show_header()
        if self.bottom.shown.has_ages and not self.workspace.operation_runs:
            self.show_tab_content()
        if any(server.checking or not server.answers for server in self.workspace.fleet_view.servers):
            self.servers_pane.redraw()
        else:
            self.servers_pane.redraw_seen()
        self.releases.redraw_seen()

    def ticked(self) -> None:
        """Ten times a second while something runs."""
        if self.workspaces.elsewhere:
            self.show_elsewhere()
        if self.workspace.preflight.runs:
            self.preflight_changed()
        if self.workspace.operation_runs or self.workspace.watches:
            self.show_operation()
        elif self.workspace.comparison.tag:
            self.show_status()
            self.show_details()

    def on_rows_moved(self, event: Rows.Moved) -> None:
        if event.rows is self.bottom.history.list:
            self.show_keys()
            return
        self._compared = None
        if event.rows is self.servers_pane and self.pane == "servers":
            self.releases.selected_server = self.servers_pane.key
            self.releases.redraw()
        if event.rows is self.servers_pane:
            self.map.show(self.workspace.fleet_view, self.servers_pane.key)
        self.show_titles()
        self.show_details()
        self.show_keys()

    def on_rows_fitted(self, event: Rows.Fitted) -> None:
        self.show_titles()

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        self.open_row()

    def open_row(self) -> None:
        """Unfold the servers that are as they should be, on their row; elsewhere show details."""
        if self.pane == "servers" and self.servers_pane.key == FOLD:
            self.servers_pane.toggle_fold()
            self.place_panes()
        else:
            self.show_tab("details")

    def on_fleet_map_picked(self, event: FleetMap.Picked) -> None:
        self.servers_pane.find(event.name)
        self.servers_pane.focus()
        self.place_panes()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        pane = self.pane_of(event.widget)
        if pane in ("servers", "releases"):
            self.details_of = pane
            self.releases.selected_server = self.servers_pane.key if pane == "servers" else ""
            self.releases.redraw()
            self.show_details()
        if pane:
            self._open_pane = pane
            self.fold()
        self.show_keys()

    def on_resize(self, event: events.Resize) -> None:
        self.fold()
        self.call_after_refresh(self.show_fleet)
        self.call_after_refresh(self.show_status)

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
