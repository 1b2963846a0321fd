"""The Preflight tab: doctor as a board, every check of which can be made again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical

from tui.keymap import PREFLIGHT_KEYS, Keymap, bindings
from tui.model.focus import Focus
from tui.model.preflight import Preflight
from tui.model.workspace import Workspace
from tui.view.glyphs import Glyphs
from tui.view.lines import Line
from tui.view.preflight import (
    COLUMNS,
    Examined,
    column_at,
    detail_lines,
    first_fault,
    head_line,
    name_width,
    server_line,
    summary_line,
)
from tui.widgets.paint import Lines
from tui.widgets.rows import Rows
from tui.widgets.tab import Tab


class PreflightRows(Rows):
    """A row a server; `column` is the check under the cursor."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="preflight-board")
        self.column = 0
        self._glyphs = glyphs
        self._servers: Sequence[Examined] = ()

    def show(self, servers: Sequence[Examined]) -> None:
        """Draw what is known of them now."""
        self._servers = servers
        self.set_keys([server.server for server in servers])

    def move(self, step: int) -> None:
        """Put the cursor on another check."""
        self.column = min(max(self.column + step, 0), len(COLUMNS) - 1)
        self.redraw()
        self.post_message(self.Moved(self))

    @property
    def place(self) -> tuple[str, int]:
        """The server and the check under the cursor."""
        return self.key, self.column

    def put(self, place: tuple[str, int]) -> None:
        """Put the cursor there."""
        self.column = place[1]
        self.go_to(place[0])
        self.redraw()

    def draw_head(self, cells: int) -> Sequence[Line]:
        return [head_line(name_width(self._servers, cells), cells)]

    def draw(self, index: int, cells: int) -> Line:
        column = self.column if index == self.cursor else -1
        wide = name_width(self._servers, cells)
        return server_line(self._servers[index], wide, cells, column, self._glyphs, self.keys)

    def watch_cursor(self, old: int, new: int) -> None:
        super().watch_cursor(old, new)
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        cells = self.scrollable_content_region.width
        column = column_at(event.x, name_width(self._servers, cells), cells)
        if column >= 0:
            self.column = column
        super().on_click(event)
        self.move(0)


class PreflightTab(Vertical, Tab):
    """Which servers are ready for a deploy, and what is in the way of it. Nothing on them is changed."""

    tab_name = "preflight"
    has_ages = True
    keys = PREFLIGHT_KEYS
    BINDINGS = bindings(*(key.id for key in PREFLIGHT_KEYS))

    def __init__(self, glyphs: Glyphs, now: Callable[[], float], keymap: Keymap) -> None:
        super().__init__(id=self.tab_name)
        self._glyphs = glyphs
        self._now = now
        self._keymap = keymap
        self._preflight: Preflight | None = None
        self._put: tuple[str, int] | None = None
        """Where the cursor was put on the first fault, until a person has a place for it."""

    def compose(self) -> ComposeResult:
        yield Lines(id="preflight-state")
        yield PreflightRows(self._glyphs)
        yield Lines(id="preflight-detail")

    @property
    def board(self) -> PreflightRows:
        return self.query_one(PreflightRows)

    @property
    def focus_target(self) -> PreflightRows:
        return self.board

    def show(self, workspace: Workspace, here: Focus) -> None:
        if self._preflight is not workspace.preflight:
            self._preflight = workspace.preflight
            self.board.show(self._preflight.servers)
            self._put = self.board.place
        if not self._preflight.begun:
            self._preflight.check(self._preflight.names)
        self._draw()

    def _draw(self) -> None:
        if self._preflight is None:
            return
        servers = self._preflight.servers
        cells = max(self.size.width - 2, 20)
        self.query_one("#preflight-state", Lines).show([summary_line(servers, cells, self._glyphs, self._now())])
        # What was found gets the room that the board does not need.
        self.board.styles.height = max(2, min(len(servers) + 1, (self.size.height - 1) * 6 // 10))
        self.board.show(servers)
        self._go_to_fault()
        under = next((server for server in servers if server.server == self.board.key), None)
        lines = detail_lines(under, COLUMNS[self.board.column], cells, self._glyphs) if under else []
        self.query_one("#preflight-detail", Lines).show(lines)

    def _go_to_fault(self) -> None:
        """Put the cursor on the first fault that is known, until a person moves it."""
        if self._preflight is None or self._put is None:
            return
        if self.board.place != self._put:
            self._put = None
        elif (found := first_fault(self._preflight.servers)) and found != self._put:
            self._put = found
            self.board.put(found)

    def on_rows_moved(self, event: Rows.Moved) -> None:
        event.stop()
        self._draw()

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        event.stop()
        self.action_preflight_check()

    def on_resize(self) -> None:
        self._draw()

    def action_beside(self, step: int) -> None:
        """The next check of the server, or the one before."""
        self.board.move(step)

    def action_preflight_check(self) -> None:
        """Make the check under the cursor again, on that server."""
        if self._preflight is not None and self.board.key:
            self._put = None
            self._preflight.check([self.board.key], [COLUMNS[self.board.column]])

    def action_preflight_server(self) -> None:
        """Make all checks again on the server under the cursor."""
        if self._preflight is not None and self.board.key:
            self._put = None
            self._preflight.check([self.board.key])

    def action_preflight_all(self) -> None:
        """Make all checks again on all servers."""
        if self._preflight is not None:
            self._put = self.board.place
            self._preflight.check(self._preflight.names)
