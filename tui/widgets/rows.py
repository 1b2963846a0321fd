"""A list of rows with a cursor that are drawn only when they are seen: the base of servers, releases and choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from tui.keymap import bindings
from tui.view.lines import Line, line, wrap_line
from tui.widgets.paint import ROLE_CLASSES, strip
from tui.widgets.scrolling import Scrolling


class Rows(Scrolling, can_focus=True):
    """Rows by key; the cursor stays on its key when rows come and go. Sub-classes draw.

    head    lines above the rows that do not scroll
    placeholder   lines instead of the rows where there are none
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {*ROLE_CLASSES, "rows--cursor", "rows--cursor-blurred", "rows--head"}
    BINDINGS = bindings("down", "up", "page-down", "page-up", "first", "last")

    cursor: reactive[int] = reactive(0, repaint=False)

    class OfRows(Message):
        """Something has happened to these rows."""

        def __init__(self, rows: Rows) -> None:
            super().__init__()
            self.rows = rows

        @property
        def control(self) -> Rows:
            return self.rows

    class Moved(OfRows):
        """The cursor has moved to another row."""

    class Chosen(OfRows):
        """A row was chosen with Enter or a double click."""

    class Fitted(OfRows):
        """All rows are seen from now on, or no longer."""

    def __init__(self, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._keys: tuple[str, ...] = ()
        self._strips: dict[tuple[int, int, str], Strip] = {}
        self._head: tuple[int, Sequence[Line]] = (-1, ())
        self._times: dict[int, str] = {}
        """By place: what `time_text` said when the row was drawn."""
        self._seen: list[Strip] = []
        """The lines that were seen when the rows were drawn again last."""
        self.keeps_row = True
        """Whether the cursor goes along with its row when others come before it; else it stays on its place."""
        self._overflowed = False

    def redraw(self) -> None:
        """Draw the rows again of which the content has changed. (Until then a drawn row is kept.)"""
        self._strips.clear()
        self._times.clear()
        self._head = (-1, ())
        before, height = self._seen, self.scrollable_content_region.height
        self._seen = [self.render_line(y) for y in range(height)]
        if len(before) != height:
            self.refresh()
            return
        changed = [y for y, (old, new) in enumerate(zip(before, self._seen, strict=True)) if old != new]
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def redraw_seen(self) -> None:
        """Draw again the rows that are seen and whose text has changed by time alone (`time_text`), and the head."""
        cells = self._cells
        head = self.draw_head(cells)
        if head != self._head_lines(cells):
            self.redraw()
            return
        for index in self._seen_rows:
            if self._times.get(index, "") != self.time_text(index):
                self._draw_anew(index)

    @property
    def _seen_rows(self) -> range:
        """The places of the rows that are seen; where rows are side by side, of all."""
        if self._columns > 1:
            return range(len(self._keys))
        first = self.scroll_offset.y
        return range(first, min(first + self.scrollable_content_region.height, len(self._keys)))

    def _draw_anew(self, index: int) -> None:
        for key in [key for key in self._strips if key[0] == index]:
            del self._strips[key]
        line_of = self._line_of(index)
        if 0 <= line_of.y < len(self._seen):
            self._seen[line_of.y] = self.render_line(line_of.y)
        self.refresh(line_of)

    def _line_of(self, index: int) -> Region:
        """Where the line of a row is now."""
        y = self.head_height + index % self._lines_of_rows - self.scroll_offset.y
        return Region(0, y, self.size.width, 1)

    def time_text(self, index: int) -> str:
        """What of a row changes by itself as time goes on; "" for nothing."""
        return ""

    def draw_head(self, cells: int) -> Sequence[Line]:
        """The lines above the rows."""
        return ()

    def draw(self, index: int, cells: int) -> Line:
        """The line of a row."""
        raise NotImplementedError

    def draw_placeholder(self, cells: int) -> Sequence[Line]:
        """The lines shown in place of rows; what is too long for a line goes on in the next."""
        return ()

    @property
    def head_height(self) -> int:
        return len(self._head_lines(self._cells))

    def _head_lines(self, cells: int) -> Sequence[Line]:
        if self._head[0] != cells:
            self._head = (cells, self.draw_head(cells))
        return self._head[1]

    @property
    def _cells(self) -> int:
        """The width of a line."""
        return self.scrollable_content_region.width or self.size.width

    def columns(self, cells: int) -> int:
        """How many rows are side by side in a line of so many cells; they are read column by column."""
        return 1

    @property
    def _columns(self) -> int:
        return max(self.columns(self._cells), 1)

    @property
    def _lines_of_rows(self) -> int:
        return max(-(-len(self._keys) // self._columns), 1)

    @property
    def lines_high(self) -> int:
        """Lines that the head and all rows take."""
        return -(-len(self._keys) // self._columns) + self.head_height

    @property
    def overflows(self) -> bool:
        """Whether there are more rows than are seen."""
        return self.lines_high > self.scrollable_content_region.height > 0

    @property
    def counted(self) -> tuple[int, int]:
        """The place of the cursor, from 1, and how many there are of what is listed."""
        return self.cursor + 1, len(self.keys)

    @property
    def keys(self) -> tuple[str, ...]:
        return self._keys

    @property
    def key(self) -> str:
        """The key of the row under the cursor, "" for none."""
        return self._keys[self.cursor] if 0 <= self.cursor < len(self._keys) else ""

    def set_keys(self, keys: Sequence[str]) -> None:
        """Other rows: the cursor stays on its row, or where that is gone on the same place."""
        before = self.key
        new = tuple(keys)
        self._head = (-1, ())
        if new != self._keys:
            self._keys = new
            stays = before in new and self.keeps_row
            place = new.index(before) if stays else min(self.cursor, max(len(new) - 1, 0))
            moved = place != self.cursor
            self._place_virtual_size()
            self.cursor = place
            if moved:
                self._scroll_to_cursor()
            if self.key != before:
                self.post_message(self.Moved(self))
        self.redraw()

    def go_to(self, key: str) -> None:
        """Put the cursor on a row."""
        if key in self._keys:
            self.cursor = self._keys.index(key)

    def _place_virtual_size(self) -> None:
        self.virtual_size = Size(self.size.width, self.lines_high)
        if self.overflows != self._overflowed:
            self._overflowed = self.overflows
            self.post_message(self.Fitted(self))

    def on_resize(self) -> None:
        self._place_virtual_size()
        self._scroll_to_cursor()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.redraw()

    def watch_cursor(self, old: int, new: int) -> None:
        if old == new:
            return
        self.refresh(self._line_of(old), self._line_of(new))
        self._scroll_to_cursor()
        self.post_message(self.Moved(self))

    def validate_cursor(self, cursor: int) -> int:
        return min(max(cursor, 0), max(len(self._keys) - 1, 0))

    def _scroll_to_cursor(self) -> None:
        height = self.scrollable_content_region.height - self.head_height
        if height <= 0:
            return
        top, place = self.scroll_offset.y, self.cursor % self._lines_of_rows
        if place < top:
            self.scroll_to(y=place, animate=False, immediate=True)
        elif place >= top + height:
            self.scroll_to(y=place - height + 1, animate=False, immediate=True)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def render_line(self, y: int) -> Strip:
        cells = self._cells
        head = self._head_lines(cells)
        columns = max(self.columns(cells), 1)
        place = y - len(head) + (self.scroll_offset.y if y >= len(head) else 0)
        if columns == 1 or place < 0 or not self._keys:
            return self._drawn(place, cells, head)
        each = cells // columns
        widths = [each] * (columns - 1) + [cells - each * (columns - 1)]
        high = -(-len(self._keys) // columns)
        # Below the last line there is none of any column.
        indexes = [column * high + place if place < high else len(self._keys) for column in range(columns)]
        return Strip.join(self._drawn(index, wide, head) for index, wide in zip(indexes, widths, strict=True))

    def _drawn(self, index: int, cells: int, head: Sequence[Line]) -> Strip:
        """The strip of a row in so many cells, made anew only where it is not there yet."""
        state = (
            "" if index != self.cursor or index < 0 else "rows--cursor" if self.has_focus else "rows--cursor-blurred"
        )
        drawn = self._strips.get((index, cells, state))
        if drawn is None:
            drawn = self._strips[index, cells, state] = self._make(index, cells, state, head)
        return drawn

    def _make(self, index: int, cells: int, state: str, head: Sequence[Line]) -> Strip:
        """The strip of a row, or of a line of the head for negative indexes."""
        ground: Style = self.rich_style
        if index < 0:
            return strip(self, head[index], cells, ground)
        if not self._keys:
            placeholder = [part for spans in self.draw_placeholder(cells) for part in wrap_line(spans, cells - 2)]
            return strip(
                self, line(" ", *placeholder[index - 1]) if 0 < index <= len(placeholder) else (), cells, ground
            )
        if index >= len(self._keys):
            return strip(self, (), cells, ground)
        self._times[index] = self.time_text(index)
        ground = self.get_component_rich_style(state) if state else ground
        return strip(self, self.draw(index, cells), cells, ground)

    def action_cursor_down(self) -> None:
        self.cursor += 1

    def action_cursor_up(self) -> None:
        self.cursor -= 1

    def _page(self) -> int:
        return max(self.scrollable_content_region.height - self.head_height - 1, 1)

    def action_page_down(self) -> None:
        self.cursor += self._page()

    def action_page_up(self) -> None:
        self.cursor -= self._page()

    def action_first(self) -> None:
        self.cursor = 0

    def action_last(self) -> None:
        self.cursor = len(self._keys) - 1

    def on_click(self, event: events.Click) -> None:
        place = event.get_content_offset(self)
        if place is None or place.y < self.head_height:
            if place is not None:
                self.head_clicked()
            return
        columns = self._columns
        each = max(self.scrollable_content_region.width // columns, 1)
        line_of = place.y - self.head_height + self.scroll_offset.y
        index = min(place.x // each, columns - 1) * self._lines_of_rows + line_of
        if line_of < self._lines_of_rows and index < len(self._keys):
            self.cursor = index
            self.row_clicked(event)

    def head_clicked(self) -> None:
        """A line above the rows was clicked."""

    def row_clicked(self, event: events.Click) -> None:
        """A row was clicked, and the cursor is there."""
        if event.chain == 2:
            self.post_message(self.Chosen(self))
