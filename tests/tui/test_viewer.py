"""A viewer of lines in a terminal: it follows and says so truly, searches, narrows, selects, copies and saves."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.app import ComposeResult
from textual.events import MouseScrollDown, MouseScrollUp
from textual.pilot import Pilot
from textual.screen import Screen

import tui.app
from tests.tui.running import XTERM, screen_text, toasts
from tui.app import TurnoutApp
from tui.commands.registry import KEYS
from tui.keymap import Keymap
from tui.view.copies import MOST_SENT
from tui.view.glyphs import UNICODE
from tui.view.line_store import LogLine
from tui.widgets.viewer import Viewer


class OneViewer(Screen[None]):
    """A screen with nothing but a viewer."""

    def __init__(self) -> None:
        super().__init__()
        self.viewer = Viewer(UNICODE, Keymap(KEYS), "shop")

    def compose(self) -> ComposeResult:
        yield self.viewer

    def on_mount(self) -> None:
        self.viewer.start(("web1", "web2"))
        self.viewer.focus_target.focus()


class ViewerApp(TurnoutApp):
    """The app, with that screen over its first one."""

    CSS_PATH = Path(tui.app.__file__).with_name("style.tcss")

    def __init__(self) -> None:
        super().__init__(None, environ=XTERM)
        self.one = OneViewer()
        self.viewer = self.one.viewer

    def say(self, *texts: str, server: str = "web1", role: str = "") -> None:
        self.viewer.add(LogLine(0.0, server, text, role) for text in texts)
        self.viewer.redraw()


@asynccontextmanager
async def running(size: tuple[int, int] = (80, 12)) -> AsyncIterator[tuple[ViewerApp, Pilot[Any]]]:
    app = ViewerApp()
    async with app.run_test(size=size, notifications=True) as pilot:
        await app.push_screen(app.one)
        await pilot.pause()
        yield app, pilot


def read(app: ViewerApp) -> list[str]:
    """The lines that are seen."""
    return re.findall(r"line \d+", screen_text(app))


def numbers(*span: int) -> list[str]:
    return [f"line {number}" for number in range(*span)]


async def test_whoever_scrolls_away_does_not_follow_and_is_told_what_came() -> None:
    async with running() as (app, pilot):
        app.say(*numbers(100))
        assert "line 99" in screen_text(app) and "f following" in screen_text(app)
        await pilot.press("k")
        app.say(*numbers(100, 130))
        await pilot.pause()
        text = screen_text(app)
        assert "line 98" in text and "line 99" not in text, "what a person reads stays where it is"
        assert "not following, 30 new lines below" in text
        await pilot.press("G")
        await pilot.pause()
        app.say("the last one")
        await pilot.pause()
        assert "the last one" in screen_text(app) and "f following" in screen_text(app)


async def test_following_can_be_stopped_at_the_end() -> None:
    async with running() as (app, pilot):
        app.say(*numbers(100))
        await pilot.press("f")
        app.say(*numbers(100, 110))
        await pilot.pause()
        assert "not following, 10 new lines below" in screen_text(app) and "line 99" in screen_text(app)
        await pilot.press("f")
        await pilot.pause()
        assert "line 109" in screen_text(app) and "f following" in screen_text(app)


async def test_the_wheel_stops_and_starts_following() -> None:
    async with running() as (app, pilot):
        app.say(*numbers(100))
        for turned, follows in ((MouseScrollUp, False), (MouseScrollDown, True)):
            await pilot._post_mouse_events([turned], app.viewer.focus_target, offset=(5, 5))
            await pilot.pause()
            assert app.viewer.follow is follows


async def test_what_is_read_stays_when_old_lines_go() -> None:
    async with running() as (app, pilot):
        app.viewer.store._most_lines = 2000
        app.say(*numbers(1500))
        await pilot.press("k", "k")
        seen = read(app)
        for start in range(1500, 3100, 100):
            app.say(*numbers(start, start + 100))
        await pilot.pause()
        assert app.viewer.store.dropped > 0
        assert read(app) == seen
        app.say(*numbers(3100, 6000))
        await pilot.pause()
        assert "older dropped" in screen_text(app)


async def test_a_search_marks_counts_and_steps_and_escape_ends_it() -> None:
    async with running() as (app, pilot):
        app.say(*numbers(100), "a Timeout", *numbers(100), "timeout again", "end")
        await pilot.press("slash", *"time.ut", "enter")
        await pilot.pause()
        assert "/time.ut n N 2 of 2 lines" in screen_text(app) and "timeout again" in screen_text(app)
        await pilot.press("n")
        await pilot.pause()
        assert "1 of 2 lines" in screen_text(app) and "a Timeout" in screen_text(app)
        assert not app.viewer.follow
        await pilot.press("ampersand")
        assert app.viewer.lines() == ["web1  a Timeout", "web1  timeout again"]
        await pilot.press("escape")
        await pilot.pause()
        assert app.viewer.store.shown == 203 and not app.viewer.store.search.text


async def test_letters_typed_behind_the_slash_are_the_search() -> None:
    async with running() as (app, pilot):
        app.say("no fox", "see the fox")
        await pilot.press("slash", *"fyso(")
        await pilot.pause()
        assert "as plain text" in screen_text(app) and "in no line" in screen_text(app)
        await pilot.press("escape")
        assert app.viewer.store.shown == 2 and app.viewer.store.server == ""


async def test_without_a_search_n_goes_to_the_next_error() -> None:
    async with running() as (app, pilot):
        app.say(*numbers(50))
        app.say("it broke", role="bad")
        app.say(*numbers(50))
        await pilot.press("n")
        await pilot.pause()
        assert "it broke" in screen_text(app) and app.viewer.focus_target.marked == 50


async def test_long_lines_are_wrapped_or_moved_sideways() -> None:
    async with running((40, 12)) as (app, pilot):
        app.say("start " + "x" * 60 + " end")
        assert "end" not in screen_text(app)
        await pilot.press("x")
        await pilot.pause()
        assert " end" in screen_text(app)
        await pilot.press("x", "right", "right", "right")
        await pilot.pause()
        assert " end" in screen_text(app) and "start" not in screen_text(app)


async def test_text_is_selected_with_the_mouse_and_copied_with_ctrl_c() -> None:
    async with running() as (app, pilot):
        app.viewer.store._most_lines = 10
        app.say(*numbers(1100), "first words here", "second words")
        await pilot.pause()
        area = app.viewer.focus_target
        row = app.viewer.store.row_of(1100) - app.viewer.store.first_row - area.scroll_offset.y
        await pilot.mouse_down(area, offset=(7, row))
        await pilot.hover(area, offset=(12, row + 1))
        await pilot.mouse_up(area, offset=(12, row + 1))
        await pilot.pause()
        await pilot.press("ctrl+c")
        await pilot.pause()
        assert app.clipboard == "first words here\nweb1  second"
        assert toasts(app)[-1] == "2 lines sent to the terminal to be copied"


async def test_too_much_for_a_clipboard_is_written_to_a_file_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    async with running() as (app, pilot):
        app.say(*["x" * 1000] * (MOST_SENT // 1000 + 1))
        await pilot.press("y")
        await pilot.pause()
        (written,) = tmp_path.glob("turnout-copy-*.txt")
        assert written.read_text().splitlines() == app.viewer.lines()
        assert str(written) in toasts(app)[-1] and "more than 70 kB" in toasts(app)[-1]
        assert not app.clipboard


async def test_a_file_that_cannot_be_written_says_why_and_can_be_named_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.log").write_text("mine")
    async with running() as (app, pilot):
        app.say("one")
        await pilot.press("o", "ctrl+u", *"old.log", "enter")
        await pilot.pause()
        rows = [text.strip() for text in screen_text(app).splitlines()]
        said = next(row for row, text in enumerate(rows) if text.startswith("not saved: there is a file or folder"))
        assert rows[said + 1] == "old.log", "beside its field"
        await pilot.press("ctrl+u", *"no/such.log", "enter")
        await pilot.pause()
        assert "not saved: its folder does not exist" in screen_text(app)
        await pilot.press("ctrl+u", *"~no-such/x.log", "enter")
        await pilot.pause()
        assert "not saved: its folder does not exist" in screen_text(app), "a user who has no home here"
        await pilot.press("ctrl+u", *"new.log", "enter")
        await pilot.pause()
        assert (tmp_path / "new.log").read_text() == "web1  one\n" and (tmp_path / "old.log").read_text() == "mine"


async def test_new_lines_are_drawn_a_few_times_a_second_and_not_at_all_where_nobody_sees_them() -> None:
    async with running() as (app, pilot):
        drawn = []
        monkey = app.viewer.redraw
        app.viewer.redraw = lambda: (drawn.append(1), monkey())
        for number in range(500):
            app.viewer.add([LogLine(0.0, "web1", str(number))])
        assert len(drawn) <= 1
        app.viewer.display = False
        await pilot.pause(0.3)
        drawn.clear()
        app.viewer.add([LogLine(0.0, "web1", "unseen")])
        await pilot.pause(0.3)
        assert not drawn and app.viewer.lines()[-1].endswith("unseen")
