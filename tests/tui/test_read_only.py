"""A dashboard that only looks: every key that changes servers says why it does nothing."""

from __future__ import annotations

from core import config
from tests.tui.recorded import project
from tests.tui.running import recorded_app, screen_text, shown, toasts
from tui.commands.registry import COMMANDS
from tui.dialogs.base import Dialog
from tui.keymap import CHANGE


async def test_no_key_changes_servers_and_each_says_why() -> None:
    app = recorded_app(of=config.read_only(project()))
    changing = [command.id for command in COMMANDS.values() if command.group == CHANGE and command.id != "cancel"]
    async with shown(app) as pilot:
        assert "READ ONLY" in screen_text(app)
        for name in changing:
            assert app.why_not(name) == "this environment is read-only here", name
        await pilot.press("D", "b", "u", "P")
        await pilot.pause()
        assert not isinstance(app.screen, Dialog)
        assert toasts(app) == [f"{key}: this environment is read-only here" for key in "DbuP"]
