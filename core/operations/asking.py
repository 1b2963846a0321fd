"""A running operation asks a person, and goes on with the answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from core.events import Answered, Asked, Emit
from core.jobs import Controls, OpenQuestion
from core.questions import Answer, Question
from core.rows import question_row

LOOK_EVERY = 1.0
"""Seconds between looks at what else may end the wait."""


class Waiting:
    """A question while it is open.

    answer   what closed it; None while it is open
    """

    def __init__(self, asked: OpenQuestion, controls: Controls) -> None:
        self._asked = asked
        self._controls = controls

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
        """Wait for the answer, at most so long. Raises Cancelled."""
        answer = self._asked.wait(seconds)
        if answer is None:
            self._controls.cancel.check()
        return answer

    def until_closed(self) -> Answer:
        """Wait for the answer, or for the deadline: then it is the default. Raises Cancelled."""
        left = self.question.deadline - time.time()
        until = time.monotonic() + left if self.question.deadline else None
        while True:
            left = LOOK_EVERY if until is None else until - time.monotonic()
            if left <= 0:
                return self.close(self.question.default)
            answer = self.wait(min(left, LOOK_EVERY))
            if answer:
                return answer


@contextmanager
def ask(question: Question, controls: Controls, emit: Emit) -> Iterator[Waiting]:
    """Ask a question for as long as the block runs; one that is open at its end is closed with the default, where the
    block fails without a choice.

    Waits for another question of this operation to be closed first. If this process dies here, it dies in the phase in
    which it asked.
    """
    questions = controls.questions
    with questions.asking:
        asked = questions.ask(question)
        unlink = controls.cancel.on_request(asked.wake)
        began = time.monotonic()
        emit(Asked(question=dict(question_row(asked.question))))
        default = ""
        try:
            yield Waiting(asked, controls)
            default = question.default
        finally:
            unlink()
            answer = asked.close(Answer(asked.question.id, default))
            emit(
                Answered(
                    question=asked.question.id,
                    kind=question.kind,
                    choice=answer.choice,
                    by=answer.by,
                    reason=answer.reason,
                    seconds=round(time.monotonic() - began, 1),
                )
            )
