"""Rollback: an earlier release becomes live again on every server; where its files are gone they are made again."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from core.errors import SourceError, StateChanged, UsageError
from core.events import DEPLOY_PHASES
from core.jobs import Ahead, Controls
from core.moments import moments_of
from core.operations.going_live import carry_out
from core.operations.operation import Operation, SwitchRequest
from core.operations.planning import (
    Prepared,
    cache_contents,
    is_live_already,
    plan_settings,
    reuse,
    with_interruption,
)
from core.operations.run import Run
from core.operations.slot_plan import with_slots
from core.plan import ROLLBACK, Plan
from core.planner.rollback import Source, plan_rollback, rollback_target
from core.records import FleetRelease, Previous, Record, ServerState, fleet_releases, previous_of
from core.source import source_of, tree_of_record
from core.source.tree import Tree

HOOKS_LEFT_OUT = "no hook runs, but those that make a release: --no-hooks"
LOOKED_BACK = 5
"""Releases that were live before whose records undo asks for: some of them may have failed."""


class RollbackRequest(SwitchRequest, frozen=True):
    """Switch all servers to the release `tag`; None: undo the last switch, so each server that it was on goes back to
    what was live there before it, and the others stay as they are.

    What that is, is decided under the locks from the servers' journals (core.records.previous_of).
    across_migrations   a rollback whose plan no one has seen may leave migrations behind (`[deploy] migrations`)
    no_hooks            no hook runs but those that make a release where its files are gone
    """

    tag: str | None = None
    across_migrations: bool = False
    no_hooks: bool = False


class Rollback(Operation[RollbackRequest], request=RollbackRequest):
    phases = tuple(phase for phase in DEPLOY_PHASES if phase != "build")
    changes_live = True
    can_hold = True
    stops_at_freeze = True
    lets_servers_go = True
    goes_back = True
    names_releases = True
    verb = "Roll back"

    @staticmethod
    def kind(request: RollbackRequest) -> str:
        return ROLLBACK

    def title(self, tag: str = "") -> str:
        if self.planned and _takes_back_a_rollback(self.planned):
            return self._there_again(tag)
        return f"Roll {self.fleet.environment.name} back{f' to {tag}' if tag else ''}"

    def _there_again(self, tag: str) -> str:
        """The title of an undo that takes back a rollback: there and back is not called back twice."""
        return f"Undo the rollback of {self.fleet.environment.name}: to {tag} again"

    def worded(self, plan: Plan) -> Plan:
        plan = super().worded(plan)
        several = len(plan.by_tag) > 1
        if not _takes_back_a_rollback(plan):
            return replace(plan, title=f"{self.title()} to what was live before") if several else plan
        question = f"Undo the rollback of {plan.environment}?"
        title = self._there_again("the releases before it" if several else plan.tag)
        return replace(plan, title=title, question=question, verb="Undo the rollback")

    def renamed(self, whole: Callable[[str], str]) -> RollbackRequest:
        tag = self.request.tag
        return self.request if tag is None else replace(self.request, tag=whole(tag))

    def explained(self, word: str, error: UsageError, states: Collection[ServerState]) -> UsageError:
        """With what the word is in git, and what to type instead."""
        kind, commit = source_of(self.fleet.project).meaning(word)
        if not kind:
            return error
        environment = self.fleet.environment.name
        made = next((row.tag for row in fleet_releases(states) if row.record and row.record.revision == commit), "")
        if made:
            error.hint = f"{word} is {kind}: `turnout rollback {environment} {made}` goes to the release made from it"
        else:
            deploy = f"`turnout deploy {environment} --ref {shlex.quote(word)}`"
            error.hint = f"{word} is {kind}, and no release was made from it: {deploy} deploys it"
        return error

    def records(self, states: Mapping[str, ServerState]) -> tuple[str, ...]:
        """Of undo: those of what was live before, also where a server lists them in brief."""
        if self.request.tag is not None:
            return super().records(states)
        return tuple(dict.fromkeys(stay.tag for state in states.values() for stay in state.stays[:LOOKED_BACK]))

    @property
    def looks_at_caches(self) -> bool:
        """Few rollbacks send files. A plan that was shown is compared with all that it rested on."""
        return self.planned is not None

    def sends(self, states: Sequence[ServerState]) -> bool:
        return bool(_lacking(states, self.request.tag)[1])

    def plan(self, states: Sequence[ServerState], tree: Ahead[Tree] | None) -> Prepared:
        no_hooks = self.request.no_hooks
        prepared = plan_return(self, self.request.tag, states, no_hooks=no_hooks)
        if no_hooks and self.fleet.project.hooks:
            plan = prepared.plan
            prepared = replace(prepared, plan=replace(plan, warnings=(*plan.warnings, HOOKS_LEFT_OUT)))
        planned = self.planned
        if planned and (planned.tag, planned.tags) != (prepared.plan.tag, prepared.plan.tags):
            raise StateChanged(
                f"what was live before changed since the plan was made: {_leads_to(prepared.plan)}, "
                f"not {_leads_to(planned)}",
                hint="look at the new plan; nothing was touched",
                phase="begin",
            )
        return with_slots(self.fleet, with_interruption(prepared, states), states, hooks=not no_hooks)

    def carry_out(self, run: Run, prepared: Prepared, states: Mapping[str, ServerState], controls: Controls) -> str:
        return carry_out(run, prepared, states, controls)

    def nothing(self, plan: Plan) -> str:
        return is_live_already(plan)


def _takes_back_a_rollback(plan: Plan) -> bool:
    return plan.undoes is not None and plan.undoes.kind == ROLLBACK and bool(plan.undoes.until and plan.tag)


def _leads_to(plan: Plan) -> str:
    """Where a plan leads: `r1`, or where servers differ `r1 on web1, web2; r2 on web3`."""
    if not plan.tag:
        return "nothing"
    groups = plan.by_tag
    if len(groups) < 2:
        return plan.tag if not plan.tags else f"{plan.tag} on {', '.join(plan.reaching)}"
    return "; ".join(f"{tag} on {', '.join(servers)}" for tag, servers in groups.items())


def plan_return(
    operation: Operation[Any],
    tag: str | None,
    states: Sequence[ServerState],
    carries: str = ROLLBACK,
    *,
    tags: Mapping[str, str] | None = None,
    no_hooks: bool = False,
) -> Prepared:
    """The operation's plan that makes the release `tag` live (None: what was live before it), with its tree where a
    server has to get its files again.

    tags       by server that goes to another release than `tag`: that one
    carries    what it carries out: of a recovery the kind of the operation that it finishes
    no_hooks   only the hooks that make a release run
    """
    fleet, kind = operation.fleet, operation.kind(operation.request)
    row, lacking = _lacking(states, tag, tags)
    found = {each.tag: _tree_again(operation, each) for each in lacking}
    trees = {name: made for name, (made, _) in found.items() if made}
    tree = trees.pop(row.tag, None) if row else None
    built = tree or next(iter(trees.values()), None)
    caches = cache_contents(fleet, states) if built else {}
    moments = moments_of(kind, makes_release=built is not None)
    moments = tuple(moment for moment in moments if moment.makes or not no_hooks)
    settings = plan_settings(fleet, moments, carries, operation.strategy)
    sources = {name: Source(made.manifest if made else None, why) for name, (made, why) in found.items()}
    plan = plan_rollback(fleet.environment.name, states, tag, sources, caches, settings, tags)
    return Prepared(replace(plan, build=reuse(built)), tree, caches, trees=trees)


def _lacking(
    states: Sequence[ServerState], tag: str | None, tags: Mapping[str, str] | None = None
) -> tuple[FleetRelease | None, list[FleetRelease]]:
    """The release that `plan_return` goes to, and those whose files a server that goes to them does not have."""
    rows = fleet_releases(states)
    row, _ = rollback_target(states, tag, rows)
    going = previous_of(states, rows) if tag is None else Previous(tag=tag, tags=tags or {})
    lacking = []
    for each in rows:
        if row and each.tag in {row.tag, *going.tags.values()}:
            needing = [s for s in states if s.server not in going.stay and going.tag_on(s.server) == each.tag]
            if any(not (s.releases.get(each.tag) and s.releases[each.tag].present) for s in needing):
                lacking.append(each)
    return row, lacking


def _tree_again(operation: Operation[Any], row: FleetRelease) -> tuple[Tree | None, str]:
    """The tree of a release whose files some server has to get again; None with the reason where it cannot be had."""
    fleet = operation.fleet
    tree: Tree | None = None
    problem = ""
    if row.record and row.record.digest and not row.conflict:
        # Their records have the same content. If the revision of one does not produce it, that of another may.
        records = {
            (release.record.source, release.record.revision): release.record
            for release in row.on.values()
            if release.record
        }
        for record in records.values():
            try:
                tree = tree_of_record(
                    fleet.project, record, operation.emit, operation.cancel, target=fleet.environment.name
                )
                break
            except (SourceError, UsageError) as error:
                problem = problem or "; ".join(part for part in (error.title, error.hint) if part)
        if tree is None and fleet.project.store:
            tree, problem = _from_store(operation, row.record, problem)
    return tree, problem


def _from_store(operation: Operation[Any], record: Record, problem: str) -> tuple[Tree | None, str]:
    """The tree of a release whose source is gone, from the store; else why it cannot be had."""
    from core.operations.stored import tree_in_store  # few projects have a store

    try:
        tree = tree_in_store(operation.fleet.project, record, operation.emit, operation.cancel)
    except SourceError as error:
        return None, f"{problem}; {'; '.join(part for part in (error.title, error.detail) if part)}"
    return tree, problem if tree else f"{problem}; the store does not have it"
