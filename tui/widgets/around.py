"""The lines around the panes of the dashboard; each draws itself from what is known of an environment."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tui.keymap import Keymap
from tui.model.workspace import Workspace
from tui.view.environment_colour import colour_of
from tui.view.environments import elsewhere_line
from tui.view.glyphs import Glyphs
from tui.view.header import header_line
from tui.view.history_lines import freeze_banner
from tui.view.lines import Line
from tui.view.question_lines import banner_line as question_banner
from tui.view.recovery_lines import banner_line
from tui.widgets.bars import OneLine, press


class AroundLine(OneLine):
    """A line above or below the panes, as wide as the screen. A click on it does what its key does.

    action   of the screen that a click runs; "" for none
    """

    action = ""

    def __init__(self, glyphs: Glyphs, now: Callable[[], float], keymap: Keymap, id: str) -> None:
        super().__init__(id=id)
        self.glyphs = glyphs
        self.now = now
        self.keymap = keymap

    @property
    def cells(self) -> int:
        return self.app.size.width

    def on_click(self) -> None:
        if self.action:
            press(self.app, self.action)

    def show_if_any(self, spans: Line) -> None:
        """Draw these spans; where there are none the line is not there."""
        self.display = bool(spans)
        if spans:
            self.show(spans)


class HeaderLine(AroundLine):
    """The environment, how its servers are, and how old that is."""

    def look(self, workspace: Workspace) -> None:
        """Draw what is known now."""
        self.show(header_line(workspace.fleet_view, self.cells, self.glyphs, self.now()))
        colour = colour_of(workspace.environment.name, workspace.project.environments)
        self.set_classes(f"-env-{colour}" + (" -protected" if workspace.environment.protected else ""))


class BannerLine(AroundLine):
    """What an operation asks; else an interrupted operation that switched something, or that changes are frozen."""

    def look(self, workspace: Workspace) -> None:
        """Draw it, or go."""
        interrupted = workspace.others.interruption
        if question := workspace.question:
            key, self.action = self.keymap.shown("answer"), "command('answer')"
            self.show_if_any(question_banner(question, self.cells, self.now(), self.glyphs, key))
        elif interrupted is not None and interrupted.switched:
            key, self.action = self.keymap.shown("recover"), "command('recover')"
            self.show_if_any(banner_line(interrupted, self.cells, self.now(), self.glyphs, key))
        elif why := workspace.frozen:
            by_hand = any(state.freeze for state in workspace.fleet_view.known)
            key, self.action = (self.keymap.shown("freeze"), "command('freeze')") if by_hand else ("", "")
            self.show_if_any(freeze_banner(workspace.environment.name, why, self.cells, self.glyphs, key))
        else:
            self.show_if_any(())


class ElsewhereLine(AroundLine):
    """What runs in environments that are not shown."""

    action = "command('environment')"

    def look(self, running: Sequence[Workspace]) -> None:
        """Draw the operations of these environments."""
        told = [(place.name, place.operation.progress) for place in running if place.operation]
        key = self.keymap.shown("environment")
        self.show_if_any(elsewhere_line(told, self.cells, self.now(), self.glyphs, key) if told else ())


class StatusLine(AroundLine):
    """The running operation, which a click shows; or how the last one ended, which a click hides."""

    def look(self, workspace: Workspace, *, seen: bool) -> None:
        """Draw it; `seen`: the operation is seen elsewhere on the screen."""
        self.action = "tab('progress')" if workspace.operation_runs or workspace.watches else "close"
        stop, close = self.keymap.shown("cancel"), self.keymap.shown("close")
        self.show_if_any(workspace.status_line(self.cells, self.glyphs, stop=stop, close=close, seen=seen))
