"""The command that answers the question of an operation, our own or somebody else's."""

from __future__ import annotations

from tui.commands.base import Command, Desk
from tui.dialogs.answer import AnswerDialog
from tui.keymap import CHANGE
from tui.model.focus import Focus
from tui.model.workspace import Workspace


def _nothing_asked(workspace: Workspace, focus: Focus) -> str:
    return "" if workspace.question else "no operation asks anything"


def _answer(desk: Desk) -> None:
    workspace = desk.workspace
    question = workspace.question
    if question is None:
        return
    dialog = AnswerDialog(
        question,
        workspace.project.settings.who,
        keymap=desk.keymap,
        glyphs=desk.glyphs,
        now=desk.now,
        open=lambda: workspace.question,
    )

    def decided(choice: str | None) -> None:
        if choice is not None:
            workspace.answers.give(choice, question)

    desk.ask(dialog, decided)


COMMANDS = (
    Command(
        id="answer", keys="Y", help="answer what an operation asks: go, abort, undo …", group=CHANGE,
        title="Answer the question of the running operation", label="Answer", rank=0, place=1,
        in_bar=lambda workspace, focus: workspace.question is not None,
        why_not=_nothing_asked, run=_answer,
    ),
)  # fmt: skip
