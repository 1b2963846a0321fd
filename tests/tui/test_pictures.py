"""The screens in every size, as text that was found good; `pytest --snapshot-update` takes new ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot
from textual.widgets import Input

from core import DeployRequest, RollbackRequest, config
from core.errors import CheckFailed, ConnectError, FleetError, HostKeyChanged, HostKeyUnknown
from core.events import (
    CheckAttempted,
    Event,
    GoingBack,
    OperationFinished,
    OperationStarted,
    PhaseFinished,
    PhaseStarted,
    ServerFailed,
    Switched,
    UploadProgress,
)
from core.jobs import Controls, Job
from core.plan import NO_SPACE, SWITCH, UPLOAD, Plan, Refusal, Step
from core.records import JournalLine, Lock
from tests.operations import AT_ONCE
from tests.plans import worded
from tests.tui.recorded import NOW, WEB, project, record, state, tag
from tests.tui.running import XTERM, recorded_app, settled, until
from tests.tui.text_pictures import SIZES, Text, drawn
from tui.app import TurnoutApp
from tui.dialogs.plan import PlanDialog
from tui.dialogs.recover import RecoverDialog
from tui.model.operation import Operation, OthersOperation

Before = Callable[[Pilot[Any]], Awaitable[None]]
ERROR = ConnectError("web3 does not answer", detail="port 22: connection refused", hint="is the server up?")


@pytest.fixture
def utc() -> Iterator[None]:
    """Local time is UTC."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def picture(snapshot: SnapshotAssertion, utc: None) -> Callable[..., bool]:
    """Compare an app, after what `before` does to it, in some sizes: one file of text for each test."""

    def compare(
        app: TurnoutApp,
        sizes: Sequence[tuple[int, int]] = SIZES,
        before: Before | None = None,
        *,
        styled: tuple[int, int] = (80, 24),
    ) -> bool:
        async def run() -> str:
            async with app.run_test(size=sizes[0]) as pilot:
                await settled(pilot)
                if before is not None:
                    await before(pilot)
                await settled(pilot)
                for screen in app.screen_stack:
                    for field in screen.query(Input):
                        field.cursor_blink = False
                return await drawn(pilot, sizes, styled)

        return bool(asyncio.run(run()) == snapshot(extension_class=Text))

    return compare


def pressing(*keys: str) -> Before:
    async def press(pilot: Pilot[Any]) -> None:
        await pilot.press(*keys)

    return press


def deploy_plan(**changes: Any) -> Plan:
    step = Step(server="", action=UPLOAD, current=tag(1), send_bytes=41_000_000, send_files=50, copy_bytes=58_000_000)
    steps = tuple(Step(**{**vars(step), "server": name}) for name in WEB)
    values: dict[str, Any] = {
        "kind": "deploy",
        "environment": "production",
        "tag": tag(0),
        "live": tag(1),
        "record": record(0),
        "steps": steps,
        "hooks": ("prepare: composer install --no-dev",),
        "checks": ("http://127.0.0.1:8080/healthz answers 200 within 10 attempts",),
    }
    return worded(Plan(**{**values, **changes}), DeployRequest())


def rollback_plan() -> Plan:
    steps = tuple(Step(server=name, action=SWITCH, current=tag(0)) for name in WEB)
    return worded(deploy_plan(tag=tag(1), live=tag(0), record=record(1), steps=steps), RollbackRequest())


class RecordedPlan(PlanDialog):
    """A plan dialog whose plan was made before."""

    made: Plan

    def _work(self, emit: Any, controls: Controls) -> Plan:
        return self.made


def with_plan(plan: Plan) -> Before:
    async def push(pilot: Pilot[Any]) -> None:
        app: Any = pilot.app
        request: Any = None
        dialog = RecordedPlan(
            app.workspace.fleet_watch.fleet,
            request,
            "Plan",
            bridge=app.bridge,
            keymap=app.keymap,
            glyphs=app.glyphs,
            now=app.now,
        )
        dialog.made = plan
        await app.push_screen(dialog)
        while dialog.plan is None:
            await pilot.pause(0.05)
        await pilot.pause()

    return push


