"""Operations as their events tell of them: for tests of what is drawn."""

from __future__ import annotations

from collections.abc import Mapping

from core.events import (
    DEPLOY_PHASES,
    CheckAttempted,
    GoingBack,
    OperationFinished,
    PhaseFinished,
    PhaseStarted,
    PlanMade,
    ServerFailed,
    Switched,
    UploadProgress,
)
from core.moments import MOMENTS
from tui.view.progress import Progress

AT_ONCE = tuple(phase for phase in DEPLOY_PHASES if phase not in MOMENTS)
"""The phases of a deploy without batches."""
T = 1000.0
NEW, OLD = "20261121T193000Z-3f2c1ab", "20261120T101500Z-9ab01cd"
SIZE = 41_000_000
"""Bytes that each server gets."""


def deploying(servers: int, kind: str = "deploy") -> Progress:
    """A deploy to web1, web2 …, of which every server holds its lock and has its plan; it began at T."""
    names = [f"web{number}" for number in range(1, servers + 1)]
    phases = tuple(phase for phase in AT_ONCE if phase != "build")
    progress = Progress(kind, "production", names, started=T, title=f"Deploy {NEW} to production", phases=phases)
    steps = [{"server": name, "action": "upload", "current": OLD, "send_bytes": SIZE} for name in names]
    record = {"bytes": 58_000_000, "subject": "Fix cart totals for mixed VAT"}
    progress.apply(PlanMade(plan={"tag": NEW, "live": OLD, "record": record, "steps": steps}))
    for name in names:
        through(progress, name, "connect", "begin", seconds=0.2)
    return progress


def through(progress: Progress, server: str, *phases: str, at: float = T, seconds: float = 0.5) -> None:
    """Phases that have ended well on a server ("": of the fleet), one after the other."""
    for phase in phases:
        progress.apply(PhaseStarted(server=server, phase=phase, time=at))
        progress.apply(PhaseFinished(server=server, phase=phase, seconds=seconds, time=at + seconds))
        at += seconds


def uploads(progress: Progress, sent: Mapping[str, float], at: float = T + 10) -> Progress:
    """Uploads that run since T + 1, with so many bytes at `at`, each at an even rate."""
    for name in sent:
        progress.apply(PhaseStarted(server=name, phase="upload", time=T + 1))
    for second in range(int(at - T)):
        for name, number in sent.items():
            share = second / (at - T - 1)
            event = UploadProgress(
                server=name, sent=int(number * share), total=SIZE, files_total=50, time=T + 1 + second
            )
            progress.apply(event)
    return progress


def staged(progress: Progress) -> Progress:
    """Everything is there on every server by T + 20, and the barrier is reached."""
    for name in progress.servers:
        progress.apply(PhaseStarted(server=name, phase="upload", time=T + 1))
        progress.apply(UploadProgress(server=name, sent=SIZE, total=SIZE, time=T + 13))
        progress.apply(PhaseFinished(server=name, phase="upload", seconds=12, time=T + 13))
        through(progress, name, "stage", at=T + 13, seconds=4)
    progress.apply(PhaseStarted(phase="barrier", time=T + 20))
    return progress


def switched(progress: Progress, servers: int | None = None, at: float = T + 21) -> Progress:
    """So many servers (all, unless said) are switched from `at` on, within a tenth of a second."""
    staged(progress)
    progress.apply(PhaseFinished(phase="barrier", seconds=1, time=T + 21))
    names = list(progress.servers)[:servers]
    for place, name in enumerate(names):
        through(progress, name, "switch", at=at, seconds=0.3)
        progress.apply(Switched(server=name, tag=NEW, previous=OLD, time=at + 0.1 * place / len(names)))
    return progress


def checking(progress: Progress, passed: int) -> Progress:
    """All servers are switched and being checked; the first ones have passed."""
    switched(progress)
    for place, name in enumerate(progress.servers):
        progress.apply(PhaseStarted(server=name, phase="check", time=T + 22))
        check = CheckAttempted(
            server=name, check="/healthz", attempt=1, attempts=10, passed=place < passed, detail="503"
        )
        progress.apply(check)
        if place < passed:
            progress.apply(PhaseFinished(server=name, phase="check", seconds=2, time=T + 24))
    return progress


def done(progress: Progress, seconds: float = 27.0) -> Progress:
    """It has ended well."""
    end = OperationFinished(kind="deploy", outcome="done", exit_code=0, seconds=seconds, summary="it is live", tag=NEW)
    progress.apply(end)
    return progress


def going_back(progress: Progress, servers: int, at: float = T + 30) -> Progress:
    """The check failed on web2; so many servers are back."""
    title = "the check failed after 10 attempts: /healthz"
    progress.apply(ServerFailed(server="web2", phase="check", title=title, time=at))
    progress.apply(PhaseFinished(server="web2", phase="check", seconds=8, outcome="failed", time=at))
    progress.apply(PhaseStarted(phase="finish", time=at))
    progress.apply(GoingBack(text=f"putting back: {title}", level="warning", why=f"{title} (web2)", time=at))
    for place, name in enumerate(list(progress.servers)[:servers]):
        progress.apply(Switched(server=name, tag=OLD, previous=NEW, back=True, time=at + 0.1 * place / servers))
    return progress


def failed(progress: Progress, outcome: str = "failed", seconds: float = 31.0) -> Progress:
    """It has ended badly."""
    end = OperationFinished(
        kind="deploy", outcome=outcome, exit_code=1, seconds=seconds, summary="the check failed (web2, check)", tag=NEW
    )
    progress.apply(end)
    return progress
