"""How long each release was live: from the switches in the servers' journals, before those from the records (pure).

A look reads only the last lines of a journal. What was live before these is not known where older ones were left out,
unless more of a journal was read later (OlderLines).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence, Set

from msgspec import Struct
from msgspec.structs import replace

from core.lives import SWITCHES, Life, by_tag, joined, lives_of_switches, of_server
from core.plan import DEPLOY, PROMOTE
from core.records import FleetRelease, JournalLine, ServerState
from tui.view.formats import age, span

LINES_READ = 20
"""Lines of the journal that an inspection reads (inspect.sh, say_records): of as many, older ones may be left out."""


class OlderLines(Struct, frozen=True):
    """Switches of a server's journal, more than an inspection reads, the oldest first. whole: there are none before."""

    lines: tuple[JournalLine, ...]
    whole: bool = False

    def meets(self, state: ServerState) -> bool:
        """Whether no line is missing between these and those of a later look."""
        last = self.lines[-1] if self.lines else None
        known = (*state.journal, *state.transitions)  # the last switch is among them, however long ago it was
        return last is None or any(_same_line(last, line) for line in known) or not known


def _same_line(one: JournalLine, other: JournalLine) -> bool:
    return (one.what, one.operation, one.time) == (other.what, other.operation, other.time)


class Lived(Struct, frozen=True):
    """When a release was live, in all. before: seconds that are over; since: when it became live (epoch), 0 where it
    is not live; first: when it became live for the first time, 0 where that is unknown; by, after: who switched to it
    the last time, and from what; at_least: it may have been live before what was read; open: so may its present time
    have begun.
    """

    before: float = 0.0
    since: float = 0.0
    first: float = 0.0
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
    told = {state.server: _switches(state, known) for state in states}
    begun = min((lines[0].time for lines in told.values() if lines), default=float("inf"))
    current = {state.current for state in states}
    recorded = [] if known else _by_records(rows, begun, current, _made(told.values()))
    last = recorded[-1].tag if recorded else ""
    journaled = [each for state in states for each in of_server(told[state.server], state.current, last)]
    times = [*recorded, *journaled]
    begins = by_tag(times)
    # Who went back from a release that nobody has now did so at a time that no record tells.
    begins_silent = begins if last in current else by_tag(journaled)
    held = [
        _held_before(state, told[state.server], begins if told[state.server] else begins_silent, known)
        for state in states
    ]
    out = _in_all([*times, *filter(None, held)])
    for row in rows if known else ():
        if row.created < known and (row.tag in out or not (row.failed or row.never_live)):
            out[row.tag] = replace(out.get(row.tag, Lived()), at_least=True, first=0.0)
    return out


def _in_all(times: Iterable[Life]) -> dict[str, Lived]:
    """By tag: what the servers tell together."""
    out = {}
    for tag, found in joined(times).items():
        last = found[-1]
        since = last.since if last.until is None else 0.0
        at_least = not all(life.begun for life in found)
        out[tag] = Lived(
            before=sum(life.seconds for life in found),
            since=since,
            first=0.0 if at_least else found[0].since,
            by=last.by,
            after=last.after,
            at_least=at_least,
            open=not last.begun,
        )
    return out


def _held_before(
    state: ServerState, lines: Sequence[JournalLine], begins: Mapping[str, Sequence[Life]], known: float
) -> Life | None:
    """What a server had live before the first of its switches: since another server, or a record, tells of it."""
    tag, until = (lines[0].previous, lines[0].time) if lines else (state.current, None)
    earlier = [life for life in begins.get(tag, ()) if until is None or life.since < until]
    if tag and earlier:
        return replace(max(earlier, key=lambda life: life.since), until=until)
    if tag and known and until is not None:
        # It became live at a time that is not known.
        return Life(tag=tag, since=min(known, until), until=until, begun=False)
    return None


def _joined(older: OlderLines, state: ServerState) -> tuple[JournalLine, ...]:
    """A server's journal as far as it was read, each line once."""
    seen = {(line.what, line.operation, line.time) for line in older.lines}
    return (*older.lines, *(line for line in state.journal if (line.what, line.operation, line.time) not in seen))


def _made(told: Iterable[Sequence[JournalLine]]) -> frozenset[str]:
    """The releases whose first switch belongs to the operation that made them: they were not live before that, however
    long their plan was read, or their switch was held.
    """
    first: dict[str, JournalLine] = {}
    for line in sorted(itertools.chain.from_iterable(told), key=lambda line: line.time):
        first.setdefault(line.tag, line)
    return frozenset(tag for tag, line in first.items() if line.kind in (DEPLOY, PROMOTE))


def _by_records(rows: Sequence[FleetRelease], begun: float, current: Set[str], made: Set[str]) -> list[Life]:
    """What was live before the first switch that a journal tells of, as the records let expect it; oldest first. made:
    releases that were not.
    """
    switches = sorted(
        (row.record.created, row.tag, row.record.by)
        for row in rows
        if row.record is not None and row.record.created < begun and not row.failed and not row.never_live
        if row.tag not in made
    )
    found = list(lives_of_switches(switches))
    if found:
        last = found[-1]
        until = begun if begun != float("inf") else None if last.tag in current else last.since
        found[-1] = replace(last, until=until)
    return found


def _known_from(states: Iterable[ServerState]) -> float:
    """From when on all switches were read (epoch), where older lines may have been left out; 0.0 where none were."""
    cut, since = False, []
    for state in states:
        cut = cut or len(state.journal) >= LINES_READ
        times = [line.time for line in state.journal if line.time]
        if times and not any(line.what in SWITCHES for line in state.journal):
            # The lines of the last switch are never left out: nothing was switched since.
            times += [line.time for line in state.transitions if line.what in SWITCHES and line.time]
        since += [min(times)] if times else []
    return min(since, default=0.0) if cut else 0.0


def _switches(state: ServerState, known: float) -> list[JournalLine]:
    """The switches of a server since that time, and the one before; the earliest first. Without a tag: to nothing."""
    lines = {
        (line.operation, line.what, line.tag, line.time): line
        for line in (*state.journal, *state.transitions)  # at one time they are in the journal's order
        if line.what in SWITCHES and line.time
    }
    ordered = sorted(lines.values(), key=lambda line: line.time)
    earlier = sum(line.time < known for line in ordered)
    return ordered[max(earlier - 1, 0) :]
