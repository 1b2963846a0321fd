"""`turnout task` and `turnout run`: a command on the servers, its output line by line as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import EXIT_DONE, UsageError
from core.rows.commands import task_row
from core.text import count
from tui.cli.change_commands import ask_or_refuse, execute, operate
from tui.cli.command import Answer, Command
from tui.cli.server_column import ServerColumn
from tui.view.lines import line, one_line

if TYPE_CHECKING:
    from core.config import Task


def carry_out(command: Command) -> Answer:
    """The answer of the operation; of `task` without a name the list of tasks."""
    options = command.options
    is_task = options.command == "task"
    command.open(spare=is_task)
    name = command.spare or (options.words.name if is_task else "")
    if is_task and not name:
        return _list(command)
    confirm = False
    if is_task:
        options.words.name = name
        confirm = command.project.task(command.fleet.environment, name).confirm
    assert options.request is not None  # tui.cli.task_arguments
    request = options.request()
    column = ServerColumn(command)
    command.output.printed = lambda event: f"{column.name(event.server)}  {event.line}"
    if options.dry_run or ((confirm or command.fleet.environment.protected) and not options.yes):
        ask_or_refuse(command)
        return operate(command, request)
    command.fleet.allow_changes()
    return execute(command, request, None)


def _list(command: Command) -> Answer:
    """The tasks that run somewhere in the environment."""
    environment = command.fleet.environment
    tasks = command.project.tasks_of(environment)
    if not tasks:
        raise UsageError(f"{environment.name} has no task", hint="describe one in turnout.toml: [[tasks]]")
    cells = max(len(task.name) for task in tasks)
    lines = [line((f"{task.name:<{cells}}  ", "strong"), one_line(task.run), (_where(task), "dim")) for task in tasks]
    rows = [task_row(task.name, task.run, task.where, task.servers_of(command.fleet.servers)) for task in tasks]
    command.output.table(lines, rows)
    return {"exit_code": EXIT_DONE, "outcome": "done", "summary": count(len(tasks), "task")}


def _where(task: Task) -> str:
    return f"  ({', '.join(task.roles)})" if task.roles else "" if task.where == "server" else f"  ({task.where})"
