"""Several environments at once: what runs in one goes on while another is shown, and is told there."""

from __future__ import annotations

import threading
from typing import Any

from textual.pilot import Pilot

from core.errors import ConnectError, TurnoutError
from core.events import Note, OperationFinished
from core.jobs import Job
from core.records import ServerState
from tests.tui.recorded import NOW, project, state
from tests.tui.rest import unanswered
from tests.tui.running import recorded_app, screen_text, settled, shown, toasts, until
from tui.app import TurnoutApp
from tui.dialogs.plan import PlanDialog
from tui.dialogs.promote import PromoteDialog
from tui.dialogs.stop import StopQuestion
from tui.model.operation import Followed
from tui.screens.environments import Environments
from tui.view.progress import Progress

STAGING = '[environments.staging]\nservers = [{ name = "stage1", host = "stage1", root = "/srv/shop" }]\n'


def two_environments(first: str | None = "production", more: str = STAGING, **errors: TurnoutError) -> TurnoutApp:
    states: dict[str, ServerState] = {name: state(name) for name in ("web1", "web2", "web3")}
    states["stage1"] = state("stage1", 2)
    states = {name: found for name, found in states.items() if name not in errors}
    return recorded_app(states, errors, of=project(more=more), environment=first)


async def planning(pilot: Pilot[Any]) -> PlanDialog:
    """The dialog of the plan that is being made: no server of the recorded project can be asked for its release."""
    app: Any = pilot.app
    await until(pilot, lambda: isinstance(app.screen, PlanDialog), "the plan dialog")
    dialog: PlanDialog = app.screen
    await pilot.press("escape")
    return dialog


async def test_several_environments_are_the_first_screen_and_one_of_them_is_opened() -> None:
    app = two_environments(None, web2=ConnectError("web2 does not answer"))
    async with shown(app) as pilot:
        assert app.workspaces is not None
        await until(pilot, lambda: app.workspaces and app.workspaces.of("staging").fleet_view.known, "staging")
        await until(pilot, lambda: "77e0d12" in screen_text(app), "staging's release")
        text = screen_text(app)
        assert "2 environments" in text and "Fix cart totals" in text and "web2  web2 does not answer" in text
        assert "Open" in text and "Promote" in text and app.dashboard is None
        await pilot.press("down")
        await until(pilot, lambda: "1 server as it should be" in screen_text(app), "what is known of staging")
        await pilot.press("enter")
        await until(pilot, lambda: app.dashboard is not None and app.screen is app.dashboard, "the dashboard")
        await settled(pilot)
        assert app.workspaces.shown.name == "staging" and "77e0d12" in screen_text(app)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, Environments), "the list")
        await pilot.press("up", "enter")
        await until(pilot, lambda: app.screen is app.dashboard, "the dashboard")
        await settled(pilot)
        assert app.workspaces.shown.name == "production" and "3f2c1ab" in screen_text(app)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, Environments), "the list")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.dashboard, "the dashboard")
        await pilot.press("q")


async def test_keys_in_one_burst_leave_the_list_once() -> None:
    app = two_environments(None)
    async with shown(app) as pilot:
        for _ in range(2):  # first without a dashboard below the list, then over one
            board: Any = app.screen
            assert isinstance(board, Environments)
            for leave in (board.action_details, board.action_details, board.action_close):
                leave()
            await until(pilot, lambda: app.dashboard and app.screen is app.dashboard, "the dashboard")
            await pilot.press("e")
            await until(pilot, lambda: isinstance(app.screen, Environments), "the list")


async def test_a_command_on_the_list_opens_the_environment_and_runs_there() -> None:
    app = two_environments(None)
    async with shown(app) as pilot:
        await pilot.press("down", "p")
        dialog = await planning(pilot)
        assert dialog.title_text == "Promote production to staging"
        assert app.workspaces is not None and app.workspaces.shown.name == "staging"


async def test_of_several_others_the_one_to_promote_from_is_chosen() -> None:
    more = STAGING + STAGING.replace("staging", "qa").replace("stage1", "qa1")
    app = two_environments(more=more)
    async with shown(app) as pilot:
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, PromoteDialog), "the choice")
        await until(pilot, lambda: "Show stock per warehouse" in screen_text(app), "what is live in staging")
        assert "Enter  Plan staging → production …" in screen_text(app)
        await pilot.press("down")
        await until(pilot, lambda: "Enter  Plan qa → production …" in screen_text(app), "the other direction")
        await pilot.press("up", "enter")
        dialog = await planning(pilot)
        assert dialog.title_text == "Promote staging to production"


