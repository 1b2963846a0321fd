"""The environments of a project, a line each: the first screen where there are several."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen

from core.text import count
from tui.commands.environments import IN_BAR, ON_ENVIRONMENTS
from tui.commands.registry import bindings, hints_of, why_not
from tui.keymap import Keymap
from tui.keymap import bindings as key_bindings
from tui.model.focus import Focus
from tui.model.workspace import Workspace
from tui.model.workspaces import Workspaces
from tui.view.environment_colour import colour_of
from tui.view.environments import EnvironmentView, environment_line, head_line, names_of, names_width, trouble_lines
from tui.view.glyphs import Glyphs
from tui.view.keybar import KeyHint
from tui.view.lines import Line, line
from tui.widgets.bars import KeyBar, OneLine
from tui.widgets.guard import Guarded
from tui.widgets.paint import Lines
from tui.widgets.rows import Rows

HERE = Focus(pane="environments")


class EnvironmentRows(Rows):
    """A row for each environment."""

    def __init__(self, glyphs: Glyphs, now: Callable[[], float]) -> None:
        super().__init__(id="environments", classes="pane")
        self._glyphs = glyphs
        self._now = now
        self._project = ""
        self._views: Sequence[EnvironmentView] = ()

    def show(self, project: str, views: Sequence[EnvironmentView]) -> None:
        """Draw what is known of them now."""
        self._project, self._views = project, views
        self.set_keys([view.name for view in views])

    def draw_head(self, cells: int) -> Sequence[Line]:
        return [head_line(self._project, names_width(self._views), cells, self._glyphs)]

    def draw(self, index: int, cells: int) -> Line:
        names = names_width(self._views)
        view = self._views[index]
        called = names_of(self._views, self._glyphs.more)[view.name]
        return environment_line(view, names, cells, self._now(), self._glyphs, called)


class Environments(Guarded, Screen[None]):
    """What is live and what runs in each environment. One of them is opened, or a command is run there."""

    AUTO_FOCUS = "#environments"
    BINDINGS = [*bindings(ON_ENVIRONMENTS), *key_bindings("details", "close")]

    def __init__(
        self,
        workspaces: Workspaces,
        *,
        keymap: Keymap,
        glyphs: Glyphs,
        now: Callable[[], float],
        on_choice: Callable[[str, str], None],
        back: bool,
    ) -> None:
        """on_choice   gets the environment and the command        back   Escape leaves it: something lies below"""
        super().__init__()
        self.workspaces = workspaces
        self.keymap = keymap
        self.glyphs = glyphs
        self.now = now
        self._on_choice = on_choice
        self._back = back
        self._changed = False
        self._end_ticks: Callable[[], None] = lambda: None

    def compose(self) -> ComposeResult:
        yield OneLine(id="header")
        yield EnvironmentRows(self.glyphs, self.now)
        with Vertical(id="environment", classes="pane"):
            yield Lines(id="environment-text")
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        self.workspaces.on_change.append(self.changed)
        self._end_ticks = self.workspaces.bridge.on_tick(self.while_here(self._ticked))
        self.set_interval(1.0, self._every_second)
        self.show()
        self.rows.go_to(self.workspaces.shown.name)

    def on_unmount(self) -> None:
        self.workspaces.on_change.remove(self.changed)
        self._end_ticks()

    @property
    def rows(self) -> EnvironmentRows:
        return self.query_one(EnvironmentRows)

    @property
    def workspace(self) -> Workspace:
        """The one under the cursor."""
        return self.workspaces.of(self.rows.key or self.workspaces.shown.name)

    def check(self) -> None:
        """Look at every environment."""
        for name in self.workspaces.project.environments:
            self.workspaces.of(name).fleet_watch.check()

    def changed(self) -> None:
        """Something is known that was not: draw it once, however much comes at the same time."""
        if not self._changed and self.is_here:
            self._changed = True
            self.call_later(self.show)

    def views(self) -> list[EnvironmentView]:
        """What is known of each environment, in the order of turnout.toml."""
        project = self.workspaces.project
        spaces = [self.workspaces.of(name) for name in project.environments]
        self.workspaces.count_commits()
        return [
            EnvironmentView(
                space.fleet_view,
                space.operation.progress if space.operation and (space.operation_runs or space.watches) else None,
                {} if space.watches else space.others.locks,
                space.frozen,
                colour_of(space.name, project.environments),
            )
            for space in spaces
        ]

    def show(self) -> None:
        """Draw what is known now."""
        self._changed = False
        views = self.views()
        self.rows.show(self.workspaces.project.project, views)
        # The rest is for what is to be said of one of them.
        self.rows.styles.height = min(self.rows.lines_high + 2, max(self.app.size.height * 3 // 5, 5))
        self._show_one(views)
        self._show_header(views)
        self._show_keys()

    def _show_header(self, views: Sequence[EnvironmentView]) -> None:
        running = sum(view.progress is not None or bool(view.locks) for view in views)
        said = count(len(views), "environment") + (f", operations in {running}" if running else "")
        project = self.workspaces.project.project
        dot = f" {self.glyphs.dot} "
        self.query_one("#header", OneLine).show(line(f" {project}", (dot, "dim"), (said, "busy" if running else "dim")))

    def _show_one(self, views: Sequence[EnvironmentView]) -> None:
        view = next((view for view in views if view.name == self.rows.key), None)
        box = self.query_one("#environment")
        if view is not None:
            box.border_title = Content(f" {view.name} ")
            cells = max(box.scrollable_content_region.width - 2, 20)
            self.query_one("#environment-text", Lines).show(trouble_lines(view, cells, self.now(), self.glyphs))

    def _show_keys(self) -> None:
        hints = [KeyHint("details", self.keymap.shown("details"), "Open", rank=1)]
        hints += [KeyHint("close", self.keymap.shown("close"), "Back", rank=2)] if self._back else []
        hints += hints_of(IN_BAR, self.workspace, HERE, self.keymap)
        self.query_one(KeyBar).offer(hints)

    def _every_second(self) -> None:
        for workspace in self.workspaces:
            workspace.look_if_due()
        self.show()

    def _ticked(self) -> None:
        """Ten times a second while something is asked or runs."""
        if any(workspace.operation_runs or workspace.watches for workspace in self.workspaces):
            self.changed()

    def on_rows_moved(self, event: Rows.Moved) -> None:
        self.changed()

    def on_resize(self) -> None:
        self.changed()

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        self.action_details()

    def action_details(self) -> None:
        """Open the environment under the cursor."""
        self._choose(self.rows.key)

    def action_command(self, name: str) -> None:
        """Run a command on the environment under the cursor, or say why it does nothing now."""
        if name == "refresh":
            self.workspace.fleet_watch.check()
        elif reason := self.why_not(name):
            self.notice(f"{self.keymap.shown(name)}: {reason}", severity="warning", seconds=3.0)
        else:
            self._choose(self.rows.key, name)

    def _choose(self, name: str, command: str = "") -> None:
        """Leave for an environment; once, whatever was typed before the screen was gone."""
        if name and self.is_current:  # a key may come before the rows
            self._on_choice(name, command)

    def why_not(self, name: str) -> str:
        """Why the key of this id does nothing now; "" where it does something."""
        return why_not(name, self.workspace, HERE, self.keymap)

    @property
    def keys_here(self) -> list[str]:
        """The ids of the keys that do something now, for the help."""
        commands = dict.fromkeys(command.id for command in (*ON_ENVIRONMENTS, *IN_BAR))
        back = ["close"] if self._back else []
        return ["details", *back, *(name for name in commands if not self.why_not(name))]

    def action_close(self) -> None:
        """Back to the environment that was shown."""
        if self._back:
            self._choose(self.workspaces.shown.name)
