"""What planning takes from elsewhere: records and deploy-caches of the servers, the words of the configuration."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from core import hooks
from core.checks import attempts
from core.config import Project
from core.fleet import Fleet, at_once
from core.manifest import Manifest
from core.moments import FINALIZE, PREPARE, Moment
from core.plan import Plan
from core.planner.release import PlanSettings
from core.records import ServerState, make_tag
from core.recovery import Interruption, interruption
from core.source.store import known, remember
from core.source.tree import Tree
from core.strategy import Strategy
from core.text import count

if TYPE_CHECKING:
    from core.operations.sent_ahead import SentAhead


class Prepared(Struct, frozen=True):
    """A plan and what else its execution needs: the trees to send, and what each deploy-cache holds.

    tree     of the plan's release; trees: by tag, of others that servers go to
    ahead    uploads that have begun already
    """

    plan: Plan
    tree: Tree | None = None
    caches: Mapping[str, Manifest | None] = field(default_factory=dict)
    interruption: Interruption | None = None
    trees: Mapping[str, Tree] = field(default_factory=dict)
    ahead: SentAhead | None = None

    def tree_of(self, tag: str) -> Tree | None:
        """The tree of one of the plan's releases, where any server gets it."""
        return self.tree if tag == self.plan.tag else self.trees.get(tag)

    @property
    def parts(self) -> dict[str, Prepared]:
        """By tag of each release whose files any server gets: the part that concerns the servers which go there."""
        tags = [tag for tag in self.plan.by_tag if self.tree_of(tag)]
        return {tag: self.only(tag) if self.plan.tags else self for tag in tags}

    def only(self, tag: str) -> Prepared:
        """The part of it that concerns the servers which go to one release."""
        plan = self.plan
        here = (step for step in plan.steps if not step.stays and (step.tag or plan.tag) == tag)
        steps = tuple(replace(step, tag="") for step in here)
        part = replace(plan, tag=tag, record=plan.record_of(tag), steps=steps)
        return replace(self, plan=part, tree=self.tree_of(tag), trees={})


def with_records_of(
    fleet: Fleet, tags: Iterable[str | None], states: Mapping[str, ServerState]
) -> dict[str, ServerState]:
    """The states with the records of these releases.

    If there are very many, a server lists the older ones in brief or only says how many they are: then it is asked for
    those that are named, which costs one more round trip.
    """
    named = [tag for tag in dict.fromkeys(tags) if tag]
    missing = {}
    for name, state in states.items():
        known = state.releases
        lacking = [tag for tag in named if (known[tag].seq if tag in known else state.unlisted)]
        if lacking:
            missing[name] = lacking
    found = at_once(missing, lambda name: fleet.session(name).with_records(states[name], missing[name])).unwrap("begin")
    return {**states, **found}


def name_for_tool(project: Project, states: Iterable[ServerState]) -> str:
    """What a new release has to be called for the tool whose files are kept true; "" where any name will do."""
    if not project.deploy.compatible:
        return ""
    from core.adoption.compatible import name_for  # few projects are also deployed by another tool

    return name_for(project.deploy.compatible, states)


def new_tag(project: Project, states: Iterable[ServerState], now: float, revision: str) -> str:
    """The tag of a new release that nobody named. now: seconds since the epoch."""
    return name_for_tool(project, states) or make_tag(datetime.fromtimestamp(now, UTC), revision)


def with_interruption(prepared: Prepared, states: Sequence[ServerState]) -> Prepared:
    """The same, with a word on an interrupted operation: this one ends it on all servers.

    A server that would stay as it is, and that was drained, or was to switch, is checked and brought back into
    service, too.
    """
    found = interruption(states)
    if found is None:
        return prepared
    plan = prepared.plan
    concerned = {*found.switched, *found.waiting, *found.drained}
    steps = tuple(
        replace(step, stays=False, because="", tag=step.tag or step.current)
        if step.stays and step.current and step.server in concerned
        else step
        for step in plan.steps
    )
    return replace(prepared, plan=replace(plan, steps=steps, warnings=(*plan.warnings, found.describe(time.time()))))


def plan_settings(fleet: Fleet, moments: Iterable[Moment], carries: str, strategy: Strategy) -> PlanSettings:
    """What the configuration says about an operation with hooks at these moments, as far as the strategy has them.

    carries   what it carries out: its kind, or that of the operation that it finishes or undoes
    """
    project = fleet.project
    mask = project.mask
    names = {moment.name for moment in moments if strategy.rolling or not moment.batched}
    makes = any(hook.on in (PREPARE.name, FINALIZE.name) for hook in project.hooks)
    return PlanSettings(
        keep=project.deploy.keep,
        hooks=tuple(hooks.describe(hook, mask) for hook in project.hooks if hook.on in names and hook.runs_in(carries)),
        checks=tuple(
            attempts.describe_whole(check, mask, fleet.environment.bake_of(check)) for check in project.checks
        ),
        shared=project.deploy.shared_paths,
        writable=() if makes else tuple(path.rstrip("/") for path in project.deploy.writable),
        hard_links=project.deploy.copy_mode == "hardlink",
        strategy=strategy,
        of_groups=frozenset(server.name for server in fleet.servers if fleet.environment.ownership_of(server).group),
    )


def cache_contents(fleet: Fleet, states: Sequence[ServerState]) -> dict[str, Manifest | None]:
    """What each server's deploy-cache holds: from this machine's store, else asked for; None where it is unknown."""
    cache = fleet.project.settings.cache
    contents: dict[str, Manifest | None] = {}
    missing = []
    for state in states:
        found = known(cache, state.cache) if state.cache else None
        contents[state.server] = found
        if state.cache and found is None:
            missing.append(state)
    # Servers with the same cache are asked once.
    asked = {state.cache: state.server for state in missing}
    outcome = at_once(list(asked.values()), lambda name: fleet.session(name).cached())
    for state in missing:
        manifest = outcome.results.get(asked[state.cache])
        if manifest is not None and manifest.digest == state.cache:
            remember(cache, manifest)
            contents[state.server] = manifest
    return contents


def reuse(tree: Tree | None) -> str:
    """What a plan says of its build: when the build was made that is used again; "" for a build made for this plan."""
    if tree is None or not tree.reused:
        return ""
    return f"reused, made {datetime.fromtimestamp(tree.reused, UTC):%Y-%m-%d %H:%M:%S} UTC"


def is_live_already(plan: Plan) -> str:
    """The summary of an operation whose release every server has live already."""
    return f"{plan.tag} is live on {count(len(plan.steps), 'server')} already: nothing to do"
