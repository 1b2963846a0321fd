"""Which environment to promote from, with what is live there."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.widgets import Button

from tui.dialogs.base import relabel
from tui.dialogs.pick import Choices, Pick
from tui.model.workspaces import Workspaces
from tui.view.environments import nothing_live
from tui.view.formats import listing
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, crop, fit, line, one_line, short, width
from tui.view.names import shortened
from tui.view.promotion_words import promotion_words


class PromoteDialog(Pick[str]):
    """Answers the environment whose live release is deployed to another."""

    def __init__(self, workspaces: Workspaces, others: Sequence[str], target: str, *, glyphs: Glyphs) -> None:
        super().__init__()
        self.title_text = f"Promote to {target}: from where?"
        self._target = target
        self._workspaces = workspaces
        self._others = list(others)
        self._glyphs = glyphs

    def compose_body(self) -> ComposeResult:
        yield Choices(self._line)

    def on_mount(self) -> None:
        self._workspaces.on_change.append(self._changed)
        for name in self._others:
            watch = self._workspaces.of(name).fleet_watch
            if not watch.fleet_view.known:
                watch.check()
        self.choices.set_keys(self._others)
        self.choices.focus()
        self.on_rows_moved()

    def on_rows_moved(self) -> None:
        """Say on the button from where to where."""
        words = promotion_words("Plan", self.choices.key, self._target, self.yes_cells - 2, self._glyphs)
        relabel(self.query_one("#choose", Button), f"{words} …", self.choose_key)

    def draw(self) -> None:
        super().draw()
        self.on_rows_moved()

    def on_unmount(self) -> None:
        self._workspaces.on_change.remove(self._changed)

    def _changed(self) -> None:
        if self.is_here:
            self.choices.redraw()

    def _line(self, index: int, cells: int) -> Line:
        name = self._others[index]
        fleet = self._workspaces.of(name).fleet_view
        row = fleet.row(fleet.live) if fleet.live else None
        called = shortened(self._others, max(cells // 2, 8), self._glyphs.more)
        names = max(map(len, called.values())) + 2
        if row is None:
            silent = [server.name for server in fleet.servers if server.error is not None]
            said = (
                f"unknown: no answer from {listing(silent, 3)}" if silent and not fleet.known else nothing_live(fleet)
            )
            return crop(line((fit(called[name], names), "strong"), (said, "dim")), cells, self._glyphs.more)
        off = [state.server for state in fleet.known if state.current != fleet.live]
        end = line((f"  {self._glyphs.alert} not on {listing(off, 3)}" if off else "", "warn"))
        tag = fleet.short(row.tag)
        start = line((fit(called[name], names), "strong"), (fit(tag, max(len(tag) + 1, 10)), "accent"))
        subject = one_line(row.record.subject) if row.record else ""
        room = max(cells - width(start) - width(end), 0)
        return crop(line(*start, short(subject, room, self._glyphs.more), *end), cells, self._glyphs.more)

    def choose(self) -> None:
        self.dismiss(self.choices.key or None)
