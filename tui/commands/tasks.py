"""The tasks of turnout.toml, for the palette: each shows its plan first, as all that changes servers."""

from __future__ import annotations

from tui.commands.base import READ_ONLY, Desk, with_keys
from tui.commands.operating import locked, plan
from tui.model.workspace import Workspace


def names(workspace: Workspace) -> tuple[str, ...]:
    """The tasks of the environment that is shown."""
    return tuple(task.name for task in workspace.project.tasks_of(workspace.environment))


def run(desk: Desk, name: str) -> None:
    """Ask about a task with its plan, and run it; say why not where something is in the way."""
    from core import TaskRequest

    reason = READ_ONLY if desk.workspace.environment.read_only else locked(desk.workspace, desk.here)
    if reason:
        desk.notice(with_keys(reason, desk.keymap), f"Task {name}")
        return
    plan(desk, TaskRequest(name), f"Run {name}")
