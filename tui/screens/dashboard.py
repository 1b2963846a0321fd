"""The dashboard: servers, the releases matrix and the tabs, kept in step with what is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input

from core.events import Event, Switched
from tui.keymap import bindings
from tui.screens.actions import Actions
from tui.view import details as details_view
from tui.view.lines import Line, crop, line
from tui.view.log import log_lines
from tui.view.progress_lines import activity, status_line
from tui.view.recovery_lines import banner_line
from tui.view.sight import Activity, header_line, servers_title
from tui.widgets.bars import KeyBar, OneLine
from tui.widgets.bottom import BottomPane
from tui.widgets.releases import ReleasesPane
from tui.widgets.rows import Rows
from tui.widgets.servers import ServersPane

if TYPE_CHECKING:
    from tui.app import TurnoutApp

SHORT = 20
"""Rows of the terminal below which only one pane of a column is open at a time."""

NARROW = 72
"""Cells of the terminal below which the panes stand one above the other."""


ROOMY = 108
"""Cells of the terminal from which the servers pane may be wide."""


class Dashboard(Actions, Screen[None]):
    """The main screen. `Actions` has what its keys do."""

    app: TurnoutApp
    AUTO_FOCUS = "#releases"
    BINDINGS = bindings(
        "deploy", "rollback", "undo", "prune", "recover", "break-lock", "cancel", "watch",
        "verify", "mark", "details", "filter", "refresh", "refresh-all",
        "accept", "environment", "pane-1", "pane-2", "pane-3", "next-pane", "previous-pane",
        "next-tab", "previous-tab", "close",
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.filters = {"servers": "", "releases": "", "log": ""}
        self.filtering = ""
        self._changed = False
        self._open_pane = "releases"

    def compose(self) -> ComposeResult:
        app = self.app
        yield OneLine(id="header")
        yield OneLine(id="banner")
        with Horizontal(id="body"):
            yield ServersPane(app.glyphs, app.now, self._activity, id="servers")
            with Vertical(id="main"):
                yield ReleasesPane(app.glyphs, app.now, app.keymap, id="releases")
                yield BottomPane(app.glyphs, app.now, app.keymap, id="bottom")
        yield Input(id="filter", compact=True)
        yield OneLine(id="status")
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        self.servers_pane = self.query_one("#servers", ServersPane)
        self.releases = self.query_one("#releases", ReleasesPane)
        self.bottom = self.query_one("#bottom", BottomPane)
        self.query_one("#filter").display = False
        self.query_one("#status").display = False
        self.query_one("#banner").display = False
        self.set_interval(1.0, self.every_second)
        self.app.bridge.on_tick(self.ticked)
        self.show_fleet()

    def on_screen_resume(self) -> None:
        self.show_keys()

    def changed(self) -> None:
        """Something is known that was not: draw it once, however much comes at the same time."""
        if not self._changed and self.is_attached:
            self._changed = True
            self.call_later(self.show_fleet)

    def show_fleet(self) -> None:
        """Draw what is known of the fleet now."""
        self._changed = False
        sight = self.app.fleet_watch.sight
        self.app.lookout.look()
        self.servers_pane.show(sight, self.filters["servers"])
        self.releases.show(sight, self.filters["releases"])
        self.show_titles()
        self.show_header()
        self.show_details()
        self.show_keys()
        self.app.offer_host_keys()

    def show_header(self) -> None:
        """Draw the first line."""
        self.query_one("#header", OneLine).show(
            header_line(self.app.fleet_watch.sight, self.size.width, self.app.glyphs, self.app.now())
        )
        self.show_banner()

    def show_banner(self) -> None:
        """Draw the line that tells of an interrupted operation, as long as there is one that switched something."""
        app, banner = self.app, self.query_one("#banner", OneLine)
        found = app.lookout.interruption
        banner.display = found is not None and bool(found.switched)
        if found is not None and banner.display:
            key = app.keymap.shown("recover")
            banner.show(banner_line(found, self.size.width, app.now(), app.glyphs, key))

    def show_titles(self) -> None:
        """Name the panes in their borders, with the filter and the number of rows."""
        sight, glyphs = self.app.fleet_watch.sight, self.app.glyphs
        collapsed = self.servers_pane.has_class("-collapsed")
        summary = servers_title(sight, glyphs, max(self.size.width - 16, 8)) if collapsed else ""
        titles = {"servers": f"1 Servers {summary}".rstrip(), "releases": "2 Releases"}
        for name, title in titles.items():
            pane = self.query_one(f"#{name}", Rows)
            text = self.filters[name]
            pane.border_title = Content(f"{title} / {text}" if text else title)
            place = f"{pane.cursor + 1} of {len(pane.keys)}" if pane.overflows else ""
            pane.border_subtitle = Content(place)
        marked = len(self.releases.marked)
        if marked:
            self.releases.border_subtitle = Content(f"{marked} marked")

    def show_details(self) -> None:
        """Draw all about the row under the cursor of the pane that had the focus last."""
        if self.bottom.tab == "details":
            self.bottom.details.show(self._details)

    def _details(self, cells: int) -> list[Line]:
        app, sight = self.app, self.app.fleet_watch.sight
        if self.details_of == "servers":
            server = sight.server(self.servers_pane.key)
            if server is None:
                return []
            config = app.fleet_watch.fleet.server(server.name)
            return details_view.server_lines(
                server, sight, cells, app.glyphs, app.now(), config.host, config.root,
                {name: app.keymap.shown(name) for name in ("accept", "watch", "break-lock")},
            )  # fmt: skip
        row = self.releases.row
        if row is None:
            return [line(("No release under the cursor.", "dim"))]
        lines = details_view.release_lines(row, sight, cells, app.glyphs, app.now())
        compared = app.verifying.lines(row.tag, sight, cells, app.glyphs)
        return [lines[0], *compared, (), *lines[1:]] if compared else lines

    def show_keys(self) -> None:
        """Draw the keys that matter now."""
        self.query_one(KeyBar).offer(self.key_hints())

    def show_operation(self) -> None:
        """Draw how far the operation is, in the tabs, the servers pane and the status line."""
        operation = self.app.operation
        self.bottom.progress.show(operation.progress if operation else None, operation.error if operation else None)
        self.servers_pane.redraw()
        self.show_status()

    def show_status(self) -> None:
        """Draw the line above the keys: the running operation, or how the last one ended."""
        status = self.query_one("#status", OneLine)
        operation = self.app.operation
        now, glyphs, close = self.app.now(), self.app.glyphs, self.app.keymap.shown("close")
        compared = self.app.verifying.status(
            self.app.fleet_watch.sight, self.size.width, glyphs, stop=self.app.keymap.shown("cancel"), close=close
        )
        if compared and (operation is None or operation.outcome):
            status.display = True
            status.show(compared)
            return
        status.display = operation is not None and not operation.dismissed
        if operation is None:
            return
        spans = status_line(
            operation.progress, operation.outcome, operation.summary, self.size.width, now, glyphs, close
        )
        status.show(crop(spans, self.size.width, glyphs.more))

    def _activity(self, name: str) -> Activity | None:
        operation = self.app.operation
        if self.app.verifying.tag:
            return Activity("comparing")
        if operation is None or operation.outcome:
            return None
        return activity(operation.progress, name, self.app.now(), self.app.glyphs)

    def every_second(self) -> None:
        """What changes with time alone; and a look at servers whose time has come, while nothing runs."""
        if self.app.screen is not self and not self.app.operation_runs and not self.app.watches:
            return
        self.show_header()
        self._show_lock_ages()
        if any(server.checking for server in self.app.fleet_watch.sight.servers):
            self.servers_pane.redraw()
        if not self.app.operation_runs and not self.app.verifying.tag:
            due = self.app.fleet_watch.due
            if due:
                self.app.fleet_watch.check(*due)
            if not self.app.watches:
                self.app.fleet_watch.glance()

    def _show_lock_ages(self) -> None:
        server = self.app.fleet_watch.sight.server(self.servers_pane.key) if self.details_of == "servers" else None
        if server is not None and server.state is not None and server.state.lock is not None:
            self.show_details()

    def ticked(self) -> None:
        """Ten times a second while something runs."""
        if not self.is_attached:
            return
        if self.app.operation_runs or self.app.watches:
            self.show_operation()
        elif self.app.verifying.tag:
            self.show_status()
            self.show_details()

    def compared(self) -> None:
        """Show that a release is being compared with its manifest, or what came of it."""
        self.servers_pane.redraw()
        self.show_status()
        self.show_details()
        self.show_keys()

    def operation_started(self) -> None:
        """Show an operation that has just begun; one of somebody else's takes no focus, nor the tab being read."""
        operation = self.app.operation
        if operation is None:
            return
        self.bottom.log_tab.start(list(operation.progress.servers))
        if operation.ours or self.pane != "bottom" or self.bottom.tab != "details":
            self.bottom.switch("progress")
        if operation.ours and self.bottom.has_class("-collapsed"):
            self.bottom.focus_target.focus()
        self.show_banner()
        self.show_operation()
        self.show_keys()

    def operation_said(self, said: list[Event]) -> None:
        """Take in what the engine said since the last tick."""
        self.bottom.log_tab.add([one for event in said for one in log_lines(event)])
        operation = self.app.operation
        for event in said:
            if isinstance(event, Switched) and operation is not None:
                known = operation.record is not None or event.tag in self.app.fleet_watch.sight.places
                if known or not event.tag:
                    self.app.fleet_watch.switched(event.server, event.tag, operation.record)
                else:
                    self.app.fleet_watch.check(event.server)

    def operation_ended(self) -> None:
        """Show how it ended."""
        self.show_operation()
        self.show_keys()

    def on_rows_moved(self, event: Rows.Moved) -> None:
        if event.rows is self.servers_pane and self.pane == "servers":
            self.releases.selected_server = self.servers_pane.key
            self.releases.redraw()
        self.show_titles()
        self.show_details()
        self.show_keys()

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        self.action_details()

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
        """Collapse panes where the terminal is too small for all of them: the one with the focus stays open."""
        narrow, short = self.size.width < NARROW, self.size.height < SHORT
        self.set_class(narrow, "-narrow")
        self.set_class(self.size.width >= ROOMY, "-roomy")
        column = {"servers", "releases", "bottom"} if narrow else {"releases", "bottom"}
        keep = self._open_pane if self._open_pane in column else self._last_right
        self._last_right = keep
        for name in ("servers", "releases", "bottom"):
            folded = (short and name in column and name != keep) or (narrow and name == "servers" and keep != name)
            self.query_one(f"#{name}").set_class(folded, "-collapsed")
        self.query_one("#main").set_class(short and keep == "servers", "-folded")
        self.show_titles()

    _last_right = "releases"
    details_of = "releases"

    def on_key_bar_pressed(self, event: KeyBar.Pressed) -> None:
        self.app.press(event.action)
