"""`turnout unlock`: shows who holds the servers, and breaks a stuck lock."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.errors import EXIT_CONNECT, EXIT_DONE, EXIT_LOCKED, Cancelled
from core.names import resolve
from core.records import Lock, ServerState
from core.recovery import interruption
from core.rows.servers import lock_rows
from core.text import count
from tui.cli.command import Answer, Command
from tui.view.locks import break_warning, lock_lines

if TYPE_CHECKING:
    from core.fleet import Inspection


def carry_out(command: Command) -> Answer:
    """Break a lock only for a person who typed the environment's name, or for the one operation that was named."""
    command.open()
    inspection = command.inspect()
    states = inspection.states
    command.output.table(lock_lines(states), lock_rows(states))
    command.output.errors(inspection.errors.values())
    living = {name: state.lock for name, state in states.items() if state.lock and state.lock.alive}
    breaks = command.options.breaks
    if breaks:
        running = sorted({lock.operation for lock in living.values()})
        operation = resolve(
            "running operation", breaks, running, whole={each: each for each in running}, shortest=1,
            place=f"in {command.environment_name}",
        )  # fmt: skip
        chosen = {name: lock for name, lock in living.items() if lock.operation == operation}
    else:
        chosen = living
    if not chosen:
        return _unlocked(inspection)
    command.fleet.allow_changes()
    if not breaks and not _agreed(command, living):
        operation = next(iter(living.values())).operation
        command.output.say(
            [f"to break it without being asked: turnout unlock {command.environment_name} --break {operation}"]
        )
        summary = f"{count(len(living), 'server')} locked: nothing was changed"
        return {"exit_code": EXIT_LOCKED, "outcome": "locked", "summary": summary}
    return _break(command, chosen)


def _unlocked(inspection: Inspection) -> Answer:
    """No lock blocks the next operation, as far as the servers answered."""
    code = max((error.exit_code for error in inspection.errors.values()), default=EXIT_DONE)
    held = [state for state in inspection.states.values() if state.lock]
    summary = "nothing to break: the next operation takes over" if held else "nothing is locked"
    return {"exit_code": code, "outcome": "failed" if code else "nothing-to-do", "summary": summary}


def _agreed(command: Command, living: Mapping[str, Lock]) -> bool:
    """Whether a person typed the environment's name, knowing what it means. False where it cannot be asked."""
    if not command.can_ask:
        return False
    name = command.environment_name
    command.output.say(["", *(text for text, _ in break_warning(living, dict.fromkeys(living, 0.0)))])
    if command.ask(f"Break it? Type {name} to do it:") != name:
        raise Cancelled("not confirmed", hint="nothing was changed")
    return True


def _break(command: Command, chosen: Mapping[str, Lock]) -> Answer:
    """End the processes that hold the locks; what is true afterwards."""
    outcome = command.follower.run("unlock", lambda emit, controls: command.fleet.break_locks(chosen))
    for name in outcome.results:
        command.output.say([f"{name}: the lock of {chosen[name].who}'s {chosen[name].kind} was broken"])
    command.output.errors(outcome.errors.values())
    states: Mapping[str, ServerState] = command.inspect().states
    interrupted = interruption(states.values())
    summary = f"{count(len(outcome.results), 'lock')} broken"
    if interrupted is not None:
        summary += f"; {interrupted.describe(time.time())}: turnout recover {command.environment_name}"
    code = max((error.exit_code for error in outcome.errors.values()), default=EXIT_DONE)
    if not code and any(state.lock and state.lock.alive for state in states.values()):
        code, summary = EXIT_LOCKED, f"{summary}; another lock is held"
    if not code and len(states) < len(command.fleet.names):
        code = EXIT_CONNECT
    return {"exit_code": code, "outcome": "failed" if code else "done", "summary": summary}
