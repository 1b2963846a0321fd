"""The dashboard by its keys, on recorded states: panes, cursor, filter, marks, placeholders, sizes."""

from __future__ import annotations

from typing import Any

import pytest

from core.config import Task
from core.errors import AuthenticationFailed, ConnectError, HostKeyChanged, HostKeyUnknown
from tests.tui.recorded import NOW, project, state, tag
from tests.tui.recorded_operations import HALF, UPLOADING, operating
from tests.tui.running import board, recorded_app, screen_text, settled, shown, toasts, until
from tui.app import DEMO, TurnoutApp
from tui.dialogs.base import Ask, Dialog, Message
from tui.dialogs.pick import DeployDialog, PruneDialog
from tui.dialogs.plan import PlanDialog
from tui.dialogs.recover import RecoverDialog
from tui.model.workspaces import Relay
from tui.screens.help import HelpScreen
from tui.screens.welcome import Welcome
from tui.view.lines import line
from tui.view.server_list import FOLD
from tui.widgets.bars import KeyBar, OneLine

STAGING = """
[environments.staging]
servers = [{ name = "stage1", host = "stage1", root = "/srv/shop" }]
"""


async def test_the_first_screen_has_servers_releases_and_the_state_of_the_fleet() -> None:
    app = recorded_app()
    async with shown(app):
        text = screen_text(app)
        assert board(app).query_one("#header", OneLine).plain.split("  ")[0] == " shop ▎production▎"
        assert "2 live · behind: web3" in text
        assert "9ab01cd 1 behind" in text
        assert "live 2/3: Fix cart" in text


async def test_panes_are_reached_by_number_and_by_tab() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        dashboard = board(app)
        assert dashboard.pane == "releases"
        for key, pane in (("1", "servers"), ("3", "bottom"), ("2", "releases"), ("tab", "bottom"), ("tab", "servers")):
            await pilot.press(key)
            assert dashboard.pane == pane
        await pilot.press("shift+tab")
        assert dashboard.pane == "bottom"


async def test_three_again_and_brackets_turn_the_tabs() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        bottom = board(app).bottom
        await pilot.press("3", "3")
        assert bottom.tab == "log"
        await pilot.press("right_square_bracket")
        assert bottom.tab == "details"
        await pilot.press("left_square_bracket", "left_square_bracket")
        assert bottom.tab == "progress"
        assert board(app).pane == "bottom", "the focus stays in the pane"


async def test_enter_shows_details_and_never_acts() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        await pilot.press("down", "down", "enter")
        await pilot.pause()
        assert len(app.screen_stack) == 2, "no dialog"
        assert board(app).bottom.tab == "details"
        assert tag(2) in screen_text(app)


async def test_details_follow_the_cursor_and_the_pane() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        await pilot.press("enter", "1", "down")
        await pilot.pause()
        assert "deploy@web2.example.com" in screen_text(app)
        await pilot.press("2", "j")
        await pilot.pause()
        assert tag(1) in screen_text(app)


async def test_the_cursor_stays_on_its_release_when_a_new_one_comes() -> None:
    app = recorded_app({"web1": state("web1", 2, count=6)}, of=project(["web1"]))
    async with shown(app) as pilot:
        releases = board(app).releases
        await pilot.press("down", "down", "down")
        before = releases.key
        app.workspace.fleet_watch.switched("web1", "20261130T000000Z-fffffff", None)
        new = state("web1", 0).releases
        app.workspace.fleet_watch.fleet.states["web1"] = state("web1", 0, count=8)  # type: ignore[attr-defined]  # recorded
        app.workspace.fleet_watch.check()
        await settled(pilot)
        assert len(releases.keys) == len(new)
        assert releases.key == before


async def test_the_filter_narrows_while_typing_and_escape_takes_it_away() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        releases = board(app).releases
        await pilot.press("slash", *"search")
        await pilot.pause()
        assert [key[-7:] for key in releases.keys] == ["9ab01cd", "e4d5f60"]
        await pilot.press("enter")
        assert board(app).pane == "releases" and len(releases.keys) == 2
        await pilot.press("escape")
        await pilot.pause()
        assert len(releases.keys) == 8


async def test_a_filter_that_matches_nothing_says_how_to_leave() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        await pilot.press("slash", *"zebra")
        await pilot.pause()
        assert "none matches “zebra”" in screen_text(app)
        await pilot.press("escape")
        await pilot.pause()
        assert len(board(app).releases.keys) == 8


