"""`turnout recover`: says what was interrupted where, and finishes or undoes it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from core.errors import EXIT_DONE, EXIT_PERSON, Cancelled, FleetError, LockedError, NeedsPerson
from core.recovery import FINISH, UNDO, Interruption, interruption, untold
from core.rows.servers import interruption_row
from tui.cli.change_commands import ask_or_refuse, operate, show_plan
from tui.cli.command import Answer, Command
from tui.view.lines import Line, plain
from tui.view.recovery_lines import interruption_lines

if TYPE_CHECKING:
    from core.fleet import Inspection

WORDS = {"f": FINISH, "finish": FINISH, "u": UNDO, "undo": UNDO}


def carry_out(command: Command) -> Answer:
    """Nothing is guessed: without a way it asks, or ends with what a person has to decide."""
    options = command.options
    if options.way:
        ask_or_refuse(command)
    command.open()
    inspection = command.inspect()
    interrupted = _interrupted(command, inspection)
    if interrupted is None:
        if problem := untold(inspection.states.values()):
            raise problem
        summary = f"nothing was interrupted on {command.environment_name}: there is nothing to recover"
        return {"exit_code": EXIT_DONE, "outcome": "nothing-to-do", "summary": summary}
    command.output.table(_lines(command, interrupted), [interruption_row(interrupted, time.time())])
    from core import RecoverRequest

    if options.dry_run and not options.way:
        for way in _ways(interrupted):
            command.output.table([()], [])
            show_plan(command, RecoverRequest(way, reason=options.reason, at_once=options.words.at_once))
        summary = "dry run: choose --finish or --undo"
        return {"exit_code": EXIT_PERSON, "outcome": "needs-person", "summary": summary}
    way = options.way or _choose(command, interrupted)
    return operate(command, RecoverRequest(way, reason=options.reason, at_once=options.words.at_once))


def _interrupted(command: Command, inspection: Inspection) -> Interruption | None:
    """What the journals say. FleetError where a server is silent; LockedError while an operation is running."""
    interrupted = interruption(inspection.states.values())
    # One that took no part has nothing to recover.
    silent = inspection.errors.keys() - set(interrupted.left_out if interrupted else ())
    if silent:
        if interrupted is not None:
            command.output.say(plain(spans) for spans in _lines(command, interrupted))
        raise FleetError(inspection.errors, phase="connect")
    for name, state in inspection.states.items():
        if state.lock and state.lock.alive:
            raise LockedError(
                f"an operation is running: {state.lock.describe()}",
                hint=f"`turnout watch {command.environment_name}` follows it; "
                "if it hangs, `turnout unlock` breaks its lock",
                server=name,
            )
    return interrupted


def _lines(command: Command, interrupted: Interruption) -> list[Line]:
    output = command.output
    return interruption_lines(interrupted, output.cells, time.time(), output.glyphs)


def _ways(interrupted: Interruption) -> tuple[str, ...]:
    """The ways out that differ: where no server was ever to be switched, undoing is all there is to do."""
    return (FINISH, UNDO) if interrupted.tag else (UNDO,)


def _choose(command: Command, interrupted: Interruption) -> str:
    """The way that a person chooses. NeedsPerson where the question cannot be asked."""
    ways = _ways(interrupted)
    if len(ways) == 1 and (command.options.yes or command.can_ask):
        return ways[0]
    if not command.can_ask or command.options.yes:
        if len(ways) == 1:
            title, hint = (
                "no server was switched, but the operation did not record its end",
                "--undo --yes marks it as closed; so does the next deploy",
            )
        else:
            title = "choose whether to finish or undo the interrupted operation"
            hint = "--finish (all servers on the new release) or --undo (all back), with --yes"
        raise NeedsPerson(title, hint=f"turnout recover {command.environment_name} {hint}")
    answer = command.ask(f"finish: switch all servers to {interrupted.tag}; undo: switch all back [f/u/N]").lower()
    if answer not in WORDS:
        raise Cancelled("not chosen", hint="nothing was changed")
    return WORDS[answer]
