"""The Servers pane: a row a server, with what is live there or what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tui.view.fleet import Activity, FleetView, ServerView
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, fit, line
from tui.view.names import shortened
from tui.view.server_row import server_line
from tui.widgets.rows import Rows


class ServersPane(Rows):
    """Rows are server names. `activity` tells what an operation does on one right now."""

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

    def show(self, fleet: FleetView, filter_text: str = "") -> None:
        """Draw these servers, narrowed to those whose name holds the filter's words."""
        self._fleet = fleet
        self._filter = filter_text
        self._by_name = {server.name: server for server in fleet.servers}
        words = filter_text.casefold().split()
        names = [name for name in self._by_name if all(word in name.casefold() for word in words)]
        self.set_keys(names)

    def _name_of(self, name: str, cells: int) -> str:
        """A server's name as wide as those of all others, in half of the row at most."""
        room = min(max((len(other) for other in self.keys), default=0), max(cells // 2, 6))
        return fit(shortened(self.keys, room, self._glyphs.more)[name], room, self._glyphs.more)

    def draw(self, index: int, cells: int) -> Line:
        name, room = self.keys[index], cells - 2
        row = server_line(
            self._by_name[name],
            room,
            self._glyphs,
            self._now(),
            self._fleet,
            self._activity(name),
            self._name_of(name, room),
        )
        return (*line(" "), *row)

    def draw_placeholder(self, cells: int) -> Sequence[Line]:
        if not self._filter:
            return ()
        return [line("no server matches"), line((self._filter, "accent")), line(("Esc", "key"), " shows all")]
