"""After a failure: lead every server back to where it was, and say so where that is not possible."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from core.errors import Cancelled, ConnectError, FleetError, LockedError, NeedsPerson, TurnoutError
from core.events import Note, Switched
from core.jobs import Cancel
from core.records import mark
from core.remote.session import CLOSES_OWN

if TYPE_CHECKING:
    from core.operations.transition import Transition

REVIVALS = 4
"""How often a server whose connection broke is connected to again, to lead it back."""
REVIVAL_PAUSE = 3.0
"""Seconds between those attempts."""


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
        outcome = run.on_all(lambda name: _restore(transition, name))
        if went:
            back = [name for name in outcome.results if name in transition.switched]
            _hooks_after(transition, back)
        unlocked = run.on_all(lambda name: _conclude(transition, name, why if went else ""), outcome.results)
        transition.softly(lambda: transition.run_hooks("failure", folder=".", servers=list(outcome.results)))
        for name, error in unlocked.errors.items():
            run.warn(f"not unlocked: {error.title}", name)
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


def _restore(transition: Transition, name: str) -> None:
    """One server: `current` back to its old target if it was switched, and the release gone if it never went live."""
    run = transition.run
    state = transition.states[name]
    if not run.session(name).usable:
        _revive(transition, name)
    session = run.session(name)
    if name in transition.switched:
        with run.phase("switch", name):
            journal = run.journal("restore", tag=state.current, target=state.current_target)
            if session.restore(run.token, state.current_target, journal, f"releases/{transition.tag}"):
                run.emit(Switched(server=name, tag=state.current, previous=transition.tag, back=True))
    elif name in transition.made:
        before = state.releases.get(transition.tag)
        session.withdraw(run.token, transition.tag, before.record if before else None)
        transition.made.discard(name)


def _revive(transition: Transition, name: str) -> None:
    """Connect again and take the lock that our own agent there has given back, or holds without an operator."""
    run = transition.run
    for attempt in range(1, REVIVALS + 1):
        try:
            run.fleet.open(name)
            run.take(name)
            run.holds(name)
            return
        except (ConnectError, LockedError):
            if attempt == REVIVALS:
                raise
            run.cancel.wait(REVIVAL_PAUSE)


def _conclude(transition: Transition, name: str, failed: str) -> None:
    """Mark the release as failed where it had been live, write the journal, unlock."""
    run = transition.run
    if not run.session(name).usable:
        _revive(transition, name)
    records = transition.fates_undone(name)
    if failed and name in transition.made and transition.record:
        records.append(mark(transition.record, failed=failed))
    journal = run.journal(
        "end",
        outcome="put-back",
        exit_code=transition.exit_code,
        tag=transition.tag,
        back_on=transition.states[name].current,
    )
    run.conclude(name, CLOSES_OWN, journal, (), records)


def _hooks_after(transition: Transition, servers: list[str]) -> None:
    """Services have to take up the old release again: the hooks that follow a switch run, now in that release."""
    states = transition.states
    back = {name: states[name].current for name in servers if states[name].current_target}
    for moment in ("after-switch", "after-rollback") if back else ():
        transition.softly(partial(transition.run_hooks, moment, "current", list(back), back))


def _reason(cause: TurnoutError) -> str:
    """The failure in one line, for the record and the journal."""
    if isinstance(cause, FleetError):
        first = next(iter(cause.errors.values()))
        return f"{first.title} ({first.server})" if first.server else first.title
    if isinstance(cause, Cancelled):
        return "cancelled by the operator"
    return cause.title
