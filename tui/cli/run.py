"""The subcommands that need a project: from their words to their exit code."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from core.errors import TurnoutError
from tui.cli.arguments import Options
from tui.cli.command import Answer, Command
from tui.cli.following import Follower
from tui.cli.output import TextOutput
from tui.cli.unexpected import explained, placed

if TYPE_CHECKING:
    from tui.cli.json_output import JsonOutput


def run(options: Options, *, is_last: bool = False) -> int:
    """Carry out the command; its exit code. Errors are said, never raised, whatever they are.

    is_last   see Follower
    """
    output = _json_output() if options.json else TextOutput(options.environ)
    started = time.monotonic()
    with Follower(output, is_last=is_last) as follower:
        command = Command(options, output, follower)
        error: TurnoutError | None = None
        try:
            answer = _carry_out(command)
        except BaseException as problem:
            error = placed(explained(problem, output.narrator), output.narrator)
            answer = command.failed(error)
        code = int(answer["exit_code"])
        try:
            if error is not None:
                output.error(error)
            output.result(
                {
                    "command": options.command,
                    "environment": command.environment_name,
                    "seconds": round(time.monotonic() - started, 3),
                    "warnings": [],
                    **answer,
                }
            )
            command.close()
        except Exception:  # what cannot be said any more changes nothing about how it ended
            return code
    return code


def _json_output() -> JsonOutput:
    from tui.cli.json_output import JsonOutput

    return JsonOutput()


def _carry_out(command: Command) -> Answer:
    """Only the module of the command that was asked for is loaded."""
    match command.options.command:
        case "releases" | "doctor" | "verify" | "check" | "watch":
            from tui.cli import read_commands

            return read_commands.carry_out(command)
        case "history" | "log":
            from tui.cli import past

            return past.carry_out(command)
        case "diff":
            from tui.cli import difference

            return difference.carry_out(command)
        case "logs":
            from tui.cli import log_commands

            return log_commands.carry_out(command)
        case "answer":
            from tui.cli import answering

            return answering.carry_out(command)
        case "task" | "run":
            from tui.cli import task_commands

            return task_commands.carry_out(command)
        case "config":
            from tui.cli import config_commands

            return config_commands.carry_out(command)
        case "recover":
            from tui.cli import recovering

            return recovering.carry_out(command)
        case "trust":
            from tui.cli import trusting

            return trusting.carry_out(command)
        case "store":
            from tui.cli import store_commands

            return store_commands.carry_out(command)
        case "unlock":
            from tui.cli import unlocking

            return unlocking.carry_out(command)
    from tui.cli import change_commands

    return change_commands.carry_out(command)
