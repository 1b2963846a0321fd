"""One line of a server's journal, and whether a recovery may depend on it (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from core.records.record import LAST_SECOND, LONGEST_REASON, WORD, Record, is_tag, one_line, record_of
from core.text import clean

_OPERATION = re.compile(r"[0-9a-f]{1,64}")

LONGEST_TARGET = 4095
"""Characters of the target of `current` (PATH_MAX)."""


MOST_PHASES = 20
"""Phases of one operation; there are fewer."""


MOST_ANSWERS = 50
"""Answers of one operation that are read; there are fewer."""


class Said(Struct, frozen=True):
    """How a question of an operation was closed; the fields are those of core.events.Answered."""

    kind: str
    choice: str
    by: str = ""
    reason: str = ""
    seconds: float = 0.0


class JournalLine(Struct, frozen=True, kw_only=True):
    """One line of a server's `.turnout/journal.jsonl`.

    what      begin, switch, restore, end (with its outcome), interrupted (by the agent, with the phase); drain, return
              (before this server is drained, after it has returned); without (`left_out` is left out from now on)
    tag       the release that is or was to become live; previous: the one before, target: its link's text
    until, by in `end`, where this operation did not switch the server itself: when `previous` ceased to be live there,
              and the id of the operation that switched away from it; "" where that counts as this one
    each      in `begin`: the servers do not all go to the same release, `tag` is this one's
    servers   in `begin`: all servers of the operation; order: in which batches they switch, where that is one by one
    batch     in `switch`, `drain` and `return`: the number of the batch, from 1; 0 where all switch at once
    left_out  in `begin`, `without` and `end`: servers that were left out, and have not caught up
    reason    why, in the operator's words; despite_freeze: changes were frozen
    began, sent_bytes, sent_files, batches, phases, pruned
              in `end`, of the operation as a whole: when it began, what it sent to all servers, its batches of servers,
              seconds by phase; and what it pruned here
    answers   in `end`: how its questions were answered, in their order
    ran       in `end`: the command that ran, of a task its name
    cancelled in `end`: it did not fail by itself, a person cancelled it
    record    in `begin`: of that release, from which it can be made also where no server has it yet
    """

    what: str
    operation: str = ""
    kind: str = ""
    who: str = ""
    time: float = 0.0
    outcome: str = ""
    exit_code: int = 0
    reason: str = ""
    began: float = 0.0
    sent_bytes: int = 0
    sent_files: int = 0
    batches: int = 0
    phases: Mapping[str, float] = field(default_factory=dict)
    pruned: tuple[str, ...] = ()
    answers: tuple[Said, ...] = ()
    despite_freeze: bool = False
    cancelled: bool = False
    phase: str = ""
    tag: str = ""
    previous: str = ""
    target: str = ""
    until: float = 0.0
    by: str = ""
    each: bool = False
    ran: str = ""
    servers: tuple[str, ...] = ()
    order: tuple[tuple[str, ...], ...] = ()
    batch: int = 0
    left_out: tuple[str, ...] = ()
    record: Record | None = None


def parse_journal_line(text: str) -> JournalLine:
    """The line of a journal. ValueError where it is not one; unknown keys are ignored, odd values are empty.

    ValueError also where a recovery cannot depend on it: for an odd operation, an odd tag or target, or the record of
    another tag.
    """
    try:
        values = json.loads(text)
    except RecursionError as error:
        raise ValueError("too deep") from error
    if not isinstance(values, dict):
        raise ValueError("not an object")
    known: dict[str, Any] = {}
    for name in JournalLine.__struct_fields__:
        value = values.get(name)
        if name in ("servers", "pruned", "left_out"):
            known[name] = _names(value)
        elif name == "order":
            known["order"] = tuple(_names(batch) for batch in value) if isinstance(value, list) else ()
        elif name in ("sent_bytes", "sent_files", "batches", "batch"):
            known[name] = value if type(value) is int and 0 <= value < 1 << 63 else 0
        elif name == "phases":
            known["phases"] = _phases(value)
        elif name == "answers":
            known["answers"] = _answers(value)
        elif name in ("despite_freeze", "cancelled", "each"):
            known[name] = value is True
        elif name == "record":
            known["record"] = record_of(value) if isinstance(value, dict) else None
        elif name in ("time", "until", "began"):
            known[name] = _seconds(value)
        elif name == "exit_code":
            # Anything but an exit status counts as a failure.
            known["exit_code"] = value if type(value) is int and 0 <= value <= 255 else int(value is not None)
        else:
            text = value if isinstance(value, str) else ""
            known[name] = one_line(text)[:LONGEST_TARGET] if name != "target" else text
    line = JournalLine(**known)
    _check_line(line)
    known["reason"] = line.reason[:LONGEST_REASON]
    known["ran"] = line.ran[:LONGEST_REASON]
    known["pruned"] = tuple(tag for tag in line.pruned if is_tag(tag))
    known |= {name: "" for name in ("tag", "previous") if not is_tag(known[name])}
    known["by"] = line.by if _OPERATION.fullmatch(line.by) else ""
    known |= {name: "" for name in ("what", "kind", "outcome", "phase") if not WORD.fullmatch(known[name])}
    return JournalLine(**known)


def _names(value: object) -> tuple[str, ...]:
    names = value if isinstance(value, list) else []
    return tuple(one_line(name)[:100] for name in names if isinstance(name, str))


def _seconds(value: object) -> float:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LAST_SECOND
    return float(value) if usable else 0.0  # type: ignore[arg-type]  # a number, as `usable` says


def _phases(value: object) -> dict[str, float]:
    """Seconds by phase; what is not the name of one is passed over."""
    named = value.items() if isinstance(value, dict) else ()
    return {name: _seconds(seconds) for name, seconds in list(named)[:MOST_PHASES] if WORD.fullmatch(name)}


def _answers(value: object) -> tuple[Said, ...]:
    """How questions were answered; what does not say that is passed over."""
    out = []
    for each in value[:MOST_ANSWERS] if isinstance(value, list) else []:
        if isinstance(each, dict):
            texts = {name: each.get(name) for name in ("kind", "choice", "by", "reason")}
            kind, choice, by, reason = (one_line(text) if isinstance(text, str) else "" for text in texts.values())
            if WORD.fullmatch(kind) and (not choice or WORD.fullmatch(choice)):
                out.append(Said(kind, choice, by[:100], reason[:LONGEST_REASON], _seconds(each.get("seconds"))))
    return tuple(out)


def _check_line(line: JournalLine) -> None:
    """ValueError where a recovery cannot depend on a line."""
    if line.operation and not _OPERATION.fullmatch(line.operation):
        raise ValueError("the operation is not an id")
    if line.what not in ("begin", "switch"):
        return
    for tag in (line.tag, line.previous):
        if tag and not is_tag(tag):
            raise ValueError("its tag is not valid")
    if clean(line.target, LONGEST_TARGET) != line.target or "\n" in line.target:
        raise ValueError("its target is not valid")
    if line.record and line.record.tag != line.tag:
        raise ValueError("it has the record of another tag")
