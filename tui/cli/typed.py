"""Answers that a person types while an operation runs: lines of the terminal, read only while a question is open."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from contextlib import suppress

from core.events import Answered, Asked, Event, OperationFinished
from core.protocol.asked import question_of
from core.questions import Question
from core.text import either

Take = Callable[[str, Question], None]
"""Gives a choice as the answer to a question; on the command's own thread."""


class TypedAnswers:
    """Follows the questions of one operation, and reads what is typed at them.

    take   gets what was typed where it is a choice
    say    prints lines
    """

    def __init__(self, take: Take, say: Callable[[list[str]], None]) -> None:
        self._take = take
        self._say = say
        self._question: Question | None = None
        self._typed = b""
        self._ended = False

    def hear(self, event: Event) -> None:
        """Begin to read at a question, and stop at its end."""
        match event:
            case Asked():
                self._question = question_of(event.question)
                self._typed = b""
                self._forget()
                self._prompt()
            case Answered() | OperationFinished():
                self._question = None

    def look(self) -> None:
        """Take what was typed since the last look; does not wait."""
        question = self._question
        if question is None or self._ended or not _in_front():
            return
        try:
            if not select.select([sys.stdin], [], [], 0)[0]:
                return
            piece = os.read(sys.stdin.fileno(), 4096)
        except (OSError, ValueError):  # the terminal is gone
            piece = b""
        self._ended = not piece
        *lines, self._typed = (self._typed + piece).split(b"\n")
        for line in lines:
            typed = line.decode("utf-8", "replace").strip().lower()
            if typed in question.names:
                self._take(typed, question)
                return
            self._prompt(wrong=bool(typed))

    def _prompt(self, *, wrong: bool = False) -> None:
        if self._question:
            choices = either(self._question.names)
            self._say([f"{'not a choice: ' if wrong else ''}type {choices}, then Enter"])

    def _forget(self) -> None:
        """What was typed before the question could be seen is no answer to it."""
        import termios

        with suppress(OSError, ValueError, termios.error):
            termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


def _in_front() -> bool:
    """Whether this process may read the terminal: one in the background of its own terminal would be stopped."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return True  # it is not this process's own terminal