async def test_letters_typed_into_the_filter_are_no_commands() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        await pilot.press("slash", "D", "b", "q", "X", "colon")
        await pilot.pause()
        assert board(app).filter.texts["releases"] == "DbqX:"
        assert len(app.screen_stack) == 2


async def test_servers_are_filtered_by_name() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        await pilot.press("1", "slash", "3", "enter")
        await pilot.pause()
        assert board(app).servers_pane.keys == ("web3",)


async def test_space_marks_and_escape_takes_marks_away() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        await pilot.press("home", *["down"] * 4, "space", "space")
        releases = board(app).releases
        assert releases.marked == {tag(4), tag(5)}
        assert "2 marked" in screen_text(app)
        await pilot.press("escape")
        assert releases.marked == set()


async def test_what_cannot_be_pruned_cannot_be_marked() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        await pilot.press("space", "end", "space")
        assert board(app).releases.marked == set()
        assert toasts(app) == ["space: a live release is never pruned", "space: it has no files"]


async def test_a_switch_shows_in_the_matrix_as_it_happens() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        app.workspace.fleet_watch.switched("web3", tag(0), None)
        await pilot.pause()
        await pilot.pause()
        assert "3 of 3 answer" in screen_text(app)
        rows = [text for text in screen_text(app).splitlines() if "Fix cart totals" in text]
        assert "on all 3 servers" in rows[0]
        assert rows[1].count("●") >= 4, "the sign of the row and a cell for each server"


async def test_a_key_that_does_nothing_now_says_why_and_is_drawn_off() -> None:
    app = recorded_app({name: state(name, count=0) for name in ("web1", "web2", "web3")})
    async with shown(app) as pilot:
        for key in ("b", "u", "P", "X"):
            await pilot.press(key)
        await pilot.pause()
        assert len(app.screen_stack) == 2
        assert toasts(app) == [
            "b: no release under the cursor",
            "u: there is no earlier release",
            "P: there is no release yet",
            "X: nothing is running",
        ]
        off = {hint.key: hint.why_not for hint in board(app).query_one(KeyBar).hints if hint.why_not}
        assert off["b"] == "no release under the cursor" and "D" not in off


async def test_the_live_release_cannot_be_rolled_back_to() -> None:
    app = recorded_app({name: state(name) for name in ("web1", "web2", "web3")})
    async with shown(app) as pilot:
        await pilot.press("b")
        assert toasts(app) == ["b: this release is live already"]


async def test_empty_connecting_unreachable_and_filtered_are_four_placeholders() -> None:
    error = ConnectError("web1 does not answer", hint="is it up?")
    shop = project(["web1"])
    cases: list[tuple[TurnoutApp, str]] = [
        (recorded_app({"web1": state("web1", count=0)}, of=shop), "no release on production yet"),
        (recorded_app({}, {}, of=shop), "connecting to web1"),
        (recorded_app({}, {"web1": error}, of=shop), "no server can be reached"),
    ]
    for app, said in cases:
        async with shown(app, (100, 28)):
            assert said in screen_text(app)


async def test_one_server_that_never_answers_holds_up_nothing() -> None:
    states = {"web1": state("web1"), "web2": state("web2")}
    app = recorded_app(states, {})
    async with shown(app) as pilot:
        text = screen_text(app)
        assert "Fix cart" in text and "connecting" in text
        await pilot.press("down", "enter")
        await pilot.pause()
        assert tag(1) in screen_text(app)


async def test_an_error_stays_in_its_row_and_its_details_tell_what_to_do() -> None:
    error = AuthenticationFailed("web2 accepts no key", detail="tried: id_ed25519", hint="add your key there")
    app = recorded_app({"web1": state("web1"), "web3": state("web3")}, {"web2": error})
    async with shown(app) as pilot:
        assert "login refused" in screen_text(app)
        await pilot.press("1", "down", "enter")
        await pilot.pause()
        text = screen_text(app)
        assert "tried: id_ed25519" in text and "add your key there" in text


def unknown(name: str = "web2") -> HostKeyUnknown:
    return HostKeyUnknown(
        f"the host key of {name} is not known", host=name, key_type="ssh-ed25519", fingerprint=f"SHA256:of-{name}",
        key_line=f"{name} ssh-ed25519 AAAA", server=name,
    )  # fmt: skip


