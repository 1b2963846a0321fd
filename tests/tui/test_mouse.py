"""What a key does, the mouse does, too: a click on the name of the key, on a row, a border or a heading; the wheel."""

from __future__ import annotations

from typing import Any

import pytest
from textual import events

from core import DeployRequest
from tests.tui.mouse import LEFT, MIDDLE, RIGHT, click, drag, place_of, send
from tests.tui.recorded import project, state
from tests.tui.recorded_operations import BEHIND, DONE, deploy_plan, operating, with_plan
from tests.tui.running import plan_made, recorded_app, settled, shown, until
from tests.tui.test_keys_that_nobody_meant import Clock, question
from tui.dialogs.pick import DeployDialog
from tui.model.keystrokes import READ, UP
from tui.palette import Palette

MANY = [f"web{number}" for number in range(1, 41)]


def forty() -> Any:
    return recorded_app({name: state(name) for name in MANY}, of=project(MANY))


async def taken_in(pilot: Any) -> None:
    """Wait until what was sent has come and was handled; of a clock that stands still timers wait for ever."""
    app = pilot.app
    await until(pilot, lambda: app._message_queue.empty() and app.screen._message_queue.empty(), "all events")
    await pilot.pause(0.05)


async def test_a_click_agrees_only_to_what_could_be_read() -> None:
    app: Any = recorded_app()
    app.clock = clock = Clock()
    async with shown(app) as pilot:
        ask, answers = await question(pilot)
        x, y = place_of(app, "Do it")
        click(app, x, y)
        send(app, events.MouseDown, x, y, LEFT)  # and the button is held until it could be read
        await taken_in(pilot)
        clock.seconds += READ + UP
        await until(pilot, lambda: not ask.query_one("#yes").disabled, "the button to light")
        send(app, events.MouseUp, x, y, LEFT)
        await taken_in(pilot)
        assert app.screen is ask and answers == []
        await until(pilot, lambda: not ask.query_one("#yes").has_class("-active"), "the button to come up")
        click(app, x, y)
        await until(pilot, lambda: answers, "the answer")
        assert answers == [True]


@pytest.mark.parametrize("button", [MIDDLE, RIGHT])
async def test_the_other_buttons_of_the_mouse_do_nothing(button: int) -> None:
    app: Any = recorded_app()
    app.clock = clock = Clock()
    async with shown(app) as pilot:
        for place in (place_of(app, "Deploy"), place_of(app, "77e0d12")):
            click(app, *place, button, times=2)
        await taken_in(pilot)
        assert (
            app.screen is app.dashboard
            and app.dashboard.releases.cursor == 0
            and app.dashboard.bottom.tab == "progress"
        )
        ask, answers = await question(pilot)
        clock.seconds += READ + UP
        await until(pilot, lambda: not ask.query_one("#yes").disabled, "the button to light")
        click(app, *place_of(app, "Do it"), button)
        await taken_in(pilot)
        assert app.screen is ask and answers == []


@pytest.mark.parametrize("text", ["D  deploys", "deploys a branch"])
async def test_a_click_on_the_name_of_a_key_presses_it(text: str) -> None:
    app: Any = recorded_app()
    async with shown(app) as pilot:
        click(app, *place_of(app, text))
        await until(pilot, lambda: isinstance(app.screen, DeployDialog), "the dialog")


async def test_a_key_that_a_tab_names_is_that_of_the_tab_wherever_the_focus_is() -> None:
    app: Any = recorded_app(BEHIND)
    async with shown(app, (120, 34)) as pilot:
        await operating(DONE, None, "right_square_bracket")(pilot)
        await pilot.press("2")
        await settled(pilot)
        log, order = app.dashboard.bottom.log_tab, app.dashboard.releases.order
        for text, state_of in (("wrap", "wrap"), ("times", "times")):
            before = getattr(log.store, state_of)
            click(app, *place_of(app, text))
            await until(pilot, lambda: getattr(log.store, state_of) is not before, text)  # noqa: B023
        click(app, *place_of(app, "all servers"))
        await until(pilot, lambda: log.store.server == "web1", "the lines of the first server")
        assert app.dashboard.releases.order == order, "`s` of the log, not of the releases"


