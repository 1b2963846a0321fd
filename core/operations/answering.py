"""Answer the question of an operation that somebody else runs, from any machine."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from core.errors import ConnectError, FleetError, QuestionClosed, TurnoutError, UsageError
from core.events import Answered, from_json
from core.fleet import Fleet
from core.jobs import Cancel
from core.protocol.answers import Left
from core.questions import Answer, Question, closed
from core.records import LONGEST_REASON, Lock, ServerState
from core.remote.session import Session
from core.text import clean

TAKEN_WITHIN = 15.0
"""Seconds in which an operation takes an answer: it looks at its servers several times a second."""
LOOK_EVERY = 0.3
LOOKED_BACK = 1_000_000
"""Bytes of an operation's last events in which the end of a question is looked for."""


class Open(Struct, frozen=True):
    """A question that waits for an answer; `lock` of its operation, `servers` whose locks show it."""

    question: Question
    lock: Lock
    servers: tuple[str, ...]


def open_questions(states: Mapping[str, ServerState]) -> tuple[Open, ...]:
    """The questions that the servers' locks show."""
    found: dict[str, list[str]] = {}
    for name, state in states.items():
        if state.lock and state.lock.question:
            found.setdefault(state.lock.question.id, []).append(name)
    out = []
    for names in found.values():
        lock = states[names[0]].lock
        assert lock and lock.question
        out.append(Open(lock.question, lock, tuple(names)))
    return tuple(out)


def answer(fleet: Fleet, choice: str, *, reason: str = "", question: str = "", cancel: Cancel | None = None) -> Answer:
    """Answer the open question of the fleet; the answer as the operation has taken it.

    question   its id, where only that one is meant
    Raises QuestionClosed, with what happened, where another answer was first or no such question is open; UsageError
    where this person cannot choose that; FleetError where no server can be reached.
    """
    with fleet.masked():
        fleet.allow_changes()
        inspection = fleet.inspect(cancel)
        if not inspection.states:
            raise FleetError(inspection.errors, phase="connect")
        asked = _chosen(open_questions(inspection.states), inspection.states, question)
        mask = fleet.project.mask
        who = mask(fleet.project.settings.who)
        if refusal := asked.question.refusal(choice, who):
            raise UsageError(refusal, hint="nothing was changed; the question is still open")
        why = mask.line(clean(reason), LONGEST_REASON).replace("\n", " ").strip()
        return _left(fleet, asked, Answer(asked.question.id, choice, who, why), cancel or Cancel())


def _chosen(found: Sequence[Open], states: Mapping[str, ServerState], question: str) -> Open:
    """The question that is meant. QuestionClosed where it is not open, UsageError where several are."""
    meant = [each for each in found if not question or each.question.id == question]
    if len(meant) > 1:
        names = ", ".join(f"{each.question.id} ({each.lock.who}, {each.question.kind})" for each in meant)
        raise UsageError("several questions are open", detail=names, hint="name one of them with --question ID")
    if meant:
        return meant[0]
    what = f"the question {clean(question, 40)} is not open" if question else "no question is open"
    locks = {state.lock.operation: state.lock for state in states.values() if state.lock}
    running = [f"{lock.describe()}{'' if lock.alive else '; its process is gone'}" for lock in locks.values()]
    last = _last_answer(states.values())
    raise QuestionClosed(what, detail="\n".join([*last, *running]), hint="nothing was changed")


def _last_answer(states: Iterable[ServerState]) -> list[str]:
    """How the last question was answered, as the journals tell; empty where none of them knows."""
    ends = [line for state in states for line in state.journal if line.what == "end" and line.answers]
    if not ends:
        return []
    end = max(ends, key=lambda line: line.time)
    last = end.answers[-1]
    said = f"{last.by} answered {last.choice}" if last.by else f"nobody answered, {last.choice} was taken"
    when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(end.time))
    return [f"the last one, of the {end.kind} of {end.who} ({end.outcome} at {when} UTC): {said}"]


def _left(fleet: Fleet, asked: Open, answer: Answer, cancel: Cancel) -> Answer:
    """Leave the answer on the first server that can be reached, and wait until the operation says what it took."""
    errors: dict[str, TurnoutError] = {}
    for name in asked.servers:
        try:
            session = fleet.open(name)
            heard = _Ends(session, asked)
            left = session.leave_answer(answer)
        except ConnectError as error:
            errors[name] = error
            continue
        if left.unknown:
            raise UsageError(f"{answer.choice} is no choice of this question", hint="nothing was changed")
        return _taken(name, heard, answer, left, cancel)
    raise FleetError(errors)


def _taken(name: str, heard: _Ends, answer: Answer, left: Left, cancel: Cancel) -> Answer:
    until = time.monotonic() + TAKEN_WITHIN
    while time.monotonic() < until:
        cancel.check()
        ended = heard.look()
        if ended == answer:
            return answer
        if ended:
            raise QuestionClosed(closed(ended), hint="your answer changed nothing")
        if not heard.running:
            what = "the operation ended before it took the answer"
            raise QuestionClosed(what, hint="`turnout history` says how it ended")
        cancel.wait(LOOK_EVERY)
    if left.closed:
        raise QuestionClosed("the question is closed", hint="your answer changed nothing")
    if left.first and left.first != answer:
        what = f"{left.first.by} answered {left.first.choice or 'something'} before"
        raise QuestionClosed(what, hint="the operation has not taken that answer yet; yours was not left")
    raise TurnoutError(
        f"the answer was left on {name}, and the operation has not taken it yet",
        hint="its machine may be asleep or offline: then nothing happens, and its locks end by themselves",
    )


class _Ends:
    """Looks in an operation's events for how its question ended. `running`: it still held the lock at that look."""

    def __init__(self, session: Session, asked: Open) -> None:
        self._session = session
        self._asked = asked
        self.running = True
        length = session.events(1 << 50, asked.lock.operation).length or 0
        self._offset = max(length - LOOKED_BACK, 0)

    def look(self) -> Answer | None:
        """The answer that closed it; None while none is known."""
        operation = self._asked.lock.operation
        while True:
            piece = self._session.events(self._offset, operation)
            for line in piece.lines:
                try:
                    event = from_json(json.loads(line))
                except (ValueError, RecursionError):
                    continue
                if isinstance(event, Answered) and event.question == self._asked.question.id:
                    return Answer(event.question, event.choice, event.by, event.reason)
            self._offset += piece.bytes
            if not piece.bytes:
                self.running = piece.holder == operation
                return None
