"""What an operation has done so far on each server, gathered from its events (no I/O, no clock of its own)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from core.events import (
    PHASES,
    CheckAttempted,
    Event,
    HookFinished,
    HookOutput,
    HookStarted,
    Note,
    OperationFinished,
    OperationStarted,
    PhaseFinished,
    PhaseStarted,
    PlanMade,
    Pruned,
    ServerFailed,
    Switched,
    UploadProgress,
)
from tui.view.lines import one_line

STALLED_AFTER = 3.0
"""Seconds without a byte after which an upload is called stalled."""

RATE_SPAN = 5.0
"""Seconds over which the rate of an upload is measured."""

MOST_NOTES = 500
"""Warnings and errors that are kept; the Log tab has more of them."""

VERBS = {
    "build": "building",
    "connect": "connecting",
    "begin": "locking",
    "upload": "uploading",
    "stage": "staging",
    "barrier": "waiting for the others",
    "switch": "switching",
    "check": "checking",
    "finish": "finishing",
}


@dataclass
class PhaseMark:
    """One phase on one server: `outcome` is "" while it runs."""

    started: float
    seconds: float = 0.0
    outcome: str = ""


@dataclass
class ServerProgress:
    """What happened on one server so far ("" for the operator's machine and the fleet as a whole)."""

    name: str
    phases: dict[str, PhaseMark] = field(default_factory=dict)
    phase: str = ""
    sent: int = 0
    total: int = 0
    files: int = 0
    files_total: int = 0
    moved_at: float = 0.0
    samples: deque[tuple[float, int]] = field(default_factory=deque)
    hook: str = ""
    hook_since: float = 0.0
    said: str = ""
    check: CheckAttempted | None = None
    tag: str = ""
    switched_back: bool = False
    freed: int | None = 0
    """Bytes; None where they are not known of all that was pruned."""
    pruned: int = 0
    failed: ServerFailed | None = None

    def rate(self, now: float) -> float:
        """Bytes a second over the last few seconds; 0 where nothing moves."""
        recent = [sample for sample in self.samples if now - sample[0] <= RATE_SPAN]
        if len(recent) < 2:
            return 0.0
        span = max(now, recent[-1][0]) - recent[0][0]
        return (recent[-1][1] - recent[0][1]) / span if span > 0 else 0.0

    def seconds_left(self, now: float) -> float | None:
        """Seconds until the upload is through at the present rate; None where that is unknown."""
        speed = self.rate(now)
        return (self.total - self.sent) / speed if speed > 0 and self.total > self.sent else None

    def stalled(self, now: float) -> float:
        """Seconds since the last byte moved in a running upload, where that is long; else 0."""
        if self.phase != "upload" or not self.moved_at or self.sent >= self.total:
            return 0.0
        quiet = now - self.moved_at
        return quiet if quiet >= STALLED_AFTER else 0.0

    @property
    def fraction(self) -> float:
        return self.sent / self.total if self.total else 0.0


class Progress:
    """One operation, followed by its events."""

    def __init__(
        self,
        kind: str,
        environment: str,
        servers: Iterable[str],
        *,
        started: float,
        title: str = "",
        phases: tuple[str, ...] = ("connect", "begin", "finish"),
        by: str = "",
    ) -> None:
        self.kind = kind
        self.environment = environment
        self.tag = ""
        self.subject = ""
        self.started = started
        self.title = title or f"{kind.capitalize()} on {environment}"
        self.to_come = phases
        """The phases that it goes through where all goes well, as far as it has said."""
        self.by = by
        """Who runs it, if somebody else does."""
        self.fleet = ServerProgress("")
        self.servers = {name: ServerProgress(name) for name in servers}
        self.plan: dict[str, Any] = {}
        self.notes: list[Note] = []
        """Warnings and errors, the newest MOST_NOTES at least."""
        self.notes_dropped = 0
        """How many there were before these."""
        self.finished: OperationFinished | None = None
        self.cancelling = False

    def of(self, server: str) -> ServerProgress:
        """The progress of a server, or of the fleet for ""."""
        if not server:
            return self.fleet
        if server not in self.servers:
            self.servers[server] = ServerProgress(server)
        return self.servers[server]

    def apply(self, event: Event) -> None:
        """Take one event in."""
        server = self.of(event.server)
        match event:
            case OperationStarted():
                self.kind, self.environment = event.kind, event.environment
                self.tag, self.subject = event.tag or self.tag, one_line(event.subject) or self.subject
                self.title, self.to_come = one_line(event.title) or self.title, event.phases or self.to_come
                self._only(event.servers)
            case PlanMade():
                self.plan = event.plan
                self.title = one_line(str(event.plan.get("title") or self.title))
                self.tag = str(event.plan.get("tag") or self.tag)
            case PhaseStarted():
                server.phases[event.phase] = PhaseMark(event.time)
                server.phase = event.phase
            case PhaseFinished():
                mark = server.phases.setdefault(event.phase, PhaseMark(event.time - event.seconds))
                mark.seconds, mark.outcome = event.seconds, event.outcome
                if server.phase == event.phase:
                    server.phase, server.hook = "", ""
            case UploadProgress():
                self._upload(server, event)
            case HookStarted():
                server.hook, server.hook_since, server.said = one_line(event.run), event.time, ""
            case HookOutput():
                server.said = one_line(event.line) or server.said
            case HookFinished():
                server.hook = ""
            case CheckAttempted():
                server.check = event
            case Switched():
                server.tag, server.switched_back = event.tag, event.back
            case Pruned():
                server.pruned += 1
                server.freed = None if event.freed is None or server.freed is None else server.freed + event.freed
            case ServerFailed():
                server.failed = server.failed or event
                server.hook = ""
            case Note():
                if event.level != "info":
                    self.notes.append(event)
                    if len(self.notes) >= 2 * MOST_NOTES:
                        del self.notes[:MOST_NOTES]
                        self.notes_dropped += MOST_NOTES
            case OperationFinished():
                self.finished = event
                self.tag = event.tag or self.tag

    def _only(self, servers: Iterable[str]) -> None:
        """The servers that the operation works on: others of the environment have nothing to do with it."""
        named = {name: self.of(name) for name in servers}
        if named:
            self.servers = named | {name: server for name, server in self.servers.items() if server.phases}

    def _upload(self, server: ServerProgress, event: UploadProgress) -> None:
        if event.sent > server.sent or not server.moved_at:
            server.moved_at = event.time
        server.sent, server.total = event.sent, event.total
        server.files, server.files_total = event.files, event.files_total
        server.samples.append((event.time, event.sent))
        while len(server.samples) > 2 and event.time - server.samples[1][0] > RATE_SPAN:
            server.samples.popleft()

    @property
    def phases(self) -> tuple[str, ...]:
        """The phases that this operation is made of, in order: those seen, and those that are to come."""
        seen = {phase for server in (self.fleet, *self.servers.values()) for phase in server.phases}
        wanted = seen if self.finished else seen | set(self.to_come)
        return tuple(phase for phase in PHASES if phase in wanted)

    def mark(self, server: str, phase: str) -> PhaseMark | None:
        """The state of a phase on a server; a phase of the whole fleet counts for each of its servers."""
        return self.of(server).phases.get(phase) or self.fleet.phases.get(phase)

    def running(self, server: str) -> str:
        """The phase that a server is in, or ""."""
        return self.of(server).phase or self.fleet.phase

    def seconds(self, now: float) -> float:
        """How long the operation runs, or took."""
        return self.finished.seconds if self.finished else max(now - self.started, 0.0)
