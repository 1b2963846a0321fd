"""The question before a lock is broken: who holds what, what breaking means, and the environment's name typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Button, Input

from core.records import Lock
from tui.dialogs.base import Dialog, button
from tui.keymap import Keymap, bindings
from tui.view.lines import Line, line, wrap
from tui.view.locks import break_words
from tui.widgets.paint import Lines


class BreakLockDialog(Dialog[bool]):
    """Answers True where a person typed the environment's name."""

    BINDINGS = bindings("yes")
    title_text = "Break the lock?"
    bad = True

    def __init__(self, environment: str, locks: Mapping[str, Lock], keymap: Keymap) -> None:
        super().__init__()
        self._environment = environment
        self._locks = locks
        self._keymap = keymap

    def compose_body(self) -> ComposeResult:
        with VerticalScroll(id="body", can_focus=False):
            yield Lines(id="text")
        with Horizontal(id="typed"):
            yield Lines(id="typed-label")
            yield Input(id="name", select_on_focus=False)

    def compose_buttons(self) -> ComposeResult:
        yield button("Cancel", "close")
        yield button("Break it", "yes", self._keymap.shown("yes"), risky=True, disabled=True)

    def on_mount(self) -> None:
        label = line(("Type ", "warn"), (self._environment, "strong"), (" to go on ", "warn"))
        self.query_one("#typed-label", Lines).show([label])

    def lines(self, cells: int) -> Sequence[Line]:
        return [line((part, role)) for text, role in break_words(self._locks) for part in wrap(text, cells)]

    @property
    def _typed(self) -> bool:
        return self.query_one("#name", Input).value.strip() == self._environment

    def action_yes(self) -> None:
        if self._typed:
            self.dismiss(True)
        else:
            self.set_focus(self.query_one("#name", Input))

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one("#yes", Button).disabled = not self._typed

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if self._typed:
            self.dismiss(True)
        else:
            self.notify(f"type {self._environment} exactly, or Escape", severity="warning", markup=False)
