"""Edit turnout.toml in a form: environments, servers, hooks."""

from __future__ import annotations

from core.errors import ConfigError
from tui.commands.base import Command, Desk
from tui.keymap import LOOK


def _edit(desk: Desk) -> None:
    workspace = desk.workspace
    try:
        from tui.dialogs.edit import EditDialog

        dialog = EditDialog(workspace.project, bridge=workspace.bridge, keymap=desk.keymap, glyphs=desk.glyphs)
    except ModuleNotFoundError as error:
        desk.notice(f"{error.name} is not installed: install Turnout again", "No form", "error")
        return
    except ConfigError as error:
        desk.notice(str(error.faults[0]), "turnout.toml cannot be edited", "error", 10.0)
        return
    desk.ask(dialog, lambda project: desk.use_project(project) if project is not None else None)


COMMANDS = (
    Command(
        id="edit", keys="E", help="add, change or remove environments, servers and hooks in turnout.toml", group=LOOK,
        title="Edit environments, servers and hooks", run=_edit,
    ),
)  # fmt: skip
