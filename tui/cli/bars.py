"""Live progress on a terminal: below the narration the rows of the Progress tab, one a server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from core.events import Answered, Asked, Event, OperationFinished
from tui.model.announcer import Announcer
from tui.view.glyphs import Glyphs
from tui.view.lines import Line
from tui.view.names import column
from tui.view.operation_lines import heading
from tui.view.progress import Progress
from tui.view.progress_lines import fleet_line, server_progress_line

REFRESHES_A_SECOND = 8

STYLES = {
    "dim": "dim",
    "strong": "bold",
    "ok": "green",
    "warn": "yellow",
    "bad": "bold red",
    "busy": "cyan",
    "accent": "cyan",
    "off": "dim",
    "rail": "dim",
}
"""By role of a span (tui.view.lines.ROLES): its style in rich's words."""


class Bars:
    """The rows of one operation, on stderr; gone again when it has ended.

    attach     is handed this object at the start and None at the end, so that narration goes above the rows meanwhile
    announcer  tells the terminal of the operation beside the rows; what it has changed is put back at the end
    """

    def __init__(self, attach: Callable[[Bars | None], None], glyphs: Glyphs, announcer: Announcer) -> None:
        self._announcer = announcer
        self._attach = attach
        self._glyphs = glyphs
        self._progress = Progress("", "", (), started=time.time())
        self._lock = threading.Lock()  # the rows are drawn from a thread of rich's
        self._console = Console(stderr=True, markup=False, highlight=False, emoji=False)
        self._live = Live(
            console=self._console,
            get_renderable=self._rows,
            transient=True,
            refresh_per_second=REFRESHES_A_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> None:
        self._live.start()
        self._attach(self)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._attach(None)
        with suppress(OSError, ValueError):  # the terminal may be gone
            self._live.stop()
        self._announcer.leave()

    def say(self, lines: Iterable[str]) -> None:
        """Narration above the rows."""
        text = "\n".join(lines)
        if text:
            with suppress(OSError, ValueError):
                self._console.print(Text(text), soft_wrap=True)

    def event(self, event: Event) -> None:
        """Bring the rows up to date."""
        progress = self._progress
        with self._lock:
            progress.apply(event)
        if progress.finished is None:
            self._announcer.running([progress])
        elif isinstance(event, OperationFinished):
            self._announcer.ended(heading(progress), event.outcome, event.summary, event.seconds)
        # While a person types, nothing is drawn again below.
        with suppress(OSError, ValueError):
            if isinstance(event, Asked):
                self._live.stop()
            elif isinstance(event, Answered):
                self._live.start()

    def _rows(self) -> Group:
        cells, now, progress = max(self._console.width - 1, 20), time.time(), self._progress
        with self._lock:
            names = list(progress.servers)
            name_cells = column(names, max(cells // 4, 8), self._glyphs.more)
            lines = [
                fleet_line(progress, cells, now, self._glyphs),
                *(
                    server_progress_line(progress, name, cells, now, self._glyphs, name_cells, signs=True)
                    for name in names
                ),
            ]
        return Group(*(_text(spans) for spans in lines if spans))


def _text(spans: Line) -> Text:
    """A line of the view in rich's form; nothing in it is markup."""
    pieces = [(span.text, STYLES.get(span.role, "")) for span in spans]
    return Text.assemble(*pieces, no_wrap=True, overflow="crop")
