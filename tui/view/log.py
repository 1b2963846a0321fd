"""Every event of an operation in words, for the Log tab and for a terminal's scrollback (pure)."""

from __future__ import annotations

from core.events import (
    Answered,
    Asked,
    BatchStarted,
    CheckAttempted,
    Event,
    HookFinished,
    HookOutput,
    HookStarted,
    LeftOut,
    Note,
    OperationFinished,
    OperationStarted,
    Paused,
    PhaseFinished,
    PhaseStarted,
    Pruned,
    ServerFailed,
    Switched,
    UploadProgress,
)
from core.moments import called
from core.protocol.asked import question_of
from core.text import clean, duration, first_line, ranges, size


def texts(event: Event) -> list[str]:
    """An event in words, without its server; nothing for mere progress. More than one line for an error alone."""
    match event:
        case OperationStarted():
            tag = f" {event.tag}" if event.tag else ""
            who = f" by {event.who}" if event.who else ""
            subject = f": {event.subject}" if event.subject else ""
            return [f"{event.kind}{tag} on {event.environment} ({ranges(event.servers)}){who}{subject}"]
        case PhaseStarted():
            return [f"{event.phase} started"]
        case PhaseFinished(outcome="ok"):
            return [f"{event.phase} done in {duration(event.seconds)}"]
        case PhaseFinished(outcome="skipped"):
            return [f"{event.phase} skipped"]
        case PhaseFinished():
            return [f"{event.phase} {event.outcome.upper()} after {duration(event.seconds)}"]
        case HookStarted():
            return [f"{called(event.on)}: {first_line(event.run)}"]
        case HookOutput():
            return [f"| {event.line}"]
        case HookFinished():
            how = "ok" if event.status == 0 else f"exit status {event.status}"
            how = "was killed or took too long" if event.status is None else how
            return [f"{called(event.on)}: {how}, {duration(event.seconds)}"]
        case CheckAttempted():
            how = f"not yet, attempt {event.attempt} of {event.attempts}: {event.detail}"
            passed = f"passed, {event.detail}" if event.detail else "passed"
            return [f"check {event.check}: {passed if event.passed else how}"]
        case Asked():
            return _asked(event)
        case Answered():
            return [_answered(event)]
        case BatchStarted() if event.batches > 1:
            return [f"batch {event.number} of {event.batches}: {', '.join(event.servers)}"]
        case Paused():
            seconds = max(event.until - event.time, 0.0)
            return [f"batch {event.number} of {event.batches} is live; the next one in {duration(seconds)}"]
        case LeftOut():
            return [f"left out, after it failed in {event.phase or 'the plan'}: {event.why}"]
        case Switched(back=True):
            return [f"switched back to {event.tag or 'nothing: there was no release before'}"]
        case Switched():
            return [f"live now: {event.tag or 'nothing'} (before: {event.previous or 'nothing'})"]
        case Pruned():
            return [f"pruned {event.tag}{f', freed {size(event.freed)}' if event.freed else ''}"]
        case Note():
            return [event.text if event.level == "info" else f"{event.level}: {event.text}"]
        case ServerFailed():
            out = [f"FAILED in {event.phase}: {event.title}", *(f"  {text}" for text in event.detail.splitlines())]
            return [*out, f"  -> {event.hint}"] if event.hint else out
        case OperationFinished():
            return [f"{event.kind} {event.outcome} after {duration(event.seconds)}: {event.summary}"]
    return []


def _asked(event: Asked) -> list[str]:
    """The question, and what each choice does."""
    question = question_of(event.question)
    if question is None:
        return ["asks something that cannot be read"]
    left = question.deadline - event.time
    limit = f" (within {duration(left)}, else {question.default})" if question.deadline else ""
    return [f"asks: {question.text}{limit}", *(f"  {choice.name}: {choice.text}" for choice in question.choices)]


def _answered(event: Answered) -> str:
    """How a question was closed: `bo@desk answered go after 4 min: checked with ana`."""
    waited = f"after {duration(event.seconds)}"
    if not event.choice:
        return f"nobody had answered {waited}, when the operation ended"
    if not event.by:
        return f"nobody answered {waited}: {event.choice}"
    return f"{event.by} answered {event.choice} {waited}{f': {event.reason}' if event.reason else ''}"


UPLOAD_EVERY = 10.0
"""Seconds of event time between two lines about one server's upload: proof of life in a log, not a flood."""


class Narrator:
    """An operation as one line an event, for a terminal's scrollback or a file. It remembers what runs where.

    finished   the operation's end, None before it     environment   "" before the operation has begun
    """

    def __init__(self) -> None:
        self.finished: OperationFinished | None = None
        self.environment = ""
        self._width = 0
        self._phase: dict[str, str] = {}
        self._switched: dict[str, str] = {}
        self._upload_said: dict[str, float] = {}

    def lines(self, event: Event) -> list[str]:
        """What is written for an event; nothing for what is not worth a line, or is said at the end of the command."""
        self._remember(event)
        match event:
            case UploadProgress():
                return self._upload(event)
            case OperationStarted():
                return [_one(text) for text in texts(event)]
            case Asked():
                said = [self._at(event, text) for text in texts(event)]
                return [*said, f"`turnout answer {self.environment} CHOICE` answers it from any machine"]
            case PhaseStarted() if event.phase != "build":
                return []
            case PhaseFinished(outcome="skipped") | OperationFinished():
                return []
        return [self._at(event, text) for text in texts(event)[:1]]

    def cancelling(self, again: bool) -> str:
        """What a cancel means right now; `again` where it was asked for before."""
        if again:
            where = f" ({self.whereabouts})" if self._phase else ""
            return f"already cancelling, servers are being put back{where}; please wait"
        if "finish" in self._phase.values():
            return "too late to cancel: the operation is finishing; please wait"
        if self._switched:
            went = ", ".join(self._switched)
            return f"cancelling: {went} had been switched and will be switched back"
        return "cancelling: nothing has been switched; unfinished work is being removed"

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
        last = self._upload_said.setdefault(event.server, event.time)
        if event.time - last < UPLOAD_EVERY:
            return []
        self._upload_said[event.server] = event.time
        share = f", {100 * event.sent // event.total} %" if event.total else ""
        return [self._at(event, f"upload: {size(event.sent)} of {size(event.total)}{share}")]

    def _at(self, event: Event, text: str) -> str:
        name = _one(event.server)
        return f"{name:<{self._width}}  {_one(text)}" if name or self._width else _one(text)


def _one(text: str) -> str:
    return " ".join(clean(text).split("\n")).rstrip()
