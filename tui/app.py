"""The Textual app: it opens the first screen, and owns what every screen shares.

Only what the first paint needs is loaded with this module; the screens and all behind them come after it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import screen as textual_screen
from textual._styles_cache import StylesCache
from textual.binding import BindingType
from textual.command import Provider

from core.errors import EXIT_FAILED, EXIT_PERSON, EXIT_USAGE, ConfigError
from tui import keymap as keys
from tui import settings as own
from tui import theme as themes
from tui.commands import app_wide
from tui.terminal_app import TerminalApp
from tui.view import glyphs as signs
from tui.view.placement import HEIGHTS, WIDTHS
from tui.widgets.opening import frame

if TYPE_CHECKING:
    from core.config import Environment, Project
    from core.fleet import Fleet
    from core.jobs import Job
    from tui.model.workspace import Workspace
    from tui.model.workspaces import Workspaces
    from tui.screens.dashboard import Dashboard
    from tui.screens.environments import Environments

FIRST_LOOK = 0.02
"""Seconds from the first paint to the first look at the servers."""

PAINTS = 120
"""Most paints a second: a key waits for the next one, so half as long as with Textual's own 60."""

DEMO = "demo"
"""What the app returns where the demo was asked for."""


if "TEXTUAL_FPS" not in os.environ:
    vars(textual_screen)["UPDATE_PERIOD"] = 1 / PAINTS  # each screen reads it when it is made

# Textual keeps the last 1,024 of these, each with the lines of a widget that may be gone: 80 MB after fifty dialogs.
with suppress(AttributeError):  # a newer Textual may keep none
    StylesCache.get_inner_outer = lru_cache(64)(StylesCache.get_inner_outer.__wrapped__)  # type: ignore[method-assign]


def _commands() -> type[Provider]:
    from tui.palette import Commands

    return Commands


WAITS = "it is used when nothing runs and no dialog is open"
"""Said of a turnout.toml that was changed."""


