"""From a request and the servers' states to a plan: finds the tree and what each deploy-cache holds."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from core import checks, hooks
from core.errors import NeedsPerson, SourceError, UsageError
from core.events import Emit
from core.fleet import Fleet, at_once
from core.jobs import Ahead, Cancel
from core.manifest import Manifest
from core.operations.requests import DeployRequest, PinRequest, PruneRequest, RecoverRequest, Request, RollbackRequest
from core.plan import NONE, RECOVER, STAGE, SWITCH, UPLOAD, Plan, Refusal, Sizes, Step
from core.planner.deploy import plan_deploy
from core.planner.pin import plan_pin
from core.planner.prune import plan_prune
from core.planner.release import PlanSettings
from core.planner.rollback import plan_rollback, rollback_target
from core.records import Record, Release, ServerState, fleet_releases, is_tag, live_tag, make_tag, next_seq
from core.recovery import FINISH, UNDO, Interruption, interruption, untold
from core.source import make_tree, source_of, tree_of_record
from core.source.store import known, remember
from core.source.tree import Tree


@dataclass(frozen=True)
class Prepared:
    """A plan and what its execution needs besides: the tree to send, and what each deploy-cache holds."""

    plan: Plan
    tree: Tree | None = None
    caches: Mapping[str, Manifest | None] = field(default_factory=dict)
    interruption: Interruption | None = None


def check_request(fleet: Fleet, request: Request) -> None:
    """UsageError for a request that no state of the servers could make right."""
    if fleet.environment.strategy == "rolling":
        raise UsageError(
            f'{fleet.environment.name} has strategy = "rolling", which this version does not carry out yet',
            hint='use strategy = "all-at-once", or deploy to a part of the servers with --server',
        )
    if isinstance(request, RecoverRequest):
        if request.way not in (FINISH, UNDO):
            raise UsageError(f"an interrupted operation is finished or undone, not {request.way!r}")
        return
    tags = request.tags if isinstance(request, PruneRequest) else (request.tag,)
    for tag in tags:
        if tag is not None and not is_tag(tag):
            raise UsageError(
                f"{tag!r} cannot be a release's tag",
                hint="a tag has letters, digits, '.', '_' and '-', at most 100, and no '..'",
            )
    if isinstance(request, PruneRequest) and request.keep is not None and request.keep < 1:
        raise UsageError("--keep must be at least 1", hint="the live release is always kept")


def start_tree(
    fleet: Fleet, request: Request, emit: Emit, cancel: Cancel, planned: Plan | None = None
) -> Ahead[Tree] | None:
    """Begin to make the tree of a deploy, while the servers are connected to.

    planned   a plan that a person has seen: what it built is not built again
    A revision that does not exist is told at once (UsageError): no server is touched for it.
    """
    if not isinstance(request, DeployRequest):
        return None
    ref = request.ref
    source_of(fleet.project).check(ref)
    rebuild = request.rebuild and planned is None
    target = fleet.environment.name
    return Ahead(lambda: make_tree(fleet.project, ref, emit, cancel, target=target, rebuild=rebuild))


def with_records_of(
    fleet: Fleet, tags: Iterable[str | None], states: Mapping[str, ServerState]
) -> dict[str, ServerState]:
    """The states with the records of these releases.

    Of very many, a server tells of the older ones in brief or only how many they are: then it is asked for those that
    are named, which is one more round trip.
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


def tags_of(request: Request, states: Mapping[str, ServerState], planned: Plan | None = None) -> tuple[str | None, ...]:
    """The releases that a request names, or that an interrupted operation was about."""
    if isinstance(request, PruneRequest):
        return request.tags
    if isinstance(request, RecoverRequest):
        found = interruption(states.values())
        return (found.tag,) if found else ()
    return (planned.tag if planned else request.tag,)


def prepare(
    fleet: Fleet,
    request: Request,
    states: Mapping[str, ServerState],
    tree: Ahead[Tree] | None,
    emit: Emit,
    cancel: Cancel,
    planned: Plan | None = None,
) -> Prepared:
    """The plan for these states. `planned` is an earlier plan of the same request whose tag and number are kept."""
    ordered = [states[name] for name in fleet.names]
    if isinstance(request, DeployRequest):
        assert tree is not None
        return _warned(_deploy(fleet, request, ordered, tree.get(), planned), ordered)
    if isinstance(request, RollbackRequest):
        tag = planned.tag if planned else request.tag
        return _warned(_rollback(fleet, tag, ordered, emit, cancel), ordered)
    if isinstance(request, RecoverRequest):
        return _recover(fleet, request, ordered, emit, cancel)
    if isinstance(request, PinRequest):
        return Prepared(plan_pin(fleet.environment.name, ordered, request.tag, pinned=request.pinned))
    return _prune(fleet, request, ordered)


