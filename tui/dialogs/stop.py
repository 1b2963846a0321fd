"""The question before running operations are given up, to cancel them or to quit. What it says is kept true."""

from __future__ import annotations

from collections.abc import Sequence

from textual.widgets import Button

from tui.dialogs.base import Ask, relabel
from tui.model.operation import Followed
from tui.view.lines import Line, wrap_line
from tui.view.stop_lines import Stopping, stop_lines, stop_words

LOOK_EVERY = 0.2
"""Seconds between two looks at the operations that are asked about."""


class StopQuestion(Ask):
    """Answers True where a person agrees to what is said: to cancel what still runs, or to quit when nothing does.

    Where what is said has changed, it is read anew before a yes counts.
    """

    def __init__(self, operations: Sequence[Followed], key: str, *, quits: bool) -> None:
        self._operations = operations
        self._quits = quits
        self._said_now = self._now()
        title, yes, no = stop_words(self._said_now, quits=quits)
        super().__init__(title, (), yes, no, key)

    def on_mount(self) -> None:
        self.query_one("#yes").display = bool(self._yes)
        self.set_interval(LOOK_EVERY, self._look)

    def _now(self) -> tuple[Stopping, ...]:
        return tuple(
            Stopping(
                title=operation.title,
                outcome=operation.outcome,
                summary=operation.summary,
                switched=sum(bool(server.tag) for server in operation.progress.servers.values()),
                cancelling=operation.progress.cancelling,
            )
            for operation in self._operations
        )

    def _look(self) -> None:
        now, before = self._now(), self._said_now
        if now == before:
            return
        self._said_now = now
        title, yes, no = stop_words(now, quits=self._quits)
        if (title, yes, no) != stop_words(before, quits=self._quits):
            self.set_title(title)
            agreeing = self.query_one("#yes", Button)
            relabel(agreeing, yes, self._key)
            agreeing.display = bool(yes)
            relabel(self.query_one("#close", Button), no, self.close_key)
            self.show_what_to_agree_to()
        self.draw()

    def lines(self, cells: int) -> Sequence[Line]:
        return [part for said in stop_lines(self._said_now, quits=self._quits) for part in wrap_line(said, cells)]

    def agree(self) -> None:
        running = any(not each.outcome for each in self._now())
        self.dismiss(running or self._quits)
