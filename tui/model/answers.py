"""Gives answers to the question of an operation: our own in this process, somebody else's through a server's lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.jobs import Job
from core.questions import Answer, Question
from tui.model.bridge import Bridge
from tui.model.listener import Listener
from tui.model.operation import Followed
from tui.model.others import Others
from tui.model.shown import Shown

if TYPE_CHECKING:
    from core.fleet import Fleet


class Answers:
    """For one environment; on Textual's thread, but for the work of its jobs."""

    def __init__(self, shown: Shown, others: Others, bridge: Bridge, listener: Listener) -> None:
        self._shown = shown
        self._others = others
        self._bridge = bridge
        self._listener = listener

    @property
    def question(self) -> Question | None:
        """What is asked now, by our own operation, else by that of somebody else."""
        operation = self._shown.operation
        if operation is not None and not operation.outcome:
            return operation.progress.question
        return next((lock.question for lock in self._others.locks.values() if lock.question), None)

    def give(self, choice: str, question: Question) -> None:
        """Answer; how that went is said when it is known."""
        operation = self._shown.operation
        fleet = self._shown.fleet_watch.fleet
        ours = operation if operation is not None and operation.ours and not operation.outcome else None
        job: Job[Answer] = Job("answer", lambda emit, controls: _given(fleet, ours, choice, question))
        self._bridge.follow(job, self._ended)
        job.start()

    def _ended(self, job: Job[Answer]) -> None:
        if job.outcome is not None:
            self._listener.notice(f"{job.outcome.choice}: the operation has taken your answer", "Answer")
            return
        error = job.error
        if error is not None:
            text = f"{error.title}{f'; {error.hint}' if error.hint else ''}"
            self._listener.notice(text, "Answer", "warning", 10.0)
        self._shown.fleet_watch.check()


def _given(fleet: Fleet, ours: Followed | None, choice: str, question: Question) -> Answer:
    """The answer as the operation has taken it. Raises TurnoutError."""
    who = fleet.project.settings.who
    if ours is not None:
        fleet.allow_changes()
        return ours.job.controls.questions.answer(choice, who, question=question.id)
    from core.operations.answering import answer  # only few ever answer somebody else's

    return answer(fleet, choice, question=question.id)