def _warned(prepared: Prepared, states: Sequence[ServerState]) -> Prepared:
    """The same, with a word on an interrupted operation: this one ends it, for all servers reach the same release."""
    found = interruption(states)
    if found is None:
        return prepared
    plan = prepared.plan
    return replace(prepared, plan=replace(plan, warnings=(*plan.warnings, found.describe(time.time()))))


def plan_settings(fleet: Fleet, moments: Sequence[str]) -> PlanSettings:
    """What the configuration has to say about an operation with hooks at these moments."""
    project = fleet.project
    mask = project.mask
    return PlanSettings(
        keep=project.deploy.keep,
        hooks=tuple(hooks.describe(hook, mask) for hook in project.hooks if hook.on in moments),
        checks=tuple(checks.describe(check, mask) for check in project.checks),
        shared=project.deploy.shared_paths,
        hard_links=project.deploy.copy_mode == "hardlink",
    )


def cache_contents(fleet: Fleet, states: Sequence[ServerState]) -> dict[str, Manifest | None]:
    """What each server's deploy-cache holds: from this machine's store, else asked for; None where nobody knows."""
    contents: dict[str, Manifest | None] = {}
    missing = []
    for state in states:
        found = known(state.cache) if state.cache else None
        contents[state.server] = found
        if state.cache and found is None:
            missing.append(state)
    # Servers with the same cache are asked once.
    asked = {state.cache: state.server for state in missing}
    outcome = at_once(list(asked.values()), lambda name: fleet.session(name).cached())
    for state in missing:
        manifest = outcome.results.get(asked[state.cache])
        if manifest is not None and manifest.digest == state.cache:
            remember(manifest)
            contents[state.server] = manifest
    return contents


def _deploy(
    fleet: Fleet, request: DeployRequest, states: Sequence[ServerState], tree: Tree, planned: Plan | None
) -> Prepared:
    now = time.time()
    mask = fleet.project.mask
    record = Record(
        tag=request.tag or make_tag(datetime.fromtimestamp(now, UTC), tree.revision),
        seq=next_seq(states),
        created=now,
        source=tree.source,
        revision=tree.revision,
        digest=tree.manifest.digest,
        subject=mask.line(tree.subject, 500),
        author=mask.line(tree.author, 500),
        by=mask(fleet.project.settings.who),
        ref=tree.ref,
        bytes=tree.manifest.bytes,
        files=tree.manifest.files,
    )
    if planned and planned.record:
        if planned.record.digest != record.digest:
            raise SourceError(
                "the source changed since the plan was made",
                detail=f"planned {planned.record.revision}, now {record.revision}",
                hint="look at the new plan; nothing was touched",
            )
        record = planned.record
    caches = cache_contents(fleet, states)
    moments = ("build", "prepare", "before-switch", "after-switch", "success")
    plan = plan_deploy(fleet.environment.name, states, record, tree.manifest, caches, plan_settings(fleet, moments))
    remember(tree.manifest)
    return Prepared(replace(plan, build=_reuse(tree)), tree, caches)


def _rollback(fleet: Fleet, tag: str | None, states: Sequence[ServerState], emit: Emit, cancel: Cancel) -> Prepared:
    row, _ = rollback_target(states, tag)
    tree: Tree | None = None
    problem = ""
    caches: dict[str, Manifest | None] = {}
    if row and row.record and not row.conflict and len(row.present_on) < len(states):
        # All say the same of its content. Where one names a revision that does not give that, another may know better.
        records = {
            (release.record.source, release.record.revision): release.record
            for release in row.on.values()
            if release.record
        }
        for record in records.values():
            try:
                tree = tree_of_record(fleet.project, record, emit, cancel, target=fleet.environment.name)
                remember(tree.manifest)
                caches = cache_contents(fleet, states)
                break
            except (SourceError, UsageError) as error:
                problem = problem or "; ".join(part for part in (error.title, error.hint) if part)
    made_again = ("prepare",) if tree else ()
    moments = (*made_again, "before-switch", "after-switch", "after-rollback", "success")
    plan = plan_rollback(
        fleet.environment.name,
        states,
        tag,
        tree.manifest if tree else None,
        problem,
        caches,
        plan_settings(fleet, moments),
        _no_release(fleet, tag, states) if tag and row is None else "",
    )
    return Prepared(replace(plan, build=_reuse(tree)), tree, caches)


def _no_release(fleet: Fleet, word: str, states: Sequence[ServerState]) -> str:
    """What a word is that no release is called by, where git knows it, and what to type; else ""."""
    kind, commit = source_of(fleet.project).meaning(word)
    if not kind:
        return ""
    environment = fleet.environment.name
    made = next((row.tag for row in fleet_releases(states) if row.record and row.record.revision == commit), "")
    if made:
        return f"{word} is {kind}, not a release: `turnout rollback {environment} {made}` is the release made from it"
    deploy = f"`turnout deploy {environment} --ref {shlex.quote(word)}`"
    return f"{word} is {kind}, not a release, and no release was made from it: {deploy} deploys it"


