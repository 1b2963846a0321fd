"""Every event of an operation as lines of a viewer (pure)."""

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
    ServerFailed,
    Switched,
)
from core.logs.levels import judge
from core.text import clean
from tui.view.line_store import LogLine
from tui.view.lines import Line, line, unjoined
from tui.view.log import texts

OUTCOMES = {"done": "ok", "cancelled": "warn", "nothing-to-do": ""}
"""The role of how an operation ended; anything else is bad."""

LEVEL_ROLES = {"error": "bad", "warning": "warn", "debug": "dim"}
"""The role of a line by its level."""


def log_lines(event: Event) -> list[LogLine]:
    """What an event adds to the log; nothing for mere progress."""
    lines = [text for part in texts(event) for text in (unjoined(clean(part)).splitlines() or [""])]
    role = _role(event) if lines else ""
    return [LogLine(event.time, event.server, text, role) for text in lines]


def idle_log_lines(history_key: str) -> list[Line]:
    """What the Log tab says before anything has run; `history_key` opens the History tab."""
    return [
        line(("Nothing has run since the dashboard was opened.", "dim")),
        line((history_key, "key"), " shows what was done before, and the log of each operation"),
    ]


def _role(event: Event) -> str:
    """How an event is drawn: what went wrong stands out, and where things begin and end."""
    match event:
        case ServerFailed():
            return "bad"
        case Note(level="warning"):
            return "warn"
        case Note(level="error"):
            return "bad"
        case PhaseFinished():
            return {"ok": "dim", "skipped": "dim", "cancelled": "warn"}.get(event.outcome, "bad")
        case PhaseStarted():
            return "dim"
        case HookFinished():
            return "dim" if event.status == 0 else "bad"
        case CheckAttempted():
            return "ok" if event.passed else "warn"
        case Switched():
            return "warn" if event.back else "ok"
        case OperationFinished():
            return OUTCOMES.get(event.outcome, "bad")
        case OperationStarted() | HookStarted():
            return "strong"
        case HookOutput():
            return LEVEL_ROLES.get(judge(event.line).level, "")
    return ""
