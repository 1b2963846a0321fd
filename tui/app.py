"""The Textual app: it owns the bridge, the watch over the servers and the running operation, and wires them."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.app import App
from textual.binding import BindingType

from core.errors import HostKeyUnknown, TurnoutError
from core.plan import Plan
from tui import keymap as keys
from tui import theme as themes
from tui.bridge import TICK, Bridge
from tui.commands import Commands
from tui.dialogs.base import Ask
from tui.dialogs.hostkey import unknown_key
from tui.dialogs.plan import PlanDialog
from tui.dialogs.recover import RecoverDialog
from tui.dialogs.unlock import BreakLockDialog
from tui.lookout import Lookout
from tui.operation import Followed, Operation
from tui.screens.dashboard import Dashboard
from tui.screens.help import HelpScreen
from tui.screens.welcome import Welcome
from tui.unlocking import breaking, told
from tui.verifying import Verifying
from tui.view import glyphs as signs
from tui.view.lines import line
from tui.watch import FleetWatch, open_fleet

if TYPE_CHECKING:
    from core.config import Environment, Project
    from core.fleet import Fleet
    from core.operations import Request

FIRST_LOOK = 0.02
"""Seconds from the first paint to the first look at the servers."""

DEMO = "demo"
"""What the app returns where the demo was asked for."""


class TurnoutApp(App[str], inherit_bindings=False):
    """The dashboard of a project, or a welcome without one."""

    CSS_PATH = "style.tcss"
    TITLE = "Turnout"
    COMMANDS: ClassVar = {Commands}
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("quit", "quit-anywhere", "copy", "palette", "help")
    ENABLE_COMMAND_PALETTE = True

    _code = 0
    fleet_watch: FleetWatch
    lookout: Lookout
    verifying: Verifying

    def __init__(
        self,
        project: Project | None,
        environment: str | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        now: Callable[[], float] = time.time,
        opener: Callable[[Project, Environment], Fleet] = open_fleet,
    ) -> None:
        environ = os.environ if environ is None else environ
        chosen = themes.choose(environ)
        super().__init__(ansi_color=True if chosen.startswith("ansi") else None)
        self.project = project
        self.now = now
        self.glyphs = signs.choose(environ)
        self.keymap = keys.load(keys.keys_file(environ))
        self.keys_place = str(keys.keys_file(environ))
        self.bridge = Bridge()
        self.operation: Followed | None = None
        """The one that is shown: ours or somebody else's, running or ended."""
        self._opener = opener
        self._first = environment
        self._asked_keys: set[str] = set()
        for one in themes.THEMES:
            self.register_theme(one)
        self.theme = chosen if chosen in self.available_themes else themes.DARK.name
        if self.glyphs is signs.ASCII:
            self.add_class("-ascii")
        if self.native_ansi_color:
            self.add_class("-ansi")

    def get_css_variables(self) -> dict[str, str]:
        """Textual's variables, and ours for quiet text, which follow from the theme."""
        variables = super().get_css_variables()
        return {**variables, **themes.quiet(self.current_theme, variables)}

    def on_mount(self) -> None:
        self.set_keymap(self.keymap.changed)
        self._hear_signals()
        self.bridge.attach(self.set_interval(TICK, self.bridge.tick, pause=True))
        for fault in self.keymap.faults:
            self.notify(fault, title="keys.toml", severity="warning", timeout=12, markup=False)
        if self.project is None:
            self.push_screen(Welcome(self.keymap, self.glyphs, str(Path.cwd())))
            return
        self._watch_fleet(self._first or next(iter(self.project.environments)))
        self.push_screen(Dashboard())
        # Connecting takes the processor from the first paint: it begins when that is on the screen.
        self.set_timer(FIRST_LOOK, self.fleet_watch.check)

    def _hear_signals(self) -> None:
        """A closed terminal or a plain kill is a wish to quit: what runs is cancelled and put back first.

        So is SIGINT: ctrl+c on the keyboard is a key here and sends none.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with suppress(NotImplementedError, RuntimeError, ValueError):  # not on the main thread
                loop.add_signal_handler(number, self._told_to_go, number)

    def _told_to_go(self, number: int) -> None:
        """As a signal asks: with the exit code that a shell gives to it."""
        self._code = 128 + number
        self._leave_if(True)

    def _watch_fleet(self, name: str) -> None:
        if self.project is not None:
            environment = self.project.environment(name)
            self.fleet_watch = FleetWatch(self.project, environment, self.bridge, self.now, self._changed, self._opener)
            self.lookout = Lookout(self)
            self.verifying = Verifying(self.bridge, self.now, self._compared)

    @property
    def dashboard(self) -> Dashboard | None:
        """The main screen, also while a dialog lies over it."""
        return next((screen for screen in self.screen_stack if isinstance(screen, Dashboard)), None)

    def _changed(self) -> None:
        if self.dashboard is not None:
            self.dashboard.changed()

    def _compared(self) -> None:
        if self.dashboard is not None:
            self.dashboard.compared()

    def open_environment(self, name: str) -> None:
        """Look at another environment."""
        dashboard = self.dashboard
        if dashboard is None or name == self.fleet_watch.environment.name:
            return
        self.let_go()
        self.fleet_watch.close()
        self._asked_keys.clear()
        self.operation = None
        self._watch_fleet(name)
        dashboard.filters.update(servers="", releases="")
        dashboard.releases.marked.clear()
        dashboard.show_operation()
        dashboard.show_fleet()
        self.fleet_watch.check()

    def let_go(self) -> None:
        """Stop what only looks: following the operation of somebody else, and comparing a release."""
        if self.watches:
            self.operation = None
        self.lookout.stop()
        self.verifying.stop()

    @property
    def operation_runs(self) -> bool:
        """Whether an operation of ours runs."""
        return self.operation is not None and self.operation.ours and not self.operation.outcome

    @property
    def watches(self) -> bool:
        """Whether the running operation of somebody else is shown."""
        return self.operation is not None and not self.operation.ours and not self.operation.outcome

    def plan(self, request: Request, title: str) -> None:
        """Have a plan made and shown; run it where a person agrees."""
        fleet = self.fleet_watch.fleet
        self.verifying.stop()
        dialog = PlanDialog(
            fleet, request, title, bridge=self.bridge, keymap=self.keymap, glyphs=self.glyphs, now=self.now
        )

        def decided(plan: Plan | None) -> None:
            if plan is not None and not self.operation_runs:
                self._run(Operation(fleet, request, plan, self.now()))

        self.push_screen(dialog, decided)

    def _run(self, operation: Operation) -> None:
        dashboard = self.dashboard
        if dashboard is None:
            return
        self.verifying.stop()
        self.verifying.hide()
        self.lookout.forget()
        self.operation = operation
        dashboard.releases.marked.clear()
        operation.start(self.bridge, dashboard.operation_said, lambda: self._ended(operation))
        dashboard.operation_started()

    def _ended(self, operation: Operation) -> None:
        self.lookout.own(operation.id)
        self.tell_end(operation)
        self.fleet_watch.check()
        if self.dashboard is not None:
            self.dashboard.offer_force(operation)

    def tell_end(self, operation: Followed) -> None:
        """Show and say how an operation ended."""
        if self.dashboard is not None:
            self.dashboard.operation_ended()
        severities = {"done": "information", "nothing-to-do": "information", "cancelled": "warning"}
        severity = severities.get(operation.outcome, "error")
        timeout = 6 if severity == "information" else 15
        by = "" if operation.ours else f" by {operation.progress.by}"
        self.notify(operation.summary, title=operation.title + by, severity=severity, timeout=timeout, markup=False)  # type: ignore[arg-type]  # one of the three

    def cancel_operation(self) -> None:
        """Ask the engine to stop the running operation."""
        if isinstance(self.operation, Operation) and self.operation_runs:
            self.operation.cancel()

    def recover(self) -> None:
        """Show what was interrupted, and let a person choose the way out, of which the plan comes next."""
        found = self.lookout.interruption
        if found is None or not isinstance(self.screen, Dashboard):
            return
        from core.operations import RecoverRequest

        dialog = RecoverDialog(found, self.keymap, self.glyphs, self.now)
        self.push_screen(dialog, lambda way: self.plan(RecoverRequest(way), "Recover") if way else None)

    def break_lock(self) -> None:
        """Break the lock of an operation that will not end, once a person has typed the environment's name."""
        held = self.lookout.locks
        locks = {name: lock for name, lock in held.items() if lock.operation == next(iter(held.values())).operation}
        if not locks:
            return
        fleet = self.fleet_watch.fleet

        def answered(sure: bool | None) -> None:
            if sure:
                job = breaking(fleet, locks)
                self.bridge.follow(job, lambda job: self._broken(*told(job, locks)))
                job.start()

        self.push_screen(BreakLockDialog(self.fleet_watch, locks, self.keymap, self.now), answered)

    def _broken(self, said: str, severity: Literal["information", "error"]) -> None:
        self.notify(said, title="Break lock", severity=severity, timeout=10, markup=False)
        self.fleet_watch.check()

    def offer_host_keys(self) -> None:
        """Show a key that nobody has accepted yet, once, where nothing else is asked at the moment."""
        if not isinstance(self.screen, Dashboard) or self.operation_runs:
            return
        for error in self.fleet_watch.unknown_keys():
            if error.fingerprint + error.host not in self._asked_keys:
                self.ask_host_key(error)
                return

    def ask_host_key(self, error: HostKeyUnknown) -> None:
        """Ask a person about a key; accepting writes known_hosts and looks at the server again."""
        self._asked_keys.add(error.fingerprint + error.host)
        waiting = len(self.fleet_watch.unknown_keys())
        place = f" ({waiting} servers wait)" if waiting > 1 else ""

        def answered(accepted: bool | None) -> None:
            if accepted:
                self.fleet_watch.accept(error, self._accepted)
            else:
                self.offer_host_keys()

        self.push_screen(unknown_key(error, self.glyphs, self.keymap.shown("yes"), place), answered)

    def _accepted(self, error: TurnoutError | None) -> None:
        if error is not None:
            self.notify(error.title, title="The key was not recorded", severity="error", markup=False)

    def why_not(self, name: str) -> str:
        """Why the key of this id does nothing now; "" where it does something."""
        if self.dashboard is not None:
            return self.dashboard.why_not(name)
        return "" if name in ("demo", "help", "palette", "quit", "quit-anywhere", "copy") else "there is no project"

    def press(self, action: str) -> None:
        """Run an action of the screen, or of the app where the screen has none of that name, as its key would."""
        name = action.partition("(")[0]
        place = self.screen if hasattr(self.screen, f"action_{name}") else self
        self.call_later(place.run_action, action)

    def use_theme(self, name: str) -> None:
        """Other colours, until the program ends."""
        self.theme = name

    def action_help(self) -> None:
        self.push_screen(HelpScreen(self.keymap, self.glyphs, self.why_not, place=self.keys_place))

    def action_help_quit(self) -> None:
        """ctrl+c where nothing is selected: says how to leave, and never does."""
        text = f"{self.keymap.shown('quit')} quits; ctrl+c copies selected text"
        if self.operation_runs:
            text = f"{self.keymap.shown('cancel')} cancels the operation; {text}"
        self.notify(text, timeout=4, markup=False)

    async def action_quit(self) -> None:
        """Quit; ask first while an operation runs, and then cancel it cleanly."""
        if self.operation is None or not self.operation_runs:
            self.leave()
            return
        if isinstance(self.screen, QuitQuestion):
            return
        self.push_screen(QuitQuestion(self.operation.title, self.keymap.shown("yes")), self._leave_if)

    def _leave_if(self, sure: bool | None) -> None:
        operation = self.operation
        if not sure:
            return
        if not isinstance(operation, Operation) or not self.operation_runs:
            self.leave()
            return
        operation.cancel()
        self.notify("cancelling, then quitting: servers are put back first", timeout=30, markup=False)
        self.bridge.follow(operation.job, lambda job: self.leave())

    def leave(self) -> None:
        """End the program: nothing runs any more."""
        if self.project is not None:
            self.let_go()
            self.fleet_watch.close()
        self.exit(return_code=self._code)


class QuitQuestion(Ask):
    """Asked before an operation is given up to quit."""

    def __init__(self, title: str, key: str) -> None:
        lines = [
            line((title, "strong"), " is still running."),
            line("Quitting cancels it: servers that have switched go back first."),
        ]
        super().__init__("Quit?", lines, "Cancel it and quit", "Stay", key)


def run_dashboard(project: Project | None, environment: str | None = None) -> int | str:
    """Open the dashboard until a person leaves it: an exit code, or "demo" where the demo was asked for."""
    app = TurnoutApp(project, environment)
    ended = app.run()
    return ended if ended == DEMO else app.return_code or 0
