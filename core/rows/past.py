"""What was done, as JSON objects (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from msgspec.structs import asdict

from core.rows.base import Row
from core.version import FORMAT

if TYPE_CHECKING:
    from core.history import Entry


class AnswerRow(TypedDict):
    """How a question of an operation was answered; by is "" where nobody did."""

    kind: str
    choice: str
    by: str
    reason: str
    seconds: float


class HistoryRow(Row):
    """One operation of the history. began: seconds since the epoch; by_server: by server, the outcome there.

    gone: servers that took part and were not heard. undone_by: the operation that took it back. cancelled: a person
    cancelled it, it did not fail by itself.
    """

    operation: str
    kind: str
    who: str
    reason: str
    began: float
    seconds: float
    ran: str
    tag: str
    previous: str
    pruned: list[str]
    outcome: str
    exit_code: int
    by_server: dict[str, str]
    servers: list[str]
    gone: list[str]
    sent_bytes: int
    sent_files: int
    phases: dict[str, float]
    batches: int
    left_out: list[str]
    undone_by: str
    despite_freeze: bool
    answers: list[AnswerRow]
    cancelled: bool


def history_row(entry: Entry) -> HistoryRow:
    """An operation of the history."""
    lists = {name: list(getattr(entry, name)) for name in ("pruned", "servers", "gone", "left_out")}
    lists["answers"] = [asdict(said) for said in entry.answers]
    return HistoryRow(event="history", format=FORMAT, **{**asdict(entry), **lists})  # type: ignore[typeddict-item]  # the fields of Entry
