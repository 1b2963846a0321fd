"""Make a plan without touching anything, or carry one out from the first lock to the last."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

from core.errors import EXIT_DONE, FleetError, NeedsPerson, TurnoutError, outcome_of
from core.events import Emit, Event, Note, OperationFinished, OperationStarted, PlanMade, reading, unheard
from core.fleet import Fleet
from core.jobs import Ahead, Cancel, Controls, fault
from core.operations.asked_ahead import ask_ahead
from core.operations.beginning import begin
from core.operations.ending import end, unclaimed
from core.operations.operation import Operation, Request, operation_of, reason_of
from core.operations.planning import Prepared, with_records_of
from core.operations.refusing import refuse, refuse_across_migrations, refuse_changed
from core.operations.run import Run, masked
from core.overlap import WAY_OUT, overlaps
from core.plan import Plan
from core.protocol.requests import ANYWHERE, Settles, live_at
from core.records import LEFT_OUT, ServerState
from core.rows.plan import plan_row
from core.source.tree import Tree

if TYPE_CHECKING:
    from core.operations.sent_ahead import SentAhead


class Result(Struct, frozen=True, kw_only=True):
    """How an operation ended well. `outcome` is done or nothing-to-do; seconds of the whole operation."""

    kind: str
    tag: str
    outcome: str
    seconds: float
    summary: str
    plan: Plan
    warnings: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    """By server that was left out: why."""
    exit_code: int = EXIT_DONE
    round_trips: Mapping[str, int] | None = None
    """By server: round trips over the open connection, the agent's start among them."""


def make_plan(
    fleet: Fleet,
    request: Request,
    emit: Emit = unheard,
    cancel: Cancel | None = None,
    heard: Callable[[str], None] | None = None,
) -> Plan:
    """The plan of a request: builds the tree, connects, inspects; takes no lock and changes nothing.

    heard   called, on a thread of the engine, with each server that has answered or failed
    Warnings of the source are among the plan's. Raises FleetError where a server cannot be inspected: a plan speaks for
    all its servers or for none.
    """
    cancel = cancel or Cancel()
    noted: list[str] = []

    def hear(event: Event) -> None:
        event = masked(event, fleet.project.mask)
        if isinstance(event, Note) and event.level == "warning":
            noted.append(event.text)
        else:
            emit(event)

    with fleet.masked():
        operation = operation_of(request)(fleet, request, hear, cancel)
        operation.check()
        with _tree_ahead(operation, cancel) as tree:
            left_out = Ahead(operation.not_deployed) if operation.needs_tree else None
            with reading(hear, fleet.environment.name):
                inspection = fleet.inspect(cancel, heard)
            if inspection.errors and not operation.may_lack(inspection.errors):
                raise FleetError(inspection.errors, phase="connect")
            operation.unreached = dict(inspection.errors)
            _alone(fleet, inspection.states)
            states = _named(operation, inspection.states)
            prepared = operation.prepare(states, tree)
            with reading(hear, "the changes"):
                plan = _to_be_shown(operation, prepared, states)
        if left_out:
            noted += map(fleet.project.mask, left_out.get())
    return replace(plan, warnings=(*noted, *plan.warnings))


def _named(operation: Operation[Any], states: Mapping[str, ServerState]) -> dict[str, ServerState]:
    """The states with the records that the plan needs; the operation goes on with whole tags."""
    all_listed = not any(state.unlisted for state in states.values())
    operation.name_releases(states.values(), all_listed=all_listed)
    needed = operation.records(states)
    if operation.fleet.environment.slots:  # the live releases' records say which slots are taken
        needed = (*needed, *(state.current for state in states.values()))
    found = with_records_of(operation.fleet, needed, states)
    if not all_listed:
        operation.name_releases(found.values(), all_listed=True)
    return found


def _with_caches(run: Run, operation: Operation[Any], states: dict[str, ServerState]) -> dict[str, ServerState]:
    """The states with what the deploy-caches hold, where that was not looked at and matters after all."""
    if all(state.cache_seen for state in states.values()) or not operation.sends(list(states.values())):
        return states
    seen = run.on_all(lambda name: run.session(name).state(), list(states)).unwrap("begin")
    return {
        name: replace(
            state,
            cache=seen[name].cache,
            cache_empty=seen[name].cache_empty,
            cache_foreign=seen[name].cache_foreign,
            cache_seen=True,
            cache_bytes=seen[name].cache_bytes,
            cache_entries=seen[name].cache_entries,
        )
        for name, state in states.items()
    }


