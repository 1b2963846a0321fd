"""The dashboard: its panes, kept in step with what is known, and the keys that act on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from textual import events
from textual.message import Message

from core.events import Answered, Asked, Event
from tui import keymap as keys
from tui.commands.operating import offer_force
from tui.commands.registry import COMMANDS, ON_DASHBOARD, bindings, keys_here, why_not
from tui.commands.servers import offer_host_keys
from tui.commands.troubles import recover
from tui.dialogs.base import Dialog
from tui.model.operation import Followed, Operation, OthersOperation
from tui.model.shown import end_notice
from tui.screens.panes import Panes
from tui.view.server_list import FOLD
from tui.widgets.bars import press
from tui.widgets.fleet_map import FleetMap
from tui.widgets.markable import MarkableRows
from tui.widgets.rows import Rows
from tui.widgets.tab import Tab

if TYPE_CHECKING:
    from core.config import Project
    from tui.model.workspaces import Workspaces

T = TypeVar("T")


class Dashboard(Panes):
    """The main screen: it shows a workspace (as its Listener) and runs commands on it (as their Desk)."""

    AUTO_FOCUS = "#releases"
    BINDINGS = [*bindings(ON_DASHBOARD), *keys.bindings("close")]

    class ProjectSaved(Message):
        """turnout.toml was changed, in the form; this is what it says now."""

        def __init__(self, project: Project) -> None:
            super().__init__()
            self.project = project

    _resumed = False
    _end_ticks: Callable[[], None] | None = None

    def on_mount(self) -> None:
        self.find_panes()
        self.set_interval(1.0, self.every_second)
        self._end_ticks = self.workspaces.bridge.on_tick(self.while_here(self.ticked))
        self._listen()
        self.show_fleet()

    def _listen(self) -> None:
        """Be told what happens in the workspaces."""
        self.workspaces.front = self
        self.workspaces.on_change.append(self.while_here(self.show_elsewhere))

    def go_on_with(self, workspaces: Workspaces) -> None:
        """Show these in place of those before, which are closed: turnout.toml has changed. What is marked, sorted and
        filtered stays so where the same environment is shown."""
        before, self.workspaces = self.workspaces, workspaces
        before.front = None
        before.on_change.clear()
        self._listen()
        if workspaces.shown.name != before.shown.name:
            self._start_over()
        same = self.workspace.operation is before.shown.operation
        self._show_workspace([self.bottom.tabs["logs"]] if same else list(self.bottom.tabs.values()))
        self.show_tab_content()

    def on_unmount(self) -> None:
        if self._end_ticks is not None:
            self._end_ticks()

    def show_fleet(self) -> None:
        super().show_fleet()
        offer_host_keys(self)

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
    def is_free(self) -> bool:
        return self.app.screen is self

    def ask(self, dialog: Dialog[T], answered: Callable[[T | None], None]) -> None:
        self.app.push_screen(dialog, answered)

    def copy(self, text: str, what: str) -> None:
        cast(Any, self.app).copy_to_clipboard(text, what)

    def show_tab(self, name: str, *, focus: bool = True) -> None:
        if self.bottom.tab != name:
            self._compared = self._pair() if self.pane == "bottom" else None
        self.bottom.switch(name)
        self.show_tab_content()
        self.show_status()
        if focus:
            self.bottom.focus_target.focus()
        self.show_keys()

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
        self._start_over()
        self._show_workspace(list(self.bottom.tabs.values()))

    def _start_over(self) -> None:
        """Other servers and releases come: nothing is marked, sorted or filtered."""
        self.filter.start_over()
        self.releases.start_over()
        self.servers_pane.start_over()

    def _show_workspace(self, tabs: Sequence[Tab]) -> None:
        """Draw all of a workspace that was not shown before; these tabs have shown another operation, or none."""
        operation = self.workspace.operation
        for tab in tabs:
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

    # What time, the cursor and the terminal change.

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

    def on_click(self, event: events.Click) -> None:
        """A double click on the upper border of a pane gives it the whole screen, or shows all panes again."""
        pane = event.widget
        if pane is not None and pane.has_class("pane") and event.chain == 2 and event.screen_offset.y == pane.region.y:
            self.action_command("zoom")

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
