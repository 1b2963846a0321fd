"""How a command speaks: as text (data on stdout, narration on stderr) or as JSON lines on stdout."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from core.errors import TurnoutError, together
from core.events import Event, HookOutput, Note, PlanMade
from core.masking import Masking
from core.text import clean, clean_whole
from tui.cli.streams import stderr, stdout
from tui.view.glyphs import ASCII, UNICODE, Glyphs, choose
from tui.view.lines import ENDLESS, Line, one_line, plain
from tui.view.log import Narrator

if TYPE_CHECKING:
    from core.plan import Plan
    from tui.cli.bars import Bars


class Output(Protocol):
    """What a command tells, whatever the form. `mask` hides the project's secrets in everything that is said."""

    mask: Masking
    narrator: Narrator
    glyphs: Glyphs
    cells: int
    """Of a line of data: the terminal's width, ENDLESS where a line may be as long as it is."""
    printed: Callable[[HookOutput], str] | None
    """Makes a line of data of what a command printed; None where that is told like everything else."""

    def events(self, events: Iterable[Event]) -> None:
        """Say what the engine said, in that order."""

    def say(self, lines: Iterable[str]) -> None:
        """Say something of the command's own."""

    def plan(self, plan: Plan, *, asked: bool) -> None:
        """Show a plan: as data, or with `asked` as a part of the question that follows."""

    def table(self, lines: Iterable[Line], rows: Iterable[Mapping[str, Any]], legend: Line = ()) -> None:
        """Show data: its lines for people, its rows for programs."""

    def aside(self, lines: Iterable[Line], rows: Iterable[Mapping[str, Any]]) -> None:
        """Say what should be known in addition to the data: lines for people, rows for programs."""

    def print_log(self, lines: Iterable[str], rows: Iterable[Mapping[str, Any]], *, aside: bool = False) -> None:
        """Print lines of a log, which are masked already; `aside`: what is said of it."""

    @property
    def reader_left(self) -> bool:
        """Whether nobody reads the data any more."""

    @property
    def is_terminal(self) -> bool:
        """Whether the data is shown on a terminal."""

    def error(self, error: TurnoutError) -> None:
        """Say what went wrong."""

    def errors(self, errors: Iterable[TurnoutError]) -> None:
        """Say what went wrong on servers: for people at once where it is the same on several."""

    def result(self, result: Mapping[str, Any]) -> None:
        """The end: `exit_code`, `outcome`, `summary` and what else a program may want."""

    def progress(self) -> AbstractContextManager[None]:
        """While an operation runs: bars, where the form has them."""


class TextOutput:
    """Text for people and logs."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self.mask = Masking()
        self.narrator = Narrator()
        self.printed: Callable[[HookOutput], str] | None = None
        self._data = stdout()
        self._said = stderr()
        self._bars: Bars | None = None
        self._titles: set[str] = set()
        self._plan_seen = False
        self._topics: set[str] = set()
        self.cells = self._data.columns or ENDLESS
        self.glyphs = choose(self._environ) if self._data.can_show(UNICODE.live + UNICODE.failed) else ASCII

    @property
    def can_ask(self) -> bool:
        """Whether a question would be seen."""
        return self._said.is_tty

    def events(self, events: Iterable[Event]) -> None:
        lines = []
        for event in events:
            if isinstance(event, PlanMade):
                lines += self._unseen(event)
                continue
            if self.printed is not None:
                self._print(event, self.printed)
                continue
            lines += self.narrator.lines(event)
            if self._bars is not None:
                self._bars.event(event)
        self.say(lines)

    def _unseen(self, event: PlanMade) -> list[str]:
        """What a plan warns of that nobody was shown, because nobody was asked."""
        if self._plan_seen:
            return []
        warnings = [Note(text=str(text), level="warning") for text in event.plan.get("warnings", ())]
        return [line for note in warnings for line in self.narrator.lines(note)]

    def _print(self, event: Event, printed: Callable[[HookOutput], str]) -> None:
        """What a command printed, as data; of all else only what a person has to know."""
        told = self.narrator.lines(event)
        if isinstance(event, HookOutput):
            self._data.write([self.mask(printed(event))])
        elif isinstance(event, Note) and event.level != "info":
            self.say(told)

    def say(self, lines: Iterable[str]) -> None:
        shown = [self.mask(line) for line in lines]
        if self._bars is not None:
            self._bars.say(shown)
        else:
            self._said.write(shown)

    def ask(self, text: str) -> None:
        """A question, with the cursor behind it."""
        self._said.write([self.mask(text)], end=" ")

    def plan(self, plan: Plan, *, asked: bool) -> None:
        from tui.view.plan_lines import plan_lines

        self._plan_seen = True
        stream = self._said if asked else self._data
        lines = plan_lines(plan, (stream.columns or ENDLESS) - 2, self.glyphs, now=time.time(), terminal=True)
        stream.write(self.mask(text) for text in (one_line(plan.title), *(f"  {plain(s)}".rstrip() for s in lines)))

    def table(self, lines: Iterable[Line], rows: Iterable[Mapping[str, Any]], legend: Line = ()) -> None:
        texts = (self.mask(plain(spans).rstrip()) for spans in lines)
        # Tabs are ours: what programs read has them between its fields.
        self._data.write("\t".join(map(clean_whole, text.split("\t"))) for text in texts)
        if legend:
            self._said.write([self.mask(plain(legend))])

    def aside(self, lines: Iterable[Line], rows: Iterable[Mapping[str, Any]]) -> None:
        self.say(f"{self.glyphs.alert} {plain(spans)}" for spans in lines)

    def print_log(self, lines: Iterable[str], rows: Iterable[Mapping[str, Any]], *, aside: bool = False) -> None:
        (self._said if aside else self._data).write(lines)

    @property
    def reader_left(self) -> bool:
        return self._data.closed

    @property
    def is_terminal(self) -> bool:
        return self._data.is_terminal

    def error(self, error: TurnoutError) -> None:
        self._titles.add(error.title)
        from tui.cli.pages import error_lines

        self.say(error_lines(error, mask=self.mask, named=self._topics))

    def errors(self, errors: Iterable[TurnoutError]) -> None:
        for error in together(errors):
            self.error(error)

    def result(self, result: Mapping[str, Any]) -> None:
        for warning in result.get("warnings", []):
            self.say([f"warning: {' '.join(clean(self.mask(str(warning))).split())}"])
        summary = str(result.get("summary", ""))
        said = any(summary.startswith(title) for title in self._titles)
        if summary and not said:
            stream = self._said if result["exit_code"] or result["outcome"] == "planned" else self._data
            stream.write([" ".join(self.mask(clean(self.mask(summary))).split())])

    def progress(self) -> AbstractContextManager[None]:
        if not self._said.is_terminal or self.printed is not None:
            return nullcontext()
        from tui import settings
        from tui.cli.bars import Bars
        from tui.model.announcer import Announcer
        from tui.view.announcements import terminal

        taken = terminal(self._environ, settings.load(self._environ).notify)
        announcer = Announcer(self._said.codes, taken)
        return Bars(self._use_bars, self.glyphs, announcer)

    def _use_bars(self, bars: Bars | None) -> None:
        self._bars = bars
