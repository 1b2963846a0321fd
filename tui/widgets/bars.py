"""The header, the status line and the bar of keys: the lines around the panes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import App
from textual.strip import Strip
from textual.widget import Widget

from tui.view.keybar import KeyHint, PlacedKey, keybar
from tui.view.lines import Line
from tui.widgets.paint import ROLE_CLASSES, Drawn, strip


class OneLine(Drawn, Widget):
    """A single line of the view."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = set(ROLE_CLASSES)

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._line: Line = ()

    def show(self, spans: Line) -> None:
        """Draw this line."""
        if spans != self._line:
            self._line = spans
            self.refresh()

    @property
    def plain(self) -> str:
        return "".join(span.text for span in self._line)

    def render_line(self, y: int) -> Strip:
        return strip(self, self._line if y == 0 else (), self.size.width, self.rich_style, keys=False)


def press(app: App[object], action: str) -> None:
    """Run an action of the screen, or of the app where the screen has none of that name, as its key would."""
    name = action.partition("(")[0]
    place = app.screen if hasattr(app.screen, f"action_{name}") else app
    app.call_later(place.run_action, action)


class KeyBar(OneLine):
    """The keys that matter here; a click presses one."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._hints: tuple[KeyHint, ...] = ()
        self._placed: tuple[PlacedKey, ...] = ()

    @property
    def hints(self) -> tuple[KeyHint, ...]:
        return self._hints

    def offer(self, hints: Sequence[KeyHint]) -> None:
        """Draw these keys, as many as fit."""
        if tuple(hints) != self._hints:
            self._hints = tuple(hints)
            self._place()

    def _place(self) -> None:
        spans, self._placed = keybar(self._hints, self.size.width)
        self.show(spans)

    def on_resize(self) -> None:
        self._place()

    def on_click(self, event: events.Click) -> None:
        for key in self._placed:
            if key.start <= event.x < key.end:
                press(self.app, key.hint.action)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        under = next((key.hint for key in self._placed if key.start <= event.x < key.end), None)
        self.tooltip = under.why_not or None if under else None
