"""turnout.toml is written by somebody else while the dashboard is open."""

from __future__ import annotations

from typing import Any

from tests.conftest import ProjectFactory, Servers
from tests.projects import hook
from tests.tui.running import agree, ended, open_app, screen_text, shown, toasts, until
from tests.tui.test_operations import deploy_planned, live

MORE = hook("prepare", "echo the new hook")


async def test_a_changed_file_is_used_by_the_next_plan(servers: Servers, project_factory: ProjectFactory) -> None:
    web = servers(2)
    project = project_factory(web)
    app: Any = open_app(project)
    async with shown(app) as pilot:
        dialog = await deploy_planned(pilot)
        before = project.config.read_text()
        project.config.write_text(before + MORE)
        await until(pilot, lambda: toasts(app), "that it was changed")
        assert toasts(app) == ["it is used when nothing runs and no dialog is open"]
        assert app.screen is dialog and "the new hook" not in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: "it was changed, and is in use now" in toasts(app), "the new file in use")
        await deploy_planned(pilot)
        assert "the new hook" in screen_text(app)
        await agree(pilot)
        await ended(pilot)
        assert all(live(place) for place in web)


async def test_a_file_with_a_fault_is_said_and_changes_nothing(
    servers: Servers, project_factory: ProjectFactory
) -> None:
    project = project_factory(servers(1))
    before = project.config.read_text()
    app: Any = open_app(project)
    async with shown(app) as pilot:
        board = app.screen
        project.config.write_text(before.replace("[source]", "[sauce]"))
        await until(pilot, lambda: toasts(app), "the fault")
        assert "sauce" in toasts(app)[0] and toasts(app)[0].endswith("what was read before is used.")
        assert app.screen is board and app.workspace.project is app.project
        app.clear_notifications()
        project.config.write_text(before)
        await pilot.pause(2.5)
        assert app.screen is board, "it is what is in use"
        project.config.write_text(before + MORE)
        await until(pilot, lambda: app.screen is not board, "the mended file in use")
        assert app.workspace.project.hooks


async def test_a_file_that_says_the_same_or_is_away_changes_nothing(
    servers: Servers, project_factory: ProjectFactory
) -> None:
    project = project_factory(servers(1))
    app: Any = open_app(project)
    async with shown(app) as pilot:
        board, text = app.screen, project.config.read_text()
        project.config.write_text(text)
        await pilot.pause(1.2)
        project.config.rename(project.folder / "away.toml")
        await pilot.pause(1.2)
        assert app.screen is board and not toasts(app)
        project.config.write_text(text + MORE)
        await until(pilot, lambda: app.screen is not board, "the new file in use")


async def test_all_environments_are_shown_again(servers: Servers, project_factory: ProjectFactory) -> None:
    web = servers(2)
    place = web[1]
    server = f'{{ name = "{place.alias}", host = "{place.alias}", root = "{place.root}" }}'
    staging = f"\n[environments.staging]\nservers = [{server}]\n"
    project = project_factory(web[:1], extra=staging)
    app: Any = open_app(project)
    async with shown(app) as pilot:
        board = app.screen
        assert app.dashboard is None
        project.config.write_text(project.config.read_text().replace("environments.staging", "environments.rehearsal"))
        await until(pilot, lambda: app.screen is not board and "rehearsal" in screen_text(app), "the new environments")
        await pilot.press("enter")
        await until(pilot, lambda: app.dashboard is not None and app.screen is app.dashboard, "one of them")
