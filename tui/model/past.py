"""The history of one environment, read on an engine thread when somebody looks at it, and one operation's stored
events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any

from core.errors import TurnoutError
from core.events import Event
from core.history import Entry, History, running_on
from core.jobs import Job
from tui.model.bridge import Bridge
from tui.model.fleet_watch import MANY, FleetWatch

if TYPE_CHECKING:
    from core.fleet import Fleet

LIMIT, LIMIT_OF_MANY = 200, 50
"""Operations that are read at once; fewer from more than MANY servers, of which each sends its own journal."""


class Past:
    """`history` is what was read last, None before that; `error` why it could not be read.

    opened    the operation whose log is shown, None for none; events: what is stored of it, None until that is read
    listener  called when any of this has changed
    """

    def __init__(self, fleet_watch: FleetWatch, bridge: Bridge) -> None:
        self.history: History | None = None
        self.error: TurnoutError | None = None
        self.opened: Entry | None = None
        self.events: Sequence[Event] | None = None
        self.log_error: TurnoutError | None = None
        self.listener: Callable[[], None] = lambda: None
        self._fleet_watch = fleet_watch
        self._bridge = bridge
        self._reading = False
        self._read_at: tuple[str, ...] | None = None
        self._silent: set[str] = set()
        """Servers that were silent at some time since then: when they answer, their journals can be read."""

    @property
    def reading(self) -> bool:
        """Whether it is being read."""
        return self._reading

    @property
    def _news(self) -> tuple[str, ...]:
        """Another value once an operation has begun or ended on a server, as far as that was seen."""
        return tuple(state.news for state in self._fleet_watch.fleet_view.known)

    def look(self) -> None:
        """Read it, unless nothing was done since it was read, and no server that was silent then answers now."""
        news = self._news
        self._silent |= self._unheard - self._fleet_watch.fleet_view.answering.keys()
        answer_again = self._silent & self._unheard & self._fleet_watch.fleet_view.answering.keys()
        if self._reading or not news or (news == self._read_at and not answer_again):
            return
        self._silent.clear()
        fleet = self._fleet_watch.fleet
        self._reading, self._read_at = True, news
        known = self._fleet_watch.fleet_view.known
        running, current = running_on(known), {state.server: state.current for state in known}
        self._follow(Job("history", lambda emit, controls: _read(fleet, running, current)), self._read)

    @property
    def _unheard(self) -> Set[str]:
        """The servers whose journals are missing in what was read."""
        return self.history.unheard.keys() if self.history is not None else frozenset()

    def open(self, entry: Entry) -> None:
        """Show what is stored of an operation."""
        fleet = self._fleet_watch.fleet
        self.opened, self.events, self.log_error = entry, None, None

        def ended(job: Job[Any]) -> None:
            if self.opened is entry:
                self.events, self.log_error = job.outcome or (), job.error
                self.listener()

        self._follow(Job(f"log {entry.operation}", lambda emit, controls: _log(fleet, entry)), ended)
        self.listener()

    def close_log(self) -> None:
        """Show the list again."""
        self.opened = self.events = self.log_error = None
        self.listener()

    def _read(self, job: Job[Any]) -> None:
        self._reading = False
        self.error = job.error
        if job.error is None:
            self.history = job.outcome
        else:
            self._read_at = None  # it is read again when somebody looks again
        self.listener()

    def _follow(self, job: Job[Any], ended: Callable[[Job[Any]], None]) -> None:
        self._bridge.follow(job, ended)
        job.start()


def _read(fleet: Fleet, running: Set[str], current: Mapping[str, str]) -> History:
    from core.operations.past import read_history

    return read_history(fleet, LIMIT if len(fleet.names) <= MANY else LIMIT_OF_MANY, running, current)


def _log(fleet: Fleet, entry: Entry) -> Sequence[Event]:
    from core.operations.past import read_log

    return read_log(fleet, entry)
