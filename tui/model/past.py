"""The history of one environment, read on an engine thread when somebody looks at it, and one operation's stored
events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from functools import partial
from typing import TYPE_CHECKING, Any

from core.errors import FleetError, TurnoutError
from core.events import Emit, Event
from core.history import Entry, History, running_on
from core.jobs import Controls, Job
from core.records import JournalLine, ServerState
from tui.model.bridge import Bridge
from tui.model.fleet_watch import MANY, FleetWatch

if TYPE_CHECKING:
    from core.fleet import Fleet

LIMIT, LIMIT_OF_MANY = 200, 50
"""Operations that are read at once; fewer from more than MANY servers, of which each sends its own journal."""

LATE = 1.5
"""Seconds after which what the others say is shown without a server that has not answered."""

NO_ANSWER = "no answer yet"


class _Reading:
    """One reading of all journals: which have come, which could not be read, and who has not answered yet."""

    def __init__(self, names: Sequence[str], known: Sequence[ServerState], began: float) -> None:
        self.journals: dict[str, Sequence[JournalLine]] = {}
        self.errors: dict[str, TurnoutError] = {}
        self.pending = dict.fromkeys(names)
        self.running, self.current = running_on(known), {state.server: state.current for state in known}
        self.began = began
        self.shown = 0
        """How many journals were shown."""

    def take(self, name: str, job: Job[Any]) -> None:
        """Take in what a server answered."""
        self.pending.pop(name, None)
        if job.error is None:
            self.journals[name] = job.outcome or ()
        else:
            self.errors[name] = job.error

    @property
    def unheard(self) -> dict[str, str]:
        """Why a journal is missing, by server."""
        return {name: error.title for name, error in self.errors.items()} | dict.fromkeys(self.pending, NO_ANSWER)


class Past:
    """`history` is what was read last, None before that; `error` why it could not be read. Each server is asked by
    itself: one that does not answer keeps nobody from reading what the others say.

    opened    the operation whose log is shown, None for none; events: what is stored of it, None until that is read
    listener  called when any of this has changed
    """

    def __init__(self, fleet_watch: FleetWatch, bridge: Bridge, now: Callable[[], float]) -> None:
        self.history: History | None = None
        self.error: TurnoutError | None = None
        self.opened: Entry | None = None
        self.events: Sequence[Event] | None = None
        self.log_error: TurnoutError | None = None
        self.listener: Callable[[], None] = lambda: None
        self._fleet_watch = fleet_watch
        self._bridge = bridge
        self._now = now
        self._reading: _Reading | None = None
        self._merging: Job[History] | None = None
        self._read_at: tuple[str, ...] | None = None
        self._silent: set[str] = set()
        """Servers that were silent at some time since then: when they answer, their journals can be read."""

    @property
    def reading(self) -> bool:
        """Whether it is being read."""
        return self._reading is not None

    @property
    def _news(self) -> tuple[str, ...]:
        """Another value once an operation has begun or ended on a server, as far as that was seen."""
        return tuple(state.news for state in self._fleet_watch.fleet_view.known)

    def look(self) -> None:
        """Read it, unless nothing was done since it was read, and no server that was silent then answers now. To be
        called every second while it is shown.
        """
        reading = self._reading
        if reading is not None:
            if self._now() - reading.began >= LATE and len(reading.journals) > reading.shown:
                self._show(reading)
            if not reading.shown:
                return
        news = self._news
        self._silent |= self._unheard - self._fleet_watch.fleet_view.answering.keys()
        answer_again = self._silent & self._unheard & self._fleet_watch.fleet_view.answering.keys()
        if not news or (news == self._read_at and (reading is not None or not answer_again)):
            return
        self._silent.clear()
        self._read_at = news
        self._read(self._fleet_watch.fleet)

    def _read(self, fleet: Fleet) -> None:
        """Ask every server for its journal."""
        reading = _Reading(fleet.names, self._fleet_watch.fleet_view.known, self._now())
        self._reading = reading
        for name in fleet.names:
            self._follow(Job(f"journal {name}", _journal(fleet, name)), partial(self._heard, reading, name))

    def _heard(self, reading: _Reading, name: str, job: Job[Any]) -> None:
        reading.take(name, job)
        if reading is self._reading and not reading.pending:
            self._show(reading)

    def _show(self, reading: _Reading) -> None:
        """Merge the journals that have come, and show what they say."""
        reading.shown = len(reading.journals)
        if not reading.pending:
            self._reading = None
        if not reading.journals:
            self.error = FleetError(reading.errors, phase="connect")
            self._read_at = None  # it is read again when somebody looks again
            self.listener()
            return
        limit = _limit(self._fleet_watch.fleet)
        journals, unheard = dict(reading.journals), reading.unheard
        running, current = reading.running, reading.current
        job = Job("history", lambda emit, controls: _told(journals, unheard, limit, running, current))
        self._merging = job
        self._follow(job, self._merged)

    def _merged(self, job: Job[Any]) -> None:
        if job is not self._merging:  # more has come since
            return
        self.error = job.error
        if job.error is None:
            self.history = job.outcome
        self.listener()

    @property
    def _unheard(self) -> Set[str]:
        """The servers whose journals are missing in what was read."""
        return self.history.unheard.keys() if self.history is not None else frozenset()

    def open(self, entry: Entry) -> None:
        """Show what is stored of an operation."""
        fleet, view = self._fleet_watch.fleet, self._fleet_watch.fleet_view
        silent = frozenset(view.names) - view.answering.keys()
        self.opened, self.events, self.log_error = entry, None, None

        def ended(job: Job[Any]) -> None:
            if self.opened is entry:
                self.events, self.log_error = job.outcome or (), job.error
                self.listener()

        self._follow(Job(f"log {entry.operation}", lambda emit, controls: _log(fleet, entry, silent)), ended)
        self.listener()

    def close_log(self) -> None:
        """Show the list again."""
        self.opened = self.events = self.log_error = None
        self.listener()

    def _follow(self, job: Job[Any], ended: Callable[[Job[Any]], None]) -> None:
        self._bridge.follow(job, ended)
        job.start()


def _limit(fleet: Fleet) -> int:
    return LIMIT if len(fleet.names) <= MANY else LIMIT_OF_MANY


def _journal(fleet: Fleet, name: str) -> Callable[[Emit, Controls], Sequence[JournalLine]]:
    def work(emit: Emit, controls: Controls) -> Sequence[JournalLine]:
        from core.operations.past import read_journal

        return read_journal(fleet, name, _limit(fleet))

    return work


def _told(
    journals: Mapping[str, Sequence[JournalLine]],
    unheard: Mapping[str, str],
    limit: int,
    running: Set[str],
    current: Mapping[str, str],
) -> History:
    from core.operations.past import told

    return told(journals, unheard, limit, running, current)


def _log(fleet: Fleet, entry: Entry, silent: Set[str]) -> Sequence[Event]:
    from core.operations.past import read_log

    return read_log(fleet, entry, silent)
