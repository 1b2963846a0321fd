"""The Progress tab in the app: a switch in motion that comes to its end by itself, and the status line beside it."""

from __future__ import annotations

import time
from typing import Any

from textual.pilot import Pilot

from core.jobs import Job
from tests.operations import checking, deploying, done
from tests.tui.running import recorded_app, screen_text, shown, until
from tui.model.operation import Followed
from tui.view.progress import Progress


async def showing(pilot: Pilot[Any], progress: Progress) -> None:
    """Let the dashboard show an operation."""
    app: Any = pilot.app
    app.workspace.shown.operation = Followed(app.workspace.fleet_watch.fleet, Job("x", lambda *_: None), progress)
    app.dashboard.operation_started()
    app.dashboard.operation_changed()
    await pilot.pause()


def just_switched() -> Progress:
    progress = done(checking(deploying(3), 3))
    for server in progress.servers.values():
        server.switched_at = time.time()
    return progress


async def test_the_picture_of_the_switch_gives_way_to_the_receipt_without_any_event() -> None:
    app = recorded_app(now=time.time)
    async with shown(app) as pilot:
        app.animation_level = "full"
        await showing(pilot, just_switched())
        assert "━━┳━━" in screen_text(app) and "LIVE on 3" not in screen_text(app)
        await until(pilot, lambda: "LIVE on 3" in screen_text(app), "the receipt")


async def test_without_motion_the_receipt_is_there_at_once() -> None:
    app = recorded_app(now=time.time)
    async with shown(app) as pilot:
        await showing(pilot, just_switched())
        assert "LIVE on 3" in screen_text(app) and "━━┳━━" not in screen_text(app)


async def test_the_status_line_tells_of_it_only_where_the_progress_tab_does_not() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        await showing(pilot, checking(deploying(3), 0))
        status = app.screen.query_one("#status")
        assert not status.display
        await pilot.press("3", "right_square_bracket")
        assert status.display and "Deploy 3f2c1ab to production" in screen_text(app)
        await pilot.press("left_square_bracket")
        assert not status.display


async def test_the_receipt_is_copied_as_text() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        await pilot.press("y")
        await showing(pilot, checking(deploying(3), 0))
        await pilot.press("y")
        assert app.clipboard == "", "nothing has ended yet"
        await showing(pilot, just_switched())
        await pilot.press("y")
        assert app.clipboard.startswith("shop production: ✓ 3f2c1ab LIVE on 3 in 27 s")
