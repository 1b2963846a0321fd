"""The recover dialog: what an interrupted operation did where, and the choice between all new and all old."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.widgets import Button

from core.recovery import FINISH, UNDO, Interruption
from tui.dialogs.base import Dialog, button, relabel
from tui.keymap import Keymap, bindings
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, line, wrap
from tui.view.recovery_lines import recover_lines


class RecoverDialog(Dialog[str]):
    """Answers FINISH or UNDO, of which the plan comes next, or None.

    still   whether that operation is what the servers still say was interrupted: somebody else may recover it meanwhile
    """

    BINDINGS = bindings("finish", "take-back")
    title_text = "An operation was interrupted"
    bad = True
    has_ages = True

    def __init__(
        self,
        interrupted: Interruption,
        keymap: Keymap,
        glyphs: Glyphs,
        now: Callable[[], float],
        still: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__()
        self._still = still
        self._is_so = True
        self._interrupted = interrupted
        self._keymap = keymap
        self._glyphs = glyphs
        self._now = now

    def compose_buttons(self) -> ComposeResult:
        yield button("Not now", "close", self.close_key)
        if self._interrupted.tag:
            yield button("Finish …", "finish", self._keymap.shown("finish"), risky=True)
        yield button("Undo …", "take-back", self._keymap.shown("take-back"), risky=True)

    def every_second(self) -> None:
        if self._is_so != self._still():
            self._is_so = not self._is_so
            for choice in self.query("#finish, #take-back"):
                choice.display = self._is_so
            relabel(self.query_one("#close", Button), "Not now" if self._is_so else "Close", self.close_key)
        super().every_second()

    def lines(self, cells: int) -> Sequence[Line]:
        if not self._is_so:
            said = "This is no longer so: another operation has ended it meanwhile, or is just doing that."
            return [line(part) for part in wrap(said, cells)]
        keys = {name: self._keymap.shown(name) for name in ("finish", "take-back")}
        return recover_lines(self._interrupted, cells, self._now(), self._glyphs, keys)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        actions = {"finish": self.action_finish, "take-back": self.action_take_back}
        actions.get(event.button.id or "", self.action_close)()

    def action_finish(self) -> None:
        if self._interrupted.tag and self._is_so:
            self.dismiss(FINISH)

    def action_take_back(self) -> None:
        if self._is_so:
            self.dismiss(UNDO)
