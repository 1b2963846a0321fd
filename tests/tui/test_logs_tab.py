"""The Logs tab on real servers: live lines, several logs, and a switch among them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import ProjectFactory, Servers
from tests.tui.recorded import project
from tests.tui.recorded_shop import RecordedShop
from tests.tui.running import open_app, recorded_app, screen_text, shown, until
from tests.tui.test_operations import deploy

TWO_LOGS = """
[[logs]]
name = "app"
file = "{folder}/*/app.log"
[[logs]]
name = "jobs"
run = "echo job one; exec sleep 1000"
"""


async def test_logs_are_followed_live_beside_a_deploy(servers: Servers, project_factory: ProjectFactory) -> None:
    (place,) = servers(1)
    place.files.mkdir(parents=True, exist_ok=True)
    log = place.files / "app.log"
    log.write_text("old line\n")
    app: Any = open_app(project_factory([place], extra=TWO_LOGS.format(folder=place.files.parent)))
    async with shown(app, (140, 40)) as pilot:
        tab = app.dashboard.bottom.tabs["logs"]
        assert tab._logs is None, "nothing is followed before somebody looks"
        await pilot.press("l")
        await until(pilot, lambda: "old line" in screen_text(app) and "job one" in screen_text(app), "both logs")
        with log.open("a") as file:
            file.write("ERROR new line\n")
        await until(pilot, lambda: "ERROR new line" in screen_text(app), "the new line")
        assert [line.role for line in tab.store.lines() if "new line" in line.text] == ["bad"]
        await pilot.press("full_stop")
        await pilot.pause()
        assert "job one" not in screen_text(app) and "ERROR new line" in screen_text(app)
        await deploy(pilot)
        await pilot.press("l")
        await until(pilot, lambda: "--- live now:" in screen_text(app), "the mark of the switch")
        await until(pilot, lambda: "since the switch" in screen_text(app), "the rate since")
        with log.open("a") as file:
            file.write("after the switch\n")
        await until(pilot, lambda: "after the switch" in screen_text(app), "a line behind it")
        following = tab._logs._following
        app.workspace.fleet_watch.reconnect()
        await until(pilot, lambda: "old line" in screen_text(app) and tab._logs._following is not following, "it anew")
        await until(pilot, following.stopped.is_set, "the end of the old one")


async def test_without_logs_the_tab_says_how_to_describe_one() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        await pilot.press("l")
        await pilot.pause()
        assert "[[logs]]" in screen_text(app)


@pytest.mark.parametrize("logs", [0, 1, 2])
async def test_which_log_is_asked_only_where_there_are_several(logs: int, recorded: RecordedShop) -> None:
    rows = "".join(f'[[logs]]\nname = "log{number}"\nfile = "log/{number}.log"\n' for number in range(logs))
    app: Any = recorded_app(of=project(more=rows))
    async with shown(app, (120, 34)) as pilot:
        await pilot.press("l")
        bar = app.dashboard.query_one("#keys")
        await until(pilot, lambda: app.dashboard.bottom.tab == "logs", "the tab")
        await pilot.pause()
        assert ("Which log" in bar.plain, "Search" in bar.plain) == (logs > 1, logs > 0)
        assert ("logs-source" in app.dashboard.keys_here) == (logs > 1)