def phases(server: str, *names: str) -> list[Event]:
    out: list[Event] = []
    for name in names:
        out.append(PhaseStarted(server=server, phase=name, time=NOW - 10))
        out.append(PhaseFinished(server=server, phase=name, seconds=0.4, time=NOW - 9))
    return out


STARTED = OperationStarted(
    kind="deploy", environment="production", servers=WEB, tag=tag(0), subject="Fix cart [/x]", time=NOW,
    title=f"Deploy {tag(0)} to production", phases=AT_ONCE,
)  # fmt: skip
UPLOADING: list[Event] = [
    STARTED,
    *phases("", "build"),
    *(event for name in WEB for event in phases(name, "connect", "begin")),
    *(PhaseStarted(server=name, phase="upload", time=NOW - 5) for name in WEB),
    *(UploadProgress(server=name, sent=0, total=41_000_000, files_total=50, time=NOW - 1) for name in WEB),
    UploadProgress(server="web1", sent=26_000_000, total=41_000_000, files=31, files_total=50, time=NOW + 2.9),
    UploadProgress(server="web2", sent=30_500_000, total=41_000_000, files=36, files_total=50, time=NOW + 2.9),
    UploadProgress(server="web3", sent=4_000_000, total=41_000_000, files=4, files_total=50, time=NOW - 9),
]
BEFORE_THE_SWITCH: list[Event] = [
    STARTED,
    *(event for name in WEB for event in phases(name, "connect", "begin", "upload")),
    *(UploadProgress(server=name, sent=41_000_000, total=41_000_000, time=NOW - 9) for name in WEB),
    *(event for name in WEB for event in phases(name, "stage")),
    PhaseStarted(phase="barrier", time=NOW - 1),
]
SWITCHING: list[Event] = [
    *BEFORE_THE_SWITCH,
    PhaseFinished(phase="barrier", seconds=0.4, time=NOW - 1),
    *(event for name in WEB for event in phases(name, "switch")),
    Switched(server="web1", tag=tag(0), previous=tag(1), time=NOW),
    Switched(server="web2", tag=tag(0), previous=tag(1), time=NOW),
    *(PhaseStarted(server=name, phase="check", time=NOW) for name in WEB[:2]),
    CheckAttempted(server="web1", check="/healthz", attempt=1, attempts=10, passed=True, time=NOW),
    CheckAttempted(
        server="web2", check="/healthz", attempt=3, attempts=10, passed=False, detail="answered 503", time=NOW
    ),
]
DONE: list[Event] = [
    *SWITCHING,
    *(Switched(server=name, tag=tag(0), previous=tag(1), time=NOW) for name in WEB),
    *(PhaseFinished(server=name, phase="check", seconds=1.2, time=NOW) for name in WEB),
    OperationFinished(
        kind="deploy", outcome="done", exit_code=0, seconds=12.4, time=NOW, summary="it is live", tag=tag(0)
    ),
]
FAILED: list[Event] = [
    *SWITCHING,
    ServerFailed(server="web2", phase="check", title="/healthz answered 503", time=NOW),
    GoingBack(text="putting back: /healthz answered 503", level="warning", why="/healthz answered 503", time=NOW),
    Switched(server="web1", tag=tag(1), previous=tag(0), back=True, time=NOW),
    Switched(server="web2", tag=tag(1), previous=tag(0), back=True, time=NOW),
    OperationFinished(
        kind="deploy", outcome="failed", exit_code=1, seconds=12.4, time=NOW,
        summary="nothing is live of it: every server is back on 20261127T193000Z-9ab01cd",
    ),
]  # fmt: skip


def operating(events: list[Event], error: FleetError | None = None, *keys: str) -> Before:
    async def feed(pilot: Pilot[Any]) -> None:
        app: Any = pilot.app
        request: Any = None
        operation = Operation(app.workspace.fleet_watch.fleet, request, deploy_plan(), NOW - 9)
        for event in events:
            operation.progress.apply(event)
        operation.error = error
        app.workspace.shown.operation = operation
        app.dashboard.operation_started()
        app.workspace.shown.said(events)
        app.dashboard.operation_changed()
        await pilot.press(*keys)

    return feed