@contextmanager
def _tree_ahead(operation: Operation[Any], cancel: Cancel) -> Iterator[Ahead[Tree] | None]:
    """The tree of an operation that needs one, made while the block runs; where the block fails, that is ended."""
    building = Cancel()
    unlink = cancel.on_request(building.request)
    tree = None
    try:
        tree = operation.start_tree(building)
        yield tree
    except Exception:
        building.request()
        if tree:
            with suppress(TurnoutError):  # the error that matters is the other one
                tree.get()
        raise
    finally:
        unlink()


def _alone(fleet: Fleet, states: Mapping[str, ServerState]) -> None:
    """NeedsPerson, in a FleetError, where roots overlap or are claimed by others: no operation could begin there."""
    found = overlaps(states.values(), fleet.project.project, fleet.environment.name)
    if found:
        raise FleetError(
            {
                name: NeedsPerson("no operation can begin there", detail=text, hint=WAY_OUT)
                for name, text in found.items()
            },
            phase="begin",
        )


def execute(
    fleet: Fleet,
    request: Request,
    plan: Plan | None = None,
    emit: Emit = unheard,
    controls: Controls | None = None,
    *,
    wait: float = 0.0,
) -> Result:
    """Carry out a request on all servers of the fleet, or on none.

    plan   what a person has seen: if the servers are no longer so when the locks are taken, StateChanged. None: the
           plan is made under the locks and executed at once
    wait   seconds to wait for locks that others hold
    Raises TurnoutError after everything was put back; NeedsPerson where that was not possible.
    """
    controls = controls or Controls()
    fleet.allow_changes()
    operation_class = operation_of(request)
    reason = reason_of(fleet.project.mask, request)
    run = Run(
        fleet,
        operation_class.kind(request),
        emit,
        reason,
        despite_freeze=request.despite_freeze,
        hooks=not getattr(request, "no_hooks", False),
    )
    operation = operation_class(fleet, request, run.emit, controls.cancel, plan)
    run.emit(
        OperationStarted(
            kind=run.kind,
            environment=fleet.environment.name,
            servers=fleet.names,
            tag=operation.tag,
            who=run.who,
            subject=plan.record.subject if plan and plan.record else "",
            title=operation.title(operation.tag),
            reason=run.reason,
            phases=operation.phases_here,
        )
    )
    try:
        result = _execute(run, operation, controls, wait)
    except Exception as problem:
        error = problem if isinstance(problem, TurnoutError) else fault(problem)
        error.mask(fleet.project.mask)
        _tell(run, run.plan or plan, error)
        _finished(run, error, plan)
        if error is problem:
            raise
        raise error from problem
    finally:
        run.heartbeat.stop()
    if result.outcome == "done":
        _tell(run, result.plan, None)
        result = replace(result, warnings=tuple(run.warnings))
    _finished(run, None, result.plan, result.summary, result.outcome)
    return result


def _tell(run: Run, plan: Plan | None, error: TurnoutError | None) -> None:
    """Tell the people of [[notify]] how it ended."""
    if run.fleet.project.notify:
        from core.operations.notifications import tell_end  # few projects have any

        tell_end(run, plan, error)


def _execute(run: Run, operation: Operation[Any], controls: Controls, wait: float) -> Result:
    planned = operation.planned
    operation.check()
    ask_ahead(run.fleet.project, run.fleet.environment.name, run.kind, controls.cancel, hooks=run.hooks)
    with _tree_ahead(operation, controls.cancel) as tree:
        run.left_out.update(planned.left_out if planned else {})
        states = begin(
            run,
            controls.cancel,
            uploads=operation.needs_tree,
            may_lack=operation.may_lack,
            wait=wait,
            cache=operation.looks_at_caches,
        )
        operation.unreached = {name: error for name, error in run.failed.items() if name in run.left_out}
        with run.or_give_back("refused"), _sending_ahead(run, operation, tree, states, controls.cancel) as ahead:
            with run.fleet.project.settings.measured("plan"):
                states = _with_caches(run, operation, _named(operation, states))
                prepared = operation.prepare(states, tree)
            if planned:
                refuse_changed(planned, states)
            prepared = _with_known_changes(operation, prepared, states)
            if prepared.plan.build and not planned:
                run.emit(Note(text=f"build {prepared.plan.build}; --rebuild builds it again"))
            run.plan = prepared.plan
            run.emit(PlanMade(plan=dict(plan_row(prepared.plan))))
            refuse(prepared.plan)
            refuse_across_migrations(operation, prepared.plan)
            controls.cancel.check()
            if ahead:
                ahead.only(prepared.plan)
                prepared = replace(prepared, ahead=ahead)
            _let_go(run, prepared.plan)
    return _carry_out(run, operation, prepared, states, controls)


