"""A server that hangs while the dashboard is open: it keeps nobody from seeing what the others say."""

from __future__ import annotations

import os
import signal
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from tests.conftest import ProjectFactory, Servers
from tests.servers import Destination
from tests.tui.running import agree, open_app, plan_made, screen_text, settled, shown, until
from tests.tui.test_operations import deploy
from tui.dialogs.pick import DeployDialog
from tui.dialogs.plan import PlanDialog


@contextmanager
def hung(place: Destination, keep: set[int]) -> Iterator[None]:
    """Stop what serves the logins of a server that are open, as if its machine hung; connections stay."""
    stopped = [pid for pid in place.server.session_processes() if pid not in keep]
    assert stopped
    try:
        tell(stopped, signal.SIGSTOP)
        yield
    finally:
        tell(stopped, signal.SIGCONT)


def tell(processes: Iterable[int], what: signal.Signals) -> None:
    """Send a signal to those that have not ended meanwhile."""
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, what)


async def test_history_and_plans_say_which_server_they_wait_for(
    servers: Servers, project_factory: ProjectFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.model.fleet_watch.EVERY", 1e6)
    web, late = servers(2, separate=True)
    before = set(late.server.session_processes())
    project = project_factory([web, late])
    app: Any = open_app(project)
    async with shown(app, (120, 40)) as pilot:
        await deploy(pilot)
        await settled(pilot)
        with hung(late, before):
            await pilot.press("t")
            await until(pilot, lambda: "web2: no answer yet" in screen_text(app), "the history without web2")
            assert "✓ deploy" in screen_text(app) and "reading the servers" not in screen_text(app)
            assert "no word from" not in screen_text(app), "said once, above"
            await pilot.press("D")
            await until(pilot, lambda: isinstance(app.screen, DeployDialog) and app.screen.choices.keys, "the choices")
            await pilot.press("enter")
            await until(pilot, lambda: "no answer yet from web2" in screen_text(app), "whom it waits for")
            assert "1 of 2 servers answered" in screen_text(app)
        dialog: PlanDialog = await plan_made(pilot)
        assert dialog.error is None
        await agree(pilot)
        await until(pilot, lambda: "no answer yet" not in screen_text(app), "the journal of web2")


async def test_where_some_servers_cannot_be_reached_the_way_on_is_named(
    servers: Servers, project_factory: ProjectFactory
) -> None:
    project = project_factory(servers(2))
    table = tomllib.loads(project.config.read_text())
    table["environments"]["production"]["servers"][1] |= {"host": "127.0.0.1", "port": 1}
    project.config.write_text(tomli_w.dumps(table))
    app: Any = open_app(project)
    async with shown(app, (120, 40)) as pilot:
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, DeployDialog) and app.screen.choices.keys, "the choices")
        await pilot.press("enter")
        dialog = await plan_made(pilot)
        assert dialog.error is not None
        assert "to go on without web2, mark the other server with space" in screen_text(app)


async def test_a_root_that_is_gone_is_a_site_that_is_down(
    servers: Servers, project_factory: ProjectFactory, tmp_path: Path
) -> None:
    """A disk that is not mounted any more: the server answers, and has nothing."""
    web, gone = servers(2)
    app: Any = open_app(project_factory([web, gone]))
    async with shown(app, (120, 40)) as pilot:
        await deploy(pilot)
        gone.files.rename(tmp_path / "away")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "SITE DOWN: its root is gone, was " in screen_text(app), "the site that is down")
        (tmp_path / "away").rename(gone.files)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "2 of 2 answer" in screen_text(app), "both again")
        assert "SITE DOWN" not in screen_text(app)
