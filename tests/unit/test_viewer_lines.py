"""The line above a viewer's lines, and what is said of copies."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from tui.keymap import LOG_KEYS
from tui.view.copies import MOST_SENT, amount, said_when_sent, why_to_file
from tui.view.glyphs import ASCII, UNICODE
from tui.view.lines import plain, width
from tui.view.search import Search
from tui.view.viewer_lines import ViewerState, save_line, search_line, state_line

KEYS = {key.id: key.keys for key in LOG_KEYS}
FULL = ViewerState(
    follow=False, below=37, servers=3, server="web2", shown=12, kept=20_000, dropped=1234, search=Search.of("time.ut"),
    place=3, matches=12, only=True,
)  # fmt: skip


def said(state: ViewerState, cells: int = 200) -> str:
    return plain(state_line(state, KEYS, cells, UNICODE))


def test_following_is_said_as_it_is() -> None:
    assert said(ViewerState(follow=True)).startswith("f following")
    assert "not following, 37 new lines below" in said(FULL)


def test_everything_that_narrows_what_is_shown_is_said() -> None:
    text = said(FULL)
    assert "/time.ut n N only 3 of 12 lines" in text
    assert "s web2" in text and "12 of 20,000 lines, 1,234 older dropped" in text


def test_the_line_fits_and_keeps_the_most_important() -> None:
    for cells in (20, 40, 60, 100):
        for state in (FULL, replace(FULL, follow=True)):
            spans = state_line(state, KEYS, cells, ASCII)
            assert width(spans) <= max(cells, width(state_line(state, KEYS, 0, ASCII)))
            assert plain(spans).startswith(f"{KEYS['log-follow']} ")


def test_a_wrong_expression_says_that_it_is_searched_as_plain_text() -> None:
    state = ViewerState(follow=True, search=Search.of("a(b"), matches=1)
    assert "(plain text: " in said(state)
    assert "as plain text: " in plain(search_line(state, 80))
    assert "in no line" in plain(search_line(replace(state, matches=0), 80))


def test_a_file_is_named_by_its_whole_path_before_it_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ana")
    assert plain(save_line("x.log", 3, "", 500, "…")) == f"save 3 lines to {tmp_path}/x.log"
    assert plain(save_line("~/x.log", 3, "", 80, "…")) == "save 3 lines to /home/ana/x.log"
    assert plain(save_line("/a" * 50 + "/x.log", 3, "", 40, "…")).endswith("/a/x.log")
    assert all(width(save_line("/a" * 50, 3, "", cells, "…")) <= cells for cells in (30, 60, 100))
    assert "type a file's name" in plain(save_line(" ", 3, "", 80, "…"))
    assert plain(save_line("x", 3, "no such folder", 80, "…")) == "not saved: no such folder"


def test_a_copy_is_called_sent_and_never_copied() -> None:
    assert said_when_sent("a\nb", {}) == "2 lines sent to the terminal to be copied"
    assert "set-clipboard on" in said_when_sent("a", {"TMUX": "/tmp/tmux-0/default,1,0"})
    assert amount("abc\n") == "3 characters"


def test_what_no_terminal_takes_goes_to_a_file() -> None:
    assert not why_to_file("x" * MOST_SENT, {"TERM": "xterm"})
    assert "more than 70 kB" in why_to_file("x" * (MOST_SENT + 1), {})
    assert "more than 70 kB" in why_to_file("ä" * (MOST_SENT // 2 + 1), {}), "bytes count, not characters"
    assert "screen" in why_to_file("x", {"STY": "1.pts-0"})
    assert why_to_file("x", {"TERM": "linux"})
