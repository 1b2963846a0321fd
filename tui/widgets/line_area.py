"""The rows of a viewer: only those that are seen are drawn; their text can be selected with the mouse."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.geometry import Size
from textual.selection import Selection
from textual.strip import Strip

from tui.keymap import bindings
from tui.view.glyphs import Glyphs
from tui.view.line_store import LineStore
from tui.view.lines import line, plain, width
from tui.widgets.paint import ROLE_CLASSES, Drawn, strip
from tui.widgets.scrolling import Scrolling

SIDEWAYS = 20
"""Cells that a key moves long lines."""


class LineArea(Drawn, Scrolling, can_focus=True):
    """Draws the rows of a LineStore.

    follow     whether it goes along with new lines
    marked     the number of the line that a person has stepped to, or -1
    scrolled   is told whenever a person moved to the end, which follows again, or away from it, which stops that
    """

    ALLOW_SELECT = True
    COMPONENT_CLASSES: ClassVar[set[str]] = set(ROLE_CLASSES)
    BINDINGS = bindings("down", "up", "page-down", "page-up", "first", "last")

    def __init__(self, store: LineStore, glyphs: Glyphs, scrolled: Callable[[], None]) -> None:
        super().__init__(classes="viewer-lines")
        self.follow = True
        self.marked = -1
        self._store = store
        self._glyphs = glyphs
        self._scrolled = scrolled
        self._first_row = 0
        self._placing = False
        self._version = -1

    @property
    def cells(self) -> int:
        """The width for a row."""
        return max(self.scrollable_content_region.width, 1)

    @property
    def at_end(self) -> bool:
        """Whether the last row is seen."""
        return self.scroll_offset.y >= self.max_scroll_y

    def take_in(self) -> None:
        """Draw the rows that there are now; where old ones went, those that are seen stay where they are."""
        if self._version == self._store.version:
            return
        top, rows = self.scroll_offset.y, self.virtual_size.height
        gone, self._first_row = self._store.first_row - self._first_row, self._store.first_row
        self._version = self._store.version
        self._place(top - gone if gone > 0 else None)
        if gone or top != self.scroll_offset.y or top + self.size.height > rows:
            self.refresh()

    def _place(self, y: float | None) -> None:
        """Take the store's size on, and go to the end or to a place."""
        self._placing = True
        wide = 0 if self._store.wrap else self._store.widest
        self.virtual_size = Size(wide, self._store.rows)
        if self.follow:
            self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True, force=True)
        elif y is not None:
            self.scroll_to(y=max(y, 0), animate=False, immediate=True, force=True)
        self._placing = False

    def keeping_place(self, change: Callable[[], None]) -> None:
        """Make a change to the store that lays it out anew; the line at the top stays there, or the end is followed."""
        top = self._store.line_at(self._first_row + self.scroll_offset.y)
        self.screen.clear_selection()
        change()
        self._first_row = self._store.first_row
        self._version = self._store.version
        self._place(self._store.row_of(top) - self._first_row if top >= 0 else 0)
        self.refresh()

    def mark(self, number: int) -> None:
        """Show a line, and that it is the one."""
        self.marked = number
        row = self._store.row_of(number) - self._first_row
        top, height = self.scroll_offset.y, self.size.height
        if not top <= row < top + height:
            self.scroll_to(y=row - height // 3, animate=False, immediate=True)
        elif row < self.max_scroll_y:
            self._follow(False)  # new lines must not carry it away
        self.refresh()

    def from_where(self, step: int) -> int:
        """The line from which a step goes: the marked one where it is seen, else one beside the screen."""
        top, height = self._first_row + self.scroll_offset.y, self.size.height
        row = self._store.row_of(self.marked)
        if self.marked >= 0 and top <= row < top + height:
            return self.marked
        first, last = self._store.line_at(top), self._store.line_at(top + height - 1)
        return first - 1 if step > 0 else last + 1

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if not self._placing and round(old_value) != round(new_value):
            self._follow(self.at_end)

    def _follow(self, follow: bool) -> None:
        if follow != self.follow:
            self.follow = follow
            self._scrolled()

    def set_follow(self, follow: bool) -> None:
        """Go to the end and along with new lines, or stay here."""
        self._follow(follow)
        self._place(None)

    def on_resize(self, event: events.Resize) -> None:
        if self._store.wrap:
            self.keeping_place(lambda: self._store.form(cells=self.cells))
        else:
            self._store.form(cells=self.cells)
            self._place(None)

    # Drawing.

    def render_line(self, y: int) -> Strip:
        left, top = self.scroll_offset
        row = self._first_row + top + y
        spans = self._store.spans(row, self.marked, self._glyphs.more)
        drawn = strip(self, spans, max(width(spans), self.cells + left), self.rich_style, keys=False)
        selected = self.text_selection
        if selected is not None and (span := selected.get_span(row)) is not None:
            drawn = self._with_selection(drawn, *span)
        seen = drawn.crop(left, left + self.cells)
        if width(spans) > left + self.cells:  # there is more of it to the right
            more = strip(self, line((self._glyphs.more, "dim")), 1, self.rich_style)
            seen = Strip.join([seen.crop(0, self.cells - 1), more])
        return seen.apply_offsets(left, row)

    def _with_selection(self, drawn: Strip, start: int, end: int) -> Strip:
        end = drawn.cell_length if end < 0 else end
        style = self.screen.get_component_rich_style("screen--selection")
        parts = [drawn.crop(0, start), drawn.crop(start, end).apply_style(style), drawn.crop(end)]
        return Strip.join(parts)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text. Rows are counted as the store counts them."""
        first, last = self._store.first_row, self._store.first_row + self._store.rows
        start = max(selection.start.y, first) if selection.start else first
        end = min(selection.end.y + 1, last) if selection.end else last
        out = []
        for row in range(start, end):
            text = plain(self._store.spans(row))
            begin, stop = selection.get_span(row) or (0, 0)
            out.append(text[begin : None if stop < 0 else stop].rstrip())
        return ("\n".join(out), "\n") if out else None

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()

    # Keys.

    def action_cursor_down(self) -> None:
        self.scroll_relative(y=1, animate=False)

    def action_cursor_up(self) -> None:
        self.scroll_relative(y=-1, animate=False)

    def action_page_down(self) -> None:
        self.scroll_page_down(animate=False)

    def action_page_up(self) -> None:
        self.scroll_page_up(animate=False)

    def action_first(self) -> None:
        self.scroll_home(animate=False, x_axis=False)

    def action_last(self) -> None:
        self.scroll_end(animate=False, x_axis=False)

    def action_scroll_left(self) -> None:
        self.scroll_relative(x=-SIDEWAYS, animate=False)

    def action_scroll_right(self) -> None:
        self.scroll_relative(x=SIDEWAYS, animate=False)
