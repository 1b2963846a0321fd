"""A held deploy in the dashboard: held by its own `h`, and released by another dashboard's key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.engine.commands import start
from tests.engine.driving import live
from tests.tui.running import agree, ended, open_app, plan_made, screen_text, shown, toasts, until
from tests.waiting import PATIENCE
from tui.dialogs.answer import AnswerDialog
from tui.dialogs.pick import DeployDialog
from tui.dialogs.reason import ReasonDialog


async def answered(pilot: Any, *keys: str) -> None:
    """Open the answer dialog, choose with these keys, and confirm."""
    app = pilot.app
    await pilot.press("Y")
    await until(pilot, lambda: isinstance(app.screen, AnswerDialog), "the answer dialog")
    for key in keys:
        await pilot.press(key)
    await agree(pilot)


async def test_another_dashboards_key_releases_what_ci_holds(
    servers: Any, project_factory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = servers(2)
    project = project_factory(places, environment_options={"approve": "other", "hold": True})
    monkeypatch.setenv("TURNOUT_USER", "ci")
    deploy = start(project, "deploy", "production", "--tag", "one", "--yes", "--json", "--hold", "10m")
    assert deploy.stdout is not None
    heard = iter(deploy.stdout.readline, "")
    next(event for event in map(json.loads, heard) if event["event"] == "asked")
    monkeypatch.setenv("TURNOUT_USER", "bo")
    app: Any = open_app(project)
    async with shown(app) as pilot:
        await until(pilot, lambda: "then abort" in screen_text(app) and "Y Answer" in screen_text(app), "the banner")
        # A look at a question changes nothing, and a number alone neither.
        await pilot.press("Y")
        await until(pilot, lambda: isinstance(app.screen, AnswerDialog), "the answer dialog")
        assert "switches 2 servers to one" in screen_text(app)
        await pilot.press("2", "escape")
        assert [live(place) for place in places] == ["", ""]
        await answered(pilot, "1")
        await until(pilot, lambda: "go: the operation has taken your answer" in toasts(app), "what came of it")
        await until(pilot, lambda: live(places[0]) == live(places[1]) == "one", "the switch")
        await until(pilot, lambda: "Y Answer" not in screen_text(app), "the banner's end")
    deploy.communicate(timeout=PATIENCE)
    assert deploy.returncode == 0


async def test_a_deploy_is_held_by_the_dialogs_key_and_aborted(servers: Any, project_factory: Any) -> None:
    (place,) = servers(1)
    project = project_factory([place], environment_options={"reason": "required"})
    app: Any = open_app(project)
    async with shown(app) as pilot:
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, DeployDialog) and app.screen.choices.keys, "revisions")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ReasonDialog), "the question for a reason")
        await pilot.press(*"orders", "enter")
        dialog = await plan_made(pilot)
        assert dialog.plan is not None and dialog.plan.reason == "orders"
        await pilot.press("h")
        assert "until somebody says go" in " ".join(screen_text(app).split())
        await until(pilot, lambda: dialog.is_read, "the changed plan was on the screen for long enough")
        await agree(pilot)
        await until(pilot, lambda: app.workspace.question, "the question")
        await until(pilot, lambda: "nothing has changed yet" in screen_text(app), "the held barrier")
        await answered(pilot, "down")
        await ended(pilot)
        assert "answered abort" in app.workspace.operation.summary and live(place) == ""
