"""The question before a lock is broken: who holds what, what breaking means, and the environment's name typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Input

from core.records import Lock, ServerState
from tui.dialogs.base import Dialog, button
from tui.dialogs.typed import Typed
from tui.keymap import bindings
from tui.model.fleet_watch import FleetWatch
from tui.view.lines import Line, line, wrap
from tui.view.locks import break_words, living, looked_ago
from tui.widgets.paint import Lines

LOOK_EVERY = 2
"""Seconds between two looks at the locked servers while somebody decides."""


class BreakLockDialog(Dialog[bool]):
    """Answers True where a person typed the environment's name. What it says of the locks is kept true meanwhile."""

    AUTO_FOCUS = "#name"
    BINDINGS = bindings("yes")
    title_text = "Break the lock?"
    bad = True
    has_ages = True

    def __init__(self, fleet_watch: FleetWatch, locks: Mapping[str, Lock], now: Callable[[], float]) -> None:
        super().__init__()
        self._fleet_watch = fleet_watch
        self._environment = fleet_watch.environment.name
        self._servers = len(fleet_watch.environment.servers)
        self._locks = locks
        self._now = now
        self._seconds = 0

    def compose_body(self) -> ComposeResult:
        with VerticalScroll(id="body", can_focus=False):
            yield Lines(id="text")
        yield Typed()

    def compose_buttons(self) -> ComposeResult:
        yield button("Cancel", "close", self.close_key)
        yield button("Break it", "yes", "Enter", risky=True, disabled=True)

    def on_mount(self) -> None:
        self.query_one(Typed).label(line(("Type ", "warn"), (self._environment, "strong"), (" to go on ", "warn")))

    def every_second(self) -> None:
        self._seconds += 1
        if self._seconds % LOOK_EVERY == 0:
            self._fleet_watch.check(*self._locks)
        super().every_second()
        self.allow()

    @property
    def _held(self) -> dict[str, ServerState]:
        """By server: those that the operation holds still, as they were found last."""
        states = {state.server: state for state in self._fleet_watch.fleet_view.known}
        now = living(states.values())
        return {
            name: states[name]
            for name, lock in self._locks.items()
            if name in now and now[name].operation == lock.operation
        }

    def lines(self, cells: int) -> Sequence[Line]:
        held = self._held
        locks = living(held.values())
        since = {name: looked_ago(state, self._now()) for name, state in held.items()}
        gone = [("The lock is gone: there is nothing to break any more.", "ok")]
        said = break_words(locks, since, self._servers) if held else gone
        return [line((part, role)) for text, role in said for part in wrap(text, cells)]

    @property
    def _typed(self) -> bool:
        return self.query_one(Typed).value == self._environment

    @property
    def can_agree(self) -> bool:
        return self._typed and bool(self._held)

    def agree(self) -> None:
        if not self._held:
            self.notice("the lock is gone")
        elif self._typed:
            self.dismiss(True)
        else:
            self.query_one(Typed).complain(f"type {self._environment} exactly, or {self.close_key} leaves")

    def on_input_changed(self, event: Input.Changed) -> None:
        self.allow()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.action_yes()
