"""The pane of the tabs, one shown at a time, their names in the border."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from tui.keymap import Keymap
from tui.view.glyphs import Glyphs
from tui.widgets.changes import ChangesTab
from tui.widgets.details import DetailsTab
from tui.widgets.history import HistoryTab
from tui.widgets.log import LogTab
from tui.widgets.logs import LogsTab
from tui.widgets.preflight import PreflightTab
from tui.widgets.progress import ProgressView
from tui.widgets.tab import Tab


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
            PreflightTab(glyphs, keymap),
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
        names = [
            f"[@click=screen.tab('{name}')]{'[b u]' if name == tab else '[not b]'}{name.capitalize()}[/][/]"
            for name in self.tabs
        ]
        self.border_title = f"3 {f' {self._glyphs.rule} '.join(names)}"
        if focused:
            self.focus_target.focus()

    @property
    def focus_target(self) -> Widget:
        """What takes the focus in the tab that is shown."""
        return self.shown.focus_target

    def beside(self, step: int) -> str:
        """The name of the tab so many places on."""
        names = list(self.tabs)
        return names[(names.index(self.tab) + step) % len(names)]