async def test_a_hold_is_asked_for_with_a_click_in_the_plan() -> None:
    app: Any = recorded_app(BEHIND)
    async with shown(app) as pilot:
        await with_plan(deploy_plan())(pilot)
        dialog: Any = await plan_made(pilot)
        dialog.request, before = DeployRequest(), dialog.plan.hold
        click(app, *place_of(app, "Hold: wait"))
        await until(pilot, lambda: dialog.plan.hold != before, "the hold")


async def test_the_end_of_a_drag_presses_no_key() -> None:
    app: Any = recorded_app(BEHIND)
    async with shown(app) as pilot:
        await with_plan(deploy_plan())(pilot)
        dialog: Any = await plan_made(pilot)
        dialog.request, before = DeployRequest(), dialog.plan.hold
        drag(app, place_of(app, "composer"), place_of(app, "Hold: wait"))
        await settled(pilot)
        assert dialog.selections and dialog.plan.hold == before


async def test_rows_are_marked_with_ctrl_and_shift() -> None:
    app: Any = forty()
    async with shown(app, (120, 60)) as pilot:
        servers = app.dashboard.servers_pane
        await pilot.press("1", "s")  # as they are listed
        await settled(pilot)
        click(app, *place_of(app, "web3 "), ctrl=True)
        await until(pilot, lambda: servers.marked == {"web3"}, "the mark")
        click(app, *place_of(app, "web6 "), shift=True)
        await until(pilot, lambda: servers.marked == {"web3", "web4", "web5", "web6"}, "the range")
        click(app, *place_of(app, "web4 "), ctrl=True)
        await until(pilot, lambda: servers.marked == {"web3", "web5", "web6"}, "the mark to go")


async def test_a_double_click_on_a_border_zooms_the_pane() -> None:
    app: Any = recorded_app()
    async with shown(app) as pilot:
        board = app.dashboard
        for name in ("servers", "releases", "bottom"):
            top = board.query_one(f"#{name}").region
            click(app, top.right - 3, top.y, times=2)
            await until(pilot, lambda: board.zoomed == name, f"{name} alone")  # noqa: B023
            await settled(pilot)
            click(app, top.right - 9, board.query_one(f"#{name}").region.y, times=2)
            await until(pilot, lambda: not board.zoomed, "all panes")
            await settled(pilot)


async def test_a_click_on_the_headings_sorts_and_the_wheel_goes_sideways() -> None:
    app: Any = forty()
    async with shown(app, (80, 34)) as pilot:
        releases = app.dashboard.releases
        order = releases.order
        click(app, *place_of(app, "deployed"))
        await until(pilot, lambda: releases.order != order, "another order")
        x, y = releases.region.offset
        for kind, held in (
            (events.MouseScrollDown, {"shift": True}),
            (events.MouseScrollUp, {"shift": True}),
            (events.MouseScrollRight, {}),
            (events.MouseScrollLeft, {}),
        ):
            first = releases._first
            releases._turned = 0.0
            send(app, kind, x + 9, y + 3, **held)
            await until(pilot, lambda: releases._first != first, kind.__name__)  # noqa: B023


async def test_a_click_opens_a_pane_that_a_small_terminal_has_folded() -> None:
    app: Any = recorded_app()
    async with shown(app, (60, 16)) as pilot:
        board = app.dashboard
        for name in ("servers", "bottom", "releases"):
            pane = board.query_one(f"#{name}")
            assert pane.has_class("-collapsed")
            click(app, pane.region.x + 1, pane.region.y)
            await until(pilot, lambda: not pane.has_class("-collapsed"), name)  # noqa: B023
            await settled(pilot)


async def test_a_double_click_beside_the_palette_leaves_only_the_palette() -> None:
    app: Any = recorded_app()
    async with shown(app) as pilot:
        for _ in range(3):
            await pilot.press("colon")
            await until(pilot, lambda: isinstance(app.screen, Palette), "the palette")
            await taken_in(pilot)
            click(app, 0, app.size.height - 1, times=2)
            app.post_message(events.Key("escape", None))
            await taken_in(pilot)
            await until(pilot, lambda: app.screen is app.dashboard, "the dashboard alone")
