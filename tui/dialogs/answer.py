"""The answer dialog: the question of an operation, what each choice does, and the one that a person confirms."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.widgets import Button

from core.questions import Question
from tui.dialogs.base import Dialog, button, relabel
from tui.keymap import Keymap, bindings
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, line, wrap
from tui.view.question_lines import answer_lines


class AnswerDialog(Dialog[str]):
    """Answers the name of a choice, or None. A number or the arrows choose, the yes key confirms.

    who    the person who answers
    open   the question that is open now: this one may be closed meanwhile, by somebody else or at its deadline
    """

    BINDINGS = bindings("yes", "choice-1", "choice-2", "choice-3")

    title_text = "Answer"

    def __init__(
        self,
        question: Question,
        who: str,
        *,
        keymap: Keymap,
        glyphs: Glyphs,
        now: Callable[[], float],
        open: Callable[[], Question | None],
    ) -> None:
        super().__init__()
        self._question = question
        self._who = who
        self._keymap = keymap
        self._glyphs = glyphs
        self._now = now
        self._open = open
        self._place = 0

    @property
    def chosen(self) -> str:
        """The choice that a yes confirms."""
        return self._question.names[self._place]

    @property
    def _is_open(self) -> bool:
        question = self._open()
        return question is not None and question.id == self._question.id

    @property
    def can_agree(self) -> bool:
        return self._is_open and not self._question.refusal(self.chosen, self._who)

    def compose_buttons(self) -> ComposeResult:
        yield button("Not now", "close", self.close_key)
        yield button(self.chosen, "yes", self._keymap.shown("yes"), risky=True)

    def on_mount(self) -> None:
        self.set_interval(0.5, self._look)

    def _look(self) -> None:
        self.allow()
        self.draw()

    def lines(self, cells: int) -> Sequence[Line]:
        if not self._is_open:
            said = "This question is closed: somebody answered meanwhile, or nobody did in time. The log says how."
            return [line(part) for part in wrap(said, cells)]
        refusal = self._question.refusal(self.chosen, self._who)
        return answer_lines(self._question, self.chosen, refusal, cells, self._now(), self._glyphs)

    def action_choice(self, number: int) -> None:
        """Choose by number, from 1."""
        if number <= len(self._question.choices):
            self._choose(number - 1)

    def action_cursor_down(self) -> None:
        self._choose(min(self._place + 1, len(self._question.choices) - 1))

    def action_cursor_up(self) -> None:
        self._choose(max(self._place - 1, 0))

    def _choose(self, place: int) -> None:
        self._place = place
        relabel(self.query_one("#yes", Button), self.chosen, self._keymap.shown("yes"))
        self.show_what_to_agree_to()
        self.draw()

    def agree(self) -> None:
        if self.can_agree:
            self.dismiss(self.chosen)
