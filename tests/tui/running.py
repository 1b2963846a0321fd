"""The real app in a terminal of the test's own, on recorded states or on real servers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

import tui.app
from core.config import Project
from core.errors import TurnoutError
from core.records import ServerState
from tests.projects import SampleProject
from tests.tui.recorded import NOW, RecordedFleet, project, state
from tests.tui.rest import at_rest
from tests.waiting import PATIENCE, Patience
from tui.app import TurnoutApp
from tui.dialogs.plan import PlanDialog

XTERM = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "TURNOUT_SETTINGS": "/dev/null"}
"""What the app is told of the terminal and of the user's settings, unless a test says otherwise."""


STYLE = Path(tui.app.__file__).with_name("style.tcss")
"""Where the app's style sheet is: Textual looks for that of a class in another file beside it."""


def hurried() -> float:
    """A clock for keys, a hundred times as fast: a plan was read, and a key let go of, in some milliseconds."""
    return time.monotonic() * 100


def recorded_app(
    states: Mapping[str, ServerState] | None = None,
    errors: Mapping[str, TurnoutError] | None = None,
    *,
    of: Project | None = None,
    environment: str | None = "production",
    environ: Mapping[str, str] | None = None,
    now: Callable[[], float] = lambda: NOW + 3,
    kind: type[TurnoutApp] = TurnoutApp,
) -> TurnoutApp:
    """The app on a fleet that gives back what was recorded: by default three servers, web3 a release behind.

    environment   that is shown first; None: all of them, where there are several
    """
    if states is None and errors is None:
        states = {"web1": state("web1"), "web2": state("web2"), "web3": state("web3", 1)}

    def opener(project: Project, environment: Any) -> Any:
        return RecordedFleet(project, environment, states or {}, errors or {})

    return kind(
        of or project(),
        environment,
        environ={**XTERM, **(environ or {})},
        now=now,
        opener=opener,
        clock=hurried,
    )


def open_app(sample: SampleProject) -> TurnoutApp:
    """The app on a sample project and its real servers."""
    return TurnoutApp(sample.load(), environ=XTERM, clock=hurried)


def board(app: TurnoutApp) -> Any:
    """The dashboard of an app that shows one."""
    dashboard = app.dashboard
    assert dashboard is not None
    return dashboard


@asynccontextmanager
async def shown(app: TurnoutApp, size: tuple[int, int] = (120, 34)) -> AsyncIterator[Pilot[Any]]:
    """Run the app, without motion, until the end of the block; every server has been looked at, or is known not to
    answer."""
    app.animation_level = "none"
    async with app.run_test(size=size, notifications=True) as pilot:
        await settled(pilot)
        yield pilot


async def settled(pilot: Pilot[Any]) -> None:
    """Wait until the bridge has nothing more to hand over and the screen is drawn."""
    app: Any = pilot.app
    if app.project is not None:
        recorded = isinstance(app.workspace.fleet_watch.fleet, RecordedFleet)
        silent = set(app.workspace.fleet_watch.fleet.names_without_answer) if recorded else set()

        def all_looked_at() -> bool:
            servers = app.workspace.fleet_watch.fleet_view.servers
            return all(server.asked and (not server.checking or server.name in silent) for server in servers)

        await until(pilot, all_looked_at, "every server was looked at")
    await at_rest(pilot)


async def until(pilot: Pilot[Any], condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Wait, with the app running, until `condition` is true; an AssertionError names `what` where it never is."""
    patience = Patience(seconds)
    while not (value := condition()):
        assert not patience.is_over, f"waited {seconds:g} s in vain: {what}\n{screen_text(pilot.app)}"
        await asyncio.sleep(0.02)
        await pilot.pause()
    return value


def screen_text(app: Any) -> str:
    """What stands on the screen, as text."""
    compositor = app.screen._compositor
    lines = ["".join(segment.text for segment in strip) for strip in compositor.render_strips()]
    below = (
        app.screen_stack[-2]._compositor.render_strips() if len(app.screen_stack) > 1 and app.screen.is_modal else []
    )
    rest = ["".join(segment.text for segment in strip) for strip in below]
    return "\n".join([*lines, *rest])


def toasts(app: Any) -> list[str]:
    """The messages that have popped up."""
    return [notification.message for notification in app._notifications]


async def plan_made(pilot: Pilot[Any]) -> PlanDialog:
    """The plan dialog, once the engine has made the plan or has said why there is none."""
    app: Any = pilot.app
    await until(pilot, lambda: isinstance(app.screen, PlanDialog), "the plan dialog")
    dialog: PlanDialog = app.screen
    await until(pilot, lambda: dialog.plan or dialog.error, "a plan")
    await pilot.pause()
    if dialog.plan is not None and dialog.plan.executable:
        yes = dialog.query_one("#yes")
        await until(pilot, lambda: dialog.is_read, "the plan was on the screen for long enough")
        await until(pilot, lambda: not yes.disabled or not dialog.can_agree, "its button to light")
    return dialog


async def agree(pilot: Pilot[Any]) -> None:
    """Press `y` in the dialog that is open, once it takes one, and see it go."""
    app: Any = pilot.app
    dialog = app.screen
    await until(pilot, lambda: dialog.is_read, "the dialog was on the screen for long enough")
    await pilot.press("y")
    await until(pilot, lambda: not dialog.is_active, "the dialog to go")


async def ended(pilot: Pilot[Any]) -> None:
    """Wait for the end of the operation that runs, and for the look at the servers after it."""
    app: Any = pilot.app
    await until(
        pilot,
        lambda: app.workspace.operation and app.workspace.operation.outcome,
        "the operation's end",
    )
    await settled(pilot)
