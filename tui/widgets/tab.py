"""What a tab of the bottom pane is: one class with a name, a focus target, and what it shows of the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.widget import Widget

from core.events import Event
from tui.keymap import Key
from tui.model.focus import Focus
from tui.model.operation import Followed
from tui.model.workspace import Workspace
from tui.widgets.guard import Guarded


class Tab(Guarded, Widget):
    """A tab; what it does not care about it leaves as it is here.

    tab_name   in the border, and its id     keys   in the bar while it is shown
    follows_cursor   it is about the row under the cursor of a list, and not about the operation
    follows_fleet    there is something else to show where anything else is known of the servers
    has_ages         it says how old something is, and is drawn again every second
    """

    tab_name: ClassVar[str] = ""
    keys: tuple[Key, ...] = ()
    follows_cursor: ClassVar[bool] = False
    follows_fleet: ClassVar[bool] = False
    has_ages: ClassVar[bool] = False

    @property
    def typing(self) -> tuple[str, str] | None:
        """While a text is typed there: what Enter does with it, and Escape."""
        return None

    @property
    def focus_target(self) -> Widget:
        """What takes the focus."""
        return self

    def show(self, workspace: Workspace, here: Focus) -> None:
        """Draw what there is to see now; called while the tab is shown."""

    def begin(self, operation: Followed) -> None:
        """Another operation is shown from now on."""

    def forget(self) -> None:
        """No operation is shown from now on: another environment is, in which none was carried out."""

    def hear(self, said: Sequence[Event]) -> None:
        """What the shown operation said since the last time; also while another tab is shown."""
