"""What the dashboard sends to the terminal: what changed, and no more. Counted, not timed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual._compositor import ChopsUpdate, LayoutUpdate

from tests.bench.dashboard_app import begin, state_of
from tests.tui.recorded import NOW, WEB, RecordedFleet, project, state
from tests.tui.rest import at_rest
from tests.tui.running import STYLE, XTERM, screen_text, shown, until
from tui.app import PAINTS, TurnoutApp

MOST = 3000
"""Bytes of a cursor move on a terminal of 160x45."""


class Counting(TurnoutApp):
    """The dashboard, of which the bytes are counted that it would send to a terminal."""

    CSS_PATH = STYLE

    sent = 0

    def _display(self, screen: Any, renderable: Any) -> None:
        if isinstance(renderable, LayoutUpdate | ChopsUpdate) and not self._batch_count:
            self.sent += len(self.sent_cells.difference(renderable, self.console, self.size).encode())
        super()._display(screen, renderable)


def app_of(servers: int, releases: int) -> Any:
    names = [f"web{number}" for number in range(1, servers + 1)]
    states = {name: state_of(name, releases, int(number % 31 == 16)) for number, name in enumerate(names)}
    seconds = iter(range(1 << 30))

    def opener(project: Any, environment: Any) -> Any:
        return RecordedFleet(project, environment, states, {})

    return Counting(project(names), environ=XTERM, opener=opener, now=lambda: NOW + next(seconds) / 100)


def recorded(project: Any, environment: Any) -> Any:
    return RecordedFleet(project, environment, {name: state(name) for name in WEB}, {})


@pytest.mark.parametrize("pane", ["1", "2"], ids=["servers", "releases"])
async def test_a_cursor_move_sends_little_with_a_hundred_servers(pane) -> None:
    app = app_of(100, 200)
    async with shown(app, (160, 45)) as pilot:
        await pilot.press(pane)
        sizes = []
        for key in "jjkjkk":
            await pilot.pause()
            before = app.sent
            await pilot.press(key)
            await pilot.pause()
            sizes.append(app.sent - before)
        assert max(sizes) <= MOST, sizes
        assert min(sizes) > 0, "the cursor is seen to move"
        assert app.screen._update_timer._interval == pytest.approx(1 / PAINTS), "Textual reads the limit as it did"


async def test_ages_go_on_without_a_look_and_cost_only_the_rows_whose_text_has_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [NOW]
    app: Any = Counting(project(), environ=XTERM, opener=recorded, now=lambda: clock[0])
    async with shown(app, (120, 34)) as pilot:
        assert "2 h ago" in screen_text(app) and "3 h ago" not in screen_text(app)
        clock[0] += 3600
        panes = (app.dashboard.releases, app.dashboard.servers_pane)
        for pane in panes:
            pane.redraw_seen()
        await pilot.pause()
        assert "3 h ago" in screen_text(app), "nobody was asked, and the age has gone on"
        drawn: list[Any] = []
        for pane in panes:
            monkeypatch.setattr(pane, "refresh", lambda *regions, **_: drawn.append(regions))
            clock[0] += 1
            pane.redraw_seen()
        assert drawn == [], "nothing in them has changed"
        clock[0] += 3600
        app.dashboard.releases.redraw_seen()
        assert 0 < len(drawn) < len(app.dashboard.releases.keys), "the rows that have changed, one by one"


async def test_uploads_send_what_changed_of_them() -> None:
    """Ten paints a second at most, and 30 kB a second in all of them."""
    app = app_of(100, 8)
    async with shown(app, (200, 60)) as pilot:
        begin(app, 100, 0)
        await until(pilot, lambda: app.workspace.operation and app.sent, "the operation")
        operation = app.workspace.operation
        await until(pilot, lambda: any(one.sent for one in operation.progress.servers.values()), "an upload")
        app.bridge._timer.pause()  # under load, ticks of its own would come between those that are counted
        before = app.sent
        for _ in range(10):
            await asyncio.sleep(0.1)
            app.dashboard.ticked()
            await at_rest(pilot)
        operation.job.controls.cancel.request()
        assert app.sent - before <= 10 * MOST
