"""The installed program in a real terminal: tmux shows what a person would see, and types what a person would."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ProjectFactory, Servers
from tests.servers import Destination, need
from tests.waiting import PATIENCE, until
from tui.model.keystrokes import ALONE, READ, UP

INSTALLED = Path(sys.executable).parent / "turnout"
TURNOUT = [str(INSTALLED)] if INSTALLED.exists() else [sys.executable, "-m", "tui.cli"]
"""The program as it was installed beside this Python; from the checkout where it was not."""

CHECKOUT = str(Path(__file__).parents[2])


class Tmux:
    """A program in a terminal of tmux."""

    def __init__(
        self, folder: Path, where: Path, *command: str, size: tuple[int, int] = (100, 30), **environ: str
    ) -> None:
        self._tmux = [need("tmux"), "-f", "/dev/null", "-S", str(folder / "tmux.sock")]
        environ = {"PYTHONPATH": CHECKOUT, "TERM": "tmux-256color", "LANG": "C.UTF-8", **environ}
        settings = [word for name, value in environ.items() for word in ("-e", f"{name}={value}")]
        self._do(
            "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), "-c", str(where), *settings, *command,
            ";", "set-option", "-g", "remain-on-exit", "on",
        )  # fmt: skip

    def _do(self, *words: str) -> str:
        # pytest's readline sets these two for what it starts, and they would go before the size of the terminal.
        environ = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        done = subprocess.run([*self._tmux, *words], check=True, capture_output=True, timeout=PATIENCE, env=environ)
        return done.stdout.decode("utf-8", "replace")

    def screen(self, *, colours: bool = False) -> str:
        """What stands on the screen."""
        return self._do("capture-pane", "-p", *(["-e"] if colours else []))

    def press(self, *keys: str) -> None:
        self._do("send-keys", *keys)

    def resize(self, columns: int, rows: int) -> None:
        self._do("resize-window", "-x", str(columns), "-y", str(rows))

    def shows(self, text: str, seconds: float = PATIENCE) -> str:
        """Wait until a text stands on the screen; the screen."""

        def look() -> str:
            screen = self.screen()
            return screen if text in screen else ""

        try:
            return until(look, f"{text!r} on the screen", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.screen()}") from None

    def agree(self, button: str, key: str = "y") -> None:
        """Press a key until the dialog with this button is gone; the first comes before it could be read."""
        self.shows(button)
        pressed = 0.0

        def gone() -> bool:
            nonlocal pressed
            if time.monotonic() - pressed > UP + ALONE + READ:
                pressed = time.monotonic()
                self.press(key)
            screen = self.screen()
            return button not in screen and "read it first" not in screen  # a message that lies over the button

        until(gone, f"the dialog with {button!r} to go")

    def format(self, text: str) -> str:
        """A format of tmux, with its values: `#{mouse_any_flag}`."""
        return self._do("display-message", "-p", text).strip()

    def ended(self) -> int:
        """Wait for the program's end; its exit code."""
        until(lambda: self.format("#{pane_dead}") == "1", "the end of the program")
        return int(self.format("#{pane_dead_status}") or 0)

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)


@pytest.fixture
def terminals(tmp_path: Path) -> Iterator[list[Tmux]]:
    """The terminals that a test opens; closed at its end."""
    opened: list[Tmux] = []
    yield opened
    for terminal in opened:
        terminal.close()


def served(web: list[Destination]) -> set[str]:
    """What the front page is on the servers."""
    pages = [place.files / "current/index.html" for place in web]
    return {page.read_text() if page.exists() else "" for page in pages}


def test_a_deploy_and_a_way_back_in_a_real_terminal(
    tmp_path: Path, terminals: list[Tmux], servers: Servers, project_factory: ProjectFactory
) -> None:
    web = servers(2)
    sample = project_factory(web)
    terminal = Tmux(tmp_path, sample.folder, *TURNOUT)
    terminals.append(terminal)
    terminal.shows("no release on production yet")
    for text in ("first", "second"):
        sample.commit({"index.html": text}, f"The {text} page")
        terminal.press("D")
        terminal.shows(f"The {text} page")
        terminal.press("Enter")
        terminal.agree("y  Deploy")
        until(lambda text=text: served(web) == {text}, "the page is live")
        terminal.shows("LIVE on 2")
    terminal.press("u")
    terminal.agree("y  Roll back")
    until(lambda: served(web) == {"first"}, "the page is live again")
    terminal.shows("y copy for the channel")
    terminal.press("q")
    assert terminal.ended() == 0


