"""After a failure: switch every server back to where it was, and say so where that is not possible."""

from __future__ import annotations

from collections.abc import Mapping

from core.errors import Astray, ConnectError, FleetError, LockLost, NeedsPerson, TurnoutError
from core.events import GoingBack, Switched
from core.jobs import Cancel, Controls
from core.moments import FAILURE
from core.operations.ending import end, look_again, revive, unclaimed
from core.operations.hook_runs import HookRuns
from core.operations.run import Run
from core.operations.standing import Standing
from core.protocol.requests import Settles, points_to
from core.records import mark


def put_back(run: Run, standing: Standing, hooks: HookRuns, cause: TurnoutError) -> None:
    """Switch back what was switched, remove what was made, unlock. Raises NeedsPerson where a server is left behind.

    A cancel that comes now is ignored: it would leave servers half-way back. If this process dies here, each agent
    cleans up and unlocks; `current` points to one of two complete releases on each server.
    """
    cancel = Controls().cancel
    went = bool(standing.switched)
    why = run.fleet.project.mask(_reason(cause))

    def conclude(name: str, again: bool) -> None:
        if not run.session(name).usable:
            revive(run, name, cancel)
        _conclude(run, standing, name, why if went else "", cause.exit_code)

    with run.phase("finish"):
        run.emit(GoingBack(text=f"putting back: {why}", level="warning", why=why))
        outcome = run.on_all(lambda name: _surely(run, standing, name, cancel))
        if went:
            again = [standing.states[name] for name, restored in outcome.results.items() if restored]
            back = {state.server: state.current for state in again if state.current_target}
            hooks.after_going_back(list(back), cancel, back)
            hooks.retire(cancel, {state.server: standing.tag for state in again})
        before = {name: points_to(standing.states[name].current_target) for name in outcome.results}
        lost = end(run, before, conclude, cancel)
        hooks.at(FAILURE, cancel, list(outcome.results))
        if hooks.any_at((FAILURE,)):
            after = look_again(run, {name: text for name, text in before.items() if name not in lost})
            lost |= {n: error for n, error in after.items() if n in standing.switched or isinstance(error, Astray)}
        run.give_back("failed", cause)
        for name, error in lost.items():
            if name not in standing.switched:
                run.warn(error.title if isinstance(error, Astray) else f"not unlocked: {error.title}", name)
    _say_what_is_left(run, standing, outcome.errors, lost, cause)


def _say_what_is_left(
    run: Run,
    standing: Standing,
    failed: Mapping[str, TurnoutError],
    lost: Mapping[str, TurnoutError],
    cause: TurnoutError,
) -> None:
    """NeedsPerson where a server that was switched is not back, or was switched again by others.

    failed   servers that could not be put back
    lost     servers where `current` is not as it was left
    """
    left = {name: error for name, error in failed.items() if name in standing.switched}
    for name, error in failed.items():
        if name not in left:
            run.warn(f"{error.title}; it was not switched, and its agent cleans up and unlocks by itself", name)
    if left:
        raise NeedsPerson(
            f"{', '.join(left)} could not be switched back to the previous release",
            detail="\n".join([f"first failure: {cause}", *(str(error) for error in left.values())]),
            hint=f"all other servers are back; when the server answers again: turnout recover "
            f"{run.fleet.environment.name} --undo",
            phase="finish",
        ) from cause
    switched = {name: error for name, error in lost.items() if name in standing.switched}
    if switched:
        raise unclaimed(run, "not back on its previous release:", switched, f"first failure: {cause}") from cause


def _surely(run: Run, standing: Standing, name: str, cancel: Cancel) -> bool:
    """`_restore`, again with a new connection and lock if they were lost: it changes only what is as we left it."""
    if not run.session(name).usable:
        revive(run, name, cancel)
    try:
        return _restore(run, standing, name)
    except (ConnectError, LockLost):
        run.let_go(name)
        revive(run, name, cancel)
        return _restore(run, standing, name)


def _restore(run: Run, standing: Standing, name: str) -> bool:
    """One server: `current` back to its old target if it was switched, and the release gone if it never went live.

    Whether it was switched back: not where the switch had never happened, or somebody has changed it since.
    """
    state = standing.states[name]
    held = run.held(name)
    if name in standing.switched:
        with run.phase("switch", name):
            journal = run.journal("restore", tag=state.current, target=state.current_target)
            if held.restore(state.current_target, journal, state.link_to(standing.tag)):
                run.emit(Switched(server=name, tag=state.current, previous=standing.tag, back=True))
                return True
    elif name in standing.made:
        before = state.releases.get(standing.tag)
        held.withdraw(standing.tag, before.record if before else None)
        standing.made.discard(name)
    return False


def _conclude(run: Run, standing: Standing, name: str, failed: str, exit_code: int) -> None:
    """Mark the release as failed where it had been live, write the journal, unlock.

    failed   the reason for the mark; "" for none
    """
    records = standing.fates_undone(name)
    record = standing.record_of(name)
    if failed and name in standing.made and record:
        records.append(mark(record, failed=failed))
    state = standing.states[name]
    journal = run.journal("end", outcome="put-back", exit_code=exit_code, tag=standing.tag, back_on=state.current)
    run.conclude(name, Settles.OWN, journal, (), records, points_to(state.current_target))


def _reason(cause: TurnoutError) -> str:
    """The failure in one line, for the record and the journal."""
    if isinstance(cause, FleetError):
        first = next(iter(cause.errors.values()))
        return f"{first.title} ({first.server})" if first.server else first.title
    return cause.title
