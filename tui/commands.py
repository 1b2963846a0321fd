"""The command palette: every command by name, with its key, and the reason where it does nothing now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from tui.keymap import BY_ID

if TYPE_CHECKING:
    from tui.app import TurnoutApp

COMMANDS = (
    ("deploy", "Deploy a revision"),
    ("undo", "Undo: roll back to the previous release"),
    ("rollback", "Roll back to the release under the cursor"),
    ("prune", "Prune releases or caches"),
    ("cancel", "Cancel the running operation"),
    ("watch", "Watch the operation that somebody else runs"),
    ("recover", "Recover: finish or undo an interrupted operation"),
    ("break-lock", "Break lock"),
    ("verify", "Verify the release under the cursor"),
    ("refresh", "Refresh"),
    ("refresh-all", "Reconnect to all servers"),
    ("accept", "Decide about a host key"),
    ("environment", "Change the environment"),
    ("filter", "Filter the pane"),
    ("details", "Show details of the row"),
    ("help", "Help: all keys"),
    ("quit", "Quit"),
)


class Commands(Provider):
    """The dashboard's commands for Textual's palette."""

    def _all(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        """Title, what is said beside it, and what runs it."""
        app: TurnoutApp = self.app  # type: ignore[assignment]  # the palette belongs to this app alone
        for name, title in COMMANDS:
            key = BY_ID[name]
            reason = app.why_not(name)
            said = f"not now: {reason}" if reason else f"key {app.keymap.shown(name)}"
            yield title, said, partial(app.press, key.action)
        for theme in ("turnout-dark", "turnout-light", "ansi-dark", "ansi-light", "nord", "gruvbox", "tokyo-night"):
            yield f"Theme: {theme}", "colours of the dashboard", partial(app.use_theme, theme)

    async def discover(self) -> Hits:
        for title, said, run in self._all():
            yield DiscoveryHit(Content(title), run, text=title, help=said)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for title, said, run in self._all():
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, matcher.highlight(title), run, text=title, help=said)
