"""A command's words as JSON lines on stdout, for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from core.errors import FleetError, TurnoutError
from core.events import Event, HookOutput, Note, PlanMade
from core.masking import Masking
from core.rows.answers import error_row, event_row, result_row
from core.rows.plan import plan_row
from tui.cli.streams import stdout
from tui.view.glyphs import ASCII
from tui.view.lines import ENDLESS, Line
from tui.view.log import Narrator

if TYPE_CHECKING:
    from core.plan import Plan


class JsonOutput:
    """JSON lines on stdout, ASCII, each an object with `event`; nothing on stderr."""

    def __init__(self) -> None:
        self.mask = Masking()
        self.narrator = Narrator()
        self.glyphs = ASCII
        self.cells = ENDLESS
        self.printed: Callable[[HookOutput], str] | None = None
        self._data = stdout()

    def events(self, events: Iterable[Event]) -> None:
        shown = []
        for event in events:
            self.narrator.lines(event)
            shown.append(event_row(event))
        self._write(shown)

    def plan(self, plan: Plan, *, asked: bool) -> None:
        self._write([event_row(PlanMade(plan=dict(plan_row(plan))))])

    def table(self, lines: Iterable[Line], rows: Iterable[Mapping[str, Any]], legend: Line = ()) -> None:
        self._write(rows)

    def aside(self, lines: Iterable[Line], rows: Iterable[Mapping[str, Any]]) -> None:
        self._write(rows)

    def say(self, lines: Iterable[str]) -> None:
        self._write(event_row(Note(text=line)) for line in lines)

    def print_log(self, lines: Iterable[str], rows: Iterable[Mapping[str, Any]], *, aside: bool = False) -> None:
        self._write(rows)

    @property
    def reader_left(self) -> bool:
        return self._data.closed

    @property
    def is_terminal(self) -> bool:
        return False

    def error(self, error: TurnoutError) -> None:
        self._write(error_row(fault) for fault in (error.errors.values() if isinstance(error, FleetError) else [error]))

    def errors(self, errors: Iterable[TurnoutError]) -> None:
        for error in errors:
            self.error(error)

    def result(self, result: Mapping[str, Any]) -> None:
        self._write([result_row(result)])

    def progress(self) -> AbstractContextManager[None]:
        return nullcontext()

    def _write(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """Texts are masked before JSON's escapes could hide a secret from the search."""
        self._data.write(json.dumps(self.mask.all(item), default=str) for item in objects)
