"""The Progress tab: one widget that draws the rows of all servers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from core.errors import TurnoutError
from tui.keymap import Keymap
from tui.model.focus import Focus
from tui.model.workspace import Workspace
from tui.view import progress_lines as view
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, crop
from tui.view.progress import Progress
from tui.widgets.paint import ROLE_CLASSES, strip
from tui.widgets.tab import Tab


class ProgressView(ScrollView, Tab, can_focus=True):
    """The last operation, running or ended; rows are drawn only where they are seen."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = set(ROLE_CLASSES)
    tab_name = "progress"

    def __init__(self, glyphs: Glyphs, now: Callable[[], float], keymap: Keymap) -> None:
        super().__init__(id=self.tab_name)
        self._glyphs = glyphs
        self._now = now
        self._keymap = keymap
        self._progress: Progress | None = None
        self._error: TurnoutError | None = None
        self._head: list[Line] = []
        self._names: list[str] = []
        self._name_cells = 0

    def show(self, workspace: Workspace, here: Focus) -> None:
        operation = workspace.operation
        self._progress = operation.progress if operation else None
        self._error = operation.error if operation else None
        self._build()
        self.refresh()

    def _build(self) -> None:
        cells = max(self.scrollable_content_region.width - 1, 20)
        if self._progress is None:
            idle = view.idle_lines({name: self._keymap.shown(name) for name in ("deploy", "rollback", "undo")})
            self._head = [crop(spans, cells, self._glyphs.more) for spans in idle]
            self._names = []
        else:
            self._head = self._head_lines(self._progress, cells)
            names = list(self._progress.servers)
            failed = self._progress.servers
            self._names = sorted(names, key=lambda name: failed[name].failed is None)  # stable: failed ones first
            self._name_cells = min(max((len(name) for name in names), default=0), max(cells // 4, 8))
        self.virtual_size = Size(self.size.width, len(self._head) + len(self._names))

    def _head_lines(self, progress: Progress, cells: int) -> list[Line]:
        now = self._now()
        head = [view.title_line(progress, cells, now, self._glyphs)]
        fleet = view.fleet_line(progress, cells, now, self._glyphs)
        head += [fleet] if fleet else []
        head += view.end_lines(progress, self._error, cells, self._glyphs)
        head += view.notes_lines(progress, cells, self._glyphs)
        return [*head, ()]

    @property
    def lines(self) -> Sequence[Line]:
        """Everything that is drawn, from the first line to the last."""
        return [*self._head, *(self._row(index) for index in range(len(self._names)))]

    def _row(self, index: int) -> Line:
        if self._progress is None:
            return ()
        cells = max(self.scrollable_content_region.width - 1, 20)
        return view.server_progress_line(
            self._progress, self._names[index], cells, self._now(), self._glyphs, self._name_cells
        )

    def on_resize(self) -> None:
        self._build()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        cells = self.scrollable_content_region.width or self.size.width
        place = y + self.scroll_offset.y
        if place < len(self._head):
            spans = self._head[place]
        elif place - len(self._head) < len(self._names):
            spans = self._row(place - len(self._head))
        else:
            spans = ()
        return strip(self, spans, cells, self.rich_style)
