"""A plan while others work on its servers: what its keys do, and when they can be used again."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from textual.widgets import Button

from tests.tui.recorded import NOW, project
from tests.tui.recorded_operations import BEHIND, RecordedPlan, deploy_plan, with_plan
from tests.tui.running import recorded_app, screen_text, shown, toasts, until
from tui.model.news import News
from tui.view.plan_news import GIVE_REASON, WAIT
from tui.widgets.paint import Lines

HELD = News(held="bo@ci runs a deploy on web1", frees=WAIT)


async def opened(pilot: Any, news: list[News], answers: list[Any]) -> RecordedPlan:
    """A plan that is shown and read; `news` has what is known of its servers now."""
    app: Any = pilot.app
    dialog = RecordedPlan(
        app.workspace.fleet,
        None,  # type: ignore[arg-type]
        "Plan",
        bridge=app.bridge,
        keymap=app.keymap,
        glyphs=app.glyphs,
        now=lambda: NOW,
        news=lambda plan, made, before: news[0],
    )
    servers = dict.fromkeys(("web1", "web2", "web3"), ("", "", ""))
    dialog.made = replace(deploy_plan(), fingerprints=servers)
    app.push_screen(dialog, answers.append)
    await until(pilot, lambda: dialog.plan and dialog.is_read, "the plan")
    return dialog


def said_by(dialog: RecordedPlan) -> str:
    return " ".join(dialog.query_one("#text", Lines).plain.split())


@pytest.mark.parametrize("protected", [False, True])
async def test_no_key_agrees_to_a_plan_that_must_wait(protected: bool) -> None:
    app: Any = recorded_app(of=project(protected=protected))
    news, answers = [News()], []
    async with shown(app) as pilot:
        dialog = await opened(pilot, news, answers)
        keys = [*"production", "enter"] if protected else ["y"]
        await pilot.press(*keys[:-1])
        await until(pilot, lambda: not dialog.query_one("#yes", Button).disabled, "the button to light")
        news[0] = HELD
        key = "Enter" if protected else "y"
        said = f"{HELD.held}: {key} works when that has ended; Esc leaves"
        await until(pilot, lambda: said in said_by(dialog), "what the keys do")
        assert dialog.query_one("#yes", Button).disabled, "it does not look as if it could be used"
        await until(pilot, lambda: dialog.is_read, "it was read")
        await pilot.press(keys[-1])
        await until(pilot, lambda: toasts(app), "an answer")
        assert dialog.is_active and not answers
        assert all(notification.timeout <= 4 for notification in app._notifications)
        news[0] = News()
        await until(pilot, lambda: not dialog.query_one("#yes", Button).disabled, "the button to light again")
        await pilot.press(keys[-1])
        await until(pilot, lambda: answers, "the answer")
        assert answers[0] is dialog.plan


async def test_a_freeze_that_comes_meanwhile_asks_for_a_reason_first() -> None:
    app: Any = recorded_app()
    news, answers = [News()], []
    async with shown(app) as pilot:
        dialog = await opened(pilot, news, answers)
        news[0] = News(held="production is frozen by ana@desk: audit", frees=GIVE_REASON)
        await until(pilot, lambda: "begin again, which asks for a reason" in said_by(dialog), "the way on")
        await until(pilot, lambda: dialog.is_read, "it was read")
        await pilot.press("y")
        await until(pilot, lambda: toasts(app), "an answer")
        assert not answers


async def test_all_servers_that_change_while_a_plan_is_read_are_named() -> None:
    app: Any = recorded_app()
    news, answers = [News()], []
    async with shown(app) as pilot:
        dialog = await opened(pilot, news, answers)
        news[0] = News(changed=("web1",))
        await until(pilot, lambda: "web1 changed while you looked" in said_by(dialog), "the first")
        news[0] = News(changed=("web1", "web2", "web3"))
        await until(pilot, lambda: "all 3 servers changed while you looked" in said_by(dialog), "all of them")


async def test_a_wrong_name_is_said_beside_its_field_until_it_changes() -> None:
    app: Any = recorded_app(of=project(protected=True))
    news, answers = [News()], []
    async with shown(app, (60, 16)) as pilot:
        await opened(pilot, news, answers)
        await pilot.press(*"prod", "enter")
        await until(pilot, lambda: "type production exactly, or Esc leaves" in screen_text(app), "what is wrong")
        rows = screen_text(app).splitlines()
        field = next(row for row, text in enumerate(rows) if "to go on" in text)
        wrong = next(row for row, text in enumerate(rows) if "exactly" in text)
        assert 1 <= wrong - field <= 2 and not toasts(app) and not answers
        await pilot.press("u")
        await until(pilot, lambda: "exactly" not in screen_text(app), "the fault to go")


async def test_the_button_lights_also_where_the_timer_for_it_is_late() -> None:
    app: Any = recorded_app(BEHIND)
    async with shown(app) as pilot:
        await with_plan(deploy_plan())(pilot)
        dialog = app.screen
        await until(pilot, lambda: dialog.is_read, "it was on the screen for long enough")
        dialog.query_one("#yes").disabled = True
        await until(pilot, lambda: not dialog.query_one("#yes").disabled, "its button to light")
