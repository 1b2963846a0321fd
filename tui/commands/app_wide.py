"""Keys that the app answers on every screen: help, palette, quit, copy; and the demo, without a project."""

from __future__ import annotations

from tui.commands.base import Command, everywhere
from tui.keymap import LEAVE, LOOK

COMMANDS = (
    Command(
        id="help", keys="question_mark,f1", help="this help", group=LOOK, action="help",
        title="Help: all keys", label="Help", rank=0, place=70, in_bar=everywhere,
    ),
    Command(
        id="palette", keys="colon,ctrl+p", help="every command by name", group=LOOK, action="command_palette",
        label="Commands", rank=4, place=71, in_bar=everywhere,
    ),
    Command(
        id="quit", keys="q", help="quit; asks while an operation runs", group=LEAVE, action="quit",
        title="Quit", label="Quit", rank=0, place=72, in_bar=everywhere,
    ),
    Command(
        id="quit-anywhere", keys="ctrl+q", help="the same, even from a dialog", group=LEAVE, action="quit",
        priority=True,
    ),
    Command(
        id="redraw", keys="ctrl+l", help="draw the whole screen again", group=LEAVE, action="redraw",
        title="Draw the screen again", priority=True,
    ),
    Command(
        id="suspend", keys="ctrl+z", help="back to the shell, where `fg` returns; not while an operation runs",
        group=LEAVE, action="suspend_process", title="Suspend: back to the shell", priority=True,
    ),
    Command(
        id="copy", keys="ctrl+c", help="copy the selected text; never quits", group=LEAVE, action="help_quit",
    ),
)  # fmt: skip

DEMO = Command(
    id="demo", keys="d", help="start the demo, if there is no turnout.toml", group=LEAVE, action="demo",
    label="Demo", rank=1, alone=True, why_not=lambda workspace, focus: "only if there is no turnout.toml",
)  # fmt: skip
