"""One operation as the dashboard shows it: its job, its progress, and how it ended; our own, or somebody else's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from core.backlog import History
from core.errors import FleetError, TurnoutError
from core.events import (
    PHASES,
    Event,
    OperationFinished,
    OperationStarted,
    PhaseFinished,
    PhaseStarted,
    UploadProgress,
)
from core.jobs import Controls, Job
from core.plan import Plan
from core.records import Lock, Record
from core.rows.plan import plan_row
from tui.model.bridge import Bridge
from tui.view.formats import listing, short_tags
from tui.view.lines import one_line
from tui.view.locks import owner
from tui.view.operation_lines import heading
from tui.view.progress import Progress

if TYPE_CHECKING:
    from core import Request, Result
    from core.fleet import Fleet
    from core.operations.follow import Watched

SKEW = 2.0
"""Seconds that two clocks may differ before times are put right."""

YEAR = 365 * 86400.0
"""Seconds from which what a server says of times is nonsense."""


class Followed:
    """An operation that is followed by what its job says."""

    ours = True
    """Whether this dashboard started it: then it is ours to cancel, and quitting asks."""

    def __init__(self, fleet: Fleet, job: Job[Any], progress: Progress) -> None:
        self.fleet = fleet
        self.job = job
        self.progress = progress
        self.id = ""
        """The engine's id of it, as soon as it is known."""
        self.error: TurnoutError | None = None
        self.heard = History()
        """What was handed on so far, but for figures of uploads: for a screen that shows it only now."""
        self.dismissed = False
        """The status line about its end was hidden."""

    def start(self, bridge: Bridge, on_events: Callable[[list[Event]], None], on_end: Callable[[], None]) -> None:
        """Run its job on an engine thread; both callbacks come on Textual's."""

        def take(events: list[Event]) -> None:
            said = [ours for event in events if (ours := self.taken(event)) is not None]
            for event in said:
                self.id = event.operation or self.id
                self.progress.apply(event)
                if not isinstance(event, UploadProgress):
                    self.heard.add(event)
            on_events(said)

        def ended(job: Job[Any]) -> None:
            self.error = job.error
            on_end()

        bridge.follow(self.job, ended, take)
        self.job.start()

    def taken(self, event: Event) -> Event | None:
        """The event as it is to be shown; None where it is not."""
        return event

    @property
    def record(self) -> Record | None:
        """The record of the release that becomes live, where it is known."""
        return None

    @property
    def title(self) -> str:
        return heading(self.progress)

    @property
    def outcome(self) -> str:
        """`done`, `failed`, `cancelled` or `needs-person`; "" while it runs."""
        if self.progress.finished is not None:
            return self.progress.finished.outcome
        return "failed" if self.error is not None else ""

    @property
    def refused(self) -> bool:
        """Whether it ended before it changed anything, so that there is nothing to look at but the reason."""
        phases = {phase for server in self.progress.servers.values() for phase in server.phases}
        return self.outcome in ("failed", "needs-person") and phases <= {"connect", "begin"}

    @property
    def summary(self) -> str:
        """How it ended, in one sentence."""
        if self.progress.finished is not None and self.progress.finished.summary:
            return short_tags(one_line(self.progress.finished.summary), self.progress.short)
        if isinstance(self.error, FleetError):
            return short_tags(f"{one_line(self.error.title)}: {listing(list(self.error.errors))}")
        return short_tags(one_line(self.error.title)) if self.error is not None else ""


class Operation(Followed):
    """A plan that a person agreed to, being carried out as it was shown."""

    def __init__(self, fleet: Fleet, request: Request, plan: Plan, started: float) -> None:
        self.request = request
        self.plan = plan
        servers = [*(step.server for step in plan.steps), *plan.left_out]
        progress = Progress(plan.kind, plan.environment, servers, started=started, title=plan.title, phases=plan.phases)
        progress.take_plan(plan_row(plan))
        progress.changes = plan.changes
        job: Job[Result] = Job(plan.kind, self._work)
        super().__init__(fleet, job, progress)

    def _work(self, emit: Callable[[Event], None], controls: Controls) -> Result:
        from core import execute

        return execute(self.fleet, self.request, self.plan, emit, controls)

    @property
    def record(self) -> Record | None:
        return self.plan.record

    def cancel(self) -> None:
        """Ask the engine to stop; it puts everything back and says so."""
        self.progress.cancelling = True
        self.job.controls.cancel.request_apart()


class OthersOperation(Followed):
    """An operation that somebody else runs, as its servers tell of it. Stopping touches nothing there.

    lock      what its servers' lock says of it: its times are by the clock of its operator's machine
    servers   those that it works on, as far as that is known before it says so itself; else all
    """

    ours = False

    def __init__(self, fleet: Fleet, lock: Lock, now: float, servers: Sequence[str] = ()) -> None:
        self.lock = lock
        self.who = owner(lock)
        age = lock.age if 0 <= lock.age < YEAR else 0.0
        names = [server.name for server in fleet.servers]
        part = [name for name in names if name in servers] or names
        progress = Progress(lock.kind, fleet.environment.name, part, started=now - age, by=self.who)
        ahead = now - (lock.since + age)
        self._known = frozenset(names)
        self._ahead = ahead if SKEW < abs(ahead) < YEAR else 0.0
        job: Job[Watched] = Job("watch", self._work)
        super().__init__(fleet, job, progress)
        self.id = lock.operation

    def _work(self, emit: Callable[[Event], None], controls: Controls) -> Watched:
        from core.operations.follow import watch

        return watch(self.fleet, emit, controls.cancel)

    def taken(self, event: Event) -> Event | None:
        """The event by our own clock; nothing of servers and phases that we do not know."""
        if event.server and event.server not in self._known:
            return None
        if isinstance(event, PhaseStarted | PhaseFinished) and event.phase not in PHASES:
            return None
        if isinstance(event, OperationStarted):
            servers = tuple(name for name in event.servers if name in self._known)
            event = replace(event, servers=servers, environment=self.progress.environment)
        if isinstance(event, OperationFinished) and not event.seconds:  # made by the watcher, not by the operation
            return replace(event, seconds=max(event.time - self.progress.started, 0.0))
        return replace(event, time=event.time + self._ahead) if self._ahead else event

    def stop(self) -> None:
        """Look no longer."""
        self.job.controls.cancel.request_apart()
