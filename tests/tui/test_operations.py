"""Operations from the dashboard, on real servers: every key's way from the press to what is on disk."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.conftest import ProjectFactory, Servers
from tests.engine.driving import Engine, live
from tests.projects import SampleProject
from tests.servers import Destination
from tests.tui.running import (
    agree,
    board,
    ended,
    open_app,
    plan_made,
    screen_text,
    shown,
    toasts,
    until,
)
from tui.dialogs.base import Ask
from tui.dialogs.pick import DeployDialog
from tui.dialogs.plan import PlanDialog
from tui.dialogs.stop import StopQuestion
from tui.view.formats import short_tag
from tui.widgets.paint import Lines

CHECK = """
[[checks]]
run = "test ! -e broken"
attempts = 2
interval = "0.1s"
"""
SLOW_HOOK = """
[[hooks]]
on = "prepare"
run = "echo working; sleep 60"
"""


async def deploy_planned(pilot: Pilot[Any], *typed: str) -> PlanDialog:
    """Ask for a deploy of what the dialog offers first, or of what is typed into it."""
    app: Any = pilot.app
    await pilot.press("D")
    await until(pilot, lambda: isinstance(app.screen, DeployDialog) and app.screen.choices.keys, "revisions to choose")
    await pilot.press(*typed, "enter")
    return await plan_made(pilot)


async def deploy(pilot: Pilot[Any]) -> None:
    """Deploy what the dialog offers first."""
    await deploy_planned(pilot)
    await agree(pilot)
    await ended(pilot)


@pytest.fixture
def web(servers: Servers) -> list[Destination]:
    return servers(3)


@pytest.fixture
def shop(web: list[Destination], project_factory: ProjectFactory) -> SampleProject:
    return project_factory(web, extra=CHECK)


async def test_the_first_deploy_from_an_empty_screen_to_live_everywhere(
    shop: SampleProject, web: list[Destination]
) -> None:
    app = open_app(shop)
    async with shown(app) as pilot:
        assert "no release on production yet" in screen_text(app)
        await deploy(pilot)
        tags = {live(place) for place in web}
        assert len(tags) == 1 and tags != {""}
        text = screen_text(app)
        assert "3 of 3 answer" in text
        assert app.workspace.operation and app.workspace.operation.outcome == "done"
        assert "LIVE on 3 in " in text, "the receipt says how it ended"
        assert "u undo" not in text, "there is nothing to go back to"
        assert toasts(app) == [] and "Esc hides this" not in text, "and nothing else does"


async def test_the_plan_is_shown_before_anything_happens_and_cancel_has_the_focus(
    shop: SampleProject, web: list[Destination]
) -> None:
    app = open_app(shop)
    async with shown(app) as pilot:
        dialog = await deploy_planned(pilot)
        assert dialog.plan is not None
        text = screen_text(app)
        for step in dialog.plan.steps:
            assert step.price() in text
        assert app.focused is not None and app.focused.id == "close"
        await pilot.press("enter")
        await pilot.pause()
        assert len(app.screen_stack) == 2 and app.workspace.operation is None
        assert all(not (place.files / "releases").exists() or not live(place) for place in web)


async def test_b_rolls_back_to_the_row_under_the_cursor_and_u_to_the_previous(
    shop: SampleProject, web: list[Destination]
) -> None:
    app = open_app(shop)
    async with shown(app) as pilot:
        for text in ("one\n", "two\n", "three\n"):
            shop.write({"index.html": text})
            shop.commit({"index.html": text})
            await deploy(pilot)
        assert "u undo" in screen_text(app), "the receipt offers it"
        third, second, first = (row.tag for row in app.workspace.fleet_watch.fleet_view.rows)
        await pilot.press("u")
        dialog = await plan_made(pilot)
        text = dialog.query_one("#text", Lines)

        def age() -> str:
            found = re.search("live until ([^;]+);", " ".join(text.plain.split()))
            return found[1] if found else ""

        at_first = age()
        assert at_first, text.plain
        await until(pilot, lambda: age() not in ("", at_first), "an age that goes on")
        somebody = Engine(shop)
        await asyncio.to_thread(somebody.rollback, tag=first)
        await asyncio.to_thread(somebody.rollback, tag=second)
        await until(pilot, lambda: "this plan no longer holds" in screen_text(app), "that the plan is old")
        await until(
            pilot, lambda: "y  Plan again" in screen_text(app) and dialog.is_read, "the button for another plan"
        )
        await pilot.press("y")
        await until(pilot, lambda: dialog.plan and not dialog.news.stale, "another plan")
        assert dialog.is_active and {live(place) for place in web} == {second}, "the yes only had it made"
        assert dialog.plan is not None and dialog.plan.tag == first, "undo goes back to what was live before"
        await pilot.press("escape")
        await asyncio.to_thread(somebody.rollback, tag=third)
        await until(pilot, lambda: app.workspace.fleet_view.live == third, "what somebody made live")
        await until(pilot, lambda: not app.workspace.others.locks, "that nobody works on the servers")
        await pilot.press("u")
        await plan_made(pilot)
        await agree(pilot)
        await ended(pilot)
        assert {live(place) for place in web} == {second}
        dashboard: Any = app.dashboard
        dashboard.releases.go_to(first)
        await pilot.press("b")
        await plan_made(pilot)
        await agree(pilot)
        await ended(pilot)
        assert {live(place) for place in web} == {first}
        assert third in app.workspace.fleet_watch.fleet_view.places


async def test_marked_releases_are_pruned_and_can_be_sent_again(shop: SampleProject, web: list[Destination]) -> None:
    app = open_app(shop)
    async with shown(app) as pilot:
        for text in ("one\n", "two\n", "three\n"):
            shop.commit({"index.html": text})
            await deploy(pilot)
        oldest = app.workspace.fleet_watch.fleet_view.rows[-1].tag
        dashboard: Any = app.dashboard
        dashboard.releases.go_to(oldest)
        await pilot.press("space", "P")
        dialog = await plan_made(pilot)
        assert dialog.plan is not None and dialog.plan.kind == "prune"
        await agree(pilot)
        await ended(pilot)
        assert all(not (place.files / "releases" / oldest).exists() for place in web)
        assert "pruned" in screen_text(app)
        dashboard.releases.go_to(oldest)
        await pilot.press("b")
        await plan_made(pilot)
        await agree(pilot)
        await ended(pilot)
        assert {live(place) for place in web} == {oldest}


async def test_a_failed_check_puts_all_back_and_leaves_a_readable_panel(
    shop: SampleProject, web: list[Destination]
) -> None:
    app = open_app(shop)
    async with shown(app) as pilot:
        await deploy(pilot)
        before = live(web[0])
        shop.commit({"broken": "x\n"})
        await deploy(pilot)
        assert {live(place) for place in web} == {before}
        assert app.workspace.operation and app.workspace.operation.outcome == "failed"
        lines = "\n".join("".join(span.text for span in spans) for spans in board(app).bottom.progress.lines)
        for part in (
            "FAILED after",
            "What    ",
            "Where   ",
            "Back    ",
            f"Live    {short_tag(before)} on 3 servers",
            "Next",
        ):
            assert part in lines
        assert "failed" in screen_text(app), "the release is marked in the matrix"


async def test_a_protected_environment_wants_its_name_typed(
    web: list[Destination], project_factory: ProjectFactory
) -> None:
    sample = project_factory(web, environment_options={"protected": True})
    app = open_app(sample)
    async with shown(app) as pilot:
        await deploy_planned(pilot)
        assert app.focused is not None and app.focused.id == "name"
        await pilot.press("y", "enter")
        await pilot.pause()
        assert isinstance(app.screen, PlanDialog), "y alone is not enough"
        assert "type production exactly, or Esc leaves" in screen_text(app)
        await pilot.press("backspace", *"productio", "enter")
        await pilot.pause()
        assert isinstance(app.screen, PlanDialog), "nor is a part of the name"
        await pilot.press("n", "enter")
        await ended(pilot)
        assert all(live(place) for place in web)


async def test_a_plan_that_cannot_be_executed_offers_only_close(shop: SampleProject, web: list[Destination]) -> None:
    (web[1].files / "current").mkdir()
    app = open_app(shop)
    async with shown(app) as pilot:
        assert "current is a folder" in screen_text(app)
        dialog = await deploy_planned(pilot)
        assert dialog.plan is not None and not dialog.plan.executable
        assert "is a folder, not a link" in screen_text(app)
        await pilot.press("y")
        await pilot.pause()
        assert isinstance(app.screen, PlanDialog) and app.workspace.operation is None
        await pilot.press("enter")
        await pilot.pause()
        assert len(app.screen_stack) == 2


async def test_a_revision_that_does_not_exist_is_said_in_the_dialog(shop: SampleProject) -> None:
    app = open_app(shop)
    async with shown(app) as pilot:
        dialog = await deploy_planned(pilot, *"no-such-branch")
        assert dialog.error is not None
        assert "there is no revision 'no-such-branch'" in screen_text(app)
        await pilot.press("escape")
        assert app.workspace.operation is None


async def hook_works(pilot: Pilot[Any]) -> None:
    """Deploy, up to the hook of SLOW_HOOK, whose output is in the Progress tab then."""
    app: Any = pilot.app
    await deploy_planned(pilot)
    await agree(pilot)
    await until(pilot, lambda: "working" in screen_text(app), "the hook's output in the Progress tab")


async def left(pilot: Pilot[Any]) -> None:
    """Wait for the end of the operation, and then of the app."""
    app: Any = pilot.app
    await until(
        pilot,
        lambda: app.workspace.operation and app.workspace.operation.job.finished,
        "the end of the job",
    )
    await until(pilot, lambda: app._exit, "the end of the app")


async def test_a_running_operation_is_followed_and_cancelled_with_x(
    web: list[Destination], project_factory: ProjectFactory
) -> None:
    app = open_app(project_factory(web, extra=SLOW_HOOK))
    async with shown(app) as pilot:
        await hook_works(pilot)
        await pilot.press("D")
        assert toasts(app)[-1] == "D: an operation is running"
        await pilot.press("q")
        await pilot.pause()
        assert isinstance(app.screen, StopQuestion), "quitting asks while something runs"
        await pilot.press("enter")
        await pilot.press("X")
        await pilot.pause()
        assert isinstance(app.screen, Ask) and "No server has switched" in screen_text(app)
        await agree(pilot)
        await ended(pilot)
        assert app.workspace.operation and app.workspace.operation.outcome == "cancelled"
        assert not any(live(place) for place in web)
        lines = board(app).bottom.log_tab.lines()
        assert any("working" in text for text in lines)


async def test_quitting_while_something_runs_puts_everything_back_first(
    web: list[Destination], project_factory: ProjectFactory
) -> None:
    app = open_app(project_factory(web, extra=SLOW_HOOK))
    async with shown(app) as pilot:
        await hook_works(pilot)
        await pilot.press("ctrl+q")
        await pilot.pause()
        await agree(pilot)
        await left(pilot)
    assert not any(live(place) for place in web)
    assert all(not (place.files / ".turnout/lock").exists() for place in web)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_closed_terminal_while_something_runs_puts_everything_back_first(
    number: int, web: list[Destination], project_factory: ProjectFactory
) -> None:
    app = open_app(project_factory(web, extra=SLOW_HOOK))
    async with shown(app) as pilot:
        await hook_works(pilot)
        os.kill(os.getpid(), number)
        await left(pilot)
    assert app.return_code == 128 + number
    assert not any(live(place) for place in web)
    assert all(not (place.files / ".turnout/lock").exists() for place in web)


async def test_the_log_is_narrowed_to_a_server_and_saved(
    shop: SampleProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = open_app(shop)
    async with shown(app) as pilot:
        await deploy(pilot)
        await pilot.press("3", "3", "s")
        log = board(app).bottom.log_tab
        assert log.store.server == "web1"
        assert not any("  web2  " in text for text in log.lines())
        await pilot.press("o")
        await pilot.pause()
        assert "turnout-production-deploy-" in screen_text(app), "it says where before it writes"
        await pilot.press("ctrl+u", *"mine.log", "enter")
        await pilot.pause()
        assert (tmp_path / "mine.log").read_text().splitlines() == log.lines()
        assert toasts(app)[-1] == f"{len(log.lines())} lines saved to {tmp_path}/mine.log"
        await pilot.press("y")
        assert app.clipboard == "\n".join(log.lines())
        assert "sent to the terminal" in toasts(app)[-1]


async def test_a_deploy_to_servers_of_which_one_is_down_says_which(
    web: list[Destination], project_factory: ProjectFactory, proxy: Any
) -> None:
    between, far = proxy(web[2])
    sample = project_factory([web[0], web[1], far])
    between.stop()
    app = open_app(sample)
    async with shown(app) as pilot:
        text = screen_text(app)
        assert "no answer: " in text and "no release" in text
        dialog = await deploy_planned(pilot)
        assert dialog.error is not None and far.alias in screen_text(app)


async def test_a_frozen_server_holds_up_no_other_and_no_key(
    web: list[Destination], project_factory: ProjectFactory, proxy: Any
) -> None:
    between, far = proxy(web[2])
    between.freeze()
    app = open_app(project_factory([web[0], web[1], far]))
    async with app.run_test(size=(120, 34)) as pilot:
        await until(pilot, lambda: len(app.workspace.fleet_watch.fleet_view.known) == 2, "the two others")
        await pilot.press("1", "end", "enter")
        await pilot.pause()
        assert "connecting" in screen_text(app)
        between.thaw()


async def test_accepting_an_unknown_host_key_writes_known_hosts_and_connects(
    web: list[Destination], project_factory: ProjectFactory, home: Path
) -> None:
    known_hosts = home / ".ssh/known_hosts"
    known_hosts.write_text("")
    app = open_app(project_factory(web[:1]))
    async with app.run_test(size=(120, 34)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, Ask), "the question about the host key")
        await until(pilot, lambda: "SHA256:" in screen_text(app), "the fingerprint")
        assert known_hosts.read_text() == ""
        await agree(pilot)
        await until(pilot, lambda: app.workspace.fleet_watch.fleet_view.known, "the server's state")
        assert "ssh-ed25519" in known_hosts.read_text()
