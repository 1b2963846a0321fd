"""The pane of the tabs, one shown at a time, their names in the border."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget

from tui.keymap import Keymap
from tui.view.glyphs import Glyphs
from tui.view.titles import tab_names
from tui.widgets.border import set_border_title
from tui.widgets.changes import ChangesTab
from tui.widgets.details import DetailsTab
from tui.widgets.history import HistoryTab
from tui.widgets.log import LogTab
from tui.widgets.logs import LogsTab
from tui.widgets.preflight import PreflightTab
from tui.widgets.progress import ProgressView
from tui.widgets.tab import Tab

NUMBER = "3 "
"""Before the names of the tabs: the key of the pane."""

EDGES = 2
"""Cells of a border beside its title."""


class BottomPane(Vertical):
    """`tabs` by name, from left to right; `tab` is the name of the one that is shown."""

    def __init__(self, glyphs: Glyphs, now: Callable[[], float], keymap: Keymap, id: str | None = None) -> None:
        super().__init__(id=id, classes="pane")
        self._glyphs = glyphs
        self.progress = ProgressView(glyphs, now, keymap)
        self.log_tab = LogTab(glyphs, keymap)
        self.history = HistoryTab(glyphs, now, keymap)
        all_tabs: tuple[Tab, ...] = (
            self.progress,
            self.log_tab,
            DetailsTab(glyphs, now, keymap),
            ChangesTab(glyphs, keymap),
            self.history,
            PreflightTab(glyphs, now, keymap),
            LogsTab(glyphs, now, keymap),
        )
        self.tabs = {tab.tab_name: tab for tab in all_tabs}
        self.tab = next(iter(self.tabs))

    def compose(self) -> ComposeResult:
        yield from self.tabs.values()

    def on_mount(self) -> None:
        self.switch(self.tab)

    @property
    def shown(self) -> Tab:
        """The tab that is shown."""
        return self.tabs[self.tab]

    def switch(self, tab: str) -> None:
        """Show a tab; the focus stays in the pane where it was there."""
        focused = self.has_focus_within
        self.tab = tab
        for name, widget in self.tabs.items():
            widget.display = name == tab
        self._name_tabs()
        if focused:
            self.focus_target.focus()

    def _name_tabs(self) -> None:
        """Write the names of the tabs into the border; a click on one shows it."""
        written = []
        for text, name in tab_names(
            list(self.tabs), self.tab, self.outer_size.width - EDGES - len(NUMBER), self._glyphs
        ):
            style = "b u" if name == self.tab else "not b"
            said = text.capitalize() if text == name else text
            written.append(f"[@click=screen.tab('{name}')][{style}]{said}[/][/]" if name else said)
        set_border_title(self, Content.from_markup(NUMBER + "".join(written)))

    def on_resize(self) -> None:
        self._name_tabs()

    def on_mouse_down(self) -> None:
        """A click anywhere into the pane is one into what takes its focus, where nothing else has it."""
        if not self.has_focus_within:
            self.focus_target.focus()

    @property
    def focus_target(self) -> Widget:
        """What takes the focus in the tab that is shown."""
        return self.shown.focus_target

    def beside(self, step: int) -> str:
        """The name of the tab so many places on."""
        names = list(self.tabs)
        return names[(names.index(self.tab) + step) % len(names)]
