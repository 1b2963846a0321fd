"""What every command may write: events, warnings, errors, and the result (pure)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from core.rows.base import Row
from core.version import FORMAT

if TYPE_CHECKING:
    from core.errors import TurnoutError
    from core.events import Event


class WarningRow(Row):
    """Something odd about the environment that was found on the way."""

    text: str


class ErrorRow(Row):
    """An error, one object for each server. type: the class in core.errors; hint: what to do next."""

    time: float
    exit_code: int
    type: str
    title: str
    detail: str
    hint: str
    server: str
    phase: str


class ResultMore(TypedDict, total=False):
    """What some results have, too. round_trips: by server, of an operation; releases: how many were listed.

    left_out: by server that an operation went on without: why.
    """

    round_trips: dict[str, int]
    left_out: dict[str, str]
    releases: int


class ResultRow(Row, ResultMore):
    """The last line."""

    time: float
    exit_code: int
    outcome: str
    summary: str
    command: str
    environment: str
    kind: str
    tag: str
    seconds: float
    warnings: list[str]


def event_row(event: Event) -> dict[str, Any]:
    """An event of the engine. Its keys are the fields of its class in core.events."""
    values = event.to_json()
    return {"event": values.pop("event"), "format": FORMAT, **values}


def warning_rows(texts: Iterable[str]) -> list[WarningRow]:
    """One object a text."""
    return [WarningRow(event="warning", format=FORMAT, text=text) for text in texts]


def error_row(error: TurnoutError) -> ErrorRow:
    """An error of one server, or of none."""
    return ErrorRow(
        event="error",
        format=FORMAT,
        time=time.time(),
        exit_code=error.exit_code,
        type=type(error).__name__,
        title=error.title,
        detail=error.detail,
        hint=error.hint,
        server=error.server,
        phase=error.phase,
    )


def result_row(answer: Mapping[str, Any]) -> ResultRow:
    """The end of a command. `answer` has at least exit_code, outcome and summary, and any other key of ResultRow."""
    row = ResultRow(
        event="result",
        format=FORMAT,
        time=time.time(),
        exit_code=answer["exit_code"],
        outcome=answer["outcome"],
        summary=answer["summary"],
        command=answer.get("command", ""),
        environment=answer.get("environment", ""),
        kind=answer.get("kind", ""),
        tag=answer.get("tag", ""),
        seconds=answer.get("seconds", 0.0),
        warnings=list(answer.get("warnings", [])),
    )
    row |= {key: answer[key] for key in ResultMore.__annotations__ if key in answer}  # type: ignore[typeddict-item]
    return row
