"""What the engine says of the deploy and the rollback in the README's pictures."""

from __future__ import annotations

from core.events import (
    CheckAttempted,
    Event,
    OperationFinished,
    OperationStarted,
    PhaseFinished,
    PhaseStarted,
    Switched,
    UploadProgress,
)
from core.plan import Plan
from tests.tui.recorded import NOW

SERVERS = ("web1", "web2", "web3")
UNDONE = 20.0
"""Seconds from the deploy to the rollback."""


def of_deploy(plan: Plan) -> tuple[list[Event], list[Event]]:
    """What the engine says of a deploy up to the middle of its upload, and from there to its end."""
    record = plan.record
    assert record is not None
    step = plan.steps[0]
    sent = {"web1": 0.61, "web2": 0.58, "web3": 0.44}

    half: list[Event] = [
        OperationStarted(
            kind="deploy", environment=plan.environment, servers=SERVERS, tag=plan.tag, subject=record.subject,
            title=plan.title, phases=plan.phases, time=NOW - 1,
        ),
        *_phase("build", "", -0.9, 0.3),
        *(event for name in SERVERS for event in _phase("connect", name, -0.8, 0.1) + _phase("begin", name, -0.5, 0.1)),
        *(PhaseStarted(server=name, phase="upload", time=NOW) for name in SERVERS),
        *(
            UploadProgress(
                server=name, sent=round(part * share * step.send_bytes), total=step.send_bytes,
                files=round(part * share * step.send_files), files_total=step.send_files, time=NOW + 3 * part,
            )
            for part in (0.0, 0.5, 1.0)
            for name, share in sent.items()
        ),
    ]  # fmt: skip
    rest: list[Event] = []
    for name in SERVERS:
        rest += [
            UploadProgress(
                server=name, sent=step.send_bytes, total=step.send_bytes, files=step.send_files,
                files_total=step.send_files, time=NOW + 5,
            ),
            PhaseFinished(server=name, phase="upload", seconds=5.0, outcome="ok", time=NOW + 5),
            *_phase("stage", name, 5.0, 0.4),
            *_phase("switch", name, 5.5, 0.1),
            Switched(server=name, tag=plan.tag, previous=plan.step(name).current, time=NOW + 5.6),
            *_phase("check", name, 5.6, 0.1),
            CheckAttempted(server=name, check=plan.checks[0], attempt=1, attempts=5, passed=True, time=NOW + 5.7),
            *_phase("finish", name, 5.8, 0.1),
        ]  # fmt: skip
    summary = f"{plan.tag} is live on 3 servers"
    rest.append(
        OperationFinished(kind="deploy", outcome="done", exit_code=0, seconds=6.9, summary=summary, time=NOW + 6)
    )
    return half, rest


def of_undo(plan: Plan) -> list[Event]:
    """What the engine says of a rollback, in the order of time."""
    events: list[Event] = [
        OperationStarted(
            kind="rollback", environment=plan.environment, servers=SERVERS, tag=plan.tag, title=plan.title,
            phases=plan.phases, time=NOW + UNDONE,
        ),
        *(
            event
            for name in SERVERS
            for event in _phase("connect", name, UNDONE + 0.1, 0.1) + _phase("begin", name, UNDONE + 0.2, 0.1)
        ),
    ]  # fmt: skip
    for name in SERVERS:
        events += [
            *_phase("switch", name, UNDONE + 0.5, 0.1),
            Switched(server=name, tag=plan.tag, previous=plan.step(name).current, time=NOW + UNDONE + 0.6),
            *_phase("check", name, UNDONE + 0.7, 0.1),
            CheckAttempted(
                server=name, check=plan.checks[0], attempt=1, attempts=5, passed=True, time=NOW + UNDONE + 0.8
            ),
            *_phase("finish", name, UNDONE + 0.8, 0.1),
        ]
    summary = f"{plan.tag} is live on 3 servers"
    end = OperationFinished(
        kind="rollback", outcome="done", exit_code=0, seconds=0.9, summary=summary, time=NOW + UNDONE + 0.9
    )
    return [*sorted(events, key=lambda event: event.time), end]


def _phase(name: str, server: str, began: float, seconds: float) -> list[Event]:
    return [
        PhaseStarted(server=server, phase=name, time=NOW + began),
        PhaseFinished(server=server, phase=name, seconds=seconds, outcome="ok", time=NOW + began + seconds),
    ]
