"""The beginning of an operation: connected to every server, and every lock taken."""

from __future__ import annotations

import random
import shlex
import time
from collections.abc import Callable, Mapping

from core.errors import FleetError, LockedError, TurnoutError
from core.events import Emit, Event, Note
from core.fleet import at_once
from core.jobs import Cancel
from core.operations.run import Run
from core.records import ServerState

REMIND_EVERY = 15.0
"""Seconds between two notes about whose lock is waited for."""


MayLack = Callable[[Mapping[str, TurnoutError]], bool]
"""Whether the operation may begin without the servers that failed so."""


def begin(
    run: Run, cancel: Cancel, *, uploads: bool, may_lack: MayLack, wait: float = 0.0, cache: bool = True
) -> dict[str, ServerState]:
    """Connect, take every lock, and inspect under it: the states by server.

    uploads   also open the channels for uploads, because they will probably be needed
    may_lack  says which servers may be left out: what is done then is done without them
    wait      seconds to go on trying while others hold a lock
    cache     look at the deploy-caches, too
    Raises FleetError, Cancelled; locks that were taken are given back.
    """

    def connect(name: str) -> None:
        with run.phase("connect", name):
            session = run.fleet.open(name)
        if uploads:
            session.expect_upload()

    _without(run, run.on_all(connect).errors, may_lack)
    until = time.monotonic() + wait
    reminded = -REMIND_EVERY
    while True:
        cancel.check()
        # A try that is followed by another one is not reported.
        events: list[Event] = []
        try:
            states = _lock_all(run, cancel, events.append if wait else run.emit, may_lack, cache=cache)
            _emit_all(run, events)
            return states
        except FleetError as error:
            others = all(isinstance(failed, LockedError) for failed in error.errors.values())
            if not others or time.monotonic() >= until:
                _emit_all(run, events)
                raise
            if time.monotonic() - reminded >= REMIND_EVERY:
                reminded = time.monotonic()
                run.emit(Note(text=f"waiting: {error.title}", level="warning"))
            # Not in step with others who wait for the same lock.
            cancel.wait(random.uniform(0.5, 1.5))


def _at_work(state: ServerState) -> LockedError:
    """That another tool's lock is there: two that change one root at a time would undo each other's work."""
    lock = state.their_locks[0]
    path = f"{state.root}/{lock.path}"
    return LockedError(
        f"another tool holds its lock: {lock.describe()}",
        hint=f"when it is done, try again, or use --wait; if nothing of it runs any more: rm {shlex.quote(path)}",
        server=state.server,
        phase="begin",
    )


def _without(run: Run, failed: Mapping[str, TurnoutError], may_lack: MayLack) -> None:
    """Leave out the servers that failed. FleetError where the operation may not."""
    if not failed:
        return
    if not may_lack(failed):
        raise FleetError(failed)
    run.failed |= failed
    for name, error in failed.items():
        run.leave_out(name, error.phase, error.title)


def _emit_all(run: Run, events: list[Event]) -> None:
    for event in events:
        run.emit(event)


def _lock_all(run: Run, cancel: Cancel, emit: Emit, may_lack: MayLack, *, cache: bool) -> dict[str, ServerState]:
    """The states of all servers under their locks, or none locked and FleetError.

    emit   takes the events of it

    The first server's lock is taken before the others': of two operators that want the same servers one wins
    everywhere and the other learns who, instead of both being refused somewhere.
    """

    def lock(name: str) -> ServerState:
        with run.phase("begin", name, tell=emit):
            state = run.take(name, cache=cache).state
            if state.took_over:
                text = f"took over the lock of {state.took_over.describe()}: its process is gone"
                run.emit(Note(server=name, text=text, level="warning"))
            if state.their_locks:
                raise _at_work(state)
            return state

    states: dict[str, ServerState] = {}
    try:
        while not states:
            first = at_once(run.names[:1], lock)
            _without(run, first.errors, may_lack)
            states.update(first.results)
        cancel.check()
        if others := run.names[1:]:
            outcome = run.on_all(lock, others)
            _without(run, outcome.errors, may_lack)
            states.update(outcome.results)
    except TurnoutError:
        run.give_back("")
        raise
    return {name: states[name] for name in run.names}
