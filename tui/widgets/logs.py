"""The Logs tab: what the application writes on all servers, live."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from textual.timer import Timer

from core.events import Event
from tui.keymap import LOG_KEYS, LOGS_KEYS, Key, Keymap, bindings
from tui.model.app_logs import AppLogs
from tui.model.focus import Focus
from tui.model.operation import Followed
from tui.model.workspace import Workspace
from tui.view.app_log_lines import head_lines
from tui.view.fleet import FleetView
from tui.view.glyphs import Glyphs
from tui.widgets.tab import Tab
from tui.widgets.viewer import Viewer

TAKE_EVERY = 0.25
"""Seconds between two looks at what came."""

KEYS_OF_SEVERAL = (*LOG_KEYS[:2], *LOGS_KEYS, *LOG_KEYS[2:])
"""Keys of the tab where there are several logs. Of one log there is none to choose, and without logs none to read."""

UNSEEN = 300.0
"""Seconds after which logs that nobody looks at are followed no longer; they are again when the tab is shown."""


class LogsTab(Viewer, Tab):
    """Follows the logs of the environment from when the tab is first shown; `chosen` is the name of one of them."""

    tab_name = "logs"
    keys: tuple[Key, ...] = ()
    BINDINGS = bindings(*(key.id for key in LOGS_KEYS))

    def __init__(self, glyphs: Glyphs, now: Callable[[], float], keymap: Keymap) -> None:
        super().__init__(glyphs, keymap, "logs", id=self.tab_name)
        self._clock = now
        self._logs: AppLogs | None = None
        self._workspace: Workspace | None = None
        self._timer: Timer | None = None
        self._seen_at = 0.0
        self._rated_at = 0.0

    def show(self, workspace: Workspace, here: Focus) -> None:
        self._follow(workspace)

    def _follow(self, workspace: Workspace) -> None:
        """Follow the logs of this environment, over its connections of now."""
        self._workspace = workspace
        if self._logs is None or self._logs.fleet is not workspace.fleet:
            self._leave()
            self._logs = AppLogs(workspace.fleet, self._clock)
            several = len(self._logs.names) > 1
            self.keys = KEYS_OF_SEVERAL if several else LOG_KEYS if self._logs.names else ()
            names = [server.name for server in workspace.environment.servers]
            self.start(names, f"{workspace.environment.name}-logs")
            self.store.source_cells = max(map(len, self._logs.names)) if several else 0
        self._seen_at = time.monotonic()
        if not self._logs.runs and self._logs.sources:
            self._logs.start()
            self._timer = self.set_interval(TAKE_EVERY, self._take)
            self.store.narrow(source=self.store.source if self.store.source in self._logs.names else "")
        self._say_above()
        self.draw_soon()

    def _leave(self) -> None:
        """Follow nothing any more."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self._logs is not None:
            self._logs.stop()

    def on_resize(self) -> None:
        self._say_above()

    def on_unmount(self) -> None:
        self._leave()

    def begin(self, operation: Followed) -> None:
        if self._logs is not None and operation.fleet is not self._logs.fleet:
            self._leave()

    def forget(self) -> None:
        self._leave()

    def hear(self, said: Sequence[Event]) -> None:
        if self._logs is not None and self._logs.runs:
            self.add(self._logs.switches(said))

    def _take(self) -> None:
        workspace = self._workspace
        if self._logs is None or workspace is None:
            return
        if self._logs.fleet is not workspace.fleet:  # all connections were opened anew
            self._follow(workspace)
            return
        now = time.monotonic()
        if self._area.region:
            self._seen_at = now
        elif now - self._seen_at > UNSEEN:
            self._leave()
            return
        if lines := self._logs.take():
            self.add(lines)
        if self._area.region and now - self._rated_at >= 1.0:
            self._rated_at = now
            self._say_above()

    def _say_above(self) -> None:
        if self._logs is None:
            return
        source, logs = self.store.source, self._logs
        cells = max(self.size.width - 2, 20)
        key = self._keymap.shown("logs-source")
        fleet, now = self._workspace.fleet_view if self._workspace else FleetView("", ""), self._clock()
        silent = {server.name: now - server.seen_at for server in fleet.servers if server.silent and server.seen_at}
        self.show_above(
            head_lines(logs.names, source, logs.rate(source), logs.standings, cells, self._glyphs, key, silent)
        )

    def action_logs_source(self) -> None:
        """Show one of several logs, the next one, or all of them."""
        places = ("", *(self._logs.names if self._logs is not None else ()))
        index = places.index(self.store.source) if self.store.source in places else 0
        self._change(lambda: self.store.narrow(source=places[(index + 1) % len(places)]))
        self._say_above()
