"""A screen or a dialog that opens just when the program ends."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tui.recorded_shop import RecordedShop
from tests.tui.running import XTERM, shown
from tui.app import TurnoutApp


@pytest.mark.parametrize("key", ["question_mark", "p", "e", "E", "D", "b"])
async def test_what_opens_while_the_program_ends_is_no_fault(key: str, recorded: RecordedShop) -> None:
    app: Any = TurnoutApp(recorded.project, "production", environ=XTERM, opener=recorded.opener)
    async with shown(app) as pilot:
        await pilot.press("2", "down")
        opened = app.push_screen

        def end_first(screen: Any, *rest: Any, **more: Any) -> Any:
            mounted = opened(screen, *rest, **more)
            app.exit()
            return mounted

        app.push_screen = end_first
        await pilot.press(key)
        await pilot.pause()
        assert app._exit
