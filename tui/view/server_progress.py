"""What an operation has done so far on one server (no I/O, no clock of its own)."""

from __future__ import annotations

from collections import deque

from msgspec import Struct, field

from core.events import CheckAttempted, ServerFailed

STALLED_AFTER = 3.0
"""Seconds without a byte after which an upload is called stalled."""

RATE_SPAN = 5.0
"""Seconds over which the rate of an upload is measured."""

MEASURED_AFTER = 1.0
"""Seconds that a rate must have been measured for before a time left is computed from it."""

SPARKS = 12
"""Seconds of the upload's rate, and outcomes of checks, that are kept to be drawn."""

BACK = "back"
"""What a switch on the way back is called here, among the phases of a server."""

VERBS = {
    BACK: "switching back",
    "drain": "draining",
    "return": "bringing back",
    "build": "building",
    "connect": "connecting",
    "begin": "locking",
    "upload": "uploading",
    "stage": "staging",
    "barrier": "waiting for the others",
    "switch": "switching",
    "check": "checking",
    "run": "running",
    "finish": "finishing",
}


class PhaseMark(Struct):
    """One phase on one server: `outcome` is "" while it runs."""

    started: float
    seconds: float = 0.0
    outcome: str = ""


class ServerProgress(Struct):
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
    stalled_for: float = 0.0
    """Seconds without a byte so far, of silences that were long."""
    hook: str = ""
    hook_on: str = ""
    hook_since: float = 0.0
    said: str = ""
    check: CheckAttempted | None = None
    checks: deque[CheckAttempted] = field(default_factory=lambda: deque(maxlen=SPARKS))
    tag: str = ""
    switched_at: float = 0.0
    switched_back: bool = False
    planned: bool = False
    action: str = ""
    """What the plan does there: NONE, SWITCH, STAGE, UPLOAD or a word; "" where that is not known."""
    stays: bool = False
    """The plan leaves it as it is."""
    before: str = ""
    """The tag that was live there before, as far as the plan says."""
    expected: int = 0
    """Bytes that the plan sends there at most."""
    freed: int | None = 0
    """Bytes; None where they are not known of all that was pruned."""
    pruned: int = 0
    failed: ServerFailed | None = None
    left_out: str = ""
    """Why the operation goes on without it."""

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
        measured = self.samples[-1][0] - self.samples[0][0] if self.samples else 0.0
        if speed <= 0 or measured < MEASURED_AFTER or self.total <= self.sent:
            return None
        return (self.total - self.sent) / speed

    def stalled(self, now: float) -> float:
        """Seconds since the last byte moved in a running upload, where that is long; else 0."""
        if self.phase != "upload" or not self.moved_at or self.sent >= self.total:
            return 0.0
        quiet = now - self.moved_at
        return quiet if quiet >= STALLED_AFTER else 0.0

    @property
    def fraction(self) -> float:
        return self.sent / self.total if self.total else 0.0