def test_without_a_project_the_program_says_how_to_make_one(tmp_path: Path, terminals: list[Tmux]) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    terminal = Tmux(tmp_path, empty, *TURNOUT, size=(80, 24))
    terminals.append(terminal)
    screen = terminal.shows("No turnout.toml here")
    assert "turnout init" in screen and "Start the demo" in screen
    terminal.press("q")
    assert terminal.ended() == 0


def test_no_color_means_no_colour(
    tmp_path: Path, terminals: list[Tmux], servers: Servers, project_factory: ProjectFactory
) -> None:
    sample = project_factory(servers(1))
    terminal = Tmux(tmp_path, sample.folder, *TURNOUT, NO_COLOR="1")
    terminals.append(terminal)
    terminal.shows("no release on production yet")
    codes = {
        code for part in terminal.screen(colours=True).split("\x1b[")[1:] for code in part.partition("m")[0].split(";")
    }
    assert codes <= {"", "0", "1", "2", "3", "4", "7", "22", "23", "24", "27", "39", "49"}, codes


def test_control_c_does_not_kill_and_pasted_text_does_nothing(
    tmp_path: Path, terminals: list[Tmux], servers: Servers, project_factory: ProjectFactory
) -> None:
    sample = project_factory(servers(1))
    terminal = Tmux(tmp_path, sample.folder, *TURNOUT)
    terminals.append(terminal)
    terminal.shows("no release on production yet")
    terminal.press("C-c")
    terminal.shows("q quits")
    terminal.press("-l", "e?D, then look")  # in one piece; in two, its first keys would open something
    assert "Deploy to" not in terminal.shows("like pasted text")
    terminal.press("C-c")
    terminal.press("q")
    assert terminal.ended() == 0


def test_control_z_suspends_and_the_screen_comes_back_whole(
    tmp_path: Path, terminals: list[Tmux], servers: Servers, project_factory: ProjectFactory
) -> None:
    sample = project_factory(servers(1))
    terminal = Tmux(tmp_path, sample.folder, "bash", "--norc", "-i", PS1="here> ")
    terminals.append(terminal)
    terminal.shows("here>")
    terminal.press(" ".join(TURNOUT), "Enter")
    terminal.shows("no release on production yet")
    before = terminal.shows("q Quit")
    terminal.press("C-z")
    terminal.shows("Stopped")
    terminal.press("fg", "Enter")
    after = terminal.shows("q Quit")
    assert "Stopped" not in after
    assert [line for line in before.splitlines() if "Deploy" in line] == [
        line for line in after.splitlines() if "Deploy" in line
    ]
    terminal.press("q")
    terminal.shows("here>")


def test_a_terminal_that_goes_away_ends_the_program_and_what_it_ran_is_put_back(
    tmp_path: Path, terminals: list[Tmux], servers: Servers, project_factory: ProjectFactory
) -> None:
    (web,) = servers(1)
    sample = project_factory([web], extra='[[hooks]]\non = "prepare"\nrun = "echo working; sleep 600"\n')
    terminal = Tmux(tmp_path, sample.folder, *TURNOUT)
    terminals.append(terminal)
    terminal.shows("no release on production yet")
    sample.commit({"index.html": "first"}, "The first page")
    terminal.press("D")
    terminal.shows("The first page")
    terminal.press("Enter")
    terminal.agree("y  Deploy")
    terminal.shows("working")
    terminal.press("C-z")
    terminal.shows("An operation is running")
    lock = web.files / ".turnout/lock"
    assert lock.exists()
    terminal.close()
    until(lambda: not lock.exists(), "the lock to be given back")
    assert not (web.files / "current").is_symlink()
