"""Going from one tab to another: what is shown there, and its keys."""

from __future__ import annotations

from typing import Any

from core.errors import CheckFailed, FleetError
from tests.tui.recorded_operations import FAILED, operating
from tests.tui.running import recorded_app, screen_text, settled, shown, until
from tui.view.lines import plain

WHY = "the check failed after 10 attempts: http://127.0.0.1:8080/healthz"


async def test_a_receipt_never_has_another_width_than_the_tab() -> None:
    app: Any = recorded_app()
    async with shown(app, (80, 24)) as pilot:
        await operating(FAILED[:-1])(pilot)
        app.dashboard.show_tab("log", focus=False)
        await settled(pilot)
        operation, progress = app.workspace.operation, app.dashboard.bottom.progress
        operation.error = FleetError({"web2": CheckFailed(WHY)}, phase="check")
        operation.progress.apply(FAILED[-1])
        app.dashboard.show_tab("progress", focus=False)
        assert not any("the check" in text and WHY not in text for text in map(plain, progress.lines)), (
            "not yet laid out"
        )
        await settled(pilot)
        assert f"What    {WHY}" in screen_text(app)


async def test_details_never_have_another_width_than_the_tab() -> None:
    app: Any = recorded_app()
    async with shown(app, (80, 24)) as pilot:
        details = app.dashboard.bottom.tabs["details"].query_one("#details-text")
        app.dashboard.show_tab("details", focus=False)
        await settled(pilot)
        first = details.plain
        app.dashboard.show_tab("log", focus=False)
        await settled(pilot)
        app.dashboard.show_tab("details", focus=False)
        assert details.plain == first, "not yet laid out"
        await settled(pilot)
        assert details.plain == first and max(map(len, first.splitlines())) > 40


async def test_the_keys_are_those_of_the_tab_that_is_turned_to() -> None:
    app: Any = recorded_app()
    async with shown(app, (80, 24)) as pilot:
        bar = app.dashboard.query_one("#keys")
        await pilot.press("3", "right_square_bracket")
        await until(pilot, lambda: "f Follow" in bar.plain, "those of the log")
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "f Follow" not in bar.plain, "those of the progress")
