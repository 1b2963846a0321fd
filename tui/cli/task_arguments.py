"""The words of `turnout task` and `turnout run`."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tui.cli.parsing import add_changing, add_command, add_environment, add_waiting, duration

if TYPE_CHECKING:
    from core import Request


def split(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The words of Turnout, and those after `--`, which are a command for the servers."""
    if "--" not in words:
        return words, ()
    place = list(words).index("--")
    return words[:place], words[place + 1 :]


def typed(words: Sequence[str]) -> str:
    """A command for a shell: one word as it is, several as the words of one program."""
    return words[0] if len(words) == 1 else shlex.join(words)


def add_task_commands(commands: Any) -> None:
    """`task` and `run`."""
    task = add_command(
        commands,
        "task",
        "run a task of turnout.toml on the servers, or list the tasks",
        "Runs the command of [[tasks]] in `current` on its servers and prints each line after its server's name.\n"
        "Holds the lock meanwhile, so that nothing is deployed under it. Exits with the highest exit status of the\n"
        "servers. Without NAME, it lists the tasks.",
    )
    add_environment(task)
    task.add_argument("name", metavar="NAME", nargs="?", help="the task")
    _common(task)

    def task_request(words: argparse.Namespace) -> Request:
        from core import TaskRequest

        return TaskRequest(words.name)

    task.set_defaults(request=task_request)

    run = add_command(
        commands,
        "run",
        "run a command on the servers: turnout run ENV -- COMMAND",
        "Runs it in `current` on every server and prints each line after its server's name. One word after `--` is\n"
        "a command for a shell; several are a program and its words. Holds the lock meanwhile. Exits with the\n"
        "highest exit status of the servers.",
    )
    add_environment(run)
    run.add_argument(
        "--timeout", metavar="DURATION", type=duration, default=86400.0, help="end it after this long (default: 24h)"
    )
    _common(run)

    def run_request(words: argparse.Namespace) -> Request:
        from core import RunRequest

        return RunRequest(typed(words.typed) if words.typed else "", words.timeout)

    run.set_defaults(request=run_request)


def _common(parser: Any) -> None:
    parser.add_argument(
        "--role", dest="roles", metavar="ROLE", action="append", help="only servers with this role (may be repeated)"
    )
    add_waiting(parser)
    add_changing(parser)
