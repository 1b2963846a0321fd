"""One operation as the dashboard runs it: its job, its progress, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from core.errors import FleetError, TurnoutError
from core.events import Event
from core.jobs import Job
from core.plan import Plan
from tui.bridge import Bridge
from tui.view.progress import Progress
from tui.view.progress_lines import heading

if TYPE_CHECKING:
    from core.fleet import Fleet
    from core.operations import Request, Result


class Operation:
    """A plan that a person agreed to, being carried out as it was shown."""

    def __init__(self, fleet: Fleet, request: Request, plan: Plan, started: float) -> None:
        self.fleet = fleet
        self.request = request
        self.plan = plan
        self.error: TurnoutError | None = None
        self.dismissed = False
        """The status line about its end was hidden."""
        self.progress = Progress(plan.kind, plan.environment, [step.server for step in plan.steps], started=started)
        self.progress.tag = plan.tag
        self.job: Job[Result] = Job(plan.kind, self._work)

    def _work(self, emit: Callable[[Event], None], cancel: Any) -> Result:
        from core.operations import execute

        return execute(self.fleet, self.request, self.plan, emit, cancel)

    def start(self, bridge: Bridge, on_events: Callable[[list[Event]], None], on_end: Callable[[], None]) -> None:
        """Run it on an engine thread; both callbacks come on Textual's."""

        def take(events: list[Event]) -> None:
            for event in events:
                self.progress.apply(event)
            on_events(events)

        def ended(job: Job[Any]) -> None:
            self.error = job.error
            on_end()

        bridge.follow(self.job, ended, take)
        self.job.start()

    @property
    def running(self) -> bool:
        return not self.job.finished

    def cancel(self) -> None:
        """Ask the engine to stop; it puts everything back and says so."""
        self.progress.cancelling = True
        self.job.cancel.request()

    @property
    def title(self) -> str:
        return heading(self.progress)

    @property
    def outcome(self) -> str:
        """`done`, `failed` or `cancelled`; "" while it runs."""
        if self.progress.finished is not None:
            return self.progress.finished.outcome
        return "failed" if self.error is not None else ""

    @property
    def summary(self) -> str:
        """How it ended, in one sentence."""
        if self.progress.finished is not None and self.progress.finished.summary:
            return self.progress.finished.summary
        if isinstance(self.error, FleetError):
            return f"{self.error.title}: {', '.join(self.error.errors)}"
        return self.error.title if self.error is not None else ""
