"""After a failure: lead every server back to where it was, and say so where that is not possible."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from core import layout
from core.errors import Astray, Cancelled, ConnectError, FleetError, LockLost, NeedsPerson, TurnoutError
from core.events import Note, Switched
from core.jobs import Cancel
from core.operations.ending import end, look_again, revive, unclaimed
from core.protocol.requests import Settles, points_to
from core.records import mark

if TYPE_CHECKING:
    from core.operations.transition import Transition


def put_back(transition: Transition, cause: TurnoutError) -> None:
    """Switch back what was switched, remove what was made, unlock. Raises NeedsPerson where a server is left behind.

    A cancel that comes now is not heeded: what is half-way back would stay there. If this process dies here, each
    agent sweeps and unlocks; `current` is on one of two complete releases on each server.
    """
    run = transition.run
    run.cancel = Cancel()
    went = bool(transition.switched)
    why = run.fleet.project.mask(_reason(cause))
    transition.exit_code = cause.exit_code
    with run.phase("finish"):
        run.emit(Note(text=f"putting back: {why}", level="warning"))
        outcome = run.on_all(lambda name: _surely(transition, name))
        if went:
            _hooks_after(transition, [name for name, back in outcome.results.items() if back])
        before = {name: points_to(transition.states[name].current_target) for name in outcome.results}
        lost = end(run, before, lambda name, again: _conclude(transition, name, why if went else ""))
        transition.softly(lambda: transition.run_hooks("failure", folder=".", servers=list(outcome.results)))
        if any(hook.on == "failure" for hook in run.fleet.project.hooks):
            after = look_again(run, {name: text for name, text in before.items() if name not in lost})
            lost |= {n: error for n, error in after.items() if n in transition.switched or isinstance(error, Astray)}
        run.give_back("failed", cause)
        for name in [name for name in lost if name not in transition.switched]:
            run.warn(
                f"not unlocked: {lost[name].title}" if not isinstance(lost[name], Astray) else lost[name].title, name
            )
    left = {name: error for name, error in outcome.errors.items() if name in transition.switched}
    for name, error in outcome.errors.items():
        if name not in left:
            run.warn(f"{error.title}; it was not switched, and its agent sweeps and unlocks by itself", name)
    if left:
        raise NeedsPerson(
            f"{', '.join(left)} could not be led back to the release before",
            detail="\n".join([f"first failure: {cause}", *(str(error) for error in left.values())]),
            hint=f"all other servers are back; when the server answers again: turnout recover "
            f"{run.fleet.environment.name} --undo",
            phase="finish",
        ) from cause
    switched = {name: error for name, error in lost.items() if name in transition.switched}
    if switched:
        raise unclaimed(run, "not back where it was:", switched, f"first failure: {cause}") from cause


def _surely(transition: Transition, name: str) -> bool:
    """`_restore`, again over a new connection and lock where it lost them: it changes only what is as we left it."""
    run = transition.run
    if not run.session(name).usable:
        revive(run, name)
    try:
        return _restore(transition, name)
    except (ConnectError, LockLost):
        run.let_go(name)
        revive(run, name)
        return _restore(transition, name)


def _restore(transition: Transition, name: str) -> bool:
    """One server: `current` back to its old target if it was switched, and the release gone if it never went live.
    Whether it was led back: not where the switch had never happened, or somebody has changed it since.
    """
    run = transition.run
    state = transition.states[name]
    held = run.held(name)
    if name in transition.switched:
        with run.phase("switch", name):
            journal = run.journal("restore", tag=state.current, target=state.current_target)
            if held.restore(state.current_target, journal, layout.release(transition.tag)):
                run.emit(Switched(server=name, tag=state.current, previous=transition.tag, back=True))
                return True
    elif name in transition.made:
        before = state.releases.get(transition.tag)
        held.withdraw(transition.tag, before.record if before else None)
        transition.made.discard(name)
    return False


def _conclude(transition: Transition, name: str, failed: str) -> None:
    """Mark the release as failed where it had been live, write the journal, unlock."""
    run = transition.run
    if not run.session(name).usable:
        revive(run, name)
    records = transition.fates_undone(name)
    record = transition.record_of(name)
    if failed and name in transition.made and record:
        records.append(mark(record, failed=failed))
    journal = run.journal(
        "end",
        outcome="put-back",
        exit_code=transition.exit_code,
        tag=transition.tag,
        back_on=transition.states[name].current,
    )
    run.conclude(name, Settles.OWN, journal, (), records, points_to(transition.states[name].current_target))


def _hooks_after(transition: Transition, servers: list[str]) -> None:
    """Services have to take up the old release again: the hooks that follow a switch run, now in that release."""
    states = transition.states
    back = {name: states[name].current for name in servers if states[name].current_target}
    for moment in ("after-switch", "after-rollback") if back else ():
        transition.softly(partial(transition.run_hooks, moment, layout.CURRENT, list(back), back))


def _reason(cause: TurnoutError) -> str:
    """The failure in one line, for the record and the journal."""
    if isinstance(cause, FleetError):
        first = next(iter(cause.errors.values()))
        return f"{first.title} ({first.server})" if first.server else first.title
    if isinstance(cause, Cancelled):
        return "cancelled by the operator"
    return cause.title