async def test_an_unknown_host_key_is_shown_with_its_fingerprint_and_refusing_it_leaves_it() -> None:
    app = recorded_app({"web1": state("web1"), "web3": state("web3")}, {"web2": unknown()})
    async with shown(app) as pilot:
        await until(pilot, lambda: isinstance(app.screen, Ask), "the question about the key")
        assert "SHA256:of-web2" in screen_text(app)
        assert app.focused is not None and app.focused.id == "close", "the harmless answer has the focus"
        await pilot.press("enter")
        await pilot.pause()
        assert len(app.screen_stack) == 2
        await pilot.press("1", "down", "A")
        await pilot.pause()
        assert isinstance(app.screen, Ask), "it can be asked for again"


async def test_a_changed_host_key_is_explained_and_cannot_be_accepted() -> None:
    error = HostKeyChanged("web2 shows another key", detail="known: SHA256:old\nnow: SHA256:new")
    app = recorded_app({"web1": state("web1"), "web3": state("web3")}, {"web2": error})
    async with shown(app) as pilot:
        assert "key CHANGED" in screen_text(app)
        await pilot.press("1", "down", "A")
        await pilot.pause()
        assert isinstance(app.screen, Message)
        assert "SHA256:old" in screen_text(app) and "Accept" not in screen_text(app).replace("accept", "")
        await pilot.press("y")
        assert isinstance(app.screen, Message), "y agrees to nothing here"
        await pilot.press("escape")
        assert len(app.screen_stack) == 2


async def test_one_environment_needs_no_list_of_them() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        await pilot.press("e")
        assert toasts(app) == ["e: there is only one environment"]
        assert "e" not in {hint.key for hint in board(app).query_one(KeyBar).hints}


async def test_help_lists_every_key_with_the_reason_of_those_that_are_off() -> None:
    app = recorded_app()
    async with shown(app, (110, 60)) as pilot:
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        text = screen_text(app)
        assert "roll back to the release under the cursor" in text and "(nothing is running)" in text
        await pilot.press("question_mark")
        assert len(app.screen_stack) == 2, "the key that opened it closes it"


async def test_the_banner_of_an_interrupted_deploy_can_be_clicked() -> None:
    app = recorded_app(HALF)
    async with shown(app) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RecoverDialog), "the dialog, by itself")
        await pilot.press("escape")
        await pilot.click("#banner")
        await until(pilot, lambda: isinstance(app.screen, RecoverDialog), "the dialog again")


async def test_the_name_under_the_cursor_is_copied() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        await pilot.press("down", "ctrl+y")
        assert app.clipboard == tag(1)
        await pilot.press("1", "end", "ctrl+y")
        assert app.clipboard == "web3"


async def test_a_click_into_the_border_of_the_tabs_opens_them_in_a_small_terminal() -> None:
    app = recorded_app()
    async with shown(app, (60, 16)) as pilot:
        assert board(app).bottom.has_class("-collapsed")
        await pilot.click("#bottom", offset=(58, 0))
        await until(pilot, lambda: not board(app).bottom.has_class("-collapsed"), "the tabs")
        assert board(app).pane == "bottom"


async def test_a_deploy_that_begins_is_seen_whatever_was_zoomed() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        await pilot.press("2", "z")
        assert board(app).zoomed == "releases"
        await operating(UPLOADING)(pilot)
        await pilot.pause()
        assert not board(app).zoomed and "DEPLOY 3f2c1ab" in screen_text(app)


async def test_a_terminal_that_becomes_small_below_another_screen_is_small_when_that_goes() -> None:
    app = recorded_app(of=project(more=STAGING))
    async with shown(app) as pilot:
        await pilot.press("e")
        await pilot.resize_terminal(60, 16)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.dashboard, "the dashboard")
        await until(pilot, lambda: board(app).has_class("-short"), "its small layout")
        assert board(app).servers_pane.has_class("-collapsed")


async def test_the_palette_runs_commands_by_name() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        await pilot.press("colon")
        await pilot.pause()
        await pilot.press(*"details")
        await pilot.pause(0.3)
        await pilot.press("enter")
        await until(pilot, lambda: board(app).bottom.tab == "details", "the details")


