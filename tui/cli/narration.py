"""Engine events as lines of text for a person or a log (pure)."""

from __future__ import annotations

from core.events import (
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
    Pruned,
    ServerFailed,
    Switched,
    UploadProgress,
)
from core.text import clean, duration, size

UPLOAD_EVERY = 10.0
"""Seconds of event time between two lines about one server's upload: proof of life in a log, not a flood."""


class Narrator:
    """Turns events into lines, and remembers what a person has to know when the operation is cancelled."""

    def __init__(self) -> None:
        self.finished: OperationFinished | None = None
        self.environment = ""
        self._width = 0
        self._phase: dict[str, str] = {}
        self._switched: dict[str, str] = {}
        self._upload_told: dict[str, float] = {}

    def lines(self, event: Event) -> list[str]:
        """The lines that say this event; none for what is not worth one."""
        self._remember(event)
        match event:
            case OperationStarted():
                subject = f": {event.subject}" if event.subject else ""
                tag = f" {event.tag}" if event.tag else ""
                return [_one(f"{event.kind}{tag} on {event.environment} ({', '.join(event.servers)}){subject}")]
            case PhaseStarted(phase="build"):
                return [self._at(event, "build: making the tree")]
            case PhaseFinished() if event.outcome != "skipped":
                outcome = "" if event.outcome == "ok" else f" {event.outcome.upper()} after"
                return [self._at(event, f"{event.phase}{outcome} {duration(event.seconds)}")]
            case UploadProgress():
                return self._upload(event)
            case HookStarted():
                return [self._at(event, f"{event.on}: {event.run}")]
            case HookOutput():
                return [self._at(event, f"| {event.line}")]
            case HookFinished():
                how = "was killed or took too long" if event.status is None else f"ended with status {event.status}"
                how = "ok" if event.status == 0 else how
                return [self._at(event, f"{event.on}: {how}, {duration(event.seconds)}")]
            case CheckAttempted():
                how = (
                    "passed"
                    if event.passed
                    else f"not yet, attempt {event.attempt} of {event.attempts}: {event.detail}"
                )
                return [self._at(event, f"check {event.check}: {how}")]
            case Switched():
                return [self._at(event, _switch(event))]
            case Pruned():
                freed = "" if event.freed is None else f", freed {size(event.freed)}"
                return [self._at(event, f"pruned {event.tag}{freed}")]
            case Note():
                level = "" if event.level == "info" else f"{event.level}: "
                return [self._at(event, f"{level}{event.text}")]
            case ServerFailed():
                return [self._at(event, f"FAILED in {event.phase}: {event.title}")]
        return []

    def cancelling(self, again: bool) -> str:
        """What a cancel means right now; `again` where it was asked for before."""
        if again:
            where = f" ({self.whereabouts})" if self._phase else ""
            return f"already cancelling, things are being put back{where}; please wait"
        if "finish" in self._phase.values():
            return "too late to cancel: what was begun is being finished; please wait"
        if self._switched:
            went = ", ".join(self._switched)
            return f"cancelling: {went} had been switched and will be switched back"
        return "cancelling: nothing has been switched; what was begun is being removed"

    @property
    def whereabouts(self) -> str:
        """What runs where: `web1: switch, web2: switch`; "" where nothing does."""
        return ", ".join(f"{server or 'here'}: {phase}" for server, phase in self._phase.items())

    @property
    def phases(self) -> dict[str, str]:
        """By server ("" for all of them together): the phase that is running."""
        return dict(self._phase)

    def _remember(self, event: Event) -> None:
        match event:
            case OperationStarted():
                self.finished = None
                self.environment = event.environment
                self._phase.clear()
                self._switched.clear()
                self._width = max((len(_one(name)) for name in event.servers), default=0)
            case PhaseStarted():
                self._phase[event.server] = event.phase
            case PhaseFinished():
                if self._phase.get(event.server) == event.phase:
                    del self._phase[event.server]
            case Switched(back=False):
                self._switched[event.server] = event.previous
            case Switched(back=True):
                self._switched.pop(event.server, None)
            case OperationFinished():
                self.finished = event

    def _upload(self, event: UploadProgress) -> list[str]:
        told = self._upload_told.setdefault(event.server, event.time)
        if event.time - told < UPLOAD_EVERY:
            return []
        self._upload_told[event.server] = event.time
        share = f", {100 * event.sent // event.total} %" if event.total else ""
        return [self._at(event, f"upload: {size(event.sent)} of {size(event.total)}{share}")]

    def _at(self, event: Event, text: str) -> str:
        name = _one(event.server)
        return f"{name:<{self._width}}  {_one(text)}" if name or self._width else _one(text)


def _switch(event: Switched) -> str:
    if event.back:
        return f"switched back to {event.tag or 'nothing: there was no release before'}"
    return f"live now: {event.tag} (before: {event.previous or 'nothing'})"


def _one(text: str) -> str:
    return " ".join(clean(text).split("\n")).rstrip()
