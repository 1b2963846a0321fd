"""The end of an operation is read, not asserted: the lock and `current` once more, before anything is claimed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from core import layout
from core.errors import Astray, ConnectError, LockedError, LockLost, NeedsPerson, TurnoutError
from core.events import Note, server_failed
from core.fleet import at_once
from core.jobs import Cancel
from core.operations.run import Run
from core.protocol.requests import ANYWHERE, live_at, points_to
from core.remote.held import clock
from core.text import clean

REVIVALS = 4
"""Attempts to connect again to a server whose connection broke."""
REVIVAL_PAUSE = 3.0
"""Seconds between those attempts."""
TIDYING = 10.0
"""Seconds after which no further attempt is made where nothing was switched: the server's agent tidies up by itself."""
FRESH = 3.0
"""Seconds for which an answer that a server gave under its lock is trusted. A process that was stopped for longer, or a
machine that slept, asks again."""


def revive(run: Run, name: str, cancel: Cancel, patience: float = math.inf) -> None:
    """Connect again and take the lock that our own agent there gave back, or still holds without an operator.

    patience   seconds after which no further attempt is made
    A cancel shortens the pauses. Raises ConnectError, LockedError.
    """
    since = clock()
    run.emit(Note(server=name, text="its connection is gone: connecting again"))
    for attempt in range(1, REVIVALS + 1):
        try:
            run.fleet.open(name)
            run.take(name)
            return
        except (ConnectError, LockedError):
            if attempt == REVIVALS or clock() - since > patience:
                raise
            cancel.wait(REVIVAL_PAUSE)


def end(
    run: Run,
    left: Mapping[str, str],
    conclude: Callable[[str, bool], object],
    cancel: Cancel,
    since: float = 0.0,
    patience: Callable[[str], float] = lambda _: math.inf,
) -> dict[str, TurnoutError]:
    """Send every server its last request; the errors of servers where `current` is not as this operation left it, or
    where that is unknown.

    left      by server, in the words of Held.finish
    conclude  the last request; True where the lock was lost and taken again, and others may have changed things
    cancel    see revive
    since     the `clock` before the first server was asked to end, where that was earlier
    patience  of a server: see revive
    Where `current` is right but the last request failed, that is a warning.
    """
    since = since or clock()
    outcome = run.on_all(lambda name: conclude(name, False), left)

    def again(name: str) -> None:
        error = outcome.errors[name]
        if isinstance(error, (ConnectError, LockLost)):
            run.let_go(name)
            try:
                revive(run, name, cancel, patience(name))
                conclude(name, not _alone(run, name))
                return
            except Astray:
                raise
            except TurnoutError as failed:
                error = failed
        if isinstance(error, Astray):
            raise error
        _look(run, name, left[name])
        run.warn(f"not finished: {error.title}: {error.detail}", name)

    found = dict(at_once(outcome.errors, again).errors)
    if clock() - since > FRESH:
        sure = [name for name in left if name not in found]
        found |= run.on_all(lambda name: _look(run, name, left[name]), sure).errors
    return found


def _alone(run: Run, name: str) -> bool:
    """Whether no other operation was at work on a server since this one began there, by the journal that it had when
    its lock was taken again."""
    operations = [line.operation for line in run.held(name).state.journal]
    return run.id in operations and set(operations[operations.index(run.id) :]) == {run.id}


def _look(run: Run, name: str, left: str) -> None:
    """Raise Astray where `current` is not as left, ConnectError where the server gives no answer."""
    if left == ANYWHERE:
        return
    state = run.fleet.inspect_one(name)
    missing = state.current_kind in ("absent", "dangling")
    there = state.current_kind == "absent" if left == points_to("") else left == points_to(state.current_target)
    if not there and (missing or left != live_at(state.current_target)):
        raise Astray(state.current_target, dangling=state.current_kind == "dangling", server=name)


def look_again(run: Run, left: Mapping[str, str]) -> dict[str, TurnoutError]:
    """As `end`, for servers whose lock was given back: the errors where people's own commands changed `current`."""
    return dict(run.on_all(lambda name: _look(run, name, left[name]), left).errors)


def _pointed_to(error: Astray) -> str:
    """What `current` points to, in a word for a title."""
    target = clean(error.target.removeprefix(layout.release("")), 100) or "nothing"
    return f"{target}, which is gone" if error.dangling else target


def unclaimed(run: Run, what: str, found: Mapping[str, TurnoutError], detail: str = "") -> NeedsPerson:
    """The error that says where `current` is not as this operation left it; each server's own is an event too.

    what   a phrase before the servers' names: `r2 is not live on`
    found  what `end` gave
    """
    for name, error in found.items():
        run.emit(server_failed(name, "finish", error))
    lines = [detail] if detail else []
    for name, error in found.items():
        sentence = error.title if isinstance(error, Astray) else f"unknown, because it cannot be asked: {error.title}"
        lines.append(f"{name}: {sentence}")
    now: dict[str, list[str]] = {}
    for name, error in found.items():
        now.setdefault(_pointed_to(error) if isinstance(error, Astray) else "", []).append(name)
    unknown = now.pop("", [])
    parts = [f"{what} {', '.join(names)} (now {target})" for target, names in now.items()]
    parts += [f"what is live on {', '.join(unknown)} is unknown"] if unknown else []
    return NeedsPerson(
        "; ".join(parts),
        detail="\n".join(lines),
        hint=f"another operation, a hook or a person switched it: `turnout releases {run.fleet.environment.name}` says "
        "what is live where",
        phase="finish",
    )
