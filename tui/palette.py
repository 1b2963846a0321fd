"""The command palette: every command by name, with its key, and the reason where it does nothing now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Protocol, cast

from textual.await_complete import AwaitComplete
from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider, SearchIcon
from textual.content import Content

from tui.commands.registry import COMMANDS
from tui.keymap import Keymap
from tui.widgets.bars import press

THEMES = ("turnout-dark", "turnout-light", "turnout-contrast", "turnout-ansi", "nord", "gruvbox", "tokyo-night")


class Host(Protocol):
    """The app, as far as the palette knows it."""

    keymap: Keymap

    def why_not(self, name: str) -> str:
        """Why the key of this id does nothing now."""

    def says_now(self, name: str) -> str:
        """What the key of this id would do now, where there is more to say than its title."""

    def tasks(self) -> Sequence[str]:
        """The tasks that can be run from the screen that is shown."""

    def run_task(self, name: str) -> None:
        """Ask about a task, and run it."""

    def use_theme(self, name: str) -> None:
        """Other colours."""


class Commands(Provider):
    """The dashboard's commands for Textual's palette."""

    def _all(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        """Title, what is said beside it, and what runs it."""
        host = cast(Host, self.app)
        for command in COMMANDS.values():
            if command.title:
                reason = host.why_not(command.id)
                now = host.says_now(command.id)
                key = f"key {host.keymap.shown(command.id)}{f': {now}' if now else ''}"
                said = f"not now: {reason}" if reason else key
                yield command.title, said, partial(press, self.app, command.key.action)
        for name in host.tasks():
            yield f"Run task {name}", "shows its plan first", partial(host.run_task, name)
        for theme in THEMES:
            yield f"Theme: {theme}", "colours of the dashboard", partial(host.use_theme, theme)

    async def discover(self) -> Hits:
        for title, said, run in self._all():
            yield DiscoveryHit(Content(title), run, text=title, help=said)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for title, said, run in self._all():
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, matcher.highlight(title), run, text=title, help=said)


class Palette(CommandPalette):
    """Textual's palette, with a sign that every terminal has; a page up in an empty list is not a fault here, and a
    second key or click that leaves it, while it goes, leaves nothing else."""

    _left = False

    def on_mount(self) -> None:
        self.query_one(SearchIcon).icon = ":"

    def dismiss(self, result: None = None) -> AwaitComplete:
        if self._left or not self.is_active:
            return AwaitComplete()
        self._left = True
        return super().dismiss(result)

    def _action_command_list(self, action: str) -> None:
        with suppress(KeyError):
            super()._action_command_list(action)
