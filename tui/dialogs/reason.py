"""Asks for a reason before a plan is made: others read it."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Input

from core.records import LONGEST_REASON
from tui.dialogs.base import Dialog, button
from tui.dialogs.typed import Typed
from tui.view.lines import Line, line, wrap
from tui.widgets.paint import Lines


class ReasonDialog(Dialog[str]):
    """Answers the reason, in one line, or None. What is typed goes into the field; Enter goes on to the plan."""

    AUTO_FOCUS = "#name"

    def __init__(self, title: str, said: Sequence[str], *, needed: bool) -> None:
        super().__init__()
        self.title_text = title
        self._said = said
        self._needed = needed

    def compose_body(self) -> ComposeResult:
        with VerticalScroll(id="body", can_focus=False):
            yield Lines(id="text")
        yield Typed(most=LONGEST_REASON)

    def compose_buttons(self) -> ComposeResult:
        yield button("Cancel", "close", self.close_key)
        yield button("Plan …", "yes", "Enter", disabled=self._needed)

    def on_mount(self) -> None:
        self.query_one(Typed).label(line(("Why ", "warn" if self._needed else "dim")))

    def lines(self, cells: int) -> Sequence[Line]:
        needed = "A reason is needed; everybody sees it." if self._needed else "A reason helps others; it may be empty."
        return [line(part) for text in (*self._said, needed) for part in wrap(text, cells)]

    @property
    def _reason(self) -> str:
        return self.query_one(Typed).value

    @property
    def can_agree(self) -> bool:
        return bool(self._reason) or not self._needed

    def on_input_changed(self, event: Input.Changed) -> None:
        self.allow()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.agree()  # to a plan, which waits until it was read

    def agree(self) -> None:
        if self.can_agree:
            self.dismiss(self._reason)
        else:
            self.query_one(Typed).complain("a reason is needed")
