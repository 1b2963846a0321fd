"""Keys that come too early, too often or all at once do nothing that a person has not asked for."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec.structs import replace
from textual import events
from textual.widgets import Input

from core.records import Release
from tests.tui.recorded import NOW, WEB, project, record, state, tag
from tests.tui.running import recorded_app, screen_text, shown, toasts, until
from tui.dialogs.base import Ask, Dialog
from tui.model.keystrokes import READ, UP
from tui.screens.dashboard import Dashboard
from tui.view.lines import line

STAGING = """
[environments.staging]
servers = [{ name = "stage1", host = "stage1.example.com", root = "/srv/shop" }]
"""


class Clock:
    """Time that a test lets pass."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def burst(app: Any, *keys: str) -> None:
    """Keys that arrive in one piece."""
    for key in keys:
        app.post_message(events.Key(key, key if len(key) == 1 else None))


async def question(pilot: Any) -> tuple[Ask, list[bool | None]]:
    answers: list[bool | None] = []
    ask = Ask("Sure?", [line("Something changes.")], "Do it", "Leave it", "y")
    pilot.app.push_screen(ask, answers.append)
    await until(pilot, lambda: ask.is_here and ask._shown is not None, "the question")
    return ask, answers


async def test_what_is_typed_behind_a_slash_goes_into_the_filter() -> None:
    app: Any = recorded_app()
    async with shown(app) as pilot:
        burst(app, "slash", "P", "D", "b")
        await until(pilot, lambda: app.dashboard.query_one("#filter", Input).value == "PDb", "the text in the filter")
        assert app.screen is app.dashboard and app.dashboard.filter.typing == "releases"


async def test_what_is_typed_behind_deploy_goes_into_its_field() -> None:
    app: Any = recorded_app()
    async with shown(app) as pilot:
        burst(app, "D", *"main y")
        await until(pilot, lambda: app.screen.query("#typed-ref"), "the dialog")
        await until(pilot, lambda: app.screen.query_one("#typed-ref", Input).value == "main y", "the text in its field")


async def test_a_question_takes_no_yes_before_it_could_be_read_and_the_key_was_up() -> None:
    app: Any = recorded_app()
    app.clock = clock = Clock()
    async with shown(app) as pilot:
        ask, answers = await question(pilot)
        assert ask.query_one("#yes").disabled, "dimmed"
        await pilot.press("y")
        assert toasts(app)[-1].startswith("read it first")
        for _ in range(20):  # held
            clock.seconds += 0.033
            await pilot.press("y")
        assert toasts(app)[-1].startswith("let go of the key")
        assert app.screen is ask and answers == []
        clock.seconds += 2 * UP
        await until(pilot, lambda: not ask.query_one("#yes").disabled, "the button to light")
        await pilot.press("y")
        await until(pilot, lambda: answers, "the answer")
        assert answers == [True] and app.screen is app.dashboard


async def test_pasted_text_neither_agrees_nor_runs_a_command() -> None:
    app: Any = recorded_app()
    app.clock = clock = Clock()
    async with shown(app) as pilot:
        app.post_message(events.Paste("Py"))
        await pilot.pause()
        assert app.screen is app.dashboard, "bracketed paste goes only into fields"
        burst(app, *"jjjP", *"qx and all else\n")  # a held key that comes all at once is no text
        await until(pilot, lambda: any("many keys came at once" in text for text in toasts(app)), "the reason")
        assert app.screen is app.dashboard
        await asyncio.sleep(0.2)
        await pilot.pause()
        assert app.is_running and app.screen is app.dashboard and not app.dashboard.releases.marked
        burst(app, *"kkkkkk", *"jjjj")
        await until(pilot, lambda: app.dashboard.releases.cursor == 4, "the cursor, which a slow connection may move")
        ask, answers = await question(pilot)
        clock.seconds += READ + UP
        burst(app, *"yes please")
        await asyncio.sleep(0.2)
        await pilot.pause()
        assert app.screen is ask and answers == []


async def test_pasted_text_does_nothing_in_the_list_of_environments() -> None:
    app: Any = recorded_app(of=project(more=STAGING), environment=None)
    async with shown(app) as pilot:
        app.clock, board = Clock(), app.screen
        burst(app, *"kkkDp to Deploy production now\ny")
        await until(pilot, lambda: any("many keys came at once" in text for text in toasts(app)), "the reason")
        await pilot.pause()
        assert app.screen is board


async def test_a_message_stands_on_the_screen_once_and_few_in_all() -> None:
    app: Any = recorded_app()
    async with shown(app) as pilot:
        for _ in range(5):
            app.notice("the receipt: sent to the terminal to be copied")
        await pilot.pause()
        assert toasts(app) == ["the receipt: sent to the terminal to be copied"]
        for number in range(6):
            app.notice(f"message {number}")
        await pilot.pause()
        assert toasts(app) == [f"message {number}" for number in (2, 3, 4, 5)]


async def test_a_dialog_answers_once_and_takes_only_itself_away() -> None:
    app: Any = recorded_app()
    async with shown(app) as pilot:
        ask, answers = await question(pilot)
        ask.dismiss(True)
        ask.dismiss(False)
        ask.draw()
        await until(pilot, lambda: answers, "the answer")
        assert answers == [True] and isinstance(app.screen, Dashboard)
        below, answers = await question(pilot)
        above, others = await question(pilot)
        below.dismiss(True)
        await pilot.pause()
        assert app.screen is above and answers == others == []
        above.dismiss(False)
        await until(pilot, lambda: answers and others, "both answers")
        assert (answers, others) == ([True], [False]) and isinstance(app.screen, Dashboard)


async def test_servers_are_looked_at_and_ages_drawn_while_a_dialog_is_open() -> None:
    now = Clock()
    app: Any = recorded_app({name: state(name) for name in WEB}, {}, now=now)
    async with shown(app) as pilot:
        await question(pilot)
        before = {server.name: server.at for server in app.workspace.fleet_view.servers}
        now.seconds += 100
        await until(
            pilot,
            lambda: all(server.at > before[server.name] for server in app.workspace.fleet_view.servers),
            "another look at every server",
        )
        assert "Sure?" in screen_text(app)


async def test_the_age_of_a_release_that_has_just_gone_live_is_drawn_every_second() -> None:
    now = Clock()
    now.seconds = NOW + 3
    young = Release(tag=tag(0), record=record(0, created=NOW - 5), present=True, live=True)
    states = {name: state(name) for name in WEB}
    states = {name: replace(each, releases={**each.releases, tag(0): young}) for name, each in states.items()}
    app: Any = recorded_app(states, {}, now=now)
    async with shown(app) as pilot:
        await question(pilot)
        at = [server.at for server in app.workspace.fleet_view.servers]
        now.seconds += 4
        await until(pilot, lambda: screen_text(app).count("12 s") >= 2, "the age of what is live, twice")
        assert at == [server.at for server in app.workspace.fleet_view.servers], "no server had to be looked at"


def test_every_dialog_agrees_through_the_one_guard() -> None:
    def below(kind: type) -> list[type]:
        return [other for sub in kind.__subclasses__() for other in (sub, *below(sub))]

    assert Ask in below(Dialog)
    assert [kind for kind in below(Dialog) if "action_yes" in vars(kind) or "dismiss" in vars(kind)] == []
