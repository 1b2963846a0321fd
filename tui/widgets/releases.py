"""The Releases pane: the matrix of releases and servers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from textual import events

from core.records import FleetRelease
from tui.keymap import Keymap
from tui.view import matrix, matrix_layout, release_list
from tui.view.fleet import FleetView
from tui.view.glyphs import Glyphs
from tui.view.lines import Line
from tui.widgets.bars import press
from tui.widgets.markable import MarkableRows

TURN = 0.15
"""Seconds from one step sideways to the next: a touchpad sends many turns of the wheel at once."""


class ReleasesPane(MarkableRows):
    """Rows are tags; `marked` are those chosen for pruning."""

    def __init__(self, glyphs: Glyphs, now: Callable[[], float], keymap: Keymap, id: str | None = None) -> None:
        super().__init__(id=id, classes="pane")
        self._glyphs = glyphs
        self._now = now
        self._keymap = keymap
        self._fleet = FleetView("", "")
        self._rows: tuple[FleetRelease, ...] = ()
        self._layout: matrix_layout.Layout | None = None
        self._filter = ""
        self.selected_server = ""
        self.order = release_list.NEWEST
        self._first = matrix_layout.ALL
        self._turned = 0.0

    def show(self, fleet: FleetView, filter_text: str = "") -> None:
        """Draw these releases, narrowed by the filter; marks of releases that are gone go too."""
        self._fleet = fleet
        self._filter = filter_text
        self._layout = None
        chosen = release_list.matching(fleet.rows, filter_text)
        self._rows = release_list.in_order(chosen, fleet, self.order, self._now())
        self.marked &= set(fleet.places)
        self.set_keys([row.key for row in self._rows])

    @property
    def row(self) -> FleetRelease | None:
        """The release under the cursor."""
        return self._rows[self.cursor] if self.key else None

    def can_mark(self, key: str) -> bool:
        row = self._fleet.row(key)
        return row is not None and bool(row.present_on) and not row.live_on

    def markable(self, keys: Iterable[str]) -> set[str]:
        """Not what a prune refuses: with one of these it would remove none."""
        chosen = super().markable(keys)
        return chosen - self._fleet.kept_from_prune(chosen).keys()

    def scroll_servers(self, step: int) -> bool:
        """Show the columns of the next or previous servers, each with its name; whether there are any."""
        cells = self._cells
        layout = self._laid_out(cells)
        first = matrix_layout.next_window(layout, self._fleet, cells, self._first, step)
        if first == self._first:
            return False
        self._first, self._layout = first, None
        self.redraw()
        return True

    def head_clicked(self) -> None:
        press(self.app, "command('sort')")

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        self._turn(event, -1)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        self._turn(event, 1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        if event.shift or event.ctrl:
            self._turn(event, -1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        if event.shift or event.ctrl:
            self._turn(event, 1)

    def _turn(self, event: events.MouseEvent, step: int) -> None:
        """The wheel was turned sideways."""
        event.stop()
        event.prevent_default()
        if event.time - self._turned >= TURN:
            self._turned = event.time
            self.scroll_servers(step)

    def start_over(self) -> None:
        """The releases of another environment come: none of these is marked, sorted or scrolled there."""
        self.unmark()
        self.order, self._first = release_list.NEWEST, matrix_layout.ALL

    def sort(self) -> str:
        """Sort in the next way; its name."""
        self.order = release_list.ORDERS[(release_list.ORDERS.index(self.order) + 1) % len(release_list.ORDERS)]
        return self.order

    def _laid_out(self, cells: int) -> matrix_layout.Layout:
        if self._layout is None or self._layout.cells != cells:
            self._layout = matrix_layout.plan_layout(self._fleet, cells, self._now(), first=self._first)
        return self._layout

    def draw_head(self, cells: int) -> Sequence[Line]:
        if not self._rows:
            return ()
        return [matrix.head_line(self._laid_out(cells), self._glyphs, self.selected_server)]

    def draw(self, index: int, cells: int) -> Line:
        row = self._rows[index]
        return matrix.row_line(
            row, self._fleet, self._laid_out(cells), self._glyphs, self._now(), row.tag in self.marked
        )

    def time_text(self, index: int) -> str:
        return matrix.times_of(self._rows[index], self._fleet, self._now())

    def draw_placeholder(self, cells: int) -> Sequence[Line]:
        names = ("deploy", "refresh-all", "filter", "close")
        return release_list.placeholder(
            self._fleet, self._filter, self._glyphs, {name: self._keymap.shown(name) for name in names}
        )