async def test_prune_asks_what_where_nothing_is_marked() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        await pilot.press("P")
        await pilot.pause()
        assert isinstance(app.screen, PruneDialog)
        await pilot.press("right", "right", "left")
        assert app.screen.keep == app.workspace.fleet_watch.project.deploy.keep + 1
        for _ in range(40):
            app.screen.action_fewer()
        assert app.screen.keep == 1, "never fewer than one"


async def test_quitting_is_immediate_where_nothing_runs() -> None:
    for key in ("q", "ctrl+q"):
        app = recorded_app()
        async with shown(app) as pilot:
            await pilot.press(key)
            await pilot.pause()
        assert app.return_code == 0


async def test_control_c_never_quits_and_says_what_does() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        await pilot.press("ctrl+c")
        await pilot.pause()
        assert app.is_running
        assert toasts(app) == ["q quits; ctrl+c copies selected text"]


async def test_without_a_project_there_is_a_welcome_that_offers_the_demo() -> None:
    app = TurnoutApp(None, environ={"TERM": "xterm", "LANG": "C.UTF-8"})
    async with app.run_test(size=(90, 26)) as pilot:
        await pilot.pause()
        assert isinstance(app.screen, Welcome)
        text = screen_text(app)
        assert "turnout init" in text and "No turnout.toml here" in text
        await pilot.press("d")
        await pilot.pause()
    assert app.return_value == DEMO


async def test_the_welcome_is_left_with_q() -> None:
    app = TurnoutApp(None, environ={"TERM": "xterm", "LANG": "C.UTF-8"})
    async with app.run_test() as pilot:
        await pilot.press("q")
        await until(pilot, lambda: app._exit, "the end")
    assert app.return_value is None and app.return_code == 0


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (100, 30), (200, 60), (72, 16), (60, 40)])
async def test_every_pane_can_be_used_at_every_size(size: tuple[int, int]) -> None:
    app = recorded_app()
    async with shown(app, size) as pilot:
        for key, name in (("1", "servers"), ("2", "releases"), ("3", "bottom")):
            await pilot.press(key)
            await pilot.pause()
            pane = board(app).query_one(f"#{name}")
            assert not pane.has_class("-collapsed")
            assert pane.size.height >= (3 if name == "servers" else 5), f"{name} at {size}"
        keys = board(app).query_one(KeyBar)
        assert keys.plain.strip().endswith("Quit") and "Deploy" in keys.plain


async def test_a_small_terminal_keeps_the_panes_in_sight_as_titles() -> None:
    app = recorded_app()
    async with shown(app, (60, 16)):
        text = screen_text(app)
        assert "1 Servers web1-3 ●●○ · LIVE 3f2c1ab" in text and "2 Releases" in text and "3 Progress" in text


async def test_keys_of_the_users_own_are_in_force_and_faults_are_told(tmp_path: Any) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('[keys]\nenvironment = "W"\ndetails = "f6"\nnonsense = "x"\n')
    app = recorded_app(environ={"TURNOUT_SETTINGS": str(path)})
    async with shown(app) as pilot:
        assert any("keys.nonsense: not known" in text for text in toasts(app))
        await pilot.press("f6")
        assert board(app).bottom.tab == "details"
        await pilot.press("2", "enter")
        assert "Details" in {hint.label for hint in board(app).query_one(KeyBar).hints}
        assert {hint.key for hint in board(app).query_one(KeyBar).hints if hint.label == "Details"} == {"f6"}


async def test_the_mouse_moves_the_cursor_and_presses_keys_of_the_bar() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        releases = board(app).releases
        await pilot.click("#releases", offset=(20, 4))
        assert releases.cursor == 2
        await pilot.click("#keys", offset=(2, 0))
        await until(pilot, lambda: isinstance(app.screen, DeployDialog), "the deploy dialog")


async def test_a_hundred_servers_with_two_hundred_releases_are_shown() -> None:
    names = [f"web{number}" for number in range(1, 101)]
    app = recorded_app({name: state(name, 1 if name == "web7" else 0) for name in names}, of=project(names))
    async with shown(app, (160, 50)) as pilot:
        assert "99 live · behind: web7" in screen_text(app)
        text = screen_text(app)
        assert "TROUBLE 1" in text and "99 as they should be" in text and "FLEET web1-100" in text
        await pilot.press("1")
        assert board(app).servers_pane.keys == ("web7", FOLD), "trouble first, the rest folded"
        await pilot.press("end", "enter", "end")
        assert board(app).servers_pane.key == "web100"
        await pilot.pause()
        assert "web100" in screen_text(app)


