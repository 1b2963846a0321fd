"""What an operation asks a person while it runs, and what a person answers (pure).

A question closes with its first answer, or with its default at the deadline. The engine does not know where answers
come from: `Controls` brings those of this process, the heartbeat those that others leave in the servers' locks.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypedDict

from msgspec import Struct, field

from core.text import count, duration, some

HOLD, BATCH, SETTLE, SERVER = "hold", "batch", "settle", "server"
"""The kinds: before the switch, between two batches, while checks bake, after a server failed before its switch."""
GO, ABORT, UNDO, KEEP, STOP_CLOCK, RETRY, LEAVE_OUT = "go", "abort", "undo", "keep", "hold", "retry", "leave-out"
"""The names of choices."""
SHORTEST_HOLD, LONGEST_HOLD = 1.0, 7 * 86400.0
"""Seconds for which an operation may wait at the barrier: it holds its locks meanwhile."""
HOLD_RULE = "from 1 s to 7 d"
USUAL_HOLD = 3600.0
"""Seconds of a hold whose length nobody gave."""
ANSWER_WITHIN = 1800.0
"""Seconds until the default of a question is taken whose deadline nothing else says: the locks are held meanwhile."""
OTHER, REQUIRED = "other", "required"
"""Words of `approve`, somebody else than who started it must say go, and of `reason`, every change needs one."""


class Choice(Struct, frozen=True):
    """What can be chosen. `text` says what it costs: what happens then, to which servers."""

    name: str
    text: str


class Question(Struct, frozen=True, kw_only=True):
    """A question of a running operation.

    kind        HOLD, BATCH, SETTLE or SERVER
    text        a sentence
    choices     at least one; `default` is the name of the one that is taken at the deadline
    deadline    seconds since the epoch, by this machine's clock; 0.0 for none
    servers     those that it is about
    asker       who started the operation
    other_only  `go` must come from somebody else
    """

    id: str = field(default_factory=lambda: os.urandom(4).hex())
    kind: str
    text: str
    choices: tuple[Choice, ...]
    default: str
    deadline: float = 0.0
    servers: tuple[str, ...] = ()
    asker: str = ""
    other_only: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its choices."""
        return tuple(choice.name for choice in self.choices)

    def refusal(self, choice: str, by: str) -> str:
        """Why somebody cannot choose this, in one sentence; "" where they can."""
        if choice not in self.names:
            return f"{choice!r} is not a choice: choose {' or '.join(self.names)}"
        if choice == GO and self.other_only and person(by) == person(self.asker):
            return f'somebody else must answer "{GO}": {self.asker} started this, and approve = "other"'
        return ""


class Answer(Struct, frozen=True):
    """What was chosen. `question` is its id; `by` is "" where nobody answered, or the operation decided itself.

    choice   "" where the operation failed or was cancelled before anybody answered
    """

    question: str
    choice: str
    by: str = ""
    reason: str = ""


def person(who: str) -> str:
    """The person in `ana@laptop`: the same one on another machine is not somebody else."""
    return who.partition("@")[0].strip().casefold()


def closed(answer: Answer) -> str:
    """What happened to a question that is closed, in one sentence."""
    if answer.by:
        return f"the question is closed: {answer.by} answered {answer.choice}"
    if not answer.choice:
        return "the question is closed: the operation ended before anybody answered"
    return f"the question is closed: {answer.choice} was taken, because nobody had answered"


class ChoiceRow(TypedDict):
    """What can be chosen."""

    name: str
    text: str


class QuestionRow(TypedDict):
    """What an operation asks while it runs."""

    id: str
    kind: str
    text: str
    choices: list[ChoiceRow]
    default: str
    deadline: float
    servers: list[str]
    asker: str
    other_only: bool


def question_row(question: Question) -> QuestionRow:
    """A question as JSON has it: in events, and in the servers' locks."""
    return {
        "id": question.id,
        "kind": question.kind,
        "text": question.text,
        "choices": [{"name": choice.name, "text": choice.text} for choice in question.choices],
        "default": question.default,
        "deadline": round(question.deadline, 1),
        "servers": list(question.servers),
        "asker": question.asker,
        "other_only": question.other_only,
    }


def hold(
    servers: Sequence[str], tag: str, deadline: float = 0.0, longer: float = 0.0, *, other_only: bool = False
) -> Question:
    """Everything is staged, and nothing has switched.

    longer   seconds by which the choice `hold` moves the deadline
    """
    where = count(len(servers), "server")
    wait = [Choice(STOP_CLOCK, f"waits {duration(longer)} longer")] if longer else []
    return Question(
        kind=HOLD,
        text=f"{tag} is ready on {where}, and nothing has changed yet. Switch now?",
        choices=(
            Choice(GO, f"switches {where} to {tag}"),
            Choice(ABORT, "changes nothing: what was staged is removed again"),
            *wait,
        ),
        default=ABORT,
        deadline=deadline,
        servers=tuple(servers),
        other_only=other_only,
    )


def batch(
    servers: Sequence[str], tag: str, done: Sequence[str], deadline: float = 0.0, *, other_only: bool = False
) -> Question:
    """Between two batches. `done`: servers that have switched; `servers`: the next batch."""
    where, back = count(len(servers), "server"), count(len(done), "server")
    return Question(
        kind=BATCH,
        text=f"{tag} is live on {back}. Go on with the next {where}?",
        choices=(Choice(GO, f"switches {where} to {tag}"), Choice(UNDO, f"switches {back} back")),
        default=UNDO,
        deadline=deadline,
        servers=tuple(servers),
        other_only=other_only,
    )


def settle(servers: Sequence[str], tag: str, deadline: float = 0.0) -> Question:
    """While checks go on after a switch; without a deadline the clock is stopped."""
    where = count(len(servers), "server")
    keep = Choice(KEEP, f"ends the checks: {tag} stays live on {where}")
    stop = Choice(STOP_CLOCK, "stops the clock: the checks go on until you choose")
    undo = Choice(UNDO, f"switches {where} back")
    return Question(
        kind=SETTLE,
        text=f"{tag} is live on {where}, and its checks go on. Keep it?",
        choices=(keep, stop, undo) if deadline else (keep, undo),
        default=KEEP,
        deadline=deadline,
        servers=tuple(servers),
    )


def server(servers: Sequence[str], why: str, deadline: float = 0.0, *, leave_out: bool = True) -> Question:
    """Servers that failed before their switch; why, in a few words.

    leave_out   whether the operation may go on without them
    """
    names = some(servers, 3)
    them = "it" if len(servers) == 1 else "them"
    retry = Choice(RETRY, f"tries {them} again; the others wait")
    without = Choice(LEAVE_OUT, f"goes on without {them}: {names} will be behind")
    undo = Choice(UNDO, "ends the operation: everything is put back")
    return Question(
        kind=SERVER,
        text=f"{names} failed: {why}",
        choices=(retry, without, undo) if leave_out else (retry, undo),
        default=UNDO,
        deadline=deadline,
        servers=tuple(servers),
    )


def batch_failed(number: int, servers: Sequence[str], why: str, deadline: float, *, switched: int) -> Question:
    """A batch failed after its switch. `switched`: servers that an undo switches back."""
    where = ", ".join(servers) if len(servers) <= 3 else count(len(servers), "server")
    return Question(
        kind=BATCH,
        text=f"batch {number} failed: {why}",
        choices=(
            Choice(RETRY, f"runs what failed again on {where}"),
            Choice(UNDO, f"switches {count(switched, 'server')} back"),
        ),
        default=UNDO,
        deadline=deadline,
        servers=tuple(servers),
    )
