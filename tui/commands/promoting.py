"""Promote: deploy to the environment that is shown exactly what is live in another."""

from __future__ import annotations

from tui.commands.base import Command, Desk
from tui.commands.operating import locked, plan
from tui.dialogs.promote import PromoteDialog
from tui.keymap import CHANGE
from tui.model.focus import Focus
from tui.model.workspace import Workspace


def several(workspace: Workspace, focus: Focus) -> bool:
    """Whether the project has another environment."""
    return len(workspace.project.environments) > 1


def _not_promotable(workspace: Workspace, focus: Focus) -> str:
    if not several(workspace, focus):
        return "there is only one environment"
    return locked(workspace, focus)


def _promote(desk: Desk) -> None:
    """Choose the environment to promote from, where there are several others; then show the plan."""
    target = desk.workspace.name
    others = [name for name in desk.workspace.project.environments if name != target]

    def chosen(source: str | None) -> None:
        from core import PromoteRequest

        if source:
            plan(desk, PromoteRequest(source), f"Promote {source} to {target}")

    if len(others) == 1:
        chosen(others[0])
    else:
        desk.ask(PromoteDialog(desk.workspaces, others, target, glyphs=desk.glyphs), chosen)


COMMANDS = (
    Command(
        id="promote", keys="p", help="promote: deploy exactly what is live in another environment: see the plan",
        group=CHANGE,
        title="Promote what is live in another environment", label="Promote", rank=3, place=31,
        in_bar=several, why_not=_not_promotable, run=_promote,
    ),
)  # fmt: skip
