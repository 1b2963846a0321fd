"""All that the dashboard knows and does in one environment; knows no screen and no app, tells by callbacks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from core.plan import Plan
from core.planner.freeze import frozen
from core.questions import Question
from core.records import Lock
from tui.model.answers import Answers
from tui.model.bridge import Bridge
from tui.model.comparison import Comparison
from tui.model.fleet_watch import FleetWatch, open_fleet
from tui.model.listener import Listener
from tui.model.lock_breaking import breaking, said_of_breaking
from tui.model.older import Older
from tui.model.operation import Followed, Operation
from tui.model.others import Others
from tui.model.past import Past
from tui.model.preflight import Preflight
from tui.model.release_changes import ReleaseChanges
from tui.model.shown import Shown
from tui.view.fleet import Activity, FleetView
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, crop
from tui.view.progress_lines import activity, status_line

if TYPE_CHECKING:
    from core import Request
    from core.config import Environment, Project
    from core.fleet import Fleet


class Workspace:
    """One environment of a project as the dashboard works on it.

    fleet_watch   what is known of the servers     shown        the operation that is shown
    others        what others do on the servers    comparison   a release compared with its manifest
    past          what was done, and the log of one operation
    older         how long releases were live that a look does not tell of
    preflight     what doctor finds on the servers
    changes       two releases beside each other
    """

    def __init__(
        self,
        project: Project,
        environment: str,
        *,
        bridge: Bridge,
        now: Callable[[], float],
        listener: Listener,
        opener: Callable[[Project, Environment], Fleet] = open_fleet,
    ) -> None:
        self.project = project
        self.bridge = bridge
        self.now = now
        self._listener = listener
        self.fleet_watch = FleetWatch(
            project, project.environment(environment), bridge, now, listener.fleet_changed, opener
        )
        self.shown = Shown(self.fleet_watch, listener)
        self.others = Others(self.shown, self.bridge, self.now)
        self.answers = Answers(self.shown, self.others, self.bridge, listener)
        self.comparison = Comparison(self.bridge, self.now, listener.comparison_changed)
        self.past = Past(self.fleet_watch, bridge, now)
        self.older = Older(self.fleet_watch, bridge)
        names = [server.name for server in self.environment.servers]
        self.preflight = Preflight(names, lambda: self.fleet, bridge, now, listener.preflight_changed)
        self.changes = ReleaseChanges(self.bridge, listener.later, listener.changes_changed)

    @property
    def name(self) -> str:
        """Its environment's name."""
        return self.fleet_watch.environment.name

    @property
    def environment(self) -> Environment:
        return self.fleet_watch.environment

    @property
    def ref(self) -> str:
        """What is deployed where nobody names anything else: a branch, a tag or a pattern of tags."""
        return self.environment.ref or self.project.source.ref

    @property
    def fleet(self) -> Fleet:
        return self.fleet_watch.fleet

    @property
    def fleet_view(self) -> FleetView:
        """What is known of the servers now."""
        return self.fleet_watch.fleet_view

    @property
    def operation(self) -> Followed | None:
        """The operation that is shown."""
        return self.shown.operation

    @property
    def question(self) -> Question | None:
        """What the running operation asks, whoever started it."""
        return self.answers.question

    @property
    def operation_runs(self) -> bool:
        """Whether an operation of ours runs."""
        return self.shown.runs

    @property
    def watches(self) -> bool:
        """Whether the running operation of somebody else is shown."""
        return self.shown.watches

    def status_line(self, cells: int, glyphs: Glyphs, *, stop: str, close: str, seen: bool = False) -> Line:
        """The line above the keys: the running operation or how the last one ended, or a comparison; () for neither.

        stop, close   the keys that stop a comparison, and that hide the line
        seen          the operation is seen elsewhere on the screen, and is not told twice
        """
        operation = self.operation
        compared = self.comparison.status(self.fleet_view, cells, glyphs, stop=stop, close=close)
        if compared and (operation is None or operation.outcome):
            return compared
        if operation is None or operation.dismissed or seen:
            return ()
        spans = status_line(operation.progress, operation.outcome, operation.summary, cells, self.now(), glyphs, close)
        return crop(spans, cells, glyphs.more)

    @property
    def frozen(self) -> str:
        """Why changes are frozen, for after `is frozen`; "" where they are not."""
        return frozen(self.fleet_view.known, self.environment.freezes, self.now())

    def activity(self, server: str, glyphs: Glyphs) -> Activity | None:
        """What is being done on a server right now; None where nothing is."""
        if self.comparison.tag:
            return Activity("comparing")
        if self.operation is None or self.operation.outcome:
            return None
        return activity(self.operation.progress, server, self.now(), glyphs)

    def go_on_from(self, before: Workspace) -> None:
        """Keep what was known of the same servers, and how the last operation ended: turnout.toml has changed since."""
        self.fleet_watch.take_over(before.fleet_watch)
        operation = before.operation
        if operation is not None and operation.outcome:
            self.others.own(operation.id)
            self.shown.operation = operation

    def let_go(self) -> None:
        """Stop what only looks: following the operation of somebody else, and comparing a release."""
        if self.watches:
            self.shown.operation = None
        self.others.stop()
        self.comparison.stop()

    def chosen(self, servers: Collection[str]) -> Fleet:
        """The servers of an operation: those that are marked, or all of them."""
        return self.fleet.part(servers) if servers else self.fleet

    def run(self, request: Request, plan: Plan, fleet: Fleet | None = None) -> None:
        """Carry out a plan that a person agreed to, unless an operation runs by now. `fleet`: on these servers only."""
        if self.operation_runs:
            return
        self.comparison.stop()
        self.comparison.hide()
        self.others.forget()
        fleet, now = fleet or self.fleet, self.now()
        operation = Operation(fleet, request, plan, now)
        lived = self.fleet_view.lived(plan.live, now)
        others = {state.current for state in self.fleet_view.known if state.server not in fleet.names}
        if lived is not None and not lived.at_least and plan.live not in others:
            operation.progress.lived_before = lived.seconds, now
        operation.start(self.bridge, self.shown.said, lambda: self._ended(operation))
        self.shown.begin(operation)

    def _ended(self, operation: Operation) -> None:
        self.others.own(operation.id)
        self.shown.tell_end(operation)
        self.fleet_watch.check()
        self._listener.operation_ended(operation)

    def cancel_operation(self) -> None:
        """Ask the engine to stop the running operation; it puts everything back."""
        if isinstance(self.operation, Operation) and self.operation_runs:
            self.operation.cancel()

    def break_locks(self, locks: Mapping[str, Lock]) -> None:
        """Break these locks, which a person agreed to, and say what came of it."""
        job = breaking(self.fleet, locks)

        def ended() -> None:
            said, severity = said_of_breaking(job, locks)
            self._listener.notice(said, "Break lock", severity, 10.0)
            self.fleet_watch.check()

        self.bridge.follow(job, lambda job: ended())
        job.start()

    def look_again(self) -> None:
        """What is due once a second: a look at servers whose time has come, and a glance at one of the others."""
        self.fleet_watch.note_silence()
        if self.operation_runs or self.comparison.tag:
            return
        due = self.fleet_watch.due
        if due:
            self.fleet_watch.check(*due)
        if not self.watches:
            self.fleet_watch.glance()

    def look_if_due(self) -> None:
        """What is due once a second where several environments are shown: a look at servers whose time has come."""
        if not self.operation_runs and not self.comparison.tag and (due := self.fleet_watch.due):
            self.fleet_watch.check(*due)

    def look_rarely(self, every: float, connected: float) -> None:
        """What is due once a second while it is not shown: a look every so many seconds.

        connected   seconds after a look for which its connections stay open: a person may come back soon
        """
        if self.operation_runs or self.watches or self.comparison.tag or self.preflight.runs:
            return
        if self.fleet_watch.idle_for(every):
            self.fleet_watch.check()
        elif self.fleet_watch.idle_for(connected):
            self.fleet_watch.disconnect()

    def close(self) -> None:
        """Let go of everything: the program ends."""
        self.let_go()
        self.fleet_watch.close()
