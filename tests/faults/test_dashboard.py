"""The dashboard where something is not as it should be, on real servers: operations of others, interrupted and hung
ones, changed releases."""

from __future__ import annotations

import os
import re
import subprocess
from typing import Any

import pytest
from textual.pilot import Pilot

from core import DeployRequest
from tests.tui.running import (
    agree,
    board,
    ended,
    open_app,
    plan_made,
    screen_text,
    settled,
    shown,
    toasts,
    until,
)
from tui.dialogs.base import Ask
from tui.dialogs.pick import DeployDialog
from tui.dialogs.plan import PlanDialog
from tui.dialogs.recover import RecoverDialog
from tui.dialogs.unlock import BreakLockDialog
from tui.view.lines import plain

HOLD = "while [ ! -e go ]; do echo pressing pictures; sleep 0.2; done"
HOOK = f"""
[[hooks]]
on = "prepare"
where = "first-server"
run = "{HOLD}"
"""


async def planned(pilot: Pilot[Any]) -> PlanDialog:
    """The plan dialog, once the engine has made the plan."""
    dialog = await plan_made(pilot)
    assert dialog.error is None, dialog.error
    return dialog


def let_go(places: list[Any]) -> None:
    """Let the hooks of HOOK end: wherever the release is being made."""
    for place in places:
        for folder in (place.files / ".turnout/incoming").iterdir():
            if folder.is_dir():
                (folder / "go").touch()


@pytest.fixture
def held(servers, project_factory, operator, truth):
    """Two servers on which somebody else's deploy is in its prepare hook, and that operator."""
    web = servers(2)
    project = project_factory(web, extra=HOOK)
    deploy = operator(project, "deploy", "production", "--yes", "--tag", "one")
    deploy.await_event("hook-started")
    return project, web, deploy


async def test_the_operation_of_somebody_else_is_shown_live_by_itself_until_its_end(held) -> None:
    project, web, deploy = held
    app = open_app(project)
    async with shown(app) as pilot:
        await until(pilot, lambda: app.workspace.watches, "the operation of the other to be followed")
        await until(pilot, lambda: "pressing pictures" in screen_text(app), "its hook's output in Progress")
        who = app.workspace.operation.progress.by
        assert who and f"by {who}" in screen_text(app)
        await pilot.press("D")
        assert toasts(app)[-1] == f"D: {who} runs a deploy on web1, web2; w watches it"
        await pilot.press("X")
        assert toasts(app)[-1] == f"X: {who} runs it and can cancel it there"
        await pilot.press("1", "enter")
        await until(pilot, lambda: "Heartbeat" in screen_text(app), "the lock in the details")
        await pilot.press("w")
        assert board(app).bottom.tab == "progress"
        let_go(web)
        await ended(pilot)
        assert deploy.end() == 0
        assert app.workspace.operation.outcome == "done" and not app.workspace.operation.ours
        assert [os.readlink(place.files / "current") for place in web] == ["releases/one"] * 2
        assert any("pressing pictures" in text for text in board(app).bottom.log_tab.lines())
        await until(pilot, lambda: app.workspace.fleet_view.live == "one", "the new release")
        await until(pilot, lambda: not app.workspace.others.locks, "the locks to be gone")
        assert board(app).why_not("deploy") == ""


@pytest.mark.parametrize("only", [(), ("--server", "web2")])
async def test_what_others_begin_and_end_is_noticed_between_two_looks(
    servers, project_factory, operator, monkeypatch, only
) -> None:
    monkeypatch.setattr("tui.model.fleet_watch.EVERY", 1e6)
    web = servers(2)
    project = project_factory(web, extra=HOOK)
    app = open_app(project)
    async with shown(app) as pilot:
        await settled(pilot)
        deploy = operator(project, "deploy", "production", "--yes", "--tag", "one", *only)
        await until(pilot, lambda: app.workspace.watches, "the operation of the other to be followed")
        await until(pilot, lambda: deploy.said("hook-started"), "its hook")
        let_go(web[1:] if only else web)
        await ended(pilot)
        assert deploy.end() == 0
        project.config.write_text(project.config.read_text().replace(HOOK, ""))
        quick = operator(project, "deploy", "production", "--yes", "--tag", "two", *only)
        await until(pilot, lambda: "two" in app.workspace.fleet_view.places, "the release of the short operation")
        assert quick.end() == 0


async def test_over_new_connections_it_is_followed_again(held) -> None:
    project, web, deploy = held
    app = open_app(project)
    async with shown(app) as pilot:
        await until(pilot, lambda: app.workspace.watches, "the operation of the other to be followed")
        first = app.workspace.operation
        await pilot.press("ctrl+r")
        await until(
            pilot, lambda: app.workspace.watches and app.workspace.operation is not first, "it to be followed once more"
        )
        let_go(web)
        await ended(pilot)
        assert app.workspace.operation.outcome == "done" and deploy.end() == 0
        assert not any("cannot be followed any more" in text for text in toasts(app))


async def test_leaving_while_another_operation_runs_asks_nothing_and_disturbs_nothing(held) -> None:
    project, web, deploy = held
    app = open_app(project)
    async with shown(app) as pilot:
        await until(pilot, lambda: app.workspace.watches, "the operation of the other to be followed")
        await pilot.press("q")
        await until(pilot, lambda: app._exit, "the end of the app")
    let_go(web)
    assert deploy.end() == 0


