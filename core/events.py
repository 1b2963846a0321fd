"""What the engine says while it works: typed, frozen, serialisable to JSON.

Every event carries `time` (seconds since the epoch, UTC) and `operation` (its id). `server` is "" for
what concerns the whole fleet. Text from a server or a hook is cleaned of control characters before it
becomes an event (core.text.clean).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar

from msgspec import Struct, field

from core.errors import TurnoutError
from core.text import clean

DEPLOY_PHASES = (
    "build",
    "connect",
    "begin",
    "upload",
    "stage",
    "barrier",
    "drain",
    "switch",
    "check",
    "return",
    "finish",
)
"""The phases of a deploy in their order; other operations use some of them. From drain to return each batch has its
own."""

PHASES = (*DEPLOY_PHASES[:-1], "run", "finish")
"""All phases in their order: also that in which tasks run."""


class Event(Struct, frozen=True, kw_only=True):
    """Base of all events."""

    operation: str = ""
    server: str = ""
    time: float = field(default_factory=time.time)

    name: ClassVar[str] = "event"

    def __init_subclass__(cls, **options: bool) -> None:
        cls.name = re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()
        KINDS[cls.name] = cls

    def to_json(self) -> dict[str, Any]:
        """A flat object with `"event": name`; tuples become lists."""
        out: dict[str, Any] = {"event": self.name}
        for name in self.__struct_fields__:
            value = getattr(self, name)
            out[name] = list(value) if isinstance(value, tuple) else value
        return out


KINDS: dict[str, type[Event]] = {}


def from_json(data: object) -> Event | None:
    """The event that `to_json` wrote, or None where it is unknown or a value is of the wrong type.

    Unknown fields are ignored. What is read came from a server: texts are made harmless, numbers are those that
    can be shown.
    """
    if not isinstance(data, dict):
        return None
    kind = KINDS.get(str(data.get("event", "")))
    if kind is None:
        return None
    values: dict[str, Any] = {}
    for name, written in _written_types(kind).items():
        if name in data:
            try:
                values[name] = _SHAPES[written](data[name])
            except ValueError:
                return None
    try:
        return kind(**values)
    except TypeError:
        return None


@cache
def _written_types(kind: type[Event]) -> dict[str, str]:
    """The types of its fields, by name, as they are written."""
    written: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        written |= vars(base).get("__annotations__", {})
    return {name: written[name] for name in kind.__struct_fields__}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return clean(value)


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _LARGEST:
        raise ValueError("not a number")
    return value


def _number(value: object) -> float:
    """Seconds, of a span or since the epoch."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _LATEST:
        raise ValueError("not a time")
    return float(value)


def _yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("not true or false")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError("not a list")
    return tuple(_text(each) for each in value)


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("not an object")
    harmless: dict[str, Any] = _harmless(value)
    return harmless


def _harmless(value: object) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(str(key)): _harmless(each) for key, each in value.items()}
    return [_harmless(each) for each in value] if isinstance(value, list | tuple) else value


_LATEST = 32_503_680_000
"""The year 3000, in seconds since the epoch: every calendar can write it."""
_LARGEST = 1 << 62
_SHAPES: dict[str, Callable[[object], Any]] = {
    "str": _text,
    "int": _whole,
    "int | None": lambda value: None if value is None else _whole(value),
    "float": _number,
    "bool": _yes_or_no,
    "tuple[str, ...]": _texts,
    "dict[str, Any]": _object,
}


class OperationStarted(Event, frozen=True, kw_only=True):
    """An operation begins. `servers` are the names it works on, `phases` those that it goes through if all goes well.

    reason  why, in the operator's words
    title   what screens call it, without a release that is not known yet
    """

    kind: str
    environment: str
    servers: tuple[str, ...]
    tag: str = ""
    who: str = ""
    subject: str = ""
    title: str = ""
    phases: tuple[str, ...] = ()
    reason: str = ""


class PlanMade(Event, frozen=True, kw_only=True):
    """The plan that is about to be executed, as core.rows.plan gives it."""

    plan: dict[str, Any]


class PhaseStarted(Event, frozen=True, kw_only=True):
    """A server (or, with server "", the operator's machine or the fleet) enters a phase of PHASES."""

    phase: str


class PhaseFinished(Event, frozen=True, kw_only=True):
    """A phase ended; `seconds` it took; `outcome` is ok, skipped, failed or cancelled."""

    phase: str
    seconds: float
    outcome: str = "ok"


class UploadProgress(Event, frozen=True, kw_only=True):
    """Bytes of file content that left for a server so far, of the total; files likewise."""

    sent: int
    total: int
    files: int = 0
    files_total: int = 0


