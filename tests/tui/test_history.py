"""The History tab and the commands that leave a word for everybody, on real servers."""

from __future__ import annotations

from typing import Any

import pytest
from textual.widgets import Input

from core.changes import Side
from tests.conftest import ProjectFactory, Servers
from tests.projects import SampleProject
from tests.servers import Destination
from tests.tui.running import ended, open_app, plan_made, screen_text, shown, until
from tests.tui.test_operations import deploy, live
from tui.dialogs.reason import ReasonDialog


@pytest.fixture
def web(servers: Servers) -> list[Destination]:
    return servers(2)


@pytest.fixture
def shop(web: list[Destination], project_factory: ProjectFactory) -> SampleProject:
    return project_factory(web)


async def reason_given(pilot: Any, key: str, reason: str) -> None:
    """Press a key that asks for a reason, give it, and let the plan run that follows."""
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, ReasonDialog), "the question for a reason")
    pilot.app.screen.query_one(Input).value = reason
    await pilot.press("enter")
    await plan_made(pilot)
    await pilot.press("y")
    await ended(pilot)


async def test_what_was_done_is_listed_and_each_log_can_be_read(shop: SampleProject, web: list[Destination]) -> None:
    app: Any = open_app(shop)
    async with shown(app, (120, 40)) as pilot:
        for text in ("one\n", "two\n"):
            shop.commit({"index.html": text})
            await deploy(pilot)
        await pilot.press("u")
        await plan_made(pilot)
        await pilot.press("y")
        await ended(pilot)
        await pilot.press("t")
        await until(pilot, lambda: "rollback" in screen_text(app) and "undone" in screen_text(app), "the history")
        assert "live" in screen_text(app), "the line of time"
        await pilot.press("enter")
        await until(pilot, lambda: "back to the list" in screen_text(app) and "events" in screen_text(app), "the log")
        lines = "\n".join(app.screen.query_one("#history-log").lines())
        assert "new line" not in screen_text(app), "it is all there"
        assert "f Follow" in screen_text(app) and "Open its log" not in screen_text(app), "the keys are those of a log"
        assert lines.count("switch done") == 2 and "rollback" in lines
        await pilot.press("escape")
        await until(pilot, lambda: "back to the list" not in screen_text(app), "the list again")
        assert app.screen.query_one("#history-list").has_focus
        second, first = (row.tag for row in app.workspace.fleet_view.rows)
        await pilot.press("c")
        await until(pilot, lambda: app.dashboard.bottom.tab == "changes", "what the undo changed")
        assert app.workspace.changes.pair == (Side(second), Side(first)), "from what it left to what it came to"
        await pilot.press("t", "down", "space", "space", "c")
        await until(pilot, lambda: app.dashboard.bottom.tab == "changes", "the two that are marked")
        assert app.workspace.changes.pair == (Side(first), Side(second))
        await pilot.press("t", "escape")
        await pilot.press("escape", "escape")  # the status line goes first
        await until(pilot, lambda: app.dashboard.pane == "releases", "the releases")


async def test_pins_blocks_and_freezes_are_seen_by_everybody(shop: SampleProject, web: list[Destination]) -> None:
    app: Any = open_app(shop)
    async with shown(app, (160, 40)) as pilot:
        for text in ("one\n", "two\n"):
            shop.commit({"index.html": text})
            await deploy(pilot)
        second, first = (row.tag for row in app.workspace.fleet_view.rows)
        app.dashboard.releases.focus()
        app.dashboard.releases.go_to(first)
        await reason_given(pilot, "K", "the last one with the old schema")
        app.dashboard.releases.focus()
        await reason_given(pilot, "B", "loses orders")
        await until(pilot, lambda: "blocked, pinned: " in screen_text(app), "the row of the blocked release")
        assert app.workspace.fleet_view.row(first).pinned
        await reason_given(pilot, "F", "audit")
        await until(pilot, lambda: "production is frozen by" in screen_text(app), "the banner")
        # A rollback is possible all the same, with a reason.
        app.dashboard.releases.focus()
        app.dashboard.releases.go_to(first)
        await reason_given(pilot, "b", "orders are lost")
        assert {live(place) for place in web} == {first} and first != second
        await pilot.press("F")
        await plan_made(pilot)
        await pilot.press("y")
        await ended(pilot)
        await until(pilot, lambda: "is frozen" not in screen_text(app), "the end of the freeze")
