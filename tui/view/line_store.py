"""The lines that a viewer has: the newest ones, which of them are shown, and in which rows (pure)."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from tui.view.lines import Line, Span, cell_len, fit, line
from tui.view.names import column, shortened
from tui.view.search import Search

MOST_LINES = 20_000
"""Lines that are kept; the oldest go first."""

MOST_CHARACTERS = 4 << 20
"""Characters of these lines."""

SPARE = 1_000
"""Lines over MOST_LINES that may come before the oldest go: so they go in one piece."""

LONGEST_NAME = 20
"""Cells of the column with servers."""

NARROWEST = 8
"""Cells that a text gets beside time and server, however narrow the screen is."""


class LogLine(NamedTuple):
    """One line.

    time     0 where it is not known              server   "" for the fleet
    role     one of the roles of lines            source   the log that it is from, "" where there is only one
    """

    time: float
    server: str
    text: str
    role: str = ""
    source: str = ""

    def written(self, name_cells: int) -> str:
        """The line as it stands in a file: with its day, so that it can be compared with other logs."""
        moment = f"{datetime.fromtimestamp(self.time):%Y-%m-%d %H:%M:%S}  " if self.time else ""
        source = f"{self.source}: " if self.source else ""
        return f"{moment}{self.server or '-':<{name_cells}}  {source}{self.text}"


class LineStore:
    """Lines by the number that each got as it came, counted from 0; those that are shown are laid out in rows.

    Numbers and rows count on when old lines go, so that a row that somebody looks at keeps its number.
    name_cells   of the longest of the servers' names       server   whose lines are shown, "" for all
    source_cells   of the column with logs; 0 for none      source   the log that is shown, "" for all
    search       what is looked for                         only     whether only lines that have it are shown
    wrap, times  whether long lines go on in the next row, and whether the time stands in front
    version      another one whenever something else is shown
    """

    def __init__(self, most_lines: int = MOST_LINES, most_characters: int = MOST_CHARACTERS) -> None:
        self.names = ()
        self.server = ""
        self.source_cells = 0
        self.source = ""
        self.search = Search()
        self.only = False
        self.wrap = False
        self.times = True
        self.first = 0
        self.version = 0
        self._most_lines, self._most_characters = most_lines, most_characters
        self._cells = 80
        self._lines: list[LogLine] = []
        self._characters = 0
        self._clear_layout()

    def _clear_layout(self, row: int = 0) -> None:
        self.version += 1
        self._shown = array("q")
        self._ends = array("q")
        self._matches = array("q")
        self._first_row = row
        self.widest = 0

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def dropped(self) -> int:
        """Lines that are not kept any more."""
        return self.first

    @property
    def shown(self) -> int:
        """Lines that are shown."""
        return len(self._shown)

    @property
    def first_row(self) -> int:
        """The number of the first row that there is."""
        return self._first_row

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self._ends[-1] - self._first_row if self._ends else 0

    def clear(self) -> None:
        """Forget all lines."""
        self._lines.clear()
        self._characters = self.first = 0
        self._clear_layout()

    def add(self, lines: Iterable[LogLine]) -> None:
        """Take lines at the end; where there are too many the oldest go."""
        for new in lines:
            number = self.first + len(self._lines)
            self._lines.append(new)
            self._characters += len(new.text)
            self._place(number, new)
        if len(self._lines) > self._most_lines + SPARE or self._characters > self._most_characters:
            self._drop()

    def narrow(
        self,
        *,
        server: str | None = None,
        source: str | None = None,
        search: Search | None = None,
        only: bool | None = None,
    ) -> None:
        """Show only the lines of a server or a log ("" for all), or those that have what is searched for."""
        self.server = self.server if server is None else server
        self.source = self.source if source is None else source
        self.search = self.search if search is None else search
        self.only = self.only if only is None else only
        self._lay_out()

    def form(self, *, wrap: bool | None = None, times: bool | None = None, cells: int = 0) -> None:
        """Lay the lines out in another form, or for so many cells."""
        before = (self.wrap, self.times, self._cells)
        self.wrap = self.wrap if wrap is None else wrap
        self.times = self.times if times is None else times
        self._cells = cells or self._cells
        if (self.wrap, self.times, self._cells if self.wrap else before[2]) != before:
            self._lay_out()

    def _lay_out(self) -> None:
        self._clear_layout(self._first_row)
        for place, kept in enumerate(self._lines):
            self._place(self.first + place, kept)

    def _place(self, number: int, new: LogLine) -> None:
        """Give a line its rows, where it is shown."""
        if self.server and new.server not in ("", self.server):
            return
        if self.source and new.source not in ("", self.source):
            return
        hit = self.search.hits(new.text)
        if self.only and self.search.text and not hit:
            return
        self.version += 1
        taken = cell_len(new.text)
        room = self._room(new)
        height = len(_pieces(new.text, room)) if self.wrap and taken > room else 1
        self.widest = max(self.widest, self.margin(new) + taken)
        self._shown.append(number)
        self._ends.append((self._ends[-1] if self._ends else self._first_row) + height)
        if hit:
            self._matches.append(number)

    def _drop(self) -> None:
        gone = max(len(self._lines) - self._most_lines, 0)
        self._characters -= sum(len(old.text) for old in self._lines[:gone])
        while self._characters > self._most_characters - self._most_characters // 10 and gone < len(self._lines) - 1:
            self._characters -= len(self._lines[gone].text)
            gone += 1
        del self._lines[:gone]
        self.first += gone
        hidden = bisect_left(self._shown, self.first)
        if hidden:
            self._first_row = self._ends[hidden - 1]
            del self._shown[:hidden], self._ends[:hidden]
        del self._matches[: bisect_left(self._matches, self.first)]

    def margin(self, shown: LogLine) -> int:
        """Cells in front of a line's text."""
        return (10 if self.times and shown.time else 0) + self._names + self._sources

    @property
    def _sources(self) -> int:
        return min(self.source_cells, LONGEST_NAME) + 2 if self.source_cells and not self.source else 0

    @property
    def names(self) -> tuple[str, ...]:
        """Of the servers, in a column; none for no column."""
        return self._server_names

    @names.setter
    def names(self, names: Sequence[str]) -> None:
        self._server_names = tuple(names)
        self.name_cells = max(map(len, names), default=0)
        self._name_column = column(self._server_names, LONGEST_NAME)

    @property
    def _names(self) -> int:
        return self._name_column + 2 if self._name_column and not self.server else 0

    def _room(self, shown: LogLine) -> int:
        return max(self._cells - self.margin(shown), NARROWEST)

    def lines(self) -> Iterator[LogLine]:
        """The lines that are shown."""
        return (self._lines[number - self.first] for number in self._shown)

    def line_at(self, row: int) -> int:
        """The number of the line in a row; that of the last one where there is no such row, -1 without lines."""
        if not self._shown:
            return -1
        return self._shown[min(bisect_right(self._ends, row), len(self._shown) - 1)]

    def row_of(self, number: int) -> int:
        """The first row of a line, or of the next one that is shown."""
        place = bisect_left(self._shown, number)
        return self._ends[place - 1] if place else self._first_row

    def spans(self, row: int, marked: int = -1, more: str = "…") -> Line:
        """A row as it is drawn; () where there is none. `marked` is the number of the match that a person is at."""
        place = bisect_right(self._ends, row)
        if row < self._first_row or place >= len(self._shown):
            return ()
        number = self._shown[place]
        shown = self._lines[number - self.first]
        top = self._ends[place - 1] if place else self._first_row
        part = row - top
        start, text = 0, shown.text
        if self._ends[place] - top > 1:
            pieces = _pieces(shown.text, self._room(shown))
            start, text = sum(len(piece) for piece in pieces[:part]), pieces[part]
        role = "match-here" if number == marked else "match"
        return (*self._front(shown, part, more), *self._highlighted(shown, start, text, role))

    def _front(self, shown: LogLine, part: int, more: str) -> Line:
        if part:
            return line(" " * self.margin(shown))
        moment = f"{datetime.fromtimestamp(shown.time):%H:%M:%S}  " if self.times and shown.time else ""
        cells = self._names - 2
        name = shortened(self.names, cells, more).get(shown.server, shown.server or "-") if self._names else ""
        name = fit(name, cells, more) + "  " if self._names else ""
        source = fit(shown.source, self._sources - 2, more) + "  " if self._sources else ""
        return line((moment, "dim"), (name, "accent" if shown.server else "dim"), (source, "dim"))

    def _highlighted(self, shown: LogLine, start: int, text: str, role: str) -> Line:
        """A piece of a line's text, with what is searched for in it."""
        out: list[Span] = []
        place = 0
        for begin, end in self.search.places(shown.text):
            begin, end = max(begin - start, place), min(end - start, len(text))
            if begin < end:
                out += [Span(text[place:begin], shown.role), Span(text[begin:end], role)]
                place = end
        return line(*out, Span(text[place:], shown.role))

    @property
    def matches(self) -> int:
        """Lines that are shown and have what is searched for."""
        return len(self._matches)

    def match_place(self, number: int) -> int:
        """Which of the matches a line is, counted from 1; 0 where it is none."""
        place = bisect_left(self._matches, number)
        return place + 1 if place < len(self._matches) and self._matches[place] == number else 0

    def beside(self, number: int, step: int) -> int:
        """The number of the next match behind (`step` 1) or before a line, round the end; -1 where there is none.

        Where nothing is searched for, it is the next line that tells of an error.
        """
        hits = self._matches if self.search.text else self._errors()
        if not hits:
            return -1
        place = bisect_right(hits, number) if step > 0 else bisect_left(hits, number) - 1
        return hits[place % len(hits)]

    def _errors(self) -> array[int]:
        return array("q", (number for number in self._shown if self._lines[number - self.first].role == "bad"))


def _pieces(text: str, cells: int) -> list[str]:
    """A text in pieces of at most so many cells."""
    if text.isascii():
        return [text[place : place + cells] for place in range(0, len(text), cells)] or [""]
    from rich.cells import chop_cells

    return chop_cells(text, cells) or [""]
