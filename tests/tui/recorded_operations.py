"""Recorded plans, and operations as their events tell of them, shown in a running app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec.structs import replace
from textual.pilot import Pilot

from core import DeployRequest, RollbackRequest
from core.errors import FleetError
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
from core.jobs import Controls
from core.plan import SWITCH, UPLOAD, Plan, Step
from core.records import JournalLine
from tests.operations import AT_ONCE
from tests.plans import worded
from tests.tui.recorded import NOW, WEB, record, state, tag
from tui.dialogs.plan import PlanDialog
from tui.model.operation import Operation

Before = Callable[[Pilot[Any]], Awaitable[None]]
"""What is done to a running app before it is looked at."""


def deploy_plan(**changes: Any) -> Plan:
    step = Step(server="", action=UPLOAD, current=tag(1), send_bytes=41_000_000, send_files=50, copy_bytes=58_000_000)
    steps = tuple(replace(step, server=name) for name in WEB)
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