BEHIND = {name: state(name, 1) for name in WEB}


def test_main_screen(picture: Any) -> None:
    assert picture(recorded_app())


def test_main_screen_with_24_servers(picture: Any) -> None:
    names = [f"web{number}" for number in range(1, 25)]
    states = {name: state(name, 1 if name in ("web3", "web17") else 0) for name in names}
    assert picture(recorded_app(states, of=project(names)))


LOOKS: dict[str, dict[str, str]] = {
    "light": {"TURNOUT_THEME": "light"},
    "no colour": {"NO_COLOR": "1"},
    "16 colours": {"TERM": "screen"},
    "console": {"TERM": "linux"},
    "ascii": {"TURNOUT_ASCII": "1"},
}


@pytest.fixture(params=LOOKS)
def look(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the app, and Textual by itself, find in the environment."""
    found: dict[str, str] = LOOKS[request.param]
    if "NO_COLOR" in found:
        monkeypatch.setenv("NO_COLOR", found["NO_COLOR"])
    return found


def test_looks(picture: Any, look: dict[str, str]) -> None:
    assert picture(recorded_app(environ=look, of=project(protected=True)), [(60, 16), (80, 24)])


def test_empty(picture: Any) -> None:
    assert picture(recorded_app({name: state(name, count=0) for name in WEB}))


def test_connecting(picture: Any) -> None:
    assert picture(recorded_app({}, {}))


def test_unreachable(picture: Any) -> None:
    assert picture(recorded_app({}, dict.fromkeys(WEB, ERROR)))


def test_filtered_to_nothing(picture: Any) -> None:
    assert picture(recorded_app(), before=pressing("slash", *"zebra"))


def test_trouble_on_some_servers(picture: Any) -> None:
    errors = {"web2": HostKeyChanged("web2 shows another host key than the one in known_hosts"), "web3": ERROR}
    assert picture(recorded_app({"web1": state("web1")}, errors), before=pressing("1", "end", "enter"))


def test_unknown_host_key(picture: Any) -> None:
    error = HostKeyUnknown(
        "the key of web2 is not known", host="web2.example.com", key_type="ssh-ed25519", server="web2",
        fingerprint="SHA256:Zk9mT3ZlciB0aGUgbW9vbiBhbmQgYmFjayBhZ2Fpbg", key_line="",
    )  # fmt: skip
    assert picture(recorded_app({"web1": state("web1"), "web3": state("web3")}, {"web2": error}))


def test_plan_of_a_deploy(picture: Any) -> None:
    assert picture(recorded_app(BEHIND), before=with_plan(deploy_plan()))


def test_plan_of_a_rollback(picture: Any) -> None:
    assert picture(recorded_app(), before=with_plan(rollback_plan()))


def test_plan_for_a_protected_environment(picture: Any) -> None:
    assert picture(recorded_app(BEHIND, of=project(protected=True)), before=with_plan(deploy_plan()))


def test_plan_that_is_refused(picture: Any) -> None:
    refusal = Refusal("not enough space: 99 MB needed, plus 17 MB to keep free; only 52 MB free", NO_SPACE)
    steps = tuple(
        Step(**{**vars(step), "refusal": refusal if step.server == "web2" else None}) for step in deploy_plan().steps
    )
    assert picture(recorded_app(BEHIND), before=with_plan(deploy_plan(steps=steps)))


def test_uploading(picture: Any) -> None:
    assert picture(recorded_app(BEHIND), before=operating(UPLOADING))


def test_at_the_barrier(picture: Any) -> None:
    assert picture(recorded_app(BEHIND), before=operating(BEFORE_THE_SWITCH))


def test_the_receipt_of_a_deploy(picture: Any) -> None:
    assert picture(recorded_app(BEHIND), before=operating(DONE))


def test_read_only(picture: Any) -> None:
    assert picture(recorded_app(of=config.read_only(project())), before=pressing("D"))


def test_switching_and_checking(picture: Any) -> None:
    assert picture(recorded_app(BEHIND), before=operating(SWITCHING))


def test_a_failed_deploy(picture: Any) -> None:
    check = CheckFailed("/healthz answered 503", detail="attempt 10 of 10", hint="look at the application's own log")
    assert picture(recorded_app(BEHIND), before=operating(FAILED, FleetError({"web2": check}, phase="check")))


def test_log(picture: Any) -> None:
    assert picture(recorded_app(BEHIND), before=operating(FAILED, None, "right_square_bracket"))


def test_details_of_a_release(picture: Any) -> None:
    assert picture(recorded_app(), before=pressing("down", "enter"))


@pytest.mark.parametrize("key", ["t", "i", "l"], ids=["history", "preflight", "logs"])
def test_tabs(picture: Any, key: str) -> None:
    assert picture(recorded_app(), before=pressing("down", key))


def test_help(picture: Any) -> None:
    assert picture(recorded_app(), before=pressing("question_mark"))


def test_prune_dialog(picture: Any) -> None:
    assert picture(recorded_app(), before=pressing("end", "P"))


def test_environments(picture: Any) -> None:
    more = '[environments.staging]\nprotected = true\nservers = [{ name = "s1", host = "s1", root = "/srv" }]\n'
    states = {"web1": state("web1"), "web3": state("web3", 1), "s1": state("s1", 2)}
    app = recorded_app(states, {"web2": ConnectError("web2 does not answer")}, of=project(more=more), environment=None)

    async def looked(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: pilot.app.workspaces.of("staging").fleet_view.known, "staging")

    assert picture(app, before=looked)


def test_welcome(picture: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert picture(TurnoutApp(None, environ=XTERM))


JOURNAL = (
    JournalLine(what="begin", operation="0a", kind="deploy", who="ana@ci", time=NOW - 240, servers=WEB, tag=tag(0)),
    JournalLine(what="switch", operation="0a", tag=tag(0), previous=tag(1), target=f"releases/{tag(1)}"),
    JournalLine(what="interrupted", operation="0a", phase="switch"),
)
HALF = {
    "web1": state("web1", transitions=JOURNAL),
    "web2": state("web2", transitions=JOURNAL),
    "web3": state("web3", 1, transitions=JOURNAL[:1]),
}
LOCK = Lock(operation="0b", kind="deploy", who="bo@ci", since=NOW - 12, age=12, silence=1, phase="upload")


def test_an_interrupted_deploy(picture: Any) -> None:
    async def open_dialog(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: isinstance(pilot.app.screen, RecoverDialog), "the recover dialog, by itself")

    assert picture(recorded_app(HALF), before=open_dialog)


def test_the_banner_of_an_interrupted_deploy(picture: Any) -> None:
    async def close_dialog(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: isinstance(pilot.app.screen, RecoverDialog), "the recover dialog, by itself")
        await pilot.press("escape")

    assert picture(recorded_app(HALF), before=close_dialog)


def test_a_deploy_that_somebody_else_runs(picture: Any) -> None:
    async def feed(pilot: Pilot[Any]) -> None:
        app: Any = pilot.app
        operation = OthersOperation(app.workspace.fleet_watch.fleet, LOCK, NOW + 3)
        for event in UPLOADING:
            operation.progress.apply(event)
        app.workspace.shown.operation = operation
        app.dashboard.operation_started()
        app.workspace.shown.said(UPLOADING)
        app.dashboard.show_operation()

    held = {name: state(name, 1, lock=LOCK) for name in WEB}
    assert picture(recorded_app(held), before=feed)


def test_locks_and_their_details(picture: Any) -> None:
    hung = replace(LOCK, age=300, silence=240)
    held = {"web1": state("web1", 1, lock=LOCK), "web2": state("web2", 1, lock=replace(LOCK, alive=False)),
            "web3": state("web3", 1, lock=hung)}  # fmt: skip
    assert picture(recorded_app(held), before=pressing("1", "end", "enter"))


def test_breaking_a_lock(picture: Any) -> None:
    held = {name: state(name, 1, lock=replace(LOCK, age=300, silence=240)) for name in WEB}
    assert picture(recorded_app(held), before=pressing("L"))


def test_a_job_that_never_started_is_no_reason_to_wait() -> None:
    """The pictures above rely on it: an operation that was only fed with events counts as running."""
    assert not Job("idle", lambda emit, controls: None).finished
