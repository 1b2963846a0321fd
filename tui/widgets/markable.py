"""Rows that can be marked, one by one, all that are shown, or a range."""

from __future__ import annotations

from collections.abc import Iterable

from textual import events

from tui.widgets.bars import press
from tui.widgets.rows import Rows


class MarkableRows(Rows):
    """`marked` are the keys of marked rows, whether or not a filter shows them."""

    def __init__(self, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.marked: set[str] = set()
        self._last = ""

    def can_mark(self, key: str) -> bool:
        """Whether a row may be marked."""
        return bool(key)

    def markable(self, keys: Iterable[str]) -> set[str]:
        """Those of the rows that are marked together: where all, or a range of them, are."""
        return {key for key in keys if self.can_mark(key)}

    def toggle_mark(self) -> None:
        """Mark the row under the cursor, or take its mark away, and go to the next."""
        if self.can_mark(self.key):
            self.marked ^= {self.key}
            self._last = self.key
            self.cursor += 1
            self.redraw()

    def mark_all(self) -> None:
        """Mark all rows that are shown and may be marked; where they all are, take their marks away."""
        shown = self.markable(self.keys)
        self.marked = self.marked - shown if shown <= self.marked else self.marked | shown
        self.redraw()

    def mark_range(self) -> None:
        """Mark the rows from the one that was marked last to the cursor; from the cursor's own where none was."""
        start = self.keys.index(self._last) if self._last in self.keys else self.cursor
        first, last = sorted((start, self.cursor))
        self.marked |= self.markable(self.keys[first : last + 1])
        self._last = self.key
        self.redraw()

    def row_clicked(self, event: events.Click) -> None:
        """With ctrl a click marks as `mark` does, with shift as `mark-range`."""
        if event.ctrl or event.shift:
            press(self.app, "command('mark')" if event.ctrl else "command('mark-range')")
        else:
            super().row_clicked(event)

    def unmark(self) -> None:
        """Take all marks away."""
        self.marked.clear()
        self._last = ""
        self.redraw()
