"""Every key that does something is shown where it does it: in a dialog on the dialog, elsewhere in the help's first
group. Keys that move in lists and text are the same everywhere, and are not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from textual.binding import Binding
from textual.dom import DOMNode

from tests.tui.recorded import WEB, state
from tests.tui.recorded_operations import HALF
from tests.tui.recorded_shop import RecordedShop
from tests.tui.running import recorded_app, settled, shown, until
from tests.tui.test_pictures import LOCK
from tests.tui.tour_states import STATES
from tests.tui.touring import walk
from tui.commands.registry import ON_DASHBOARD
from tui.dialogs.base import Ask, Dialog, Message
from tui.dialogs.pick import PruneDialog
from tui.dialogs.recover import RecoverDialog
from tui.dialogs.unlock import BreakLockDialog
from tui.keymap import LIST_KEYS
from tui.palette import Palette
from tui.screens.environments import Environments
from tui.screens.help import HelpScreen
from tui.view.lines import line

MOVING = {key.id for key in LIST_KEYS}
"""Keys of all lists and of all text that scrolls."""


def ids_of(node: DOMNode) -> Iterator[str]:
    """The ids of the keys that a screen or a widget takes."""
    for kind in type(node).__mro__:
        for item in vars(kind).get("BINDINGS", ()):
            if isinstance(item, Binding) and item.id:
                yield item.id


def keys_not_shown(app: Any) -> set[str]:
    """What works where the focus is, and is shown neither on a dialog nor as a key that works here."""
    screen = app.screen
    if isinstance(screen, Dialog):
        text = " ".join(visible(screen).split())
        return {name for name in set(ids_of(screen)) - MOVING if f"{app.keymap.shown(name)} " not in text}
    below = {name for node in chain(app) if node is not screen for name in ids_of(node)}
    here = set(screen.keys_here)
    if isinstance(screen, Environments):
        below |= {name for name in ids_of(screen) if not screen.why_not(name)}
    else:
        below |= {
            command.id for command in ON_DASHBOARD if command.belongs(screen.here) and not screen.why_not(command.id)
        }
    return below - MOVING - {"close"} - here


def chain(app: Any) -> Iterator[DOMNode]:
    node = app.focused
    while node is not None and node is not app:
        yield node
        node = node.parent


def visible(screen: Any) -> str:
    return "\n".join("".join(segment.text for segment in strip) for strip in screen._compositor.render_strips())


def test_every_key_of_each_state_is_shown(recorded: RecordedShop) -> None:
    async def missing() -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        async for name, pilot in walk(recorded, {}, STATES, (80, 24)):
            if not isinstance(pilot.app.screen, Palette):
                found[name] = keys_not_shown(pilot.app)
        return found

    assert {name: keys for name, keys in asyncio.run(missing()).items() if keys} == {}


@pytest.mark.parametrize("kind", [PruneDialog, BreakLockDialog, RecoverDialog, Ask, Message, HelpScreen])
async def test_every_key_of_the_other_dialogs_is_shown(kind: type[Dialog[Any]]) -> None:
    held = {name: state(name, 1, lock=replace(LOCK, age=300, silence=240)) for name in WEB}
    states = {BreakLockDialog: held, RecoverDialog: HALF}.get(kind)
    app: Any = recorded_app(states)
    async with shown(app, (80, 24)) as pilot:
        if kind is Ask:
            app.push_screen(Ask("Sure?", [line("Something changes.")], "Do it", "Leave it", "y"))
        elif kind is Message:
            app.push_screen(Message("Said", [line("Something has changed.")]))
        elif kind is not RecoverDialog:
            await pilot.press({PruneDialog: "P", BreakLockDialog: "L", HelpScreen: "question_mark"}[kind])
        await until(pilot, lambda: type(app.screen) is kind and app.screen.is_here, kind.__name__)
        await settled(pilot)
        assert keys_not_shown(app) == set()


@pytest.mark.parametrize("cells", [80, 120])
async def test_in_the_history_the_bar_says_how_two_operations_are_compared(shop: RecordedShop, cells: int) -> None:
    async for name, pilot in walk(shop, {}, ["history", "log_of_an_operation"], (cells, 24)):
        app: Any = pilot.app
        bar, here = app.screen.query_one("#keys").plain, app.screen.keys_here
        assert "c Changes" in bar and "changes" in here
        assert ("space Mark" in bar, "mark" in here) == ((name == "history",) * 2), "no mark in a list that is hidden"


async def test_while_something_is_typed_the_bar_says_what_enter_and_escape_do() -> None:
    app: Any = recorded_app()
    async with shown(app, (80, 24)) as pilot:
        bar = app.screen.query_one("#keys")
        for keys, said in (
            ((*"2/",), "Enter Filter releases  Esc Show all"),
            (("escape", *"3]/"), "Enter Keep the search  Esc Leave it"),
        ):
            await pilot.press(*keys)
            await until(pilot, lambda said=said: bar.plain.strip() == said, said)
        await pilot.press("escape")
        await until(pilot, lambda: "Quit" in bar.plain, "the keys as before")


async def test_a_click_on_enter_in_the_bar_is_enter() -> None:
    app: Any = recorded_app()
    async with shown(app, (80, 24)) as pilot:
        await pilot.press(*"2/cart")
        await until(pilot, lambda: app.dashboard.filter.typing, "the field")
        await pilot.click("#keys", offset=(3, 0))
        await until(pilot, lambda: not app.dashboard.filter.typing, "the end of typing")
        assert app.dashboard.filter.texts["releases"] == "cart"
