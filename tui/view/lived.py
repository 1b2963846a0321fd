"""How long each release was live: from the switches in the servers' journals, before those from the records (pure).

A look reads only the last lines of a journal. What was live before these is not known where older ones were left out,
unless more of a journal was read later (OlderLines).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from core.history import lives_of_switches
from core.records import FleetRelease, JournalLine, ServerState
from tui.view.formats import age, span

LINES_READ = 20
"""Lines of the journal that an inspection reads (inspect.sh, say_records): of as many, older ones may be left out."""

_SWITCHES = ("switch", "restore")


class OlderLines(Struct, frozen=True):
    """More of a server's journal than an inspection reads, the oldest line first. whole: there are none before it."""

    lines: tuple[JournalLine, ...]
    whole: bool = False

    def meets(self, state: ServerState) -> bool:
        """Whether no line is missing between these and those of a later look."""
        last = self.lines[-1] if self.lines else None
        return last is None or any(_same_line(last, line) for line in state.journal) or not state.journal


def _same_line(one: JournalLine, other: JournalLine) -> bool:
    return (one.what, one.operation, one.time) == (other.what, other.operation, other.time)


class Lived(Struct, frozen=True):
    """When a release was live, in all. before: seconds that are over; since: when it became live (epoch), 0 where it
    is not live; by, after: who switched to it the last time, and from what; at_least: it may have been live before
    what was read; open: so may its present time have begun.
    """

    before: float = 0.0
    since: float = 0.0
    by: str = ""
    after: str = ""
    at_least: bool = False
    open: bool = False

    def seconds(self, now: float) -> float:
        """How long it was live in all, as far as that is known; `now`: until when it is known to be live."""
        return self.before + (max(now - self.since, 0.0) if self.since else 0.0)


class LivedFor(Struct, frozen=True):
    """How long a release was live: so many seconds, or at least so many."""

    seconds: float
    at_least: bool = False

    @property
    def words(self) -> str:
        """`22 h`, `22 h+` for at least that; "" where nothing is known."""
        return "" if self.at_least and not self.seconds else span(self.seconds) + "+" * self.at_least

    @property
    def short(self) -> str:
        """The same in a column: `now`, `2 h`, `2 h+`."""
        return self.words if self.at_least else age(self.seconds)

    @property
    def now(self) -> str:
        """The same of what began so long ago: `now`, `2 h`, `at least 2 h`."""
        return self.sentence if self.at_least else age(self.seconds)

    @property
    def sentence(self) -> str:
        """`22 h`, `at least 22 h`; "" where nothing is known."""
        return f"at least {span(self.seconds)}" if self.at_least and self.seconds else self.words


def lives(
    rows: Sequence[FleetRelease],
    states: Iterable[ServerState],
    live: str,
    older: Mapping[str, OlderLines] | None = None,
) -> Mapping[str, Lived]:
    """By tag: when it was live. A release that neither a journal nor the order of records mentions is left out.

    rows   newest first     live   the environment's live release; "" for none
    older  by server of which more was read
    """
    states = tuple(states)
    longer = {s.server: more for s in states if (more := (older or {}).get(s.server)) and more.meets(s)}
    states = tuple(replace(s, journal=_joined(longer[s.server], s)) if s.server in longer else s for s in states)
    known = _known_from([state for state in states if live and state.current == live] or states)
    if any(more.whole for more in longer.values()):
        known = 0.0
    told = [line for line in _switches(states) if line.time >= known]
    switches = [(line.time, line.tag, line.who) for line in told]
    # What is live at the beginning of what was read became live at a time that is not known.
    first = told[0].previous if known and told else ""
    if first:
        switches.insert(0, (known, first, ""))
    elif not known:
        switches = sorted([*_by_records(rows, min((line.time for line in told), default=float("inf"))), *switches])
    out: dict[str, Lived] = {}
    for place, life in enumerate(lives_of_switches(switches)):
        before, begun = out.get(life.tag, Lived()), place > 0 or not first
        since = life.since if life.until is None and life.tag == live else 0.0
        whole = begun and not before.at_least
        out[life.tag] = Lived(before.before + life.seconds, since, life.by, life.after, not whole, not begun)
    for row in rows if known else ():
        if row.created < known and (row.tag in out or not (row.failed or row.never_live)):
            out[row.tag] = replace(out.get(row.tag, Lived()), at_least=True)
    return out


def _joined(older: OlderLines, state: ServerState) -> tuple[JournalLine, ...]:
    """A server's journal as far as it was read, each line once."""
    seen = {(line.what, line.operation, line.time) for line in older.lines}
    return (*older.lines, *(line for line in state.journal if (line.what, line.operation, line.time) not in seen))


def _by_records(rows: Sequence[FleetRelease], begun: float) -> list[tuple[float, str, str]]:
    """The switches before the first one that a journal tells of, as the records let expect them."""
    return [
        (row.record.created, row.tag, row.record.by)
        for row in rows
        if row.record is not None and row.record.created < begun and not row.failed and not row.never_live
    ]


def _known_from(states: Iterable[ServerState]) -> float:
    """From when on all switches were read (epoch), where older lines may have been left out; 0.0 where none were."""
    cut, since = False, []
    for state in states:
        cut = cut or len(state.journal) >= LINES_READ
        times = [line.time for line in state.journal if line.time]
        if times and not any(line.what in _SWITCHES for line in state.journal):
            # The lines of the last switch are never left out: nothing was switched since.
            times += [line.time for line in state.transitions if line.what in _SWITCHES and line.time]
        since += [min(times)] if times else []
    return min(since, default=0.0) if cut else 0.0


def _switches(states: Iterable[ServerState]) -> list[JournalLine]:
    """Of each operation the first switch to each release, from any server's journal; the earliest first."""
    first: dict[tuple[str, str, str], JournalLine] = {}
    for state in states:
        for line in (*state.journal, *state.transitions):
            if line.what in _SWITCHES and line.tag and line.time:
                key = (line.operation, line.what, line.tag)
                first[key] = min(first.get(key, line), line, key=lambda each: each.time)
    return sorted(first.values(), key=lambda line: line.time)
