"""A field of a dialog with its label; what is wrong with what was typed stands below it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input

from tui.view.lines import Line, line, width, wrap
from tui.widgets.paint import Lines

ROOM = 16
"""Cells of the field at least; a label that leaves fewer stands above it."""


class Typed(Vertical):
    """`value` is what was typed, without spaces around it; `most`: so many signs, 0 for any number."""

    class Resized(Message):
        """It takes more rows, or fewer: what is above it has another height."""

    def __init__(self, *, most: int = 0, disabled: bool = False) -> None:
        super().__init__(id="typed")
        self._label = Lines(id="typed-label")
        self._said: Line = ()
        self._row = Horizontal(id="typed-row")
        self.field = Input(id="name", select_on_focus=False, max_length=most, disabled=disabled)
        self._fault = Lines(id="typed-fault")
        self._fault.display = False

    def compose(self) -> ComposeResult:
        with self._row:
            yield self._label
            yield self.field
        yield self._fault

    @property
    def value(self) -> str:
        return self.field.value.strip()

    def label(self, said: Line) -> None:
        """Say what is to be typed."""
        self._said = said
        self._label.show([said])
        self._place()

    def complain(self, text: str) -> None:
        """Say what is wrong with what was typed, until that changes; the focus goes back to the field."""
        self._fault.display = bool(text)
        self._fault.show([line((part, "bad")) for part in wrap(text, max(self.size.width, ROOM))] if text else [])
        if text:
            self.field.focus()

    def on_input_changed(self) -> None:
        self.complain("")

    def on_resize(self) -> None:
        self._place()
        self.post_message(self.Resized())

    def _place(self) -> None:
        self._row.set_class(0 < self.size.width < width(self._said) + ROOM, "-stacked")
