"""What is shown where there is no turnout.toml: how to make one, and the demo."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen

from tui.commands.app_wide import DEMO
from tui.commands.registry import bindings
from tui.keymap import Keymap
from tui.view.glyphs import Glyphs
from tui.view.keybar import KeyHint
from tui.view.lines import Line, line
from tui.widgets.bars import KeyBar
from tui.widgets.guard import Guarded
from tui.widgets.paint import Lines


class Welcome(Guarded, Screen[None]):
    """Ends the app with "demo" where the demo is wanted."""

    BINDINGS = bindings([DEMO])

    def __init__(self, keymap: Keymap, glyphs: Glyphs, folder: str) -> None:
        super().__init__()
        self._keymap = keymap
        self._glyphs = glyphs
        self._folder = folder

    def compose(self) -> ComposeResult:
        with Vertical(id="welcome"):
            yield Lines(id="welcome-text")
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        self.query_one("#welcome").border_title = Content(" Turnout ")
        self.query_one("#welcome-text", Lines).show(self.lines())
        key = self._keymap.shown
        self.query_one(KeyBar).offer(
            [
                KeyHint("demo", key("demo"), "Start the demo", rank=1),
                KeyHint("quit", key("quit"), "Quit", rank=1, to_right=True),
            ]
        )

    def lines(self) -> list[Line]:
        """What the screen says."""
        rail = self._glyphs.rail
        return [
            line(
                (rail * 4, "dim"),
                (self._glyphs.branch, "dim"),
                (rail * 6 + " ", "ok"),
                (self._glyphs.live, "ok"),
                "  a new version on all servers at once,",
            ),
            line(
                " " * 4,
                (self._glyphs.curve, "dim"),
                (rail * 6 + " ", "dim"),
                (self._glyphs.kept, ""),
                "  and back to any release with one key.",
            ),
            (),
            line(("No turnout.toml here ", "warn"), ("or in a folder above:", "dim")),
            line(("  " + self._folder, "dim")),
            (),
            line(("To try it without a server of your own:", "head")),
            line("  press ", (self._keymap.shown("demo"), "key"), "   four servers here, and a sample project"),
            (),
            line(("To deploy your own project:", "head")),
            line(("  turnout init        ", "accent"), "asks, then writes turnout.toml"),
            line(("  turnout doctor ENV  ", "accent"), "checks, changes nothing"),
            line(("  turnout             ", "accent"), "opens the dashboard"),
        ]

    def action_demo(self) -> None:
        self.app.exit(DEMO.id)
