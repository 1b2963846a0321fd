"""The only list of commands: key bar, palette, help and bindings are computed from it; a test
compares docs/keys.md with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace
from textual.binding import BindingType

from tui.commands import (
    answering,
    app_wide,
    comparing,
    editing,
    notices,
    operating,
    panes,
    promoting,
    servers,
    troubles,
)
from tui.commands.base import READ_ONLY, Command, with_keys
from tui.keymap import (
    ANSWER,
    ANSWER_KEYS,
    CHANGE,
    CHANGES,
    CHANGES_KEYS,
    LEAVE,
    LIST_KEYS,
    LOG,
    LOG_KEYS,
    LOGS_KEYS,
    LOOK,
    MOVE,
    PREFLIGHT,
    PREFLIGHT_KEYS,
    Key,
    Keymap,
    binding,
)
from tui.model.focus import Focus
from tui.model.workspace import Workspace
from tui.view.keybar import KeyHint

ON_DASHBOARD = (
    *operating.COMMANDS, *answering.COMMANDS, *promoting.COMMANDS, *panes.COMMANDS, *troubles.COMMANDS,
    *comparing.COMMANDS, *editing.COMMANDS, *servers.COMMANDS, *notices.COMMANDS,
)  # fmt: skip
COMMANDS: Mapping[str, Command] = {
    command.id: command for command in (*ON_DASHBOARD, *app_wide.COMMANDS, app_wide.DEMO)
}
"""By id: every command."""

KEYS: tuple[Key, ...] = (
    *(command.key for command in COMMANDS.values()), *LIST_KEYS, *LOG_KEYS, *LOGS_KEYS, *PREFLIGHT_KEYS,
    *CHANGES_KEYS, *ANSWER_KEYS,
)  # fmt: skip
"""Every key, those of widgets and dialogs among them."""

TAB_PLACE = 10
"""Where the keys of the tab that is shown are in the bar, between what is urgent and what changes servers."""


def bindings(commands: Sequence[Command]) -> list[BindingType]:
    """The Textual bindings of these commands."""
    return [binding(command.key) for command in commands]


def grouped() -> list[tuple[str, list[Key]]]:
    """The keys by group, for the help and docs/keys.md."""
    groups = (CHANGE, LOOK, MOVE, LOG, PREFLIGHT, CHANGES, ANSWER, LEAVE)
    return [(group, [key for key in KEYS if key.group == group]) for group in groups]


def why_not(name: str, workspace: Workspace, focus: Focus, keymap: Keymap) -> str:
    """Why the key of this id does nothing now, in a few words; "" where it does something, or belongs to a widget."""
    command = COMMANDS.get(name)
    said = command.why_not(workspace, focus) if command else ""
    if command is not None and command.group == CHANGE and workspace.environment.read_only:
        said = READ_ONLY if command.id != "cancel" else said
    return with_keys(said, keymap)


def says_now(name: str, workspace: Workspace) -> str:
    """What the key of this id would do now, where that is more than its help says; "" for nothing."""
    command = COMMANDS.get(name)
    return command.says_now(workspace) if command else ""


def hints(workspace: Workspace, focus: Focus, keymap: Keymap) -> list[KeyHint]:
    """The keys for the bar, chosen for the pane with the focus and the state of things."""
    if focus.typing:
        kept, left = focus.typing
        return [KeyHint("simulate_key('enter')", "Enter", kept), KeyHint("close", keymap.shown("close"), left)]
    keys = [
        (command.place, replace(command.key, rank=1) if command.belongs(focus) else command.key)
        for command in _in_bar(workspace, focus)
    ]
    if focus.pane == "bottom":
        keys += [(TAB_PLACE, key) for key in focus.tab_keys if key.label]
    return [_hint(key, workspace, focus, keymap) for _, key in sorted(keys, key=lambda placed: placed[0])]


def keys_here(workspace: Workspace, focus: Focus, keymap: Keymap) -> list[str]:
    """The ids of the keys that do something where the person is: those of the tab, then those of the bar."""
    of_tab = [key.id for key in focus.tab_keys] if focus.pane == "bottom" else []
    in_bar = sorted(_in_bar(workspace, focus), key=lambda command: (not command.belongs(focus), command.place))
    return of_tab + [command.id for command in in_bar if not why_not(command.id, workspace, focus, keymap)]


def _in_bar(workspace: Workspace, focus: Focus) -> list[Command]:
    """The commands that are in the bar now."""
    return [command for command in COMMANDS.values() if command.label and command.in_bar(workspace, focus)]


def hints_of(commands: Sequence[Command], workspace: Workspace, focus: Focus, keymap: Keymap) -> list[KeyHint]:
    """The keys of these commands for the bar of another screen, in this order."""
    return [_hint(command.key, workspace, focus, keymap) for command in commands]


def _hint(key: Key, workspace: Workspace, focus: Focus, keymap: Keymap) -> KeyHint:
    reason = why_not(key.id, workspace, focus, keymap)
    return KeyHint(key.action, keymap.shown(key.id), key.label, reason, key.rank, to_right=key.id == "quit")