async def test_a_click_on_the_map_goes_to_that_server() -> None:
    names = [f"web{number}" for number in range(1, 101)]
    app = recorded_app({name: state(name) for name in names}, of=project(names))
    async with shown(app, (160, 50)) as pilot:
        await pilot.click("#map", offset=(6, 3))
        await pilot.pause()
        key = board(app).servers_pane.key
        assert key.startswith("web") and board(app).pane == "servers"
        assert key in board(app).servers_pane.keys, "what hid it was unfolded"


async def test_a_server_that_falls_silent_is_dark_until_it_answers_again() -> None:
    moment = [NOW + 3]
    app = recorded_app({name: state(name) for name in ("web1", "web2", "web3")}, now=lambda: moment[0])
    async with shown(app) as pilot:
        fleet = app.workspace.fleet_watch.fleet
        fleet.errors["web2"] = ConnectError("web2 does not answer")
        moment[0] += 240
        await pilot.press("r")
        await settled(pilot)
        text = screen_text(app)
        assert "2 of 3 answer · no answer: web2" in text
        assert "no answer 4 min, was 3f2c1ab" in text and "on 2 of 3 servers" in text
        del fleet.errors["web2"]
        await pilot.press("r")
        await settled(pilot)
        assert "3 of 3 answer" in screen_text(app) and "on all 3 servers" in screen_text(app)


async def test_marked_servers_are_those_of_the_next_operation() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        await pilot.press("1", "space", "down", "space")
        assert board(app).here.marked_servers == {"web1", "web3"}
        assert "2 marked" in screen_text(app)
        assert app.workspace.chosen(board(app).here.marked_servers).names == ("web1", "web3")
        await pilot.press("escape")
        assert board(app).here.marked_servers == frozenset()


async def test_space_on_the_row_of_the_folded_servers_marks_them_all() -> None:
    names = [f"web{number}" for number in range(1, 25)]
    states = {name: state(name) for name in names if name != "web7"}
    app = recorded_app(states, {"web7": ConnectError("web7 does not answer")}, of=project(names))
    async with shown(app) as pilot:
        await pilot.press("1", "end", "space")
        assert board(app).here.marked_servers == set(names) - {"web7"}
        assert "23 marked" in screen_text(app)
        await pilot.press("enter")
        assert "2 of 24 " not in screen_text(app)
        await pilot.press("end")
        assert "24 of 24 " in screen_text(app), "the row of the fold is not a server"
        await pilot.press("home", "down", "space")
        assert board(app).here.marked_servers == frozenset()


async def test_marks_do_not_follow_into_another_environment() -> None:
    same = '[environments.qa]\nservers = [{ name = "web1", host = "qa.example.com", root = "/srv/qa" }]\n'
    app = recorded_app({name: state(name) for name in ("web1", "web2", "web3")}, of=project(more=same))
    async with shown(app) as pilot:
        await pilot.press("1", "space")
        assert board(app).here.marked_servers == {"web1"}
        board(app).open_environment("qa")
        await settled(pilot)
        assert app.workspace.name == "qa" and board(app).here.marked_servers == frozenset()


async def test_releases_are_marked_all_and_by_ranges() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        await pilot.press("home", *["down"] * 3, "space", "down", "m")
        assert board(app).releases.marked == {tag(3), tag(4), tag(5)}
        await pilot.press("a")
        assert board(app).releases.marked == {tag(2), tag(3), tag(4), tag(5)}, "not the live ones, nor the pruned"
        await pilot.press("a")
        assert board(app).releases.marked == set()


async def test_a_pane_is_zoomed_and_escape_leads_back() -> None:
    app = recorded_app()
    async with shown(app, (100, 30)) as pilot:
        for back in ("z", "escape"):
            await pilot.press("2", "z")
            await pilot.pause()
            assert board(app).releases.size.height > 24
            await pilot.press("3")
            await pilot.pause()
            assert board(app).bottom.size.height > 24, "the pane with the focus is the one that is shown"
            await pilot.press(back)
            await pilot.pause()
            assert board(app).bottom.size.height < 20


async def test_lists_are_sorted_by_s() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        await pilot.press("2", "s")
        assert board(app).releases.order == "longest lived" and board(app).releases.keys[0] == tag(5)
        await pilot.press("1", "s", "s")
        assert board(app).servers_pane.keys == ("web1", "web2", "web3")
        assert toasts(app)[-1] == "sorted: release"


