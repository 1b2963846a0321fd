"""What the engine says while it works: typed, frozen, serialisable to JSON.

Every event carries `time` (seconds since the epoch, UTC) and `operation` (its id). `server` is "" for
what concerns the whole fleet. Text from a server or a hook is cleaned of control characters before it
becomes an event (core.text.clean).
"""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

PHASES = ("build", "connect", "begin", "upload", "stage", "barrier", "switch", "verify", "finish")
"""The phases of a deploy in their order (DESIGN.md, section 4); other operations use some of them."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base of all events."""

    operation: str = ""
    server: str = ""
    time: float = field(default_factory=time.time)

    name: ClassVar[str] = "event"

    def __init_subclass__(cls) -> None:
        cls.name = re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()
        KINDS[cls.name] = cls

    def to_json(self) -> dict[str, Any]:
        """A flat object with `"event": name`; tuples become lists."""
        out: dict[str, Any] = {"event": self.name}
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            out[item.name] = list(value) if isinstance(value, tuple) else value
        return out


KINDS: dict[str, type[Event]] = {}


def from_json(data: dict[str, Any]) -> Event | None:
    """The event that `to_json` wrote, or None where the kind is not known; unknown fields are passed over."""
    kind = KINDS.get(str(data.get("event", "")))
    if kind is None:
        return None
    known = {item.name for item in dataclasses.fields(kind)}
    values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in data.items() if key in known}
    try:
        return kind(**values)
    except TypeError:
        return None


@dataclass(frozen=True, kw_only=True)
class OperationStarted(Event):
    """An operation begins. `kind` is deploy, rollback, prune or clear-cache; `servers` are the names it works on."""

    kind: str
    environment: str
    servers: tuple[str, ...]
    tag: str = ""
    who: str = ""
    subject: str = ""


@dataclass(frozen=True, kw_only=True)
class PlanMade(Event):
    """The plan that is about to be executed, as Plan.to_json() gives it."""

    plan: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class PhaseStarted(Event):
    """A server (or, with server "", the operator's machine or the fleet) enters a phase of PHASES."""

    phase: str


@dataclass(frozen=True, kw_only=True)
class PhaseFinished(Event):
    """A phase ended; `seconds` it took; `outcome` is ok, skipped, failed or cancelled."""

    phase: str
    seconds: float
    outcome: str = "ok"


@dataclass(frozen=True, kw_only=True)
class UploadProgress(Event):
    """Bytes of file content that left for a server so far, of the total; files likewise."""

    sent: int
    total: int
    files: int = 0
    files_total: int = 0


@dataclass(frozen=True, kw_only=True)
class HookStarted(Event):
    """A hook starts. `on` is its moment (prepare, before-switch …), `run` its command as written."""

    on: str
    run: str


@dataclass(frozen=True, kw_only=True)
class HookOutput(Event):
    """One line that a hook or a build command printed."""

    on: str
    line: str


@dataclass(frozen=True, kw_only=True)
class HookFinished(Event):
    """A hook ended; `status` is its exit status, or None where it was killed or timed out."""

    on: str
    run: str
    status: int | None
    seconds: float


@dataclass(frozen=True, kw_only=True)
class CheckAttempted(Event):
    """One attempt of a check; `passed` or the reason in `detail`."""

    check: str
    attempt: int
    attempts: int
    passed: bool
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Switched(Event):
    """`current` leads to another release now; `back` where the engine undid a switch."""

    tag: str
    previous: str
    back: bool = False


@dataclass(frozen=True, kw_only=True)
class Pruned(Event):
    """A release's files were removed (its record is kept); `freed` bytes."""

    tag: str
    freed: int = 0


@dataclass(frozen=True, kw_only=True)
class Note(Event):
    """Something an operator should know. `level` is info, warning or error."""

    text: str
    level: str = "info"


@dataclass(frozen=True, kw_only=True)
class ServerFailed(Event):
    """A server failed in a phase; the fields are those of TurnoutError."""

    phase: str
    title: str
    detail: str = ""
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class OperationFinished(Event):
    """The end. `outcome` is done, failed, cancelled or needs-person; `summary` says it in one sentence."""

    kind: str
    outcome: str
    exit_code: int
    seconds: float
    summary: str
    tag: str = ""


Emit = Callable[[Event], None]
"""Takes events as they happen, from any thread; must not block."""
