"""The workspaces of a project, one for each environment: each goes on living while another is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from core.events import Event
from tui.model.ahead import Commits
from tui.model.bridge import Bridge
from tui.model.fleet_watch import open_fleet
from tui.model.listener import Front, Listener, Severity
from tui.model.operation import Followed, Operation, OthersOperation
from tui.model.shown import end_notice
from tui.model.workspace import Workspace

if TYPE_CHECKING:
    from core.config import Environment, Project
    from core.fleet import Fleet

RARELY = 300.0
"""Seconds between two looks at the servers of an environment that is not shown."""

CONNECTED = 60.0
"""Seconds after a look for which the connections of such an environment stay open."""


class Workspaces:
    """By environment: what the dashboard knows of it and does there. A workspace is made when it is first asked for.

    front      the screen that shows `shown`; None before there is one
    on_end     called with an operation of ours, in any environment, when it has ended
    on_change  called when something changed in any environment, also in those that are not shown
    later      calls work after so many seconds; notice   tells the person something, whatever is on the screen
    """

    def __init__(
        self,
        project: Project,
        first: str,
        *,
        bridge: Bridge,
        now: Callable[[], float],
        later: Callable[[float, Callable[[], None]], object],
        notice: Callable[[str, str, Severity, float], None],
        opener: Callable[[Project, Environment], Fleet] = open_fleet,
    ) -> None:
        self.project = project
        self.bridge = bridge
        self.now = now
        self.later = later
        self.notice = notice
        self.front: Front | None = None
        self.on_change: list[Callable[[], None]] = []
        self.on_end: list[Callable[[Operation], None]] = []
        self.ahead = Commits(project, bridge, now, self._counted)
        self._opener = opener
        self._made: dict[str, Workspace] = {}
        self._name = project.environment(first).name

    def __iter__(self) -> Iterator[Workspace]:
        """Those that were made, in the order of turnout.toml."""
        return iter([self._made[name] for name in self.project.environments if name in self._made])

    @property
    def shown(self) -> Workspace:
        """The one that the dashboard shows."""
        return self.of(self._name)

    def of(self, name: str) -> Workspace:
        """The workspace of an environment."""
        if name not in self._made:
            self._made[name] = Workspace(
                self.project,
                name,
                bridge=self.bridge,
                now=self.now,
                listener=Relay(self, name),
                opener=self._opener,
            )
        return self._made[name]

    def go_on_from(self, before: Workspaces) -> None:
        """Keep what was known in the environments that are still there."""
        for workspace in before:
            if workspace.name in self.project.environments:
                self.of(workspace.name).go_on_from(workspace)

    def show(self, name: str) -> None:
        """Show another environment; what runs in the one that was shown goes on."""
        self._name = name
        self.changed()

    def changed(self) -> None:
        """Something changed in an environment."""
        for listener in list(self.on_change):
            listener()

    @property
    def running(self) -> list[Workspace]:
        """Those in which an operation of ours runs."""
        return [workspace for workspace in self if workspace.operation_runs]

    @property
    def elsewhere(self) -> list[Workspace]:
        """Those that are not shown and in which an operation runs, ours or one that is watched."""
        others = [workspace for workspace in self if workspace.name != self._name]
        return [workspace for workspace in others if workspace.operation_runs or workspace.watches]

    def look_at_others(self) -> None:
        """What is due once a second for those that are not shown: a look now and then."""
        self.count_commits()
        for workspace in self:
            if workspace.name != self._name:
                workspace.look_rarely(RARELY, CONNECTED)

    def count_commits(self) -> None:
        """Have git count the commits since what is live, where that is due."""
        self.ahead.look((workspace.ref, workspace.fleet_view.revision) for workspace in self)

    def _counted(self) -> None:
        for workspace in self:
            pair = workspace.ref, workspace.fleet_view.revision
            if pair in self.ahead.found:
                workspace.fleet_watch.learn(ahead=self.ahead.found[pair])

    def close(self) -> None:
        """Let go of everything: the program ends."""
        for workspace in self:
            workspace.close()


class Relay:
    """Hands on what a workspace tells: all of it to the screen that shows it; of a hidden one how operations end."""

    def __init__(self, workspaces: Workspaces, name: str) -> None:
        self._workspaces = workspaces
        self._name = name

    @property
    def _front(self) -> Listener | None:
        front = self._workspaces.front
        return front if front and not front.is_going and self._workspaces.shown.name == self._name else None

    def fleet_changed(self) -> None:
        if front := self._front:
            front.fleet_changed()
        self._workspaces.changed()

    def comparison_changed(self) -> None:
        if front := self._front:
            front.comparison_changed()

    def preflight_changed(self) -> None:
        if front := self._front:
            front.preflight_changed()

    def changes_changed(self) -> None:
        if front := self._front:
            front.changes_changed()

    def operation_started(self) -> None:
        if front := self._front:
            front.operation_started()
        self._workspaces.changed()

    def operation_said(self, said: list[Event]) -> None:
        if front := self._front:
            front.operation_said(said)

    def operation_changed(self) -> None:
        if front := self._front:
            front.operation_changed()
        self._workspaces.changed()

    def operation_told(self, operation: Followed) -> None:
        if front := self._front:
            front.operation_told(operation)
        else:
            self.notice(*end_notice(operation))

    def operation_ended(self, operation: Operation) -> None:
        if front := self._front:
            front.operation_ended(operation)
        for listener in self._workspaces.on_end:
            listener(operation)
        self._workspaces.changed()

    def contact_lost(self, operation: OthersOperation) -> None:
        if front := self._front:
            front.contact_lost(operation)
        self._workspaces.changed()

    def interruption_found(self) -> None:
        if front := self._front:
            front.interruption_found()

    def notice(self, text: str, title: str = "", severity: Severity = "information", seconds: float = 6.0) -> None:
        if front := self._front:
            front.notice(text, title, severity, seconds)
            return
        named = title if self._name in title else f"{self._name}: {title}" if title else self._name
        self._workspaces.notice(text, named, severity, seconds)

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        self._workspaces.later(seconds, work)