async def test_hidden_environments_are_looked_at_rarely_and_hold_no_connection() -> None:
    clock = [NOW]
    app = two_environments()
    app.now = lambda: clock[0]
    async with shown(app) as pilot:
        assert app.workspaces is not None
        hidden = app.workspaces.of("staging").fleet_watch
        hidden.check()
        await until(pilot, lambda: hidden.fleet_view.known, "the first look")
        first = hidden.fleet
        for seconds, connected in ((30, True), (61, False)):
            clock[0] = NOW + seconds
            app.workspaces.look_at_others()
            assert (hidden.fleet is first) == connected and not hidden.fleet_view.servers[0].checking
        await until(pilot, lambda: first.closed.is_set(), "the connections are closed")  # type: ignore[attr-defined]
        clock[0] = NOW + 301
        app.workspaces.look_at_others()
        assert hidden.fleet_view.servers[0].checking


class Running:
    """An operation in an environment that ends when the test says so."""

    def __init__(self, app: TurnoutApp, environment: str) -> None:
        self.let_end = threading.Event()
        assert app.workspaces is not None
        workspace = app.workspaces.of(environment)
        names = [server.name for server in workspace.environment.servers]
        title = f"Deploy 3f2c1ab to {environment}"
        progress = Progress("deploy", environment, names, started=app.now(), title=title, phases=("connect", "finish"))

        def work(emit: Any, controls: Any) -> None:
            emit(Note(text=f"hello from {environment}"))
            with unanswered():
                self.let_end.wait(30)
            outcome = "cancelled" if controls.cancel.requested else "done"
            emit(
                OperationFinished(kind="deploy", outcome=outcome, exit_code=0, seconds=1.0, summary=f"it is {outcome}")
            )

        self.operation = Followed(workspace.fleet, Job("deploy", work), progress)
        workspace.shown.begin(self.operation)
        self.operation.start(app.bridge, workspace.shown.said, lambda: workspace.shown.tell_end(self.operation))


async def test_an_operation_goes_on_and_is_told_while_another_environment_is_shown() -> None:
    app = two_environments()
    async with shown(app) as pilot:
        running = Running(app, "production")
        await until(pilot, lambda: "hello from production" in str(list(running.operation.heard)), "its words")
        assert app.dashboard is not None
        app.dashboard.open_environment("staging")
        await settled(pilot)
        text = screen_text(app)
        assert "Deploy 3f2c1ab to production" in text and "e shows it" in text
        assert not app.dashboard.bottom.log_tab.lines(), "staging said nothing"
        running.let_end.set()
        await until(pilot, lambda: running.operation.outcome, "its end")
        await pilot.pause()
        assert toasts(app) == ["it is done"] and not app.dashboard.query_one("#elsewhere").display
        app.dashboard.open_environment("production")
        await settled(pilot)
        assert any("hello from production" in line for line in app.dashboard.bottom.log_tab.lines())


async def test_quitting_asks_for_the_operations_of_all_environments() -> None:
    app = two_environments()
    async with shown(app) as pilot:
        both = [Running(app, "production"), Running(app, "staging")]
        await pilot.press("q")
        await pilot.pause()
        assert isinstance(app.screen, StopQuestion)
        text = screen_text(app)
        assert "Deploy 3f2c1ab to production is still" in text and "Deploy 3f2c1ab to staging is still" in text
        await pilot.press("escape")
        assert app.is_running and not any(running.operation.job.controls.cancel.requested for running in both)
        await pilot.press("q")
        both[0].let_end.set()
        await until(pilot, lambda: "production has ended: it is done." in screen_text(app), "that one has ended")
        assert "Quitting cancels it" in screen_text(app), "the other one runs"
        both[1].let_end.set()
        await until(pilot, lambda: "Quitting cancels nothing" in screen_text(app), "that both have ended")
        await until(pilot, lambda: app.screen.is_read, "that it was read anew")
        await pilot.press("y")
        await until(pilot, lambda: app._exit, "the end of the app")
        assert not any(running.operation.job.controls.cancel.requested for running in both)
        await until(pilot, lambda: not app.our_operations, "both ends")
