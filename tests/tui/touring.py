"""A walk through the states of the tour in one running app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from textual.pilot import Pilot

from tests.tui.recorded import NOW
from tests.tui.recorded_shop import RecordedShop
from tests.tui.running import XTERM, hurried, settled
from tests.tui.shown_in import SHOWN_IN, TABS_SHOWN_IN
from tests.tui.tour_states import Tour
from tui.app import TurnoutApp


async def walk(
    shop: RecordedShop, environ: Mapping[str, str], states: Sequence[str], size: tuple[int, int]
) -> AsyncIterator[tuple[str, Pilot[Any]]]:
    """Each of these states in its turn, by name; it shows the screen and the tab that it is said to."""
    shows = {state: kind for kind, state in SHOWN_IN.items()}
    tabs = {state: tab for tab, state in TABS_SHOWN_IN.items()}
    app = TurnoutApp(
        shop.project, "production", environ={**XTERM, **environ}, now=lambda: NOW + 3, opener=shop.opener, clock=hurried
    )
    async with app.run_test(size=size, notifications=True) as pilot:
        app.animation_level = "none"
        await settled(pilot)
        tour = Tour(pilot, shop)
        for name in states:
            act: Callable[[], Awaitable[None]] = getattr(tour, name)
            await act()
            await settled(pilot)
            assert type(app.screen) is shows.get(name, type(app.screen)), name
            assert app.dashboard and app.dashboard.bottom.tab == tabs.get(name, app.dashboard.bottom.tab), name
            yield name, pilot
