"""A tour through the screens of one running app, as text: five sizes in dark, one size in every other look.

A state costs a key and a paint here, and not an app of its own; where one differs, those behind it still tell.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from core.errors import ConnectError
from tests.screenshots import fixed
from tests.tui.recorded import NOW
from tests.tui.recorded_shop import HeardLogs, RecordedShop, examined
from tests.tui.running import XTERM, hurried, settled
from tests.tui.shown_in import SHOWN_IN, TABS_SHOWN_IN
from tests.tui.text_pictures import SIZES, Text, drawn
from tests.tui.tour_states import ALIKE, STATES, TELLING, Tour
from tui.app import TurnoutApp

STYLED = (80, 24)

BEGUN = (120, 34)
"""The size that each state begins in."""

EVERY_SIZE = (*(size for size in SIZES if size != BEGUN), BEGUN)


async def seen(
    shop: RecordedShop,
    environ: Mapping[str, str],
    states: Sequence[str],
    sizes: Sequence[tuple[int, int]],
    styled: tuple[int, int] | None = STYLED,
) -> dict[str, str]:
    """These states in these sizes, as text; each begins in the last size, and shows the screen that it is said to."""
    shows = {state: kind for kind, state in SHOWN_IN.items()}
    tabs = {state: tab for tab, state in TABS_SHOWN_IN.items()}
    app = TurnoutApp(
        shop.project, "production", environ={**XTERM, **environ}, now=lambda: NOW + 3, opener=shop.opener, clock=hurried
    )
    out: dict[str, str] = {}
    async with app.run_test(size=sizes[-1], notifications=True) as pilot:
        app.animation_level = "none"
        await settled(pilot)
        tour = Tour(pilot, shop)
        for name in states:
            act: Callable[[], Awaitable[None]] = getattr(tour, name)
            await act()
            await settled(pilot)
            assert type(app.screen) is shows.get(name, type(app.screen)), name
            assert app.dashboard and app.dashboard.bottom.tab == tabs.get(name, app.dashboard.bottom.tab), name
            shown = [size for size in sizes if size[0] <= BEGUN[0] or name not in ALIKE]
            out[name] = await drawn(pilot, shown, styled)
    return out


def written(pictures: Mapping[str, str]) -> str:
    return "\n".join(f"####### {name}\n{text}" for name, text in pictures.items())


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordedShop]:
    folder = tmp_path_factory.mktemp("shop")
    with fixed(folder):
        yield RecordedShop(folder)


@pytest.fixture
def recorded(shop: RecordedShop, monkeypatch: pytest.MonkeyPatch) -> RecordedShop:
    """The shop, and recorded answers to what only a server can tell."""
    monkeypatch.setattr("core.doctor.examine_server", examined)
    monkeypatch.setattr("core.logs.follow.Following", HeardLogs)
    monkeypatch.setattr("tui.dialogs.edit._trial", not_reached)
    return shop


def not_reached(project: Any, environment: str, server: Any) -> Any:
    """The trial of a server that does not answer, in place of a connection."""

    def work(emit: Any, controls: Any) -> None:
        raise ConnectError(f"{server.name} does not answer", hint="is the server up?", server=server.name)

    return work


def test_every_state(recorded: RecordedShop, snapshot: SnapshotAssertion) -> None:
    assert written(asyncio.run(seen(recorded, {}, STATES, [STYLED]))) == snapshot(extension_class=Text)


@pytest.mark.soak
def test_every_state_in_every_size(recorded: RecordedShop, snapshot: SnapshotAssertion) -> None:
    assert written(asyncio.run(seen(recorded, {}, STATES, EVERY_SIZE))) == snapshot(extension_class=Text)


def test_telling_states_in_every_look(
    look: Mapping[str, str], recorded: RecordedShop, snapshot: SnapshotAssertion
) -> None:
    assert written(asyncio.run(seen(recorded, look, TELLING, [STYLED]))) == snapshot(extension_class=Text)


@pytest.mark.soak
def test_a_look_changes_no_place_in_any_state_and_size(look: Mapping[str, str], recorded: RecordedShop) -> None:
    """Colours change no character, and other signs change no place."""
    plain = asyncio.run(seen(recorded, {}, STATES, EVERY_SIZE, None))
    other = asyncio.run(seen(recorded, look, STATES, EVERY_SIZE, None))
    for name, picture in plain.items():
        here, there = ([len(line) for line in text.splitlines()] for text in (picture, other[name]))
        assert here == there, f"{name}\n{other[name]}"
