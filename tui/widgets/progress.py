"""The Progress tab: one widget that draws the operation; only what has changed is drawn again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import ClassVar

from msgspec.structs import replace
from textual.geometry import Region, Size
from textual.strip import Strip

from core.errors import TurnoutError
from core.history import Entry
from tui.keymap import Keymap
from tui.model.focus import Focus
from tui.model.pages import topic
from tui.model.workspace import Workspace
from tui.view.fleet import FleetView
from tui.view.formats import short_tag
from tui.view.glyphs import Glyphs
from tui.view.history_lines import names_of
from tui.view.lines import Line, crop
from tui.view.progress import Progress
from tui.view.progress_lines import idle_lines
from tui.view.progress_page import Frame, Page, page, row
from tui.view.recent import ahead_lines, recent_entries, recent_lines
from tui.view.switch_lines import moving
from tui.view.way_back import way_back
from tui.widgets.paint import ROLE_CLASSES, Drawn, strip
from tui.widgets.scrolling import Scrolling
from tui.widgets.tab import Tab

DRAWN_EVERY = 0.2
"""Seconds between two pictures of what moves all the time; an end, and a switch in motion, are drawn at once."""

FRAME_SECONDS = 0.1
"""Seconds between two pictures of a motion that goes on after the end."""

NEXT_KEYS = ("undo", "changes", "copy-receipt")
"""Ids of what a receipt offers, as far as there are such keys."""


class ProgressView(Drawn, Scrolling, Tab, can_focus=True):
    """The last operation, running or ended: as a page of the view, then the servers that it has no room for."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = set(ROLE_CLASSES)
    tab_name = "progress"
    follows_fleet = True
    has_ages = True

    def __init__(self, glyphs: Glyphs, now: Callable[[], float], keymap: Keymap) -> None:
        super().__init__(id=self.tab_name)
        self._glyphs = glyphs
        self._now = now
        self._keymap = keymap
        self._progress: Progress | None = None
        self._error: TurnoutError | None = None
        self._topic = ""
        self._fleet = FleetView("", "")
        self._recent: tuple[Entry, ...] = ()
        self._called: Callable[[str], str] = short_tag
        """How a release of these is called."""
        self._page = Page(())
        self._drawn_on: Frame | None = None
        """What the page was laid out for."""
        self._drawn_at = 0.0

    def show(self, workspace: Workspace, here: Focus) -> None:
        operation = workspace.operation
        progress = operation.progress if operation else None
        same = progress is self._progress and progress is not None and progress.finished is None
        self._progress = progress
        error = operation.error if operation else None
        if error is not self._error:
            self._error, self._topic = error, topic(error) if error else ""
        if operation is None and workspace.fleet_view is not self._fleet:
            self._fleet = workspace.fleet_view
            self._recent = recent_entries(self._fleet)
            self._called = names_of(self._recent, self._fleet.places)
        if same and not self._moves and time.monotonic() - self._drawn_at < DRAWN_EVERY:
            return
        if self.region:  # else it was hidden just now, and gets its width soon
            self._draw()

    @property
    def _moves(self) -> bool:
        """Whether a switch is in motion, which ends by itself."""
        return self._motion and self._progress is not None and moving(self._progress, self._now())

    @property
    def _motion(self) -> bool:
        return self.app.animation_level != "none"

    def _frame(self) -> Frame:
        keys = {name: self._keymap.shown(name) for name in NEXT_KEYS if name in self._keymap.by_id}
        region = self.scrollable_content_region
        return Frame(max(region.width, 20), max(region.height, 1), self._glyphs, keys, self._motion, self._topic)

    def _draw(self) -> None:
        self._drawn_at = time.monotonic()
        before = self._page
        self._drawn_on, self._page = self._laid_out(self._frame())
        if self._progress is not None and self._progress.finished and self._moves:
            self.set_timer(FRAME_SECONDS, self._draw)
        size = Size(self.size.width, _height(self._page))
        if size != self.virtual_size:
            self.virtual_size = size
        self._refresh_changed(before)

    def _laid_out(self, frame: Frame) -> tuple[Frame, Page]:
        """The page for this frame, or, where it scrolls, for one that leaves a cell free beside the scroll bar."""
        beside = replace(frame, cells=frame.cells - 1)
        if _height(self._page) > frame.rows and _height(narrow := self._page_on(beside)) > frame.rows:
            return beside, narrow  # it scrolled before: most often it still does
        whole = self._page_on(frame)
        return (frame, whole) if _height(whole) <= frame.rows else (beside, self._page_on(beside))

    def _page_on(self, frame: Frame) -> Page:
        if self._progress is None:
            return Page(self._idle(frame))
        return page(self._progress, self._error, self._now(), frame)

    def _idle(self, frame: Frame) -> list[Line]:
        """What to press, and what was done last."""
        keys = {name: self._keymap.shown(name) for name in ("deploy", "rollback", "undo", "history")}
        idle = idle_lines(keys, way_back(self._fleet, self._now()))
        out = [crop(spans, frame.cells, self._glyphs.more) for spans in idle]
        rows = frame.rows - len(out) - 1
        recent = recent_lines(
            self._recent, self._fleet, frame.cells, rows, self._glyphs, self._now(), keys["history"], self._called
        )
        out += [(), *recent] if recent else []
        rows = frame.rows - len(out) - 1
        ahead = ahead_lines(self._fleet, frame.cells, rows, self._glyphs, keys["deploy"])
        return [*out, (), *ahead] if ahead else out

    def _refresh_changed(self, before: Page) -> None:
        """Draw again what differs from the page before; all of it where it is scrolled."""
        if self.scroll_offset.y or before.below != self._page.below:
            self.refresh()
            return
        for y, (old, new) in enumerate(zip_longest(before.lines, self._page.lines, fillvalue=())):
            if old != new:
                self.refresh(Region(0, y, self.size.width, 1))

    @property
    def lines(self) -> Sequence[Line]:
        """Everything that is drawn, from the first line to the last."""
        return [*self._page.lines, *(self._row(name) for name in self._page.below)]

    def _row(self, name: str) -> Line:
        frame = self._drawn_on
        return row(self._progress, name, self._now(), frame) if self._progress and frame else ()

    def on_resize(self) -> None:
        self._draw()
        self.refresh()

    def on_show(self) -> None:
        """Now it has its width."""
        self.on_resize()

    def render_line(self, y: int) -> Strip:
        cells = self.scrollable_content_region.width or self.size.width
        place = y + self.scroll_offset.y
        lines, below = self._page.lines, self._page.below
        if place < len(lines):
            spans = lines[place]
        elif place - len(lines) < len(below):
            spans = self._row(below[place - len(lines)])
        else:
            spans = ()
        return strip(self, spans, cells, self.rich_style)


def _height(shown: Page) -> int:
    """Rows of all that is on a page."""
    return len(shown.lines) + len(shown.below)