class HookStarted(Event, frozen=True, kw_only=True):
    """A hook starts. `on` is its moment (prepare, before-switch …), `run` its command as written."""

    on: str
    run: str


class HookOutput(Event, frozen=True, kw_only=True):
    """One line that a hook or a build command printed."""

    on: str
    line: str


class HookFinished(Event, frozen=True, kw_only=True):
    """A hook ended; `status` is its exit status, or None where it was killed or timed out."""

    on: str
    run: str
    status: int | None
    seconds: float


class CheckAttempted(Event, frozen=True, kw_only=True):
    """One attempt of a check; `passed` or the reason in `detail`; `seconds` it took, 0 where that is unknown."""

    check: str
    attempt: int
    attempts: int
    passed: bool
    detail: str = ""
    seconds: float = 0.0


class BatchStarted(Event, frozen=True, kw_only=True):
    """A batch of servers begins to switch: `number` of `batches`, from 1. All servers at once are one batch."""

    number: int
    batches: int
    servers: tuple[str, ...]


class Paused(Event, frozen=True, kw_only=True):
    """The next batch waits; `until`: seconds since the epoch. `number` of `batches` has ended."""

    number: int
    batches: int
    until: float


class Reading(Event, frozen=True, kw_only=True):
    """What a plan, or an operation before it changes anything, waits for: `staging`, `the tree`; `over` once it is
    there, or could not be read."""

    what: str
    over: bool = False


class Asked(Event, frozen=True, kw_only=True):
    """The operation waits for a person: its question, as core.questions.question_row gives it."""

    question: dict[str, Any]


class Answered(Event, frozen=True, kw_only=True):
    """A question is closed. `question` is its id, `seconds` how long it was open.

    by   who answered; "" where nobody did: then `choice` is its default, or what the operation decided itself; "" where
         the operation failed or was cancelled
    """

    question: str
    kind: str
    choice: str
    by: str = ""
    reason: str = ""
    seconds: float = 0.0


class Switched(Event, frozen=True, kw_only=True):
    """`current` points to another release now; `back` where this undid a switch."""

    tag: str
    previous: str
    back: bool = False


class Pruned(Event, frozen=True, kw_only=True):
    """A release's files were removed (its record is kept). `freed`: bytes at most; None where they are not known."""

    tag: str
    freed: int | None = None


class Note(Event, frozen=True, kw_only=True):
    """Something an operator should know. `level` is info, warning or error."""

    text: str
    level: str = "info"


class GoingBack(Note, frozen=True, kw_only=True):
    """The operation failed, or was cancelled: what it has done is undone now. `why` is its `text` without a verb."""

    why: str


IN_USE, STILL_THERE = "in-use", "still-there"
"""Why a release was not pruned: a process has it as its working directory; its files are there, nothing said why."""


class Kept(Note, frozen=True, kw_only=True):
    """A release's files were to be removed and are still there. `reason` is IN_USE or STILL_THERE; `text` says it."""

    tag: str
    reason: str


def kept(tag: str, reason: str, **place: Any) -> Kept:
    """The warning that a release was not pruned. `place`: fields of Event."""
    why = "a running process has it as its working directory" if reason == IN_USE else "its files are still there"
    return Kept(tag=tag, reason=reason, text=f"{tag} was not pruned: {why}", level="warning", **place)


class ServerFailed(Event, frozen=True, kw_only=True):
    """A server failed in a phase; the fields are those of TurnoutError."""

    phase: str
    title: str
    detail: str = ""
    hint: str = ""


def server_failed(server: str, phase: str, error: TurnoutError) -> ServerFailed:
    """The event that an error of a server is."""
    return ServerFailed(server=server, phase=phase, title=error.title, detail=error.detail, hint=error.hint)


class LeftOut(Event, frozen=True, kw_only=True):
    """The operation goes on without a server: it failed in `phase` before its switch, and `why`."""

    phase: str
    why: str


class OperationFinished(Event, frozen=True, kw_only=True):
    """The end. `outcome` is done, failed, cancelled or needs-person; `summary` says it in one sentence."""

    kind: str
    outcome: str
    exit_code: int
    seconds: float
    summary: str
    tag: str = ""


def unheard(event: Event) -> None:
    """An Emit for callers who want no events."""


Emit = Callable[[Event], None]
"""Takes events as they happen, from any thread; must not block."""


@contextmanager
def reading(emit: Emit, what: str) -> Iterator[None]:
    """Say that this is read while the block runs."""
    emit(Reading(what=what))
    try:
        yield
    finally:
        emit(Reading(what=what, over=True))
