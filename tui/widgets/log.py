"""The Log tab: every line of the operation that is shown."""

from __future__ import annotations

from collections.abc import Sequence

from core.events import Event
from tui.keymap import LOG_KEYS, Keymap
from tui.model.focus import Focus
from tui.model.operation import Followed
from tui.model.workspace import Workspace
from tui.view.glyphs import Glyphs
from tui.view.log_lines import idle_log_lines, log_lines
from tui.widgets.tab import Tab
from tui.widgets.viewer import Viewer


class LogTab(Viewer, Tab):
    """The lines of the operation, running or ended."""

    tab_name = "log"
    keys = LOG_KEYS

    def __init__(self, glyphs: Glyphs, keymap: Keymap) -> None:
        super().__init__(glyphs, keymap, id=self.tab_name)

    def show(self, workspace: Workspace, here: Focus) -> None:
        self.show_above([] if workspace.operation else idle_log_lines(self._keymap.shown("history")))
        self.draw_soon()

    def begin(self, operation: Followed) -> None:
        progress = operation.progress
        self.start(list(progress.servers), f"{progress.environment}-{progress.kind}")

    def forget(self) -> None:
        self.start(())

    def hear(self, said: Sequence[Event]) -> None:
        self.add(line for event in said for line in log_lines(event))