async def test_who_comes_second_is_told_who_was_first_and_watches(servers, project_factory, operator) -> None:
    web = servers(2)
    project = project_factory(web, extra=HOOK)
    app = open_app(project)
    async with shown(app) as pilot:
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, DeployDialog) and app.screen.choices.keys, "revisions")
        await pilot.press("enter")
        await planned(pilot)
        deploy = operator(project, "deploy", "production", "--yes", "--tag", "one")
        await until(pilot, lambda: deploy.said("hook-started"), "the other's hook")
        await agree(pilot)
        await until(pilot, lambda: any("locked by" in text for text in toasts(app)), "the engine's refusal")
        await until(pilot, lambda: app.workspace.watches, "the other's operation to be followed instead")
        let_go(web)
        await ended(pilot)
        assert deploy.end() == 0 and app.workspace.operation.outcome == "done"
        assert [os.readlink(place.files / "current") for place in web] == ["releases/one"] * 2


async def test_a_lock_is_broken_only_once_the_name_was_typed(held) -> None:
    project, web, deploy = held
    app = open_app(project)
    async with shown(app) as pilot:
        await until(pilot, lambda: app.workspace.others.locks, "the locks")
        await pilot.press("L")
        await until(pilot, lambda: isinstance(app.screen, BreakLockDialog), "the question")
        assert app.focused is not None and app.focused.id == "name"
        await pilot.press(*"productio", "enter")
        await pilot.pause()
        assert isinstance(app.screen, BreakLockDialog), "a part of the name is not enough"
        assert all((place.files / ".turnout/lock").exists() for place in web)
        await pilot.press("n", "enter")
        # One lock where the operator, who had just lost the first, was quicker with giving back the other.
        await until(pilot, lambda: any(re.search("[12] locks? of .* broken", text) for text in toasts(app)), "the word")
        await until(
            pilot, lambda: not app.workspace.others.locks and not app.workspace.others.follows, "no lock any more"
        )
        let_go(web)
        assert deploy.end() != 0, "its lock is not its own any more"
        # Not before its end: to close its journals it takes the locks again, for a moment.
        assert not any((place.files / ".turnout/lock").exists() for place in web)
        assert not any((place.files / "current").is_symlink() for place in web)


@pytest.mark.parametrize(("key", "live"), [("F", "two"), ("U", "one")], ids=["finish", "undo"])
async def test_an_interrupted_deploy_is_offered_at_the_start_and_ends_as_chosen(half_switched, key, live) -> None:
    app = open_app(half_switched.sample)
    async with shown(app) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RecoverDialog), "the recover dialog, by itself")
        await until(pilot, lambda: "not switched" in screen_text(app), "what happened where")
        text = screen_text(app)
        assert "web1, web2 switched" in text, "the banner"
        assert text.count("switched: two is live; before it, one") == 2
        assert app.focused is not None and app.focused.id == "close"
        await pilot.press("escape")
        await pilot.pause()
        assert half_switched.live() == ["two", "two", "one"], "looking changes nothing"
        await pilot.press("R", key)
        dialog = await planned(pilot)
        assert dialog.plan is not None and dialog.plan.kind == "recover"
        assert app.focused is not None and app.focused.id == "close"
        assert half_switched.live() == ["two", "two", "one"]
        await agree(pilot)
        await ended(pilot)
        assert app.workspace.operation and app.workspace.operation.outcome == "done", app.workspace.operation.summary
        assert half_switched.live() == [live] * 3
        await until(pilot, lambda: "interrupted deploy" not in screen_text(app), "the banner to go")
        await pilot.press("R")
        assert toasts(app)[-1] == "R: nothing was interrupted"


async def test_verify_lists_what_was_changed_since_on_which_server(servers, project_factory, truth) -> None:
    web = servers(2)
    project = project_factory(web, files={"a": "a\n", "b": "b\n", "odd [/x]\nname": "c\n"})
    truth(project, web).do(DeployRequest(tag="one"))
    (web[1].files / "current/a").write_text("tampered\n")
    (web[1].files / "current/b").unlink()
    (web[1].files / "current/new [red]").write_text("x\n")
    app = open_app(project)
    async with shown(app, (120, 50)) as pilot:
        await pilot.press("v")
        await until(pilot, lambda: "one: 1 server drifted" in screen_text(app), "the result in the status line")
        assert board(app).bottom.tab == "details"
        text = screen_text(app)
        assert "web1  as deployed" in text and "web2  1 changed, 1 added, 1 removed" in text
        assert "~ changed  a" in text and "- removed  b" in text and "+ added    new [red]" in text
        await pilot.press("escape")
        await pilot.pause()
        assert "1 server drifted" not in screen_text(app)
        assert "web2  1 changed" in screen_text(app), "the details keep it"


async def test_a_release_that_a_process_works_in_is_kept_and_pruned_after_a_second_word(
    servers, project_factory, truth
) -> None:
    web = servers(1)
    project = project_factory(web)
    facts = truth(project, web)
    for tag in ("one", "two", "three"):
        project.commit({"index.html": f"{tag}\n"}, f"Page {tag}")
        facts.do(DeployRequest(tag=tag))
    release = web[0].files / "releases/one"
    busy = subprocess.Popen(["sleep", "600"], cwd=release)
    try:
        app = open_app(project)
        async with shown(app) as pilot:
            board(app).releases.go_to("one")
            await pilot.press("space", "P")
            await planned(pilot)
            await agree(pilot)
            await until(pilot, lambda: isinstance(app.screen, Ask), "the question about what is in use")
            await until(pilot, lambda: "running process" in screen_text(app), "why it was kept")
            assert release.is_dir()
            await agree(pilot)
            await planned(pilot)
            await agree(pilot)
            await until(pilot, lambda: not release.exists(), "the release to go")
            await ended(pilot)
            notes = [plain(row) for row in board(app).bottom.progress.lines]
            assert any("pruned 1 release" in row for row in notes)
    finally:
        busy.kill()
        busy.wait()