def _reuse(tree: Tree | None) -> str:
    """What a plan says of its build: when that was made which is used again; "" where it was made for this plan."""
    if tree is None or not tree.reused:
        return ""
    return f"reused, made {datetime.fromtimestamp(tree.reused, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _recover(
    fleet: Fleet, request: RecoverRequest, states: Sequence[ServerState], emit: Emit, cancel: Cancel
) -> Prepared:
    """Finish: a rollback's plan to the interrupted operation's release. Undo: each switched server back to its own."""
    found = interruption(states)
    if found is None:
        if problem := untold(states):
            raise problem
        raise UsageError(
            f"no operation was interrupted on {fleet.environment.name}", hint="there is nothing to recover"
        )
    if found.conflict:
        raise NeedsPerson(
            "the servers' journals differ about the interrupted operation",
            detail=found.conflict,
            hint="look at what is live; deploy, or roll back to a release, which settles it",
        )
    if request.way == FINISH:
        return replace(_finish(fleet, found, states, emit, cancel), interruption=found)
    undone = [
        Step(
            server=state.server,
            action=SWITCH if state.server in found.switched else NONE,
            current=state.current,
            back=found.switched[state.server].target if state.server in found.switched else None,
            refusal=_way_back_gone(state, found),
        )
        for state in states
    ]
    release = next((state.releases[found.tag] for state in states if found.tag in state.releases), None)
    moments = ("after-switch", "after-rollback") if found.switched else ()
    plan = Plan(
        kind=RECOVER,
        environment=fleet.environment.name,
        tag=found.tag,
        live=live_tag(states),
        record=release.record if release else None,
        steps=tuple(undone),
        hooks=plan_settings(fleet, moments).hooks,
        warnings=(found.describe(time.time()),),
        fingerprints={state.server: state.fingerprint for state in states},
    )
    return Prepared(plan, interruption=found)


def _way_back_gone(state: ServerState, found: Interruption) -> Refusal | None:
    """Why a server cannot go back to where it was before an interrupted operation."""
    before = found.switched.get(state.server)
    if before is None and state.server in found.unknown and state.current == found.tag:
        return Refusal(
            "its transitions.jsonl cannot be read, so what was live before is unknown: finish it, or roll back"
        )
    release = state.releases.get(before.tag) if before and before.tag else None
    if before and before.tag and not (release and release.present):
        return Refusal(
            f"{before.tag}, which was live there before, is gone: finish it, or roll back to another release"
        )
    return None


def _finish(fleet: Fleet, found: Interruption, states: Sequence[ServerState], emit: Emit, cancel: Cancel) -> Prepared:
    """The plan of a rollback to the interrupted operation's release, for the servers that took part in it.

    Where a server does not know the release yet, its own journal's record says from what it is made: what a server says
    decides nothing about another.
    """
    if not found.tag:
        raise NeedsPerson("the journals do not tell what it was to make live", hint="undo it, then deploy again")
    known = []
    for state in states:
        own = found.records.get(state.server)
        ahead = {found.tag: Release(tag=found.tag, record=own)} if own else {}
        known.append(replace(state, releases={**ahead, **state.releases}))
    prepared = _rollback(fleet, found.tag, known, emit, cancel)
    part = {*found.switched, *found.waiting}
    knowing = {state.server for state in known if found.tag in state.releases and state.releases[found.tag].record}
    steps = tuple(
        Step(server=step.server, action=NONE, current=step.current)
        if step.server not in part
        else replace(step, refusal=Refusal(_unheard_of(found.tag)))
        if step.action in (STAGE, UPLOAD) and step.server not in knowing and not step.refusal
        else step
        for step in prepared.plan.steps
    )
    fingerprints = {state.server: state.fingerprint for state in states}
    return replace(prepared, plan=replace(prepared.plan, kind=RECOVER, steps=steps, fingerprints=fingerprints))


def _unheard_of(tag: str) -> str:
    """Why an interrupted operation is not finished on a server that has no word of it."""
    return f"nothing there tells of {tag}, and what others say does not decide what is sent: undo, then deploy again"


def _prune(fleet: Fleet, request: PruneRequest, states: Sequence[ServerState]) -> Prepared:
    keep = request.keep
    if keep is None and not request.tags and not request.cache:
        keep = fleet.project.deploy.keep
    draft = plan_prune(fleet.environment.name, states, request.tags, keep, request.cache, {})
    sizes: Mapping[str, Sizes] = {}
    if draft.executable:
        wanted = {step.server: step for step in draft.steps if step.prune or step.clear_cache}
        ask = lambda name: fleet.session(name).sizes(wanted[name].prune, cache=wanted[name].clear_cache)  # noqa: E731
        sizes = at_once(wanted, ask).unwrap("begin")
    return Prepared(plan_prune(fleet.environment.name, states, request.tags, keep, request.cache, sizes))
