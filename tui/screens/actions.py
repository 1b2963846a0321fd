"""What the keys of the dashboard do, and why one does nothing now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from core.errors import HostKeyChanged, HostKeyUnknown
from tui.dialogs.base import Ask
from tui.dialogs.hostkey import changed_key
from tui.dialogs.pick import DeployDialog, EnvironmentDialog, PruneChoice, PruneDialog
from tui.keymap import BY_ID
from tui.screens.troubles import CHANGING, Troubles
from tui.view.keybar import KeyHint
from tui.view.lines import line
from tui.view.locks import SILENT
from tui.view.words import short_tag
from tui.widgets.bottom import BottomPane
from tui.widgets.releases import ReleasesPane
from tui.widgets.servers import ServersPane

if TYPE_CHECKING:
    from tui.app import TurnoutApp

PANES = ("servers", "releases", "bottom")
RUNNING = "an operation is running"


class Actions(Troubles, Screen[None]):
    """The actions of the dashboard."""

    app: TurnoutApp
    servers_pane: ServersPane
    releases: ReleasesPane
    bottom: BottomPane
    filters: dict[str, str]
    filtering: str
    details_of: str

    def show_fleet(self) -> None:
        raise NotImplementedError

    def show_status(self) -> None:
        raise NotImplementedError

    def show_details(self) -> None:
        raise NotImplementedError

    def pane_of(self, widget: Widget | None) -> str:
        """The name of the pane that a widget stands in, or ""."""
        while widget is not None and widget is not self:
            if widget.id in PANES:
                return widget.id
            widget = widget.parent if isinstance(widget.parent, Widget) else None
        return ""

    @property
    def pane(self) -> str:
        """The pane that has the focus."""
        return self.pane_of(self.focused)

    def why_not(self, name: str) -> str:
        """Why the key of this id does nothing now, in a few words; "" where it does something."""
        sight = self.app.fleet_watch.sight
        reason = self.trouble(name)
        if reason:
            return reason
        if name in (*CHANGING, "refresh-all", "environment") and self.app.operation_runs:
            return RUNNING
        match name:
            case "rollback":
                row = self.releases.row
                if row is None:
                    return "no release under the cursor"
                if len(row.live_on) == len(sight.servers):
                    return "this release is live already"
            case "undo" if not sight.previous:
                return "there is no earlier release"
            case "prune" if not sight.rows:
                return "there is no release yet"
            case "cancel" if self.app.watches and self.app.operation:
                return f"{self.app.operation.progress.by} runs it: it is cancelled there"
            case "cancel" if not self.app.operation_runs and not self.app.verifying.tag:
                return "nothing is running"
            case "mark":
                row = self.releases.row
                if row is None:
                    return "no release under the cursor"
                return "a live release is never pruned" if row.live_on else "" if row.present_on else "it has no files"
            case "accept" if not isinstance(self._server_error(), HostKeyUnknown | HostKeyChanged):
                return "no host key waits"
            case "environment" if len(self.app.fleet_watch.project.environments) < 2:
                return "there is one environment only"
            case "demo":
                return "only where there is no turnout.toml"
        return ""

    def key_hints(self) -> list[KeyHint]:
        """The keys for the bar, as the pane with the focus and the state of things want them."""
        if self.filtering:
            key = self.app.keymap.shown("close")
            return [KeyHint("enter", "Enter", f"Filter {self.filtering}"), KeyHint("close", key, "Show all")]
        names: list[str] = ["cancel"] if self.app.operation_runs else []
        locks = self.app.lookout.locks
        names += ["watch"] if locks and not self.app.watches else []
        names += ["break-lock"] if any(lock.silence >= SILENT for lock in locks.values()) else []
        found = self.app.lookout.interruption
        names += ["recover"] if found is not None and found.switched else []
        if self.pane == "bottom" and self.bottom.tab == "log":
            names += ["log-follow", "log-server", "log-copy", "log-save"]
        if self.pane == "servers":
            names += ["accept"] if not self.why_not("accept") else []
        names += ["deploy", "rollback", "undo", "prune"]
        names += ["mark", "verify"] if self.pane == "releases" else ["refresh"] if self.pane == "servers" else []
        names += ["details", "filter"] if self.pane != "bottom" else ["filter"] if self.bottom.tab == "log" else []
        names += ["environment"] if not self.why_not("environment") else []
        names += ["help", "palette", "quit"]
        return [
            KeyHint(BY_ID[name].action, self.app.keymap.shown(name), BY_ID[name].label, self.why_not(name),
                    BY_ID[name].rank, to_right=name == "quit")
            for name in names
        ]  # fmt: skip

    def allowed(self, name: str) -> bool:
        """Whether an action may go on; where not, its reason is said."""
        reason = self.why_not(name)
        if reason:
            self.notify(f"{self.app.keymap.shown(name)}: {reason}", severity="warning", timeout=3, markup=False)
            if self.app.lookout.locks:
                self.app.fleet_watch.check(*self.app.lookout.locks)  # it may have ended since they were looked at
        return not reason

    def _server_error(self) -> Exception | None:
        server = self.app.fleet_watch.sight.server(self.servers_pane.key)
        return server.error if server else None

    def action_deploy(self) -> None:
        if not self.allowed("deploy"):
            return
        from core.operations import DeployRequest

        if self.app.fleet_watch.project.source.git is None:
            self.app.plan(DeployRequest(), "Deploy")
            return
        live = self.app.fleet_watch.sight.row(self.app.fleet_watch.sight.live)
        revision = live.record.revision if live and live.record else ""
        dialog = DeployDialog(
            self.app.fleet_watch.project, revision, bridge=self.app.bridge, glyphs=self.app.glyphs, now=self.app.now
        )

        def chosen(ref: str | None) -> None:
            if ref:
                self.app.plan(DeployRequest(ref=ref), f"Deploy {short_tag(ref)[:40]}")

        self.app.push_screen(dialog, chosen)

    def action_rollback(self) -> None:
        if self.allowed("rollback"):
            self._roll_back(self.releases.key)

    def action_undo(self) -> None:
        if self.allowed("undo"):
            self._roll_back(self.app.fleet_watch.sight.previous)

    def _roll_back(self, tag: str) -> None:
        from core.operations import RollbackRequest

        self.app.plan(RollbackRequest(tag=tag), f"Roll back to {short_tag(tag)}")

    def action_prune(self) -> None:
        if not self.allowed("prune"):
            return
        from core.operations import PruneRequest

        if self.releases.marked:
            order = self.app.fleet_watch.sight.places
            tags = tuple(sorted(self.releases.marked, key=lambda tag: order.get(tag, 0)))
            self.app.plan(PruneRequest(tags=tags), "Prune the marked releases")
            return
        row = self.releases.row
        reason = "is live" if row and row.live_on else "has no files any more" if row and not row.present_on else ""
        keep = self.app.fleet_watch.project.deploy.keep
        dialog = PruneDialog(keep, row.tag if row else "", reason, self.app.keymap)

        def chosen(choice: PruneChoice | None) -> None:
            if choice is not None:
                tags = (choice.tag,) if choice.tag else ()
                self.app.plan(PruneRequest(tags=tags, keep=choice.keep, cache=choice.cache), "Prune")

        self.app.push_screen(dialog, chosen)

    def action_cancel(self) -> None:
        operation = self.app.operation
        if not self.allowed("cancel"):
            return
        if self.app.verifying.tag:
            self.app.verifying.stop()
            return
        if operation is None:
            return
        switched = any(one.tag for one in operation.progress.servers.values())
        state = "Servers that have switched go back." if switched else "No server has switched: nothing changes."
        key = self.app.keymap.shown("yes")
        dialog = Ask(
            "Cancel the operation?", [line((operation.title, "strong")), line(state)], "Cancel it", "Go on", key
        )
        self.app.push_screen(dialog, lambda sure: self.app.cancel_operation() if sure else None)

    def action_mark(self) -> None:
        if self.pane == "releases" and self.allowed("mark"):
            self.releases.toggle_mark()
            self.show_fleet()

    def action_details(self) -> None:
        self.bottom.switch("details")
        self.show_details()
        self.bottom.focus_target.focus()

    def action_refresh(self) -> None:
        if self.pane == "servers" and self.servers_pane.key:
            self.app.fleet_watch.check(self.servers_pane.key)
        else:
            self.app.fleet_watch.check()

    def action_refresh_all(self) -> None:
        if self.allowed("refresh-all"):
            self.app.let_go()
            self.app.fleet_watch.reconnect()

    def action_accept(self) -> None:
        if not self.allowed("accept"):
            return
        error = self._server_error()
        if isinstance(error, HostKeyUnknown):
            self.app.ask_host_key(error)
        elif isinstance(error, HostKeyChanged):
            self.app.push_screen(changed_key(error))

    def action_environment(self) -> None:
        if self.allowed("environment"):
            dialog = EnvironmentDialog(self.app.fleet_watch.project, self.app.fleet_watch.environment.name)
            self.app.push_screen(dialog, lambda name: self.app.open_environment(name) if name else None)

    def action_pane(self, number: int) -> None:
        name = PANES[number - 1]
        if name == "bottom":
            if self.pane == "bottom":
                self.action_next_tab()
            else:
                self.bottom.focus_target.focus()
        else:
            self.query_one(f"#{name}").focus()

    def _beside(self, step: int) -> None:
        place = PANES.index(self.pane) if self.pane else 0
        name = PANES[(place + step) % len(PANES)]
        (self.bottom.focus_target if name == "bottom" else self.query_one(f"#{name}")).focus()

    def action_next_pane(self) -> None:
        self._beside(1)

    def action_previous_pane(self) -> None:
        self._beside(-1)

    def action_tab(self, name: str) -> None:
        self.bottom.switch(name)
        self.show_details()
        self.bottom.focus_target.focus()

    def action_next_tab(self) -> None:
        self.bottom.switch(self.bottom.beside(1))
        self.show_details()

    def action_previous_tab(self) -> None:
        self.bottom.switch(self.bottom.beside(-1))
        self.show_details()

    def action_filter(self) -> None:
        pane = self.pane or "releases"
        self.filtering = "log" if pane == "bottom" else pane
        if self.filtering == "log":
            self.bottom.switch("log")
        field = self.query_one("#filter", Input)
        field.border_title = None
        field.placeholder = f"filter {self.filtering}: Enter keeps it, Escape takes it away"
        field.value = self.filters[self.filtering]
        field.display = True
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        if self.filtering:
            self._narrow(self.filtering, event.value.strip())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self._leave_filter()

    def _narrow(self, pane: str, text: str) -> None:
        if self.filters[pane] == text:
            return
        self.filters[pane] = text
        if pane == "log":
            self.bottom.log_tab.narrow(text=text)
        else:
            self.show_fleet()

    def _leave_filter(self) -> None:
        pane, self.filtering = self.filtering, ""
        self.query_one("#filter").display = False
        target = self.bottom.focus_target if pane == "log" else self.query_one(f"#{pane or 'releases'}")
        target.focus()

    def action_close(self) -> None:
        """Leave the innermost thing: the filter being typed, a filter, marks, the status line, the tabs."""
        pane = self.filtering or {"bottom": "log"}.get(self.pane, self.pane)
        if self.filtering:
            self._narrow(pane, "")
            self._leave_filter()
        elif self.filters.get(pane):
            self._narrow(pane, "")
        elif self.releases.marked:
            self.releases.marked.clear()
            self.show_fleet()
        elif self.app.verifying.hide():
            self.show_status()
        elif self.app.operation is not None and self.app.operation.outcome and not self.app.operation.dismissed:
            self.app.operation.dismissed = True
            self.show_status()
        elif self.pane == "bottom":
            self.query_one(f"#{self.details_of}").focus()
