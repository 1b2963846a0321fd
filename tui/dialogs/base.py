"""The frame of every dialog: a title, lines that scroll, buttons of which the harmless one has the focus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, Protocol, Self, TypeVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.geometry import Region
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button

from tui.keymap import Keymap, bindings
from tui.model.keystrokes import ALONE, READ, Keystrokes, why_no_yes
from tui.view.lines import Line, line, wrap_line
from tui.view.placement import SHORT
from tui.widgets.guard import Guarded
from tui.widgets.paint import Lines

T = TypeVar("T")

FREE = 2
"""Rows that stay free above and below a dialog; none where the terminal is short."""

TALLEST = 94
"""How much of the screen's height a dialog may take, in percent: the max-height of #box in style.tcss."""

BUTTONS = 2
"""Rows of the buttons at least, with the space around them."""


BESIDE_YES = 32
"""Cells of the buttons' row that the words of the one that confirms do not get: Cancel, both keys, the space around."""

SOON = 0.05
"""Seconds between two looks whether a dialog was on the screen for long enough."""


class Host(Protocol):
    """What dialogs use of the app."""

    keystrokes: Keystrokes
    keymap: Keymap
    clock: Callable[[], float]
    """Seconds that never go back, by which keys are timed."""


class Dialog(Guarded, ModalScreen[T], Generic[T]):
    """A modal screen with a frame; answers None when it is left.

    It answers once, however often `dismiss` is called, and nothing but itself leaves the screen then. A yes (`agree`)
    counts only when its text was on the screen for READ seconds, and from a key that had been released before.
    """

    BINDINGS = bindings("close", "down", "up", "page-down", "page-up", "first", "last")

    AUTO_FOCUS = "#close"
    title_text = ""
    bad = False
    has_ages: ClassVar[bool] = False
    """Whether it says how old something is, and looks every second at what has changed (`every_second`)."""

    _answer: tuple[T | None] | None = None
    _left = False
    _shown: float | None = None
    _agreeing = -1

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
        yield button("Close", "close", self.close_key)

    @property
    def close_key(self) -> str:
        """The key that leaves it, as people write it."""
        return self.host.keymap.shown("close")

    def on_mount(self) -> None:
        box = self.query_one("#box")
        box.border_title = Content(f" {self.title_text} ")
        box.set_class(self.bad, "-bad")
        self.call_after_refresh(self.draw)
        self.show_what_to_agree_to()
        if self.has_ages:
            self.set_interval(1.0, self.every_second)

    def every_second(self) -> None:
        """Draw what changes with time alone, and look at what others have changed, where a dialog does that."""
        self.draw()
        self.allow()  # a busy machine may be late with the timer that does

    def refresh(self, *regions: Region, **options: bool) -> Self:
        """Where regions of a screen far below are drawn again, Textual (8.2) refreshes only the one on top: what lies
        between would go on showing through itself what it has kept."""
        if regions and self.app.screen is self:
            for between in self.app._background_screens[1:]:
                between._set_dirty(*regions)
        return super().refresh(*regions, **options)

    def on_screen_resume(self) -> None:
        if self._answer is not None:
            self.dismiss(*self._answer)

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Leave it with this answer, once; if another screen covers it, as soon as that is gone."""
        if self._left:
            return AwaitComplete()
        if not self.is_active:
            self._answer = self._answer or (result,)
            return AwaitComplete()
        self._left = True
        return super().dismiss(result)

    @property
    def is_going(self) -> bool:
        return self._left or super().is_going

    # What is confirmed, and when.

    @property
    def host(self) -> Host:
        return cast(Host, self.app)

    @property
    def can_agree(self) -> bool:
        """Whether there is something to confirm, and everything that it needs was typed."""
        return True

    @property
    def is_read(self) -> bool:
        """Whether what is to be confirmed was on the screen for long enough."""
        return self._shown is not None and self.host.clock() - self._shown >= READ

    def show_what_to_agree_to(self) -> None:
        """It can be read from the next paint on; until then, and for READ seconds more, the button is dimmed."""
        self._shown = None
        self.allow()
        self.call_after_refresh(self.call_after_refresh, self._on_screen)

    def _on_screen(self) -> None:
        self._shown = self.host.clock()
        self._wait_until_read()

    def _wait_until_read(self) -> None:
        self.allow()
        if not self.is_read:
            self.set_timer(SOON, self._wait_until_read)

    def allow(self) -> None:
        """Dim the button that confirms, or show it bright."""
        for yes in self.query("#yes").results(Button):
            yes.disabled = not (self.is_read and self.can_agree)

    def action_yes(self) -> None:
        """What the key, the button or Enter does: call `agree`, if the press was on purpose."""
        keystrokes = self.host.keystrokes
        reason = why_no_yes(keystrokes, self._shown) if self.can_agree else ""
        self._agreeing = keystrokes.presses
        if reason:
            self.notice(reason, severity="warning", seconds=3)
        elif keystrokes.pointed or not self.can_agree:
            self.agree()
        else:
            self.set_timer(ALONE, self._agree_if_alone)

    def _agree_if_alone(self) -> None:
        """If other keys follow at once, the key is held, or is part of a pasted text."""
        if self._agreeing == self.host.keystrokes.presses:
            self.agree()

    def agree(self) -> None:
        """What a yes does; where nothing can be confirmed, says why, or does nothing."""

    def set_title(self, text: str, *, bad: bool = False) -> None:
        """Another title in the frame; red where something is wrong."""
        box = self.query_one("#box")
        box.border_title = Content(f" {text} ")
        box.set_class(bad, "-bad")

    def draw(self) -> None:
        """Draw the lines for the width that there is, and let them scroll where the height does not do."""
        body = self.query_one("#body")
        body.styles.max_height = self.room_for(body)
        self.query_one("#text", Lines).show(self.lines(self.cells))

    def room_for(self, part: Widget) -> int:
        """The rows of the screen that are left for a part that scrolls."""
        box = self.query_one("#box")
        others = [other for other in box.children if other is not part and other.display]
        taken = sum(other.outer_size.height + other.styles.margin.height for other in others)
        high = self.size.height
        free = 0 if high < SHORT else max(high - high * TALLEST // 100, FREE)
        return max(high - free - box.gutter.height - max(taken, BUTTONS), 2)

    @property
    def yes_cells(self) -> int:
        """The width for the words of the button that confirms."""
        return max(self.query_one("#buttons").size.width - BESIDE_YES, 12)

    @property
    def cells(self) -> int:
        """The width for lines. A scroll bar has its place in any case (`scrollbar-gutter`): else what was drawn before
        would decide whether there is one."""
        return max(self.query_one("#body").scrollable_content_region.width, 20)

    def lines(self, cells: int) -> Sequence[Line]:
        """What the dialog says."""
        return ()

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)

    def on_typed_resized(self) -> None:
        self.draw()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "close":
            self.action_close()
        else:
            self.action_yes()

    def action_close(self) -> None:
        self.dismiss(None)

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
    text = _label(label, key)
    return Button(text, id=name, compact=True, classes="-risky" if risky else "", disabled=disabled)


def relabel(shown: Button, label: str, key: str = "") -> None:
    """Another label, as wide as it is: a Button keeps the width that it had (Textual 8.2: `label` asks for no layout).
    What is in brackets stays text: the names of answers come from servers.
    """
    text = _label(label, key)
    if shown.label != text:
        shown.label = text
        shown.refresh(layout=True)


def _label(label: str, key: str) -> Content:
    return Content.from_rich_text(Text(f"{key}  {label}" if key else label))


class Message(Dialog[None]):
    """Says something and offers only Close."""

    def __init__(self, title: str, lines: Sequence[Line], *, bad: bool = False) -> None:
        super().__init__()
        self.title_text = title
        self.bad = bad
        self._said = lines

    def lines(self, cells: int) -> Sequence[Line]:
        return [part for said in self._said for part in wrap_line(said, cells)]


class Ask(Dialog[bool]):
    """A question with yes and no; no has the focus."""

    BINDINGS = bindings("yes")

    def __init__(self, title: str, lines: Sequence[Line], yes: str, no: str, key: str) -> None:
        super().__init__()
        self.title_text = title
        self._said = lines
        self._yes, self._no, self._key = yes, no, key

    def compose_buttons(self) -> ComposeResult:
        yield button(self._no, "close", self.close_key)
        yield button(self._yes, "yes", self._key, risky=True)

    def lines(self, cells: int) -> Sequence[Line]:
        return [part for said in self._said for part in wrap_line(said, cells)] or [line("")]

    def agree(self) -> None:
        self.dismiss(True)

    def action_close(self) -> None:
        self.dismiss(False)
