"""turnout.toml is written by somebody else while the dashboard is open."""

from __future__ import annotations

from typing import Any

from tests.conftest import ProjectFactory, Servers
from tests.projects import hook
from tests.tui.running import agree, ended, open_app, screen_text, settled, shown, toasts, until
from tests.tui.test_operations import deploy, deploy_planned, live

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
        was = app.workspace
        project.config.write_text(before.replace("[source]", "[sauce]"))
        await until(pilot, lambda: toasts(app), "the fault")
        assert "sauce" in toasts(app)[0] and toasts(app)[0].endswith("what was read before is used.")
        assert app.workspace is was and was.project is app.project
        app.clear_notifications()
        project.config.write_text(before)
        await pilot.pause(2.5)
        assert app.workspace is was, "it is what is in use"
        project.config.write_text(before + MORE)
        await until(pilot, lambda: app.workspace is not was, "the mended file in use")
        assert app.workspace.project.hooks


async def test_a_file_that_says_the_same_or_is_away_changes_nothing(
    servers: Servers, project_factory: ProjectFactory
) -> None:
    project = project_factory(servers(1))
    app: Any = open_app(project)
    async with shown(app) as pilot:
        was, text = app.workspace, project.config.read_text()
        project.config.write_text(text)
        await pilot.pause(1.2)
        project.config.rename(project.folder / "away.toml")
        await pilot.pause(1.2)
        assert app.workspace is was and not toasts(app)
        project.config.write_text(text + MORE)
        await until(pilot, lambda: app.workspace is not was, "the new file in use")


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


async def test_what_was_chosen_and_the_receipt_stay_for_what_is_still_there(
    servers: Servers, project_factory: ProjectFactory
) -> None:
    web = servers(3)
    project = project_factory(web)
    app: Any = open_app(project)
    async with shown(app) as pilot:
        for text in ("one\n", "two\n"):
            project.commit({"index.html": text})
            await deploy(pilot)
        board, was = app.dashboard, app.workspace
        live_now, before = (row.tag for row in was.fleet_view.rows)
        names = [server.name for server in was.environment.servers]
        await pilot.press("1", "s")
        order = board.servers_pane.order
        board.servers_pane.marked |= {names[0], names[2]}
        await pilot.press("2", "end", "space")
        assert board.releases.marked == {before} and board.releases.key == before
        operation = was.operation
        assert operation is not None and operation.outcome == "done"
        text, table = project.config.read_text(), "[[environments.production.servers]]"
        project.config.write_text(text[: text.rindex(table)] + MORE)
        await until(pilot, lambda: app.workspace is not was, "the new file in use")
        assert {row.tag for row in app.workspace.fleet_view.rows} == {live_now, before}, "what is known stays known"
        await settled(pilot)
        assert app.screen is board and board.workspace.project.hooks
        assert board.servers_pane.marked == {names[0]} and board.releases.marked == {before}
        assert board.releases.key == before and board.servers_pane.order == order
        assert board.workspace.operation is operation and "LIVE on 3" in screen_text(app)
        await deploy(pilot)
        assert board.workspace.operation is not operation


async def test_nothing_stays_known_of_a_server_that_is_another_one_now(
    servers: Servers, project_factory: ProjectFactory
) -> None:
    first, second = servers(2)
    project = project_factory([first])
    app: Any = open_app(project)
    async with shown(app) as pilot:
        await deploy(pilot)
        was = app.workspace
        assert was.fleet_view.rows
        project.config.write_text(
            project.config.read_text().replace(f'root = "{first.root}"', f'root = "{second.root}"')
        )
        await until(pilot, lambda: app.workspace is not was, "the new file in use")
        assert not app.workspace.fleet_view.known or not app.workspace.fleet_view.rows
        await settled(pilot)
        assert not app.workspace.fleet_view.rows and "nothing is live" in screen_text(app).lower()


async def test_a_look_at_the_file_while_the_program_ends_finds_no_screen(
    servers: Servers, project_factory: ProjectFactory
) -> None:
    app: Any = open_app(project_factory(servers(1)))
    async with shown(app):
        pass
    assert not app.screen_stack
    app._look_at_file()
