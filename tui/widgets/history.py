"""The History tab: what was live when, every operation, and the log of one of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from msgspec.structs import replace
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from core.history import Entry, History
from core.lives import Life, one_after_another
from tui.keymap import DETAILS, LOG_KEYS, Key, Keymap, bindings
from tui.model.focus import Focus
from tui.model.workspace import Workspace
from tui.view.fleet import FleetView
from tui.view.formats import short_tag
from tui.view.glyphs import Glyphs
from tui.view.history_lines import (
    compared,
    entry_line,
    entry_lines,
    log_head,
    names_of,
    placeholder,
    timeline,
    unheard_lines,
)
from tui.view.lines import Line
from tui.view.log_lines import log_lines
from tui.widgets.markable import MarkableRows
from tui.widgets.paint import Lines
from tui.widgets.rows import Rows
from tui.widgets.tab import Tab
from tui.widgets.viewer import Viewer

LIST_KEYS = (replace(DETAILS, action="focused.details", label="Open its log", rank=1),)
"""Keys of the list. While a log is shown, the tab has those of a log."""

TALL = 12
"""Rows of the tab from which the line of time is above the list."""


class HistoryList(MarkableRows):
    """The operations, newest first; their keys are their ids. Two that are marked are compared."""

    BINDINGS = bindings("details")

    def __init__(self, glyphs: Glyphs, now: Callable[[], float], opened: Callable[[Entry], None]) -> None:
        super().__init__(id="history-list")
        self._glyphs = glyphs
        self._now = now
        self._opened = opened
        self._history: History | None = None
        self._lives: tuple[Life, ...] = ()
        self._placeholder: Sequence[Line] = ()
        self._fleet = FleetView("", "")
        self.called: Callable[[str], str] = short_tag
        """How a release is called here."""

    def show(self, history: History | None, fleet: FleetView, nothing: Sequence[Line]) -> None:
        """Draw these operations, or `nothing` where there are none."""
        self._placeholder = nothing
        self._fleet = fleet
        self.marked &= {entry.operation for entry in history.entries} if history else set()
        if history is not self._history or not history:
            self._history = history
            self.called = names_of(history.entries, fleet.places) if history else short_tag
            self._lives = one_after_another(history.lives) if history else ()
            self.set_keys([entry.operation for entry in history.entries] if history else [])
        else:
            self.redraw()  # ages go on

    @property
    def entry(self) -> Entry | None:
        """The operation under the cursor."""
        return self._history.entries[self.cursor] if self._history and self.key else None

    @property
    def pair(self) -> tuple[str, str] | None:
        """The two releases that the marked operations, or else the one under the cursor, are about."""
        return self.pair_of(self.marked or {self.key})

    def pair_of(self, chosen: Collection[str]) -> tuple[str, str] | None:
        """The two releases that these operations are about."""
        return compared(chosen, self._history.entries) if self._history else None

    def draw_head(self, cells: int) -> Sequence[Line]:
        if self._history is None or not self._history.entries:
            return ()
        head = unheard_lines(self._history, cells, self._glyphs)
        if self.size.height >= TALL:
            head = [
                *timeline(self._lives, self._history.entries, cells, self._glyphs, self._now(), named=self.called),
                (),
                *head,
            ]
        return head

    def draw(self, index: int, cells: int) -> Line:
        assert self._history is not None
        entry = self._history.entries[index]
        row = self._fleet.row(entry.tag)
        subject = row.record.subject if row and row.record else ""
        marked = entry.operation in self.marked
        return entry_line(
            entry,
            cells,
            self._glyphs,
            self._now(),
            subject,
            marked=marked,
            name=self.called,
            unheard=self._history.unheard,
        )

    def draw_placeholder(self, cells: int) -> Sequence[Line]:
        return self._placeholder

    def action_details(self) -> None:
        """Enter: the log of the operation under the cursor."""
        if self.entry is not None:
            self._opened(self.entry)


class HistoryTab(Vertical, Tab):
    """The list, or the log of one operation."""

    tab_name = "history"
    follows_fleet = True
    has_ages = True
    keys: tuple[Key, ...] = LIST_KEYS
    BINDINGS = bindings("close")

    def __init__(self, glyphs: Glyphs, now: Callable[[], float], keymap: Keymap) -> None:
        super().__init__(id=self.tab_name)
        self._glyphs = glyphs
        self._now = now
        self._keymap = keymap
        self._workspace: Workspace | None = None
        self._written: object = None

    def compose(self) -> ComposeResult:
        yield HistoryList(self._glyphs, self._now, self._open)
        yield Lines(id="history-head")
        yield Viewer(self._glyphs, self._keymap, id="history-log")

    def on_mount(self) -> None:
        self._show_log(shown=False)

    @property
    def list(self) -> HistoryList:
        """The operations."""
        return self.query_one(HistoryList)

    @property
    def pair(self) -> tuple[str, str] | None:
        """The two releases that are compared from here; of an operation whose log is shown, its own."""
        opened = self._workspace.past.opened if self._workspace else None
        return self.list.pair_of({opened.operation}) if opened else self.list.pair

    @property
    def typing(self) -> tuple[str, str] | None:
        return self.query_one(Viewer).typing

    @property
    def focus_target(self) -> Widget:
        return self.list if self.list.display else self.query_one(Viewer).focus_target

    def show(self, workspace: Workspace, here: Focus) -> None:
        if self._workspace is not workspace:
            if self._workspace is not None:
                self._workspace.past.listener = lambda: None
            self._workspace = workspace
            workspace.past.listener = self._changed
        if not workspace.operation_runs:
            workspace.past.look()
        self._draw()

    def _changed(self) -> None:
        if self.is_here and self.display:
            self._draw()

    def _draw(self) -> None:
        workspace = self._workspace
        if workspace is None:
            return
        past, cells = workspace.past, max(self.size.width - 3, 20)
        nothing = placeholder(past.history, past.error, cells, self._glyphs, reading=past.reading)
        self.list.show(past.history, workspace.fleet_view, nothing)
        if past.opened is None:
            self._show_log(shown=False)
            return
        back = self._keymap.shown("close")
        head = entry_lines(past.opened, cells, self._glyphs, self._now(), self.list.called)
        head = [*head[: max(self.size.height // 3, 1)], log_head(past.events, past.log_error, back, self._glyphs)]
        above = self.query_one("#history-head", Lines)
        above.show(head)
        above.styles.height = len(head)
        if past.events is not None and self._written is not past.events:
            self._written = past.events
            log = self.query_one(Viewer)
            names = dict.fromkeys(event.server for event in past.events if event.server)
            log.start(list(names), f"{workspace.environment.name}-{past.opened.kind}", follow=False)
            log.add(line for event in past.events for line in log_lines(event))
        self._show_log(shown=True)

    def _show_log(self, *, shown: bool) -> None:
        """Show the log in place of the list, or the list; the focus goes along."""
        log, focused = self.query_one(Viewer), self.has_focus_within
        self.keys = LOG_KEYS if shown else LIST_KEYS
        if self.list.display != (not shown) or log.display != shown:
            self.list.display = not shown
            log.display = self.query_one("#history-head").display = shown
            if focused:
                self.focus_target.focus()

    def _open(self, entry: Entry) -> None:
        if self._workspace is not None:
            self.query_one(Viewer).start(())
            self._workspace.past.open(entry)

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        event.stop()
        self.list.action_details()

    def on_resize(self) -> None:
        self._draw()

    async def action_close(self) -> None:
        """Escape: from a log back to the list, from the list as everywhere."""
        if self._workspace is not None and self._workspace.past.opened is not None:
            self._workspace.past.close_log()
        else:
            await self.screen.run_action("close")
