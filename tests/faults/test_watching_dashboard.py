"""What the dashboard says of locks and of other people's operations, and what it takes to break one."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from core.records import Lock
from tests.faults.test_dashboard import HOOK, let_go
from tests.tui.recorded import NOW, WEB, project, state
from tests.tui.running import ended, open_app, recorded_app, screen_text, shown, toasts, until
from tui.dialogs.plan import PlanDialog
from tui.dialogs.unlock import BreakLockDialog

LOCK = Lock(operation="0a", kind="deploy", who="bo@ci", since=NOW - 20, age=20, silence=1, phase="stage")


class Clock:
    """A clock that is put on by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def held(clock: Any = None) -> Any:
    """The app on servers that somebody holds."""
    states = {name: state(name, 1, lock=LOCK) for name in WEB}
    return recorded_app(states, now=clock or Clock())


async def test_a_wrong_name_is_said_and_the_question_stays_until_escape() -> None:
    app = held()
    async with shown(app) as pilot:
        await pilot.press("L")
        await until(pilot, lambda: isinstance(app.screen, BreakLockDialog), "the question")
        for keys in (("enter",), (*"staging", "enter")):
            await pilot.press(*keys)
            await pilot.pause()
            assert isinstance(app.screen, BreakLockDialog)
            await until(pilot, lambda: "type production exactly, or Esc leaves" in screen_text(app), "what is wrong")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, BreakLockDialog), "the end of it")


async def test_the_question_follows_what_becomes_of_the_lock() -> None:
    clock = Clock()
    app = held(clock)
    async with shown(app) as pilot:
        await pilot.press("L")
        await until(pilot, lambda: "for 20 s" in screen_text(app), "the age at the last look")
        fleet: Any = app.workspace.fleet_watch.fleet
        clock.now += 30
        await until(pilot, lambda: "for 50 s" in screen_text(app), "the age now")
        fleet.states = {
            name: replace(state, lock=replace(LOCK, age=60, silence=41), read_at=NOW + 40)
            for name, state in fleet.states.items()
        }
        clock.now += 10
        await until(pilot, lambda: "No heartbeat for 41 s" in screen_text(app), "the silence at a new look")
        fleet.states = {name: replace(state, lock=None) for name, state in fleet.states.items()}
        await until(pilot, lambda: "The lock is gone" in screen_text(app), "the lock's end")
        await pilot.press(*"production", "enter")
        await pilot.pause()
        assert isinstance(app.screen, BreakLockDialog) and toasts(app)[-1] == "the lock is gone"


async def test_the_details_of_a_lock_get_older_with_it() -> None:
    clock = Clock()
    app = held(clock)
    async with shown(app) as pilot:
        await pilot.press("1", "enter")
        await until(pilot, lambda: "for 20 s" in screen_text(app), "the age at the last look")
        clock.now += 11
        await until(pilot, lambda: "for 31 s" in screen_text(app), "the age now")
        assert "1.0 s before the last look, which was 11 s ago" in " ".join(screen_text(app).split())


async def test_the_name_of_a_protected_environment_is_taken_while_the_plan_is_made() -> None:
    app = recorded_app(of=project(protected=True))
    async with shown(app) as pilot:
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, PlanDialog), "the plan dialog")
        await pilot.press(*"production", "enter")
        await pilot.pause()
        assert isinstance(app.screen, PlanDialog), "Enter neither cancels nor runs what nobody has seen"
        assert toasts(app)[-1] == "wait until you can see the plan"
        assert app.focused is not None and getattr(app.focused, "value", "") == "production"
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, PlanDialog), "the end of it")


async def test_an_operation_on_one_server_shows_that_server_alone(servers, project_factory, operator) -> None:
    web = servers(3)
    sample = project_factory(web, extra=HOOK.replace('where = "first-server"\n', ""))
    deploy = operator(sample, "deploy", "production", "--yes", "--tag", "one", "--server", "web3")
    deploy.await_event("hook-started")
    app = open_app(sample)
    async with shown(app) as pilot:
        await until(
            pilot,
            lambda: app.workspace.watches and app.workspace.operation,
            "the operation of the other to be followed",
        )
        await until(pilot, lambda: "pressing pictures" in screen_text(app), "its hook's output in Progress")
        assert list(app.workspace.operation.progress.servers) == ["web3"]
        text = screen_text(app).partition("3 Progress")[2]  # what stands above it is of all servers
        assert "of 3" not in text and "waiting" not in text
        let_go(web[2:])
        await ended(pilot)
        assert deploy.end() == 0 and app.workspace.operation.outcome == "done"
