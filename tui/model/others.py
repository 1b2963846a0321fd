"""Notices what others do on the servers: follows a running operation live, knows one that was interrupted."""

from __future__ import annotations

from collections.abc import Callable

from core.errors import Cancelled
from core.events import Event
from core.records import Lock, ServerState
from core.recovery import Interruption, interruption
from tui.model.bridge import Bridge
from tui.model.operation import OthersOperation
from tui.model.shown import Shown
from tui.view.locks import living
from tui.view.recovery_lines import complete

AGAIN = 2.0
"""Seconds after the end of an operation at which servers that still seemed locked are looked at once more."""


class Others:
    """For one environment; all on Textual's thread.

    interruption   the interrupted operation at the last inspection of all servers; None while an operation is running
    """

    def __init__(self, shown: Shown, bridge: Bridge, now: Callable[[], float]) -> None:
        self._shown = shown
        self._fleet_watch = shown.fleet_watch
        self._listener = shown.listener
        self._bridge = bridge
        self._now = now
        self.interruption: Interruption | None = None
        self._followed: OthersOperation | None = None
        self._asked = False
        self._met: set[str] = set()
        """Operations that are not followed by themselves (any more)."""
        self._judged: tuple[ServerState, ...] = ()
        self._offered = False

    @property
    def locks(self) -> dict[str, Lock]:
        """By server: the locks of others whose process is running; of servers that answer."""
        return {} if self._shown.runs else living(self._fleet_watch.fleet_view.answering.values())

    @property
    def follows(self) -> bool:
        """Whether an operation of somebody else is being followed."""
        return self._followed is not None

    def look(self) -> None:
        """Take in what the servers were found to be."""
        if self._shown.runs:
            return
        fleet_view = self._fleet_watch.fleet_view
        if complete(fleet_view) and not _same(fleet_view.known, self._judged):
            self._judged = fleet_view.known
            self.interruption = interruption(fleet_view.known)
            first, self._offered = not self._offered, True
            if first and self.interruption is not None and self.interruption.switched:
                self._listener.interruption_found()
        new = [lock for lock in self.locks.values() if lock.operation not in self._met]
        if new and self._followed is None:
            self._follow(new[0])

    def own(self, operation: str) -> None:
        """Remember an operation as ours."""
        self._met.add(operation)

    def forget(self) -> None:
        """What is about to happen makes the present judgement void: an operation of ours begins."""
        self.interruption = None
        self._judged = ()
        self.stop()

    def watch(self) -> None:
        """Show the running operation, because a person asked for it."""
        locks = list(self.locks.values())
        if self._followed is None and locks:
            self._asked = True
            self._follow(locks[0])

    def stop(self) -> None:
        """Follow nothing any more; what runs on the servers goes on."""
        operation, self._followed = self._followed, None
        if operation is not None:
            self._met.discard(operation.id)
            operation.stop()

    def _follow(self, lock: Lock) -> None:
        self._met.add(lock.operation)
        operation = OthersOperation(self._fleet_watch.fleet, lock, self._now(), self._part(lock.operation))
        self._followed = operation
        operation.start(self._bridge, lambda said: self._said(operation, said), lambda: self._ended(operation))

    def _part(self, operation: str) -> tuple[str, ...]:
        """The servers of an operation, where a journal names them already."""
        states = self._fleet_watch.fleet_view.known
        lines = (line for state in states for line in (*state.transitions, *state.journal))
        return next((line.servers for line in lines if line.operation == operation and line.servers), ())

    def _said(self, operation: OthersOperation, said: list[Event]) -> None:
        if operation is not self._followed or not said:
            return
        if self._shown.operation is not operation:
            self.interruption = None
            self._shown.begin(operation)
        self._shown.said(said)

    def _ended(self, operation: OthersOperation) -> None:
        if operation is not self._followed:
            return
        self._followed = None
        asked, self._asked = self._asked, False
        shown = self._shown.operation is operation
        if shown and operation.progress.finished is not None:
            self._shown.tell_end(operation)
        elif operation.error is not None and not isinstance(operation.error, Cancelled):
            self._lost(operation, shown=shown)
        elif asked:
            self._listener.notice("nothing is running any more")
        self._fleet_watch.check()
        self._listener.later(AGAIN, self._again)

    def _lost(self, operation: OthersOperation, *, shown: bool) -> None:
        """Following it failed, not the operation itself: say so, and show nothing that might be wrong."""
        if shown:
            self._shown.hide()
        self._listener.contact_lost(operation)

    def _again(self) -> None:
        if self.locks and self._followed is None:
            self._fleet_watch.check(*self.locks)


def _same(states: tuple[ServerState, ...], others: tuple[ServerState, ...]) -> bool:
    return len(states) == len(others) and all(state is other for state, other in zip(states, others, strict=True))
