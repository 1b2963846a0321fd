"""After a failure: switch every server back to where it was, and say so where that is not possible."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

from core.errors import Astray, ConnectError, FleetError, LockLost, NeedsPerson, TurnoutError
from core.events import GoingBack, Switched
from core.fleet import Outcome
from core.jobs import Cancel, Controls
from core.moments import FAILURE
from core.operations.ending import TIDYING, end, look_again, revive, unclaimed
from core.operations.going_back import going_back
from core.operations.hook_runs import HookRuns
from core.operations.leaving_out import withdraw
from core.operations.run import Run, cancelled_by
from core.operations.slot_taking import withdraw_start
from core.operations.standing import Standing
from core.protocol.requests import Settles, points_to
from core.records import mark
from core.records.open_operations import open_operations


def put_back(run: Run, standing: Standing, hooks: HookRuns, cause: TurnoutError) -> None:
    """Switch back what was switched, remove what was made, unlock. Raises NeedsPerson where a server is left behind.

    A cancel that comes now is ignored: it would leave servers half-way back. If this process dies here, each agent
    cleans up and unlocks; `current` points to one of two complete releases on each server.
    """
    cancel = Controls().cancel
    went = bool(standing.switched)
    why = run.fleet.project.mask(_reason(cause))
    patience = partial(_patience, standing)

    def conclude(name: str, again: bool) -> None:
        if not run.session(name).usable:
            revive(run, name, cancel, patience(name))
        slots = None if again else standing.slots.text(name)
        _conclude(run, standing, name, why if went else "", cause, slots)

    with run.phase("finish"):
        run.emit(GoingBack(text=f"putting back: {why}", level="warning", why=why))
        outcome = _all_back(run, standing, hooks, cancel)
        if went:
            again = [name for name, restored in outcome.results.items() if restored]
            hooks.retire(cancel, {name: standing.tag_on(name) for name in again})
        before = {name: points_to(standing.states[name].current_target) for name in outcome.results}
        if standing.slots:  # what was started is stopped before others can get its slot
            withdraw_start(standing, hooks, list(outcome.results), cancel)
        lost = end(run, before, conclude, cancel, patience=patience)
        if not standing.slots:
            hooks.failed(cancel, list(outcome.results))
        if hooks.any_at((FAILURE,)):
            after = look_again(run, {name: text for name, text in before.items() if name not in lost})
            lost |= {n: error for n, error in after.items() if n in standing.switched or isinstance(error, Astray)}
        run.give_back("failed", cause)
        for name, error in lost.items():
            if name not in standing.switched:
                run.warn(error.title if isinstance(error, Astray) else f"not unlocked: {error.title}", name)
    _say_what_is_left(run, standing, outcome.errors, lost, cause)


def _all_back(run: Run, standing: Standing, hooks: HookRuns, cancel: Cancel) -> Outcome[bool]:
    """Every batch that was begun, the last one first, then what never switched: by server whether it was switched back.

    If this process dies here, each server is on the old release or the new one, and its journal says whether it is
    drained.
    """
    results: dict[str, bool] = {}
    errors: dict[str, TurnoutError] = {}

    def restore(names: Sequence[str]) -> Mapping[str, bool]:
        outcome = run.on_all(lambda name: _surely(run, standing, name, cancel), names)
        results.update(outcome.results)
        errors.update(outcome.errors)
        return outcome.results

    going_back(run, standing, hooks, standing.plan.batches, restore, cancel)
    restore([name for name in run.names if name not in results and name not in errors])
    return Outcome({name: results[name] for name in run.names if name in results}, errors)


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
    left = {name: error for name, error in failed.items() if name in standing.switched | standing.drained}
    for name, error in failed.items():
        if name not in left:
            run.warn(f"{error.title}; it was not switched, and its agent cleans up and unlocks by itself", name)
    if left:
        there = [name for name in left if name in standing.switched]
        drained = [name for name in left if name not in there]
        parts = [f"{', '.join(there)} could not be switched back to the previous release"] if there else []
        parts += [f"{', '.join(drained)} could not be brought back after the drain hook"] if drained else []
        raise NeedsPerson(
            "; ".join(parts),
            detail="\n".join([f"first failure: {cause}", *(str(error) for error in left.values())]),
            hint=f"all other servers are back; when the server answers again: turnout recover "
            f"{run.fleet.environment.name} --undo",
            phase="finish",
        ) from cause
    switched = {name: error for name, error in lost.items() if name in standing.switched}
    if switched:
        raise unclaimed(run, "not back on its previous release:", switched, f"first failure: {cause}") from cause


def _surely(run: Run, standing: Standing, name: str, cancel: Cancel) -> bool:
    """`_restore`, again with a new connection and lock if they were lost: it changes only what is as we left it, and
    what no other operation has found so and called its own since.
    """
    if run.session(name).usable:
        try:
            return _restore(run, standing, name)
        except (ConnectError, LockLost):
            run.let_go(name)
    revive(run, name, cancel, _patience(standing, name))
    return _restore(run, standing, name, ours=_is_newest(run, name))


def _patience(standing: Standing, name: str) -> float:
    """Seconds after which no further attempt is made to connect to a server again."""
    return math.inf if name in standing.switched or name in standing.drained else TIDYING


def _is_newest(run: Run, name: str) -> bool:
    """Whether no other operation has changed what is live on a server, or ended well there, since this one lost its
    lock and took it again."""
    left_open = open_operations(run.held(name).state.transitions)
    return bool(left_open) and left_open[-1][0].operation == run.id


def _restore(run: Run, standing: Standing, name: str, *, ours: bool = True) -> bool:
    """One server: `current` back to its old target if it was switched, and the release gone if it never went live.

    ours   False: what is live there is another operation's now, also where it is the same release
    Whether it was switched back: not where the switch had never happened, or somebody has changed it since.
    """
    state = standing.states[name]
    if name in standing.switched:
        if not ours:
            return False
        tag = standing.tag_on(name)
        with run.phase("switch", name):
            journal = run.journal("restore", tag=state.current, target=state.current_target)
            if run.held(name).restore(state.current_target, journal, state.link_to(tag)):
                run.emit(Switched(server=name, tag=state.current, previous=tag, back=True))
                return True
    else:
        withdraw(run, standing, name)
    return False


def _conclude(run: Run, standing: Standing, name: str, failed: str, cause: TurnoutError, slots: str | None) -> None:
    """Mark the release as failed where it had been live, write the journal, unlock.

    failed   the reason for the mark; "" for none
    slots    see Held.finish
    """
    records = standing.fates_undone(name)
    record = standing.record_of(name)
    if failed and name in standing.made and record:
        records.append(mark(record, failed=failed))
    state = standing.states[name]
    ended = {"outcome": "put-back", "exit_code": cause.exit_code, **cancelled_by(cause)}
    journal = run.journal("end", **ended, tag=standing.tag_on(name), back_on=state.current)
    run.conclude(name, Settles.OWN, journal, (), records, points_to(state.current_target), slots)


def _reason(cause: TurnoutError) -> str:
    """The failure in one line, for the record and the journal."""
    if isinstance(cause, FleetError):
        first = next(iter(cause.errors.values()))
        return f"{first.title} ({first.server})" if first.server else first.title
    return cause.title
