"""A running operation asks a person, and goes on with the answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from core.errors import Cancelled, TurnoutError, Unanswered
from core.events import Answered, Asked, Emit, Note
from core.jobs import Controls, OpenQuestion
from core.operations.heartbeat import Heartbeat
from core.protocol.asked import from_line
from core.questions import SERVER, Answer, Question, question_row
from core.text import duration

LOOK_EVERY = 1.0
"""Seconds between looks at what else may end the wait."""
SHOWN_WITHIN = 10.0
"""Seconds in which the servers show a question; people are told of it then, wherever it is shown by that time."""


class Waiting:
    """A question while it is open.

    answer   what closed it; None while it is open
    """

    def __init__(
        self, asked: OpenQuestion, controls: Controls, heartbeat: Heartbeat, held: Collection[str], emit: Emit
    ) -> None:
        self._asked = asked
        self._controls = controls
        self._heartbeat = heartbeat
        self._held = held
        self._emit = emit
        self._refused: set[str] = set()

    @property
    def question(self) -> Question:
        return self._asked.question

    @property
    def answer(self) -> Answer | None:
        return self._asked.answer

    def close(self, choice: str) -> Answer:
        """Close it with what the operation decided itself, if it is still open; the answer that closed it."""
        return self._asked.close(Answer(self.question.id, choice))

    def wait(self, seconds: float) -> Answer | None:
        """Wait for the answer, at most so long.

        Raises Cancelled; ConnectError where a server whose lock we hold is gone meanwhile, and its lock with it.
        """
        answer = self._asked.wait(seconds)
        if answer is None:
            self._controls.cancel.check()
            failed = self.question.servers if self.question.kind == SERVER else ()
            for name, error in list(self._heartbeat.lost.items()):
                if name in self._held and name not in failed:
                    raise error.at(server=name)
        return answer

    def until_closed(self) -> Answer:
        """Wait for the answer, or for the deadline: then it is the default. Raises what `wait` does."""
        # By a clock that nobody sets.
        until = time.monotonic() + self.question.deadline - time.time() if self.question.deadline else None
        while True:
            left = LOOK_EVERY if until is None else until - time.monotonic()
            if left <= 0:
                return self.close(self.question.default)
            answer = self.wait(min(left, LOOK_EVERY))
            if answer:
                return answer

    def hear(self, server: str, question: str, line: str) -> bool:
        """Take what somebody left on a server. Of what cannot be an answer is warned once, and False given."""
        if question != self.question.id or self._asked.answer is not None:
            return True
        answer = from_line(line, question)
        refusal = self.question.refusal(answer.choice, answer.by) if answer else "it cannot be read"
        if answer and not refusal:
            self._asked.close(answer)
            return True
        by = f"the answer of {answer.by}" if answer else "an answer"
        text = f"{by} was not taken: {refusal}"
        if text not in self._refused:
            self._refused.add(text)
            self._emit(Note(server=server, text=text, level="warning"))
        return False


@contextmanager
def ask(
    question: Question,
    controls: Controls,
    emit: Emit,
    heartbeat: Heartbeat,
    held: Collection[str],
    tell: Callable[[Question, Callable[[], bool]], None],
) -> Iterator[Waiting]:
    """Ask a question for as long as the block runs; one that is open at its end is closed with the default, where the
    block fails without a choice.

    held   the names of the servers whose locks show it, while they are held
    tell   tells people of it, without waiting. It gets what waits until the servers show it: anybody can answer then;
           False where it is closed by that time
    Waits for another question of this operation to be closed first. If this process dies here, it dies in the phase in
    which it asked.
    """
    questions = controls.questions
    with questions.asking:
        asked = questions.ask(question)
        waiting = Waiting(asked, controls, heartbeat, held, emit)
        unlink = controls.cancel.on_request(asked.wake)
        began = time.monotonic()
        heartbeat.ask(question, waiting.hear)
        emit(Asked(question=dict(question_row(question))))
        servers = list(held)

        def is_open() -> bool:
            heartbeat.wait_shown(servers, SHOWN_WITHIN)
            return asked.answer is None

        tell(question, is_open)
        default = ""
        try:
            yield waiting
            default = question.default
        finally:
            unlink()
            answer = asked.close(Answer(question.id, default))
            heartbeat.ask(None)
            emit(
                Answered(
                    question=question.id,
                    kind=question.kind,
                    choice=answer.choice,
                    by=answer.by,
                    reason=answer.reason,
                    seconds=round(time.monotonic() - began, 1),
                )
            )


def declined(question: Question, answer: Answer, seconds: float) -> TurnoutError:
    """The error that ends an operation after this answer. `seconds` the question was open."""
    if not answer.by:
        return Unanswered(f"nobody answered within {duration(seconds)}: {answer.choice}", detail=question.text)
    return Cancelled(f"{answer.by} answered {answer.choice}{f': {answer.reason}' if answer.reason else ''}")