async def test_the_matrix_is_scrolled_sideways_over_many_servers() -> None:
    names = [f"web{number}" for number in range(1, 101)]
    app = recorded_app({name: state(name) for name in names}, of=project(names))
    async with shown(app, (160, 50)) as pilot:
        assert "●live" in screen_text(app)
        await pilot.press("greater_than_sign")
        await pilot.pause()
        assert " web1 " in screen_text(app) and "?dark" not in screen_text(app)
        await pilot.press("greater_than_sign", "less_than_sign", "less_than_sign")
        await pilot.pause()
        assert "?dark" in screen_text(app), "back at the overview"


async def test_nothing_ticks_while_nothing_runs() -> None:
    # One that does not answer is not glanced at, which would be a job each second.
    app = recorded_app({}, {"web1": ConnectError("web1 does not answer")}, of=project(["web1"]))
    async with shown(app) as pilot:
        await until(pilot, lambda: not app.bridge.busy, "the bridge is at rest")
        ticks: list[int] = []
        app.bridge.on_tick(lambda: ticks.append(1))
        for _ in range(10):
            await pilot.pause(0.05)
        assert ticks == []


async def test_servers_are_looked_at_again_when_their_time_has_come() -> None:
    moment = [NOW]
    app = recorded_app(now=lambda: moment[0])
    async with shown(app) as pilot:
        assert app.workspace.fleet_watch.due == []
        moment[0] += 16
        assert app.workspace.fleet_watch.due == ["web1", "web2", "web3"]
        board(app).every_second()
        assert app.workspace.fleet_watch.due == [], "they are being looked at"
        await settled(pilot)
        assert all(server.at == moment[0] for server in app.workspace.fleet_watch.fleet_view.servers)


async def test_an_interruption_that_cannot_be_read_is_unknown_and_not_denied() -> None:
    app = recorded_app({"web1": state("web1"), "web2": state("web2", transitions_whole=False)})
    async with shown(app) as pilot:
        await pilot.press("R")
        await until(pilot, lambda: toasts(app), "the reason")
        assert toasts(app) == ["R: whether an operation was interrupted is unknown on web2"]


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (200, 60), (200, 100)])
@pytest.mark.parametrize("key", ["D", "P", "question_mark"])
async def test_the_buttons_of_a_dialog_are_seen_at_every_size(key: str, size: tuple[int, int]) -> None:
    app = recorded_app()
    async with shown(app, size) as pilot:
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, Dialog) and app.screen.is_here, "the dialog")
        await pilot.pause()
        await pilot.pause()
        box, close = app.screen.query_one("#box"), app.screen.query_one("#close")
        assert close.region.height == 1 and box.content_region.contains_region(close.region)
        if lists := app.screen.query("#choices"):
            assert box.content_region.contains_region(lists.first().region)


async def test_the_palette_has_the_tasks_and_shows_their_plans() -> None:
    app = recorded_app()
    async with shown(app) as pilot:
        project = app.workspace.fleet_watch.project
        task = Task.unchecked(name="restart", run="systemctl restart shop")
        app.workspace.project = project.replace(tasks=(task,))
        await pilot.press("colon")
        await pilot.pause()
        await pilot.press(*"task restart")
        await pilot.pause(0.3)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PlanDialog), "the plan")


@pytest.mark.parametrize("deep", [1, 3])
async def test_the_header_goes_on_below_dialogs(deep: int) -> None:
    now = [NOW + 3]
    app = recorded_app(now=lambda: now[0])
    async with shown(app) as pilot:
        for number in range(deep):
            app.push_screen(Message(f"Dialog {number}", [line("One above the other.")]))
            await pilot.pause()

        def top() -> str:
            strip = app.screen._compositor.render_strips()[0]
            return "".join(segment.text for segment in strip)

        before = top()
        assert "seen " in before
        now[0] += 3600
        await until(pilot, lambda: "seen 1 h ago" in top(), "the age in the header")


async def test_what_comes_when_the_dashboard_was_taken_down_is_not_drawn() -> None:
    app = recorded_app()
    async with shown(app):
        relay = Relay(app.workspaces, app.workspaces.shown.name)
        relay.operation_changed()
    relay.operation_changed()
    relay.fleet_changed()
    relay.operation_said([])
