"""Who shows a workspace: the callbacks through which the model tells a screen what changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from core.events import Event
from tui.model.operation import Followed, Operation, OthersOperation

Severity = Literal["information", "warning", "error"]
"""How bad a notice is; Textual's words."""


class Listener(Protocol):
    """Every method is called on the thread on which the bridge ticks."""

    def fleet_changed(self) -> None:
        """Something is known of the servers that was not known before."""

    def comparison_changed(self) -> None:
        """A release is being compared with its manifest, or the result came."""

    def preflight_changed(self) -> None:
        """A server is being examined, or what was found there came."""

    def changes_changed(self) -> None:
        """Something is known of the two releases that are beside each other, or of a file of them."""

    def operation_started(self) -> None:
        """`Shown.operation` is another one, which has just begun or has just been noticed."""

    def operation_said(self, said: list[Event]) -> None:
        """What the shown operation said since the last time."""

    def operation_changed(self) -> None:
        """The shown operation ended, or nothing is shown any more."""

    def operation_told(self, operation: Followed) -> None:
        """An operation ended, ours or one that was watched: say so where nothing on the screen does."""

    def operation_ended(self, operation: Operation) -> None:
        """An operation of our own ended, however it ended."""

    def contact_lost(self, operation: OthersOperation) -> None:
        """No server tells of somebody else's operation any more; the operation itself goes on."""

    def interruption_found(self) -> None:
        """The first complete look found an operation that was interrupted half-way."""

    def notice(self, text: str, title: str = "", severity: Severity = "information", seconds: float = 6.0) -> None:
        """Tell the person something that nothing else on the screen shows."""

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        """Call `work` on this thread after so many seconds."""


class Front(Listener, Protocol):
    """The listener that is on the screen."""

    @property
    def is_going(self) -> bool:
        """Whether it is being removed, or was: it cannot show anything any more."""