class TurnoutApp(TerminalApp, inherit_bindings=False):
    """The dashboard of a project, or a welcome without one."""

    CSS_PATH = "style.tcss"
    TITLE = "Turnout"
    COMMANDS: ClassVar = {_commands}
    BINDINGS: ClassVar[list[BindingType]] = [keys.binding(command.key) for command in app_wide.COMMANDS]
    ENABLE_COMMAND_PALETTE = True
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS

    def __init__(
        self,
        project: Project | None,
        environment: str | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        opener: Callable[[Project, Environment], Fleet] | None = None,
    ) -> None:
        environ = os.environ if environ is None else environ
        self.settings = own.load(environ)
        self._settings_place = str(self.settings.place or own.FILE)
        self._theme_is_fixed = "NO_COLOR" in environ or bool(environ.get("TURNOUT_THEME"))
        environ = self.settings.beside(environ)
        chosen = themes.choose(environ)
        super().__init__(ansi_color=True if themes.is_ansi(chosen) else None)
        self.environ = environ
        self.project = project
        self.now = now
        self.clock = clock
        self.glyphs = signs.choose(environ)
        self.dashboard: Dashboard | None = None
        """The main screen, also while a dialog lies over it; None without a project."""
        self._first_board: Environments | None = None
        """All environments, where they were shown first; it is under no dashboard."""
        self._opener = opener
        self._first = environment
        for theme in themes.THEMES:
            self.register_theme(theme)
        self._theme_fault = themes.fault(chosen, self.available_themes)
        self.theme = themes.DARK.name if self._theme_fault else chosen
        if self.glyphs is signs.ASCII:
            self.instead = signs.INSTEAD
            self.add_class("-ascii")
        if self.native_ansi_color:
            self.add_class("-ansi")

    @property
    def workspace(self) -> Workspace | None:
        """What the dashboard shows; None without a project."""
        return self.workspaces.shown if self.workspaces is not None else None

    def get_css_variables(self) -> dict[str, str]:
        """Textual's variables, and ours for quiet text, which follow from the theme."""
        variables = super().get_css_variables()
        theme = self.current_theme
        readable = themes.readable(theme, variables)
        variables |= readable
        ours = themes.quiet(theme, variables) | themes.environment_colours(theme, variables)
        return {**variables, **ours, **readable, **themes.selection(theme, {**variables, **readable})}

    def _draw_frame(self) -> None:
        """Show at once where we are: what comes then has to be loaded first."""
        driver, project = self._driver, self.project
        if project is None or driver is None or self.is_headless or driver.is_inline:
            return
        first = self._first or (next(iter(project.environments)) if len(project.environments) == 1 else "")
        segments = frame(project.project, first, self.size, self.current_theme, self.glyphs)
        driver.write("\x1b[H" + self.console._render_buffer(segments))
        driver.flush()

    def on_mount(self) -> None:
        self._draw_frame()
        from tui.commands import registry
        from tui.model.bridge import TICK, Bridge
        from tui.model.project_file import ProjectFile

        self.keymap = keys.check(
            self.settings.keys, registry.KEYS, self._settings_place, ascii=self.glyphs is signs.ASCII
        )
        self.changing, self.moving = (
            frozenset(key for known in registry.KEYS if known.group == group for key in self.keymap.keys(known.id))
            for group in (keys.CHANGE, keys.MOVE)
        )
        self.bridge = Bridge()
        self.set_keymap(self.keymap.changed)
        self.hear_signals()
        self.bridge.attach(self.set_interval(TICK, self.bridge.tick, pause=True))
        self.app_resume_signal.subscribe(self, lambda _: self.draw_all_again())
        if faults := (*self.settings.faults, *self.keymap.faults, *filter(None, [self._theme_fault])):
            self.notice(own.in_short(faults), title="settings", severity="warning", seconds=12)
        if self.project is None:
            from tui.screens.welcome import Welcome

            self.push_screen(Welcome(self.keymap, self.glyphs, os.getcwd()))
            return
        self._file = ProjectFile(self.project, self.bridge)
        self.set_interval(1.0, self._look_at_file)
        self.workspaces = self._workspaces(self.project, self._first)
        if self._first is None and len(self.project.environments) > 1:
            self._first_board = self._environments(self.workspaces, back=False)
            self.push_screen(self._first_board)
            self.set_timer(FIRST_LOOK, self._first_board.check)
            return
        self.push_screen(self._make_dashboard(self.workspaces))
        # Connecting takes the processor from the first paint: it begins when that is on the screen.
        self.set_timer(FIRST_LOOK, self.workspaces.shown.fleet_watch.check)

    def _workspaces(self, project: Project, first: str | None) -> Workspaces:
        from tui.model.fleet_watch import open_fleet
        from tui.model.workspaces import Workspaces

        workspaces = Workspaces(
            project,
            first or next(iter(project.environments)),
            bridge=self.bridge,
            now=self.now,
            later=self.set_timer,
            notice=self.notice,
            opener=self._opener or open_fleet,
        )
        self.announce(workspaces)
        return workspaces

    def on_dashboard_project_saved(self, event: Dashboard.ProjectSaved) -> None:
        """Go on with what the form has written."""
        self._file.saved(event.project)
        if not self._use_newer("saved, and in use now"):
            self.notice(f"saved; {WAITS}", "turnout.toml", "information", 8.0)

    def _look_at_file(self) -> None:
        """Take in what somebody else has written into turnout.toml: an editor, or git."""
        self._file.look(self._file_changed)
        self._use_newer("it was changed, and is in use now")

    def _file_changed(self, fault: ConfigError | None) -> None:
        if fault is not None:
            said = f"{fault.faults[0]}. Until that is mended, what was read before is used."
            self.notice(said, "turnout.toml was changed, and has a fault", "error", 12.0)
        elif not self._use_newer("it was changed, and is in use now"):
            self.notice(WAITS, "turnout.toml was changed", "warning", 8.0)

    def _use_newer(self, said: str) -> bool:
        """Go on with the changed project, where no operation and no dialog is in the way: all is looked at anew; what
        was chosen on the screen, and how the last operation ended, stays."""
        newer, workspaces = self._file.newer, self.workspaces
        shown = self.screen_stack[-1] if self.screen_stack else None  # none is left while the program ends
        front = shown is (self.dashboard or self._first_board)
        if newer is None or workspaces is None or self.our_operations or not front:
            return False
        from core.config import read_only  # the dashboard's start does without

        name = workspaces.shown.name
        workspaces.close()
        looks_only = self.project is not None and all(place.read_only for place in self.project.environments.values())
        self.project = read_only(newer) if looks_only else newer
        self._file.use()
        self.workspaces = self._workspaces(self.project, name if name in self.project.environments else None)
        self.workspaces.go_on_from(workspaces)
        if self.dashboard is not None:
            self.dashboard.go_on_with(self.workspaces)
        elif len(self.project.environments) > 1:
            self._first_board = self._environments(self.workspaces, back=False)
            self.switch_screen(self._first_board)
            self.set_timer(FIRST_LOOK, self._first_board.check)
        else:
            self.switch_screen(self._make_dashboard(self.workspaces))
            self.set_timer(FIRST_LOOK, self.workspaces.shown.fleet_watch.check)
        self.notice(said, "turnout.toml", "information", 5.0)
        return True

    def _make_dashboard(self, workspaces: Workspaces) -> Dashboard:
        from tui.screens.dashboard import Dashboard

        self.dashboard = Dashboard(workspaces, keymap=self.keymap, glyphs=self.glyphs, now=self.now)
        return self.dashboard

    def _environments(self, workspaces: Workspaces, *, back: bool) -> Environments:
        from tui.screens.environments import Environments  # one environment never wants it

        return Environments(
            workspaces, keymap=self.keymap, glyphs=self.glyphs, now=self.now, on_choice=self._open, back=back
        )

    def action_environments(self) -> None:
        """Show all environments, over the one that is shown."""
        if self.workspaces is not None and self.screen is self.dashboard:
            board = self._environments(self.workspaces, back=True)
            self.push_screen(board)
            board.call_after_refresh(board.check)

    def _open(self, name: str, command: str) -> None:
        """Show an environment, and run a command there ("" for none)."""
        if self.workspaces is None:
            return
        if self.dashboard is None:
            self.workspaces.show(name)
            self.switch_screen(self._make_dashboard(self.workspaces))
        else:
            self.pop_screen()
            self.dashboard.open_environment(name)
        if command and self.dashboard is not None:
            self.dashboard.call_after_refresh(self.dashboard.action_command, command)

    def action_command_palette(self) -> None:
        from tui.palette import Palette

        if not Palette.is_open(cast(Any, self)):
            self.push_screen(Palette(id="--command-palette"))

    def action_redraw(self) -> None:
        self.draw_all_again()

    def why_not(self, name: str) -> str:
        """Why the key of this id does nothing now; "" where it does something."""
        for screen in reversed(self.screen_stack):
            if hasattr(screen, "why_not"):
                reason: str = screen.why_not(name)
                return reason
        on_every_screen = ("demo", *(command.id for command in app_wide.COMMANDS))
        return "" if name in on_every_screen else "there is no project"

    def says_now(self, name: str) -> str:
        """What the key of this id would do now in the environment that is shown; "" for nothing to add."""
        from tui.commands.registry import says_now

        said = says_now(name, self.workspace) if self.workspace is not None else ""
        return said if said and not self.why_not(name) else ""

    def tasks(self) -> Sequence[str]:
        """The tasks that can be run: those of the environment, where the dashboard is shown."""
        from tui.commands import tasks
        from tui.palette import Palette

        shown = [screen for screen in self.screen_stack if not isinstance(screen, Palette)]
        return tasks.names(self.workspace) if self.workspace and shown[-1] is self.dashboard else ()

    def run_task(self, name: str) -> None:
        """Ask about a task with its plan, and run it."""
        from tui.commands import tasks

        if self.dashboard is not None and self.tasks():
            tasks.run(self.dashboard, name)

    def use_theme(self, name: str) -> None:
        """Other colours, also the next time."""
        self.theme = name
        self.ansi_color = None
        self.set_class(self.native_ansi_color, "-ansi")
        from core.jobs import Job

        job = Job("save the theme", lambda emit, controls: own.save_theme(self.settings.place, name))
        self.bridge.follow(job.start(), self._theme_saved)

    def _theme_saved(self, job: Job[Any]) -> None:
        """Say where the theme was kept, or why it was not."""
        if job.error is not None:
            self.notice(f"{job.error.title}; {job.error.hint}", title="theme", severity="warning", seconds=8)
        else:
            more = "; NO_COLOR or TURNOUT_THEME wins over it at the next start" if self._theme_is_fixed else ""
            self.notice(f"saved in {self.settings.place}{more}", title="theme", seconds=4)

    def action_help(self) -> None:
        from tui.screens.help import HelpScreen

        here: Sequence[str] = getattr(self.screen, "keys_here", ())
        told = (self.keymap, self.glyphs, self.why_not, self.says_now)
        self.push_screen(HelpScreen(*told, place=self._settings_place, here=here))