def _sending_ahead(
    run: Run, operation: Operation[Any], tree: Ahead[Tree] | None, states: Mapping[str, ServerState], cancel: Cancel
) -> AbstractContextManager[SentAhead | None]:
    """What leaves before the tree is made."""
    if operation.coming is None or operation.planned or tree is None or tree.finished:
        return nullcontext()
    from core.operations.sent_ahead import sending_ahead  # only deploys need it

    return sending_ahead(run, operation.coming, operation.tag, states, cancel)


def _let_go(run: Run, plan: Plan) -> None:
    """Give the locks of servers back that the plan leaves out."""
    for name, why in plan.left_out.items():
        if name not in run.left_out:
            run.leave_out(name, "begin", why)
    line = run.journal("end", outcome=LEFT_OUT, exit_code=EXIT_DONE, tag=plan.tag)
    held = [name for name in plan.left_out if run.holds(name)]
    for name, error in run.on_all(lambda name: run.conclude(name, Settles.OWN, line), held).errors.items():
        run.warn(f"not unlocked: {error.title}; its agent does that by itself", name)


def _carry_out(
    run: Run, operation: Operation[Any], prepared: Prepared, states: Mapping[str, ServerState], controls: Controls
) -> Result:
    plan = prepared.plan
    if plan.needless:
        outcome, summary = "nothing-to-do", _nothing(run, operation, plan, states, controls.cancel)
    else:
        outcome, summary = "done", operation.carry_out(run, prepared, states, controls)
    return Result(
        kind=run.kind,
        tag=plan.tag,
        outcome=outcome,
        seconds=run.seconds,
        summary=summary,
        plan=plan,
        warnings=tuple(run.warnings),
        left_out=dict(run.left_out),
        round_trips={name: run.session(name).round_trips for name in run.names},
    )


def _nothing(run: Run, operation: Operation[Any], plan: Plan, states: Mapping[str, ServerState], cancel: Cancel) -> str:
    """Give the locks back, where all is as it should be already; the summary."""
    line = run.journal("end", outcome="nothing-to-do", exit_code=EXIT_DONE)
    left = {
        name: live_at(states[name].current_target) if plan.changes_live else ANYWHERE
        for name in states
        if name not in run.left_out
    }

    def conclude(name: str, again: bool) -> None:
        run.conclude(name, Settles.OWN, line, left=left[name])

    found = end(run, left, conclude, cancel)
    if found:
        error = unclaimed(run, f"{plan.tag} is not live on", found)
        run.give_back("failed", error)
        raise error
    return operation.nothing(plan)


def _to_be_shown(operation: Operation[Any], prepared: Prepared, states: Mapping[str, ServerState]) -> Plan:
    """The plan with all that only a person needs: commits, files and migrations, and ports that others use."""
    from core.operations.differences import plan_with_changes  # only plans that are shown need it
    from core.operations.slot_plan import with_taken_ports

    hooks = not getattr(operation.request, "no_hooks", False)
    plan = with_taken_ports(operation.fleet, prepared.plan, states, hooks=hooks)
    manifest = prepared.tree.manifest if prepared.tree else None
    return plan_with_changes(operation.fleet, plan, states, manifest, operation.cancel)


def _with_known_changes(operation: Operation[Any], prepared: Prepared, states: Mapping[str, ServerState]) -> Prepared:
    """The same with what the earlier plan said of changes, else with what decides whether it may be carried out."""
    if operation.planned:
        return replace(prepared, plan=replace(prepared.plan, changes=operation.planned.changes))
    if not operation.fleet.project.deploy.migrations:
        return prepared
    from core.operations.differences import plan_with_migrations  # few projects name migrations

    manifest = prepared.tree.manifest if prepared.tree else None
    plan = plan_with_migrations(operation.fleet, prepared.plan, states, manifest, operation.cancel)
    return replace(prepared, plan=plan)


def _finished(run: Run, error: TurnoutError | None, plan: Plan | None, summary: str = "", outcome: str = "") -> None:
    """The event that ends every operation."""
    if error is None:
        code = EXIT_DONE
    else:
        outcome = outcome_of(error)
        cancelled = outcome == "cancelled"
        place = ", ".join(part for part in (error.server, error.phase) if part)
        summary = f"{error.title} ({place})" if place and not cancelled else error.title
        if cancelled and error.hint:
            summary = f"{summary}: {error.hint}"
        code = error.exit_code
    run.emit(
        OperationFinished(
            kind=run.kind,
            outcome=outcome,
            exit_code=code,
            seconds=run.seconds,
            summary=summary,
            tag=plan.tag if plan else "",
        )
    )
