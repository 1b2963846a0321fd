"""What an operation asks a person while it runs, and what a person answers (pure).

A question closes with its first answer, or with its default at the deadline. The engine does not know where answers
come from: `Controls` brings those of this process, the heartbeat those that others leave in the servers' locks.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.text import count

HOLD, BATCH, SETTLE, SERVER = "hold", "batch", "settle", "server"
"""The kinds: before the switch, between two batches, while checks bake, after a server failed before its switch."""
GO, ABORT, UNDO, KEEP, STOP_CLOCK, RETRY, LEAVE_OUT = "go", "abort", "undo", "keep", "hold", "retry", "leave-out"
"""The names of choices."""


@dataclass(frozen=True)
class Choice:
    """What can be chosen. `text` says what it costs: what happens then, to which servers."""

    name: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question of a running operation.

    kind        HOLD, BATCH, SETTLE or SERVER
    text        a sentence
    choices     at least one; `default` is the name of the one that is taken at the deadline
    deadline    seconds since the epoch, by this machine's clock; 0.0 for none
    servers     those that it is about
    asker       who started the operation
    other_only  `go` must come from somebody else
    """

    id: str = field(default_factory=lambda: secrets.token_hex(4))
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


@dataclass(frozen=True)
class Answer:
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


def hold(servers: Sequence[str], tag: str, deadline: float, *, other_only: bool = False) -> Question:
    """All is staged, and nothing has switched."""
    where = count(len(servers), "server")
    return Question(
        kind=HOLD,
        text=f"{tag} is staged on {where} and nothing has switched: switch now?",
        choices=(
            Choice(GO, f"switches {where} to {tag}"),
            Choice(ABORT, "ends the operation; nothing was switched"),
        ),
        default=ABORT,
        deadline=deadline,
        servers=tuple(servers),
        other_only=other_only,
    )


def settle(servers: Sequence[str], tag: str, deadline: float = 0.0) -> Question:
    """The release is live on these servers, and its checks go on; without a deadline until a person decides."""
    where = count(len(servers), "server")
    stop = (Choice(STOP_CLOCK, "stops the clock: the checks go on until somebody answers"),) if deadline else ()
    return Question(
        kind=SETTLE,
        text=f"{tag} is live on {where}, and its checks go on: keep it?",
        choices=(
            Choice(KEEP, "ends the checks now; it stays live"),
            *stop,
            Choice(UNDO, f"switches {where} back"),
        ),
        default=KEEP,
        deadline=deadline,
        servers=tuple(servers),
    )
