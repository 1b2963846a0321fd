"""A plan that is shown while what it rests on changes: it says so before anybody agrees to it, on real servers."""

from __future__ import annotations

import asyncio
from typing import Any

from textual.pilot import Pilot

from core.operations.kinds.freeze import FreezeRequest
from core.operations.kinds.pin import PinRequest
from tests.conftest import ProjectFactory, Servers
from tests.engine.driving import Engine, deploy_each, live
from tests.tui.running import agree, ended, open_app, plan_made, screen_text, shown, until
from tui.dialogs.pick import DeployDialog
from tui.dialogs.plan import PlanDialog


def said(pilot: Pilot[Any]) -> str:
    """What the dialog says, without its lines' ends."""
    dialog: Any = pilot.app.screen
    return " ".join(dialog.query_one("#text").plain.split())


async def planned_again(pilot: Pilot[Any], dialog: PlanDialog) -> None:
    """Take the plan that is made in place of the one that no longer holds."""
    old = dialog.plan
    await until(pilot, lambda: dialog.news.stale and "Plan again" in screen_text(pilot.app), "the other button")
    await until(pilot, lambda: dialog.is_read, "that the news can be read")
    await pilot.press("y")
    await until(pilot, lambda: dialog.plan not in (None, old) and not dialog.news.stale, "another plan")


async def test_a_promotion_says_that_something_else_is_live_where_it_comes_from(
    servers: Servers, project_factory: ProjectFactory
) -> None:
    stage, production = servers(2)
    rows = f'{{ name = "{stage.alias}", host = "{stage.alias}", root = "{stage.root}" }}'
    sample = project_factory([production], extra=f"[environments.staging]\nservers = [{rows}]\n")
    staging = Engine(sample, environment="staging")
    await asyncio.to_thread(deploy_each, staging, sample, "r1")
    app = open_app(sample)
    async with shown(app, (80, 24)) as pilot:
        await pilot.press("p")
        dialog = await plan_made(pilot)
        await asyncio.to_thread(deploy_each, staging, sample, "r2")
        await until(pilot, lambda: "staging has r2 live now, not r1: this plan no longer holds" in said(pilot), "it")
        assert live(production) == ""
        await planned_again(pilot, dialog)
        assert dialog.plan is not None and dialog.plan.tag == "r2"
        await agree(pilot)
        await ended(pilot)
        assert live(production) == live(stage) == "r2"


async def test_a_deploy_says_that_its_branch_has_moved(servers: Servers, project_factory: ProjectFactory) -> None:
    (place,) = servers(1)
    sample = project_factory([place])
    app = open_app(sample)
    async with shown(app, (80, 24)) as pilot:
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, DeployDialog) and app.screen.choices.keys, "revisions")
        await pilot.press("enter")
        dialog = await plan_made(pilot)
        assert dialog.plan is not None and dialog.plan.record is not None
        old, new = dialog.plan.record.revision, sample.commit({"index.html": "moved\n"})
        await until(pilot, lambda: f"is {new[:7]} now, not {old[:7]}: this plan no longer holds" in said(pilot), "it")
        await planned_again(pilot, dialog)
        await agree(pilot)
        await ended(pilot)
        assert (place.files / "current/index.html").read_text() == "moved\n"


async def test_a_prune_says_that_a_release_was_pinned_and_an_undo_that_changes_are_frozen(
    servers: Servers, project_factory: ProjectFactory
) -> None:
    (place,) = servers(1)
    sample = project_factory([place])
    somebody = Engine(sample)
    await asyncio.to_thread(deploy_each, somebody, sample, "r1", "r2")
    app = open_app(sample)
    async with shown(app, (80, 24)) as pilot:
        await pilot.press("P", "enter")
        dialog = await plan_made(pilot)
        await asyncio.to_thread(somebody.run, PinRequest("r1"))
        await until(pilot, lambda: f"{place.alias} changed while you looked" in said(pilot), "the pin")
        await planned_again(pilot, dialog)
        await pilot.press("escape")
        await until(pilot, lambda: not app.workspace.others.locks, "that nobody works there")
        await pilot.press("u")
        await plan_made(pilot)
        await asyncio.to_thread(somebody.run, FreezeRequest(reason="migration"))
        await until(pilot, lambda: "production is frozen by" in said(pilot), "the freeze")


async def test_an_undo_says_that_it_would_go_elsewhere_though_the_same_release_is_live(
    servers: Servers, project_factory: ProjectFactory
) -> None:
    (place,) = servers(1)
    sample = project_factory([place])
    somebody = Engine(sample)
    await asyncio.to_thread(deploy_each, somebody, sample, "r1", "r2", "r3")
    await asyncio.to_thread(somebody.rollback, "r1")
    await asyncio.to_thread(somebody.rollback, "r3")
    app = open_app(sample)
    async with shown(app, (80, 24)) as pilot:
        await pilot.press("u")
        dialog = await plan_made(pilot)
        assert dialog.plan is not None and dialog.plan.tag == "r1"

        def there_and_back() -> None:
            somebody.rollback("r2")
            somebody.rollback("r3")

        await asyncio.to_thread(there_and_back)
        await until(pilot, lambda: dialog.news.stale, "that it is no longer so")
        await planned_again(pilot, dialog)
        assert dialog.plan.tag == "r2"
