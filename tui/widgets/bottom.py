"""The pane of the tabs: Progress, Log and Details, one shown at a time, their names in the border."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widget import Widget

from tui.keymap import Keymap
from tui.view.glyphs import Glyphs
from tui.view.lines import Line
from tui.widgets.log import LogTab
from tui.widgets.paint import Lines
from tui.widgets.progress import ProgressView

TABS = ("progress", "log", "details")


class DetailsTab(VerticalScroll, can_focus=True):
    """All about one row; its text can be selected."""

    ALLOW_SELECT: ClassVar[bool] = True

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._draw: Callable[[int], Sequence[Line]] = lambda cells: ()

    def compose(self) -> ComposeResult:
        yield Lines(id="details-text")

    def show(self, draw: Callable[[int], Sequence[Line]]) -> None:
        """Draw what this function gives for a width."""
        self._draw = draw
        self._redraw()

    def _redraw(self) -> None:
        self.query_one(Lines).show(self._draw(max(self.scrollable_content_region.width - 2, 20)))

    def on_resize(self) -> None:
        self._redraw()


class BottomPane(Vertical):
    """The three tabs; `tab` is the name of the one that is shown."""

    def __init__(self, glyphs: Glyphs, now: Callable[[], float], keymap: Keymap, id: str | None = None) -> None:
        super().__init__(id=id, classes="pane")
        self._glyphs = glyphs
        self.progress = ProgressView(glyphs, now, keymap, id="progress")
        self.log_tab = LogTab(glyphs, keymap, id="log")
        self.details = DetailsTab(id="details")
        self.tab = TABS[0]

    def compose(self) -> ComposeResult:
        yield self.progress
        yield self.log_tab
        yield self.details

    def on_mount(self) -> None:
        self.switch(self.tab)

    def switch(self, tab: str) -> None:
        """Show a tab; the focus stays in the pane where it was there."""
        focused = self.has_focus_within
        self.tab = tab
        for name, widget in zip(TABS, (self.progress, self.log_tab, self.details), strict=True):
            widget.display = name == tab
        names = [
            f"[@click=screen.tab('{name}')]{'[b u]' if name == tab else '[not b]'}{name.capitalize()}[/][/]"
            for name in TABS
        ]
        self.border_title = f"3 {f' {self._glyphs.rule} '.join(names)}"
        if focused:
            self.focus_target.focus()

    @property
    def focus_target(self) -> Widget:
        """What takes the focus in the tab that is shown."""
        return {"progress": self.progress, "log": self.log_tab.output, "details": self.details}[self.tab]

    def beside(self, step: int) -> str:
        """The name of the tab so many places on."""
        return TABS[(TABS.index(self.tab) + step) % len(TABS)]
