"""Follows what a plan rests on while it is shown: its servers, the environment it comes from, the branch it deploys."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from core.jobs import Job
from core.plan import Plan
from core.records import ServerState
from tui.model.news import NONE, News, news_since, origin_moved, ref_moved, way_back_moved
from tui.model.workspace import Workspace
from tui.model.workspaces import Workspaces

if TYPE_CHECKING:
    from core import Request

AGAIN = 2.0
"""Seconds after which git is asked again what a branch names."""


class Newsreader:
    """The news for a plan of this request in an environment, to be asked for every second.

    frozen   says why a freeze stops it; "" where none does
    """

    def __init__(
        self, workspaces: Workspaces, workspace: Workspace, request: Request, frozen: Callable[[], str]
    ) -> None:
        from core import DeployRequest, PromoteRequest

        self._workspace = workspace
        self._frozen = frozen
        self._source = workspaces.of(request.source) if isinstance(request, PromoteRequest) else None
        deploys = isinstance(request, DeployRequest) and workspace.project.source.has_revisions
        self._ref = (request.ref or workspace.ref) if deploys and isinstance(request, DeployRequest) else ""
        self._commit = ""
        self._made = 0.0
        self._asked = 0.0
        self._asking = 0.0
        self._way_back: tuple[tuple[ServerState, ...], float, str] = ((), 0.0, "")

    def since(self, plan: Plan, made: float, before: News = NONE) -> News:
        """What a plan that was there at that time does not say; `before`: what was known of that last."""
        workspace = self._workspace
        fleet = workspace.fleet_view
        news = news_since(plan, made, fleet, workspace.others.locks, self._frozen(), before)
        if news.stale:
            return news
        moved = ""
        if self._source is not None:
            self._source.look_again()
            moved = origin_moved(plan, made, self._source.fleet_view)
        elif self._ref:
            self._ask_git(made)
            moved = ref_moved(plan, self._ref, self._commit)
        elif plan.undoes is not None and not workspace.others.locks:
            moved = self._undone_otherwise(plan, made)
        return replace(news, moved=moved)

    def _undone_otherwise(self, plan: Plan, made: float) -> str:
        """`way_back_moved`, found out once for the same states."""
        states = self._workspace.fleet_view.known
        same = len(states) == len(self._way_back[0]) and all(map(lambda a, b: a is b, states, self._way_back[0]))
        if not same or self._way_back[1] != made:
            self._way_back = states, made, way_back_moved(plan, made, self._workspace.fleet_view)
        return self._way_back[2]

    def _ask_git(self, made: float) -> None:
        """Have git say what the branch names since this plan was made, where it was not asked lately."""
        now = self._workspace.now()
        if self._made != made:
            self._made, self._asked, self._commit = made, 0.0, ""
        if self._asking == made or now - self._asked < AGAIN:
            return
        self._asked, self._asking = now, made
        project, ref = self._workspace.fleet.project, self._ref

        def named() -> str:
            from core.source import source_of

            return source_of(project).meaning(ref)[1]

        def ended(job: Job[Any]) -> None:
            self._asking = 0.0 if self._asking == made else self._asking
            if self._made == made:  # else it may be what the branch named before the plan was made again
                self._commit = job.outcome or ""

        job: Job[str] = Job("what a branch names", lambda emit, controls: named())
        self._workspace.bridge.follow(job, ended)
        job.start()
