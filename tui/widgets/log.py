"""The Log tab: every line of the operation, by server, to follow, filter, select, copy and save."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Log

from core.events import Event
from tui.keymap import LOG_KEYS, Keymap, bindings
from tui.model.operation import Followed
from tui.view.glyphs import Glyphs
from tui.view.lines import line
from tui.view.log import LIMIT, LogLine, log_lines, wanted
from tui.widgets.paint import Lines
from tui.widgets.tab import Tab


class OutputLog(Log):
    """Textual's log, measuring new lines at once: a thread for each write is not worth it."""

    def _update_size(self, updates: int, lines: list[str]) -> None:  # type: ignore[override]  # the base returns a worker
        if lines:
            self._update_maximum_width(updates, max(cell_len(self._process_line(text)) for text in lines))


class LogTab(Vertical, Tab):
    """The lines and what of them is shown."""

    tab_name = "log"
    keys = LOG_KEYS
    BINDINGS = bindings(*(key.id for key in LOG_KEYS))

    def __init__(self, glyphs: Glyphs, keymap: Keymap) -> None:
        super().__init__(id=self.tab_name)
        self._glyphs = glyphs
        self._keymap = keymap
        self._lines: deque[LogLine] = deque(maxlen=LIMIT)
        self._names: tuple[str, ...] = ()
        self._name_cells = 1
        self._shown = 0
        self.server = ""
        self.filter_text = ""
        self.follow = True

    def compose(self) -> ComposeResult:
        yield Lines(id="log-state")
        yield OutputLog(id="output", max_lines=LIMIT)

    def on_mount(self) -> None:
        self._say()

    @property
    def output(self) -> OutputLog:
        return self.query_one(OutputLog)

    @property
    def focus_target(self) -> OutputLog:
        return self.output

    def begin(self, operation: Followed) -> None:
        names = list(operation.progress.servers)
        self._lines.clear()
        self._names = tuple(names)
        self._name_cells = min(max((len(name) for name in names), default=1), 20)
        self.server = self.server if self.server in names else ""
        self._redraw()

    def forget(self) -> None:
        self._lines.clear()
        self._redraw()

    def hear(self, said: Sequence[Event]) -> None:
        """Write its lines at the end, in one batch."""
        lines = [line for event in said for line in log_lines(event)]
        if not lines:
            return
        self._lines.extend(lines)
        shown = [line.show(self._name_cells) for line in lines if wanted(line, self.server, self.filter_text)]
        if shown:
            self._shown += len(shown)
            self.output.write_lines(shown, scroll_end=self.follow)
        self._say()

    def narrow(self, *, server: str | None = None, text: str | None = None) -> None:
        """Show only lines of a server, or lines that hold a text; "" for all."""
        self.server = self.server if server is None else server
        self.filter_text = self.filter_text if text is None else text
        self._redraw()

    def lines(self) -> list[str]:
        """The lines that are shown."""
        return [line.show(self._name_cells) for line in self._lines if wanted(line, self.server, self.filter_text)]

    def _redraw(self) -> None:
        lines = self.lines()
        self._shown = len(lines)
        self.output.clear()
        self.output.write_lines(lines, scroll_end=self.follow)
        self._say()

    def _say(self) -> None:
        """The line above the log: what is shown of what."""
        key = self._keymap.shown
        dot = f" {self._glyphs.dot} "
        follow = ("following", "") if self.follow else ("not following", "warn")
        parts = [
            (f"{key('log-server')} ", "key"),
            (self.server or "all servers", "accent" if self.server else ""),
            (f"{dot}{key('log-follow')} ", "key"),
            follow,
            (f"{dot}{self._shown:,} of {len(self._lines):,} lines", "dim"),
        ]
        if self.filter_text:
            parts += [(dot, "dim"), (f"“{self.filter_text}”", "accent")]
        self.query_one("#log-state", Lines).show([line(*parts)])

    def action_follow(self) -> None:
        self.follow = not self.follow
        self.output.auto_scroll = self.follow
        if self.follow:
            self.output.scroll_end(animate=False)
        self._say()

    def action_log_server(self) -> None:
        places = ("", *self._names)
        index = places.index(self.server) if self.server in places else 0
        self.narrow(server=places[(index + 1) % len(places)])

    def action_copy_log(self) -> None:
        selected = self.screen.get_selected_text()
        text = selected or "\n".join(self.lines())
        if not text:
            self.notify("nothing to copy yet", markup=False)
            return
        self.app.copy_to_clipboard(text)
        what = "the selection" if selected else f"{self._shown:,} lines"
        self.notify(f"{what} copied to the clipboard", markup=False)

    def action_save_log(self) -> None:
        lines = self.lines()
        if not lines:
            self.notify("nothing to save yet", markup=False)
            return
        path = Path.cwd() / f"turnout-{datetime.now():%Y%m%d-%H%M%S}.log"
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")
        except OSError as error:
            self.notify(f"could not save the log: {error}", severity="error", markup=False)
            return
        self.notify(f"saved to {path}", markup=False)
