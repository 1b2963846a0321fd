"""The Servers pane: what is live, then a row a server; of a large fleet trouble first, and the rest folded."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tui.view.fleet import Activity, FleetView, ServerView
from tui.view.glyphs import Glyphs
from tui.view.health import is_trouble
from tui.view.lines import Line, fit, line
from tui.view.live_card import card_lines
from tui.view.names import column, shortened
from tui.view.server_list import FOLD, ORDERS, fold_line, server_keys, usual_order, without_trouble
from tui.view.server_row import server_line
from tui.widgets.markable import MarkableRows

CALM_CELLS, TROUBLE_CELLS = 26, 46
"""Cells of a server's row: of one that is as it should be, of one of which there is something to say."""


class ServersPane(MarkableRows):
    """Rows are server names, and FOLD. `activity` tells what an operation does on one right now."""

    def __init__(
        self,
        glyphs: Glyphs,
        now: Callable[[], float],
        activity: Callable[[str], Activity | None],
        id: str | None = None,
    ) -> None:
        super().__init__(id=id, classes="pane")
        self._glyphs = glyphs
        self._now = now
        self._activity = activity
        self._fleet = FleetView("", "")
        self._by_name: dict[str, ServerView] = {}
        self._filter = ""
        self.unfolded = False
        self.order = ""
        self._wide = 0
        # Until somebody has been here, the cursor is on the first server, which is the worst off.
        self.keeps_row = False

    def on_focus(self) -> None:
        self.keeps_row = True
        super().on_focus()

    def redraw(self) -> None:
        self._wide = 0
        self._place_virtual_size()
        super().redraw()

    def show(self, fleet: FleetView, filter_text: str = "") -> None:
        """Draw these servers, as far as the filter asks for them; marks of servers that are gone go too."""
        self._fleet = fleet
        self._filter = filter_text
        self._by_name = {server.name: server for server in fleet.servers}
        self.marked &= self._by_name.keys()
        self.set_keys(server_keys(fleet, filter_text, self.order, unfolded=self.unfolded))

    def start_over(self) -> None:
        """Other servers come: nothing of these is marked, sorted or unfolded there, whatever their names."""
        self.unmark()
        self.unfolded, self.order, self.keeps_row = False, "", False
        self.cursor = 0

    def sort(self) -> str:
        """Sort in the next way; its name."""
        place = ORDERS.index(self.order or usual_order(self._fleet))
        self.order = ORDERS[(place + 1) % len(ORDERS)]
        return self.order

    def toggle_fold(self) -> None:
        """Show the servers that are as they should be, or fold them away again."""
        self.unfolded = not self.unfolded
        self.show(self._fleet, self._filter)

    def find(self, name: str) -> None:
        """Put the cursor on a server, unfolding what hides it."""
        if name not in self.keys and FOLD in self.keys:
            self.toggle_fold()
        self.go_to(name)

    def go_to(self, key: str) -> None:
        self.keeps_row = True
        super().go_to(key)

    def can_mark(self, key: str) -> bool:
        return key in self._by_name

    @property
    def counted(self) -> tuple[int, int]:
        """Among the servers: FOLD is none, and stands behind the last one before it."""
        before = FOLD in self.keys[: self.cursor + 1]
        return max(self.cursor + 1 - before, 1), len(self.keys) - (FOLD in self.keys)

    def toggle_mark(self) -> None:
        """On the row of the servers that are as they should be: mark all of them, or take their marks away."""
        if self.key != FOLD:
            super().toggle_mark()
            return
        names = set(without_trouble(self._fleet))
        self.marked = self.marked - names if names <= self.marked else self.marked | names
        self.redraw()

    def columns(self, cells: int) -> int:
        self._wide = self._wide or self._wanted()
        return min(max(cells // self._wide, 1), max(len(self.keys), 1))

    def _wanted(self) -> int:
        """Cells that a row wants, with what there is to say now."""
        names = [name for name in self.keys if name != FOLD]
        if any(is_trouble(self._by_name[name], self._fleet) or self._activity(name) for name in names):
            return TROUBLE_CELLS
        return max(CALM_CELLS, max((len(name) for name in names), default=0) + 20)

    def _name_of(self, name: str, cells: int) -> str:
        """A server's name as wide as those of all others, in half of the row at most."""
        names = tuple(other for other in self.keys if other != FOLD)
        room = column(names, max(cells // 2, 6), self._glyphs.more)
        return fit(shortened(names, room, self._glyphs.more)[name], room, self._glyphs.more)

    def draw_head(self, cells: int) -> Sequence[Line]:
        return [(*line(" "), *spans) for spans in card_lines(self._fleet, cells - 2, self._glyphs, self._now())]

    def draw(self, index: int, cells: int) -> Line:
        name, room = self.keys[index], cells - 3
        if name == FOLD:
            return (*line(" "), *fold_line(self._fleet, self._glyphs, unfolded=self.unfolded))
        mark = self._glyphs.marked if name in self.marked else " "
        activity, shown = self._activity(name), self._name_of(name, room)
        row = server_line(self._by_name[name], room, self._glyphs, self._now(), self._fleet, activity, shown)
        return (*line((mark, "accent")), *row)

    def draw_placeholder(self, cells: int) -> Sequence[Line]:
        if not self._filter:
            return ()
        return [line("no server matches"), line((self._filter, "accent")), line(("Esc", "key"), " shows all")]
