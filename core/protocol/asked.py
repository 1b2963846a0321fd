"""Questions and answers as they are in a server's lock: lines that others may have written (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from core.protocol.values import seconds
from core.questions import Answer, Choice, Question, question_row
from core.text import clean

NONE = "none"
"""In place of a question's id: what was left as an answer is removed."""
LONGEST_LINE = 8000
"""Characters of a question's line: a longer one leaves out the names of its servers."""
_WORD = re.compile(r"[a-z][a-z-]{0,19}")
_ID = re.compile(r"[0-9a-f]{8,32}")
_MOST = 8
"""Choices of one question."""


def question_of(row: object) -> Question | None:
    """The question that `question_row` gave, None where it is not one; a server has it, so texts are made harmless."""
    if not isinstance(row, dict):
        return None
    given = row.get("choices")
    choices = tuple(
        Choice(each["name"], _line(each.get("text"), 300))
        for each in (given[:_MOST] if isinstance(given, list) else [])
        if isinstance(each, dict) and _is_word(each.get("name"))
    )
    servers = row.get("servers")
    id, kind, default = row.get("id"), row.get("kind"), row.get("default")
    if not isinstance(id, str) or not _ID.fullmatch(id) or not _is_word(kind):
        return None
    names = [choice.name for choice in choices]
    if len(set(names)) != len(names) or default not in names:
        return None
    return Question(
        id=id,
        kind=str(kind),
        text=_line(row.get("text"), 500),
        choices=choices,
        default=str(default),
        deadline=seconds(row.get("deadline")),
        servers=tuple(_line(each, 100) for each in servers) if isinstance(servers, list) else (),
        asker=_line(row.get("asker"), 100),
        other_only=row.get("other_only") is True,
    )


def to_lock(question: Question, now: float) -> str:
    """The line of a question in a lock, without its id and choices, which stand before it there.

    now   this machine's time; others know how long is left, whatever their clocks say
    """
    row = {**question_row(question), "left": round(question.deadline - now, 1) if question.deadline else 0.0}
    line = json.dumps(row)
    return line if len(line) <= LONGEST_LINE else json.dumps({**row, "servers": []})


def from_lock(text: str, age: float, now: float) -> Question | None:
    """The question in its line; None where it is not one.

    age   seconds since it was asked; now: this machine's time, which the deadline is given in
    """
    row = _object(text)
    question = question_of(row)
    if row is None or question is None or not question.deadline:
        return question
    return replace(question, deadline=now + max(seconds(row.get("left")) - age, 0.0))


def to_line(answer: Answer) -> str:
    """The line of an answer in a lock."""
    return json.dumps({"choice": answer.choice, "by": answer.by, "reason": answer.reason})


def from_line(text: str, question: str) -> Answer | None:
    """The answer to a question in its line; None where it is not one. Texts are made harmless, as in question_of."""
    row = _object(text)
    if row is None or not _is_word(row.get("choice")) or not _line(row.get("by"), 100):
        return None
    return Answer(question, str(row["choice"]), _line(row["by"], 100), _line(row.get("reason"), 300))


def _object(text: str) -> Mapping[str, Any] | None:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _line(value: object, longest: int) -> str:
    return clean(value, longest).replace("\n", " ").strip() if isinstance(value, str) else ""


def _is_word(value: object) -> bool:
    return isinstance(value, str) and _WORD.fullmatch(value) is not None
