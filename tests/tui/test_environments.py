"""Several environments at once: what runs in one goes on while another is shown, and is told there."""

from __future__ import annotations

import threading
from typing import Any

from core.events import Note, OperationFinished
from core.jobs import Job
from core.records import ServerState
from tests.tui.recorded import project, state
from tests.tui.running import recorded_app, screen_text, settled, shown, toasts, until
from tui.app import QuitQuestion, TurnoutApp
from tui.model.operation import Followed
from tui.view.progress import Progress

STAGING = '[environments.staging]\nservers = [{ name = "stage1", host = "stage1", root = "/srv/shop" }]\n'


def two_environments() -> TurnoutApp:
    states: dict[str, ServerState] = {name: state(name) for name in ("web1", "web2", "web3")}
    states["stage1"] = state("stage1", 2)
    return recorded_app(states, {}, of=project(more=STAGING))


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
            self.let_end.wait(30)
            outcome = "cancelled" if controls.cancel.requested else "done"
            emit(
                OperationFinished(kind="deploy", outcome=outcome, exit_code=0, seconds=1.0, summary=f"it is {outcome}")
            )

        self.operation = Followed(workspace.fleet, Job("deploy", work), progress)
        workspace.shown.begin(self.operation)
        ended = lambda: workspace.shown.tell_end(self.operation)  # noqa: E731
        self.operation.start(app.bridge, workspace.shown.said, ended)


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
        assert isinstance(app.screen, QuitQuestion)
        text = screen_text(app)
        assert "Deploy 3f2c1ab to production is still" in text and "Deploy 3f2c1ab to staging is still" in text
        await pilot.press("escape")
        assert app.is_running and not any(running.operation.job.controls.cancel.requested for running in both)
        for running in both:
            running.let_end.set()
        await until(pilot, lambda: not app.our_operations, "both ends")
