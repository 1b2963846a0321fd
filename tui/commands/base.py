"""What a command is, what it knows of the place it is called from, and what it may do there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from msgspec import Struct

from tui.keymap import Key

if TYPE_CHECKING:  # the app's own commands are made before the first paint, and all this is not
    from core.config import Project
    from tui.dialogs.base import Dialog
    from tui.keymap import Keymap
    from tui.model.focus import Focus
    from tui.model.listener import Severity
    from tui.model.workspace import Workspace
    from tui.model.workspaces import Workspaces
    from tui.view.glyphs import Glyphs

T = TypeVar("T")

PANES = ("servers", "releases", "bottom")
"""The panes of the dashboard, in the order of their numbers."""

RUNNING = "an operation is running"
READ_ONLY = "this environment is read-only here"


class Desk(Protocol):
    """The screen on which a command runs: what it may ask, show and change there."""

    @property
    def workspace(self) -> Workspace: ...
    @property
    def workspaces(self) -> Workspaces: ...
    @property
    def keymap(self) -> Keymap: ...
    @property
    def glyphs(self) -> Glyphs: ...
    @property
    def now(self) -> Callable[[], float]: ...
    @property
    def here(self) -> Focus: ...
    @property
    def is_free(self) -> bool:
        """Whether no dialog lies over it."""

    asked_keys: set[str]
    """Host keys that a person was asked about already: fingerprint and host."""

    def ask(self, dialog: Dialog[T], answered: Callable[[T | None], None]) -> None:
        """Open a dialog; `answered` gets what it answers, None where it was left."""

    def notice(self, text: str, title: str = "", severity: Severity = "information", seconds: float = 6.0) -> None:
        """Tell the person something for some seconds."""

    def copy(self, text: str, what: str) -> None:
        """Put a text on the clipboard; `what` names it for the person."""

    def go_to_pane(self, name: str) -> None:
        """Give the focus to a pane."""

    def show_tab(self, name: str, *, focus: bool = True) -> None:
        """Show a tab of the bottom pane."""

    def open_row(self) -> None:
        """Show more of the row under the cursor: its details, or what is folded there."""

    def turn_tabs(self, step: int) -> None:
        """Show the tab so many places on."""

    def show_details_of(self, pane: str) -> None:
        """Show in Details what is under the cursor of this pane."""

    def mark(self, how: Literal["one", "all", "range"]) -> None:
        """Mark the row under the cursor, all rows that are shown, or those from the last mark to the cursor."""

    def sort(self) -> None:
        """Sort the list that has the focus in the next way."""

    def scroll_matrix(self, step: int) -> None:
        """Show the columns of other servers in the releases matrix; step: -1 to the left, 1 to the right."""

    def zoom(self) -> None:
        """Show only the pane that has the focus, or all of them again."""

    def open_filter(self, pane: str) -> None:
        """Let the filter of a pane be typed."""

    def use_project(self, project: Project) -> None:
        """Go on with a turnout.toml that was saved just now."""

    def show_environments(self) -> None:
        """Show the list of environments."""

    def search_log(self) -> None:
        """Show the Log tab, and let be typed what is searched for there."""


def with_keys(said: str, keymap: Keymap) -> str:
    """A sentence in which `{watch}` stands for the key of that command."""
    for command in ("watch", "break-lock", "cancel"):
        said = said.replace(f"{{{command}}}", keymap.shown(command))
    return said


def always(workspace: Workspace, focus: Focus) -> str:
    """Nothing speaks against it."""
    return ""


def nowhere(workspace: Workspace, focus: Focus) -> bool:
    """It is not in the bar."""
    return False


def everywhere(workspace: Workspace, focus: Focus) -> bool:
    """It is in the bar whatever has the focus."""
    return True


class Command(Struct, frozen=True, kw_only=True):
    """One key of the dashboard and all that is to be said of it.

    id        its name in settings.toml     keys   by default, in Textual's names, separated by commas
    help      in the help and docs/keys.md, under `group`      title   in the palette; "" keeps it out
    label     in the bar at the bottom   rank   the highest leaves the bar first when it is narrow
    in_bar    whether it is in the bar now    place   the lower, the further to the left there
    belongs   whether it is what a person may want most where the focus is: there it leaves the bar late
    why_not   why it does nothing now, in a few words; "" where it does something
    says_now  what it would do now, for the help and the palette: `back to 9ab01cd`; "" where nothing is to be added
    run       does it; None where `action`, a Textual action of the app, does
    """

    id: str
    keys: str
    help: str
    group: str
    title: str = ""
    label: str = ""
    rank: int = 5
    place: int = 0
    in_bar: Callable[[Workspace, Focus], bool] = nowhere
    belongs: Callable[[Focus], bool] = lambda focus: False
    why_not: Callable[[Workspace, Focus], str] = always
    says_now: Callable[[Workspace], str] = lambda workspace: ""
    run: Callable[[Desk], None] | None = None
    action: str = ""
    priority: bool = False
    alone: bool = False

    @property
    def key(self) -> Key:
        """What is bound."""
        action = self.action or f"command('{self.id}')"
        return Key(self.id, self.keys, action, self.help, self.group, self.label, self.rank, self.priority, self.alone)
