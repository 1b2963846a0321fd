"""The frame of every dialog: a title, lines that scroll, buttons of which the harmless one has the focus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button

from tui.keymap import bindings
from tui.view.lines import Line, line
from tui.widgets.paint import Lines

T = TypeVar("T")

FRAME = 5
"""Rows that a dialog's border and padding take, with one row free above and below."""

BUTTONS = 3
"""Rows of the buttons, with the space around them."""


class Dialog(ModalScreen[T], Generic[T]):
    """A modal screen with a frame; answers None when it is left."""

    BINDINGS = bindings("close", "down", "up", "page-down", "page-up", "first", "last")

    AUTO_FOCUS = "#close"
    title_text = ""
    bad = False

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield from self.compose_body()
            with Horizontal(id="buttons"):
                yield from self.compose_buttons()

    def compose_body(self) -> ComposeResult:
        """The part above the buttons: lines that scroll, unless a dialog has more."""
        with VerticalScroll(id="body", can_focus=False):
            yield Lines(id="text")

    def compose_buttons(self) -> ComposeResult:
        """The buttons from left to right; the first has the focus."""
        yield button("Close", "close")

    def on_mount(self) -> None:
        box = self.query_one("#box")
        box.border_title = Content(f" {self.title_text} ")
        box.set_class(self.bad, "-bad")
        self.call_after_refresh(self.draw)

    def set_title(self, text: str, *, bad: bool = False) -> None:
        """Another title in the frame; red where something is wrong."""
        box = self.query_one("#box")
        box.border_title = Content(f" {text} ")
        box.set_class(bad, "-bad")

    def draw(self) -> None:
        """Draw the lines for the width that there is, and let them scroll where the height does not do."""
        body = self.query_one("#body")
        taken = sum(
            part.outer_size.height for part in self.query_one("#box").children if part is not body and part.display
        )
        body.styles.max_height = max(self.size.height - FRAME - max(taken, BUTTONS), 2)
        self.query_one("#text", Lines).show(self.lines(self.cells))

    @property
    def cells(self) -> int:
        """The width for lines."""
        return max(self.query_one("#body").scrollable_content_region.width, 20)

    def lines(self, cells: int) -> Sequence[Line]:
        """What the dialog says."""
        return ()

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "close":
            self.action_close()
        else:
            self.action_yes()

    def action_close(self) -> None:
        self.dismiss(None)

    def action_yes(self) -> None:
        """What `y` does; nothing where there is nothing to agree to."""

    @property
    def scroller(self) -> Widget:
        return self.query_one("#body")

    def action_cursor_down(self) -> None:
        self.scroller.scroll_relative(y=1, animate=False)

    def action_cursor_up(self) -> None:
        self.scroller.scroll_relative(y=-1, animate=False)

    def action_page_down(self) -> None:
        self.scroller.scroll_page_down(animate=False)

    def action_page_up(self) -> None:
        self.scroller.scroll_page_up(animate=False)

    def action_first(self) -> None:
        self.scroller.scroll_home(animate=False)

    def action_last(self) -> None:
        self.scroller.scroll_end(animate=False)


def button(label: str, name: str, key: str = "", *, risky: bool = False, disabled: bool = False) -> Button:
    """A button; its key is shown in front of its label."""
    text = Text(f"{key}  {label}" if key else label)
    return Button(
        Content.from_rich_text(text), id=name, compact=True, classes="-risky" if risky else "", disabled=disabled
    )


class Message(Dialog[None]):
    """Says something and offers only Close."""

    def __init__(self, title: str, lines: Sequence[Line], *, bad: bool = False) -> None:
        super().__init__()
        self.title_text = title
        self.bad = bad
        self._said = lines

    def lines(self, cells: int) -> Sequence[Line]:
        return self._said


class Ask(Dialog[bool]):
    """A question with yes and no; no has the focus."""

    BINDINGS = bindings("yes")

    def __init__(self, title: str, lines: Sequence[Line], yes: str, no: str, key: str) -> None:
        super().__init__()
        self.title_text = title
        self._said = lines
        self._yes, self._no, self._key = yes, no, key

    def compose_buttons(self) -> ComposeResult:
        yield button(self._no, "close")
        yield button(self._yes, "yes", self._key, risky=True)

    def lines(self, cells: int) -> Sequence[Line]:
        return self._said or [line("")]

    def action_yes(self) -> None:
        self.dismiss(True)

    def action_close(self) -> None:
        self.dismiss(False)
