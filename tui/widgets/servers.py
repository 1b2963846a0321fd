"""The Servers pane: a row a server, with what is live there or what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tui.view.fleet import Activity, FleetView, ServerView, server_line
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, line
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
        self._name_cells = 0
        self._filter = ""

    def show(self, fleet: FleetView, filter_text: str = "") -> None:
        """Draw these servers, narrowed to those whose name holds the filter's words."""
        self._fleet = fleet
        self._filter = filter_text
        self._by_name = {server.name: server for server in fleet.servers}
        words = filter_text.casefold().split()
        names = [name for name in self._by_name if all(word in name.casefold() for word in words)]
        self._name_cells = max((len(name) for name in names), default=0)
        self.set_keys(names)

    def draw(self, index: int, cells: int) -> Line:
        name = self.keys[index]
        server = self._by_name[name]
        return (
            *line(" "),
            *server_line(
                server, cells - 2, self._glyphs, self._now(), self._fleet, self._activity(name), self._name_cells
            ),
        )

    def draw_placeholder(self, cells: int) -> Sequence[Line]:
        if not self._filter:
            return ()
        return [line("no server matches"), line((self._filter, "accent")), line(("Esc", "key"), " shows all")]