def run_dashboard(
    project: Project | None,
    environment: str | None = None,
    remember: Callable[[str], object] = lambda name: None,
    environ: Mapping[str, str] | None = None,
) -> int | str:
    """Open the dashboard until a person leaves it: an exit code, or "demo" where the demo was asked for.

    remember   called at the end with the environment that was shown last
    environ    variables; None: those of the process
    After a fault, whose lines Textual prints: 5 where an operation of ours was running and was not put back, else 2.
    """
    app = TurnoutApp(project, environment, environ=environ)
    try:
        ended = app.run(mouse=own.has_mouse(app.environ))
    finally:  # also after a fault, when Textual has left the terminal already
        app.stop_announcing(_write_last)
    if app.dashboard is not None and app.workspaces is not None:
        remember(app.workspaces.shown.name)
    if ended == DEMO:
        return ended
    code = app.return_code or 0
    if code != EXIT_FAILED:  # Textual's own code for a fault; no way of leaving has it
        return code
    return EXIT_USAGE if not app.our_operations else EXIT_PERSON


def _write_last(text: str) -> None:
    """Write to the terminal, if it is there, as Textual's driver does."""
    file = sys.__stderr__
    with suppress(OSError, ValueError):
        if file is not None and file.isatty():
            file.write(text)
            file.flush()
