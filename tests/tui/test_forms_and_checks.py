"""The form for turnout.toml and the board of Preflight, on real servers."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input

from core.doctor import CHECKS, ERROR, OK, WARNING, Finding
from tests.tui.running import board, open_app, recorded_app, screen_text, settled, shown, until
from tui.dialogs.edit import EditDialog, FormDialog, SaveDialog
from tui.view.preflight import COLUMNS
from tui.widgets.paint import Lines
from tui.widgets.preflight import PreflightTab


async def on_screen(pilot: Pilot[Any], kind: type[Any]) -> Any:
    await until(pilot, lambda: isinstance(pilot.app.screen, kind) and pilot.app.screen.is_here, kind.__name__)
    await pilot.pause()
    return pilot.app.screen


async def fill(pilot: Pilot[Any], form: FormDialog, **values: str) -> None:
    for field, widget in zip(form._fields, form.query(Input).results(Input), strict=True):
        if field.key in values:
            widget.value = values[field.key]
    await pilot.press("enter")


async def test_a_server_is_added_once_it_was_tried_and_the_difference_was_seen(
    servers: Any, project_factory: Any
) -> None:
    first, second = servers(2)
    project = project_factory([first])
    project.config.write_text("# ours\n" + project.config.read_text())
    app = open_app(project)
    async with shown(app, (100, 40)) as pilot:
        await pilot.press("E")
        edit = await on_screen(pilot, EditDialog)
        assert "add a server to production" in screen_text(app)
        await pilot.press("down", "down", "enter")
        form = await on_screen(pilot, FormDialog)
        await fill(pilot, form, name="web2", host=second.alias, root="srv")
        await until(pilot, lambda: form._faults, "the fault")
        await pilot.pause()
        rows = screen_text(app).splitlines()
        field = next(row for row, text in enumerate(rows) if "root  " in text and "srv" in text)
        assert "absolute" in rows[field + 1] and not form.query_one("#text", Lines).plain, "below its field"
        assert isinstance(app.focused, Input) and app.focused.value == "srv"
        await fill(pilot, form, root=second.root)
        assert await on_screen(pilot, EditDialog) is edit
        assert "web2  web2:/" in screen_text(app) and "web2" not in project.config.read_text()
        edit.agree()
        save = await on_screen(pilot, SaveDialog)
        await until(pilot, lambda: "production/web2: answers" in screen_text(app), "the trial")
        assert any("web2" in line for line in save._draft.difference)
        save.agree()
        await until(pilot, lambda: "web2" in project.config.read_text(), "it is saved")
        assert project.config.read_text().startswith("# ours\n")
        await until(pilot, lambda: app.workspace and len(app.workspace.fleet_view.servers) == 2, "it is in use")
        await settled(pilot)
        assert "web2" in screen_text(app)


async def test_an_environment_that_is_removed_is_said_to_go_on_on_its_servers(
    servers: Any, project_factory: Any
) -> None:
    first, second = servers(2)
    rows = f'{{ name = "stage1", host = "{second.alias}", root = "{second.root}" }}'
    project = project_factory([first], extra=f"[environments.staging]\nservers = [{rows}]\n")
    app = open_app(project)
    async with shown(app, (80, 24)) as pilot:
        await pilot.press("E")
        edit = await on_screen(pilot, EditDialog)
        await pilot.press("down", "down", "down", "delete")
        await until(pilot, lambda: "not saved yet" in screen_text(app), "it is removed from the form")
        edit.agree()
        save = await on_screen(pilot, SaveDialog)
        said = " ".join(save.query_one("#text").plain.split())  # type: ignore[attr-defined]
        assert "staging (stage1): only this file forgets it. What is live there stays live" in said
        save.agree()
        await until(pilot, lambda: "staging" not in project.config.read_text(), "it is saved")


async def test_a_saved_file_leaves_nothing_of_the_workspaces_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    app = recorded_app()
    monkeypatch.setattr(type(app), "is_headless", False)  # only then the terminal is told of operations
    async with shown(app) as pilot:
        before, announcer = len(app.bridge._listeners), app.announcer
        for _ in range(3):
            board, first = app.dashboard, app.workspaces
            assert board is not None and app.project is not None and announcer is not None and first is not None
            board.post_message(board.ProjectSaved(app.project))
            await until(pilot, lambda first=first: app.workspaces is not first, "it is in use")
            await settled(pilot)
            assert app.screen is app.dashboard is board and not first.on_change and first.front is None
        assert len(app.bridge._listeners) == before and app.announcer is announcer
        assert app.bridge._listeners.count(app._announce_running) == 1


async def test_a_server_that_cannot_be_reached_is_saved_only_by_saying_so(sshd: Any, project_factory: Any) -> None:
    project = project_factory([sshd])
    before = project.config.read_text()
    app = open_app(project)
    async with shown(app, (100, 40)) as pilot:
        await pilot.press("E")
        edit = await on_screen(pilot, EditDialog)
        await pilot.press("down", "enter")
        form = await on_screen(pilot, FormDialog)
        assert [widget.value for widget in form.query(Input).results(Input)][:2] == ["web", "web"]
        fields = list(form.query(Input).results(Input))
        await pilot.press("down", "j", "up", "up", "k")
        assert [widget.value for widget in fields][:2] == ["webk", "webj"], (
            "arrows go from field to field, letters do not"
        )
        await pilot.press("up", "backspace", "down", "backspace", *["down"] * 50)
        assert app.focused is fields[-1]
        await fill(pilot, form, host="127.0.0.1", port="1")
        await on_screen(pilot, EditDialog)
        edit.agree()
        save = await on_screen(pilot, SaveDialog)
        await until(pilot, lambda: save.can_agree, "the trial")
        await pilot.pause()
        assert "Save although 1 failed" in str(save.query_one("#yes", Button).label)
        await pilot.press("escape")
        await on_screen(pilot, EditDialog)
        await pilot.press("escape")
        assert project.config.read_text() == before


async def test_the_board_shows_what_doctor_finds_and_a_check_is_made_again(sshd: Any, project_factory: Any) -> None:
    app = open_app(project_factory([sshd]))
    async with shown(app, (100, 40)) as pilot:
        await pilot.press("i")
        await settled(pilot)
        assert app.dashboard is not None and app.workspace is not None
        tab = app.dashboard.query_one(PreflightTab)
        preflight = app.workspace.preflight
        await until(pilot, lambda: preflight.begun and not preflight.runs, "all checks")
        assert {check for server in preflight.servers for check in CHECKS if server.of(check)} >= {
            "connect",
            "rehearsal",
        }
        await until(pilot, lambda: "checking" not in tab.query_one("#preflight-state", Lines).plain, "the end is told")
        (sshd.files / "current").mkdir()
        await pilot.press(*["left"] * len(CHECKS), *["right"] * list(CHECKS).index("current"), "x")
        await until(pilot, lambda: "1 error on web" in screen_text(app), "what it found")
        text = tab.query_one("#preflight-detail", Lines).plain
        assert "current: is a folder, not a link" in text and "-> " in text
        assert preflight.servers[0].of("rehearsal"), "what was not made again stays"
        await pilot.press("l")
        await until(pilot, lambda: board(app).bottom.tab == "logs", "the logs, as everywhere else")


async def test_the_cursor_goes_to_the_first_fault_until_a_person_moves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Event()

    def examine(fleet: Any, name: str, wanted: Any, tell: Callable[[Finding], None]) -> Any:
        if name == "web3":
            held.wait()
        tell(Finding("login", OK, "as deploy"))
        tell(Finding("programs", ERROR if name == "web3" else OK, "tar is missing" if name == "web3" else "all there"))
        tell(Finding("space", OK if name == "web1" else WARNING, "41 GB free"))
        return fleet.inspect_one(name)

    monkeypatch.setattr("core.doctor.examine_server", examine)
    app = recorded_app()
    async with shown(app, (100, 40)) as pilot:
        await pilot.press("i")
        rows = board(app).query_one(PreflightTab).board
        preflight = app.workspace and app.workspace.preflight
        assert preflight is not None
        await until(pilot, lambda: rows.place == ("web2", COLUMNS.index("space")), "the warning, while web3 hangs")
        held.set()
        await until(pilot, lambda: rows.place == ("web3", COLUMNS.index("programs")), "an error is worse")
        await pilot.press("up", "left")
        chosen = rows.place
        await pilot.press("x")
        await until(pilot, lambda: not preflight.runs, "that check again")
        await pilot.pause()
        assert rows.place == chosen == ("web2", COLUMNS.index("programs") - 1)
        await pilot.press("asterisk")
        await until(pilot, lambda: rows.place == ("web3", COLUMNS.index("programs")), "all of them were made again")
