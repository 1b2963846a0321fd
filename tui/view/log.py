"""The lines of the Log tab: every event of an operation in words, with its time and its server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

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
)
from core.text import clean, duration, size
from tui.view.formats import clock

LIMIT = 50_000
"""Lines that are kept; the oldest go first."""


@dataclass(frozen=True)
class LogLine:
    """One line; `server` is "" for the fleet."""

    time: float
    server: str
    text: str

    def show(self, name_cells: int) -> str:
        """The line as it stands on the screen and in a saved file."""
        moment = datetime.fromtimestamp(self.time).strftime("%H:%M:%S")
        return f"{moment}  {self.server or '-':<{name_cells}}  {self.text}"


def log_lines(event: Event) -> list[LogLine]:
    """What an event adds to the log; nothing for mere progress."""
    texts = [text for part in _texts(event) for text in (clean(part).splitlines() or [""])]
    return [LogLine(event.time, event.server, text) for text in texts]


def _texts(event: Event) -> list[str]:
    match event:
        case OperationStarted():
            what = f" {event.tag}" if event.tag else ""
            subject = f": {event.subject}" if event.subject else ""
            return [
                f"{event.kind}{what} on {event.environment} ({', '.join(event.servers)}) by {event.who or '?'}{subject}"
            ]
        case PhaseStarted():
            return [f"{event.phase} …"]
        case PhaseFinished():
            return [f"{event.phase} {event.outcome} in {clock(event.seconds)}"]
        case HookStarted():
            return [f"$ {event.run}   ({event.on})"]
        case HookOutput():
            return [f"  {event.line}"]
        case HookFinished():
            status = "timed out or killed" if event.status is None else f"status {event.status}"
            return [f"{event.on} hook: {status} after {duration(event.seconds)}"]
        case CheckAttempted():
            word = "passed" if event.passed else event.detail or "not yet"
            return [f"check {event.check}, attempt {event.attempt} of {event.attempts}: {word}"]
        case Switched():
            return [
                f"switched{' back' if event.back else ''}: {event.previous or 'nothing'} -> {event.tag or 'nothing'}"
            ]
        case Pruned():
            return [f"pruned {event.tag}{'' if event.freed is None else f', freed {size(event.freed)}'}"]
        case Note():
            return [f"{event.level}: {event.text}" if event.level != "info" else event.text]
        case ServerFailed():
            out = [f"failed in {event.phase}: {event.title}", *(f"  {text}" for text in event.detail.splitlines())]
            return [*out, f"  -> {event.hint}"] if event.hint else out
        case OperationFinished():
            return [f"{event.kind} {event.outcome} in {clock(event.seconds)}: {event.summary}"]
    return []


def wanted(one: LogLine, server: str, text: str) -> bool:
    """Whether a line passes the filters: a server's name ("" for all) and a piece of text."""
    if server and one.server not in ("", server):
        return False
    return text.casefold() in one.text.casefold() if text else True
