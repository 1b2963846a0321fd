"""The help: every key with what it does and why it does nothing now, whole at any width."""

from __future__ import annotations

import pytest

from tui.commands.registry import KEYS
from tui.keymap import Keymap
from tui.screens.help import HelpScreen
from tui.view.glyphs import ASCII, UNICODE
from tui.view.lines import plain, width

REASON = "somebody else's operation is running there since this morning, and its lock is alive; w watches it"


@pytest.mark.parametrize("cells", [40, 51, 75, 90])
def test_nothing_in_the_help_is_cut(cells: int) -> None:
    keymap = Keymap(KEYS, faults=("settings.toml: keys.rolback: not known; did you mean rollback? " + "x" * 100,))
    for glyphs in (UNICODE, ASCII):
        told = (keymap, glyphs, lambda name: REASON if name == "deploy" else "", lambda name: "back to 9ab01cd" * 9)
        screen = HelpScreen(*told, place="/home/" + "a" * 90)
        lines = screen.lines(cells)
        assert max(width(spans) for spans in lines) <= cells
        words = " ".join(" ".join(plain(spans) for spans in lines).split())
        for key in KEYS:
            assert key.help in words, key.id
        assert f"({REASON})" in words
        assert "".join(words.split()).count("a" * 90) == 1


def test_what_does_something_where_the_help_was_opened_comes_first() -> None:
    told = (Keymap(KEYS), UNICODE, lambda name: "", lambda name: "")
    screen = HelpScreen(*told, place="keys.toml", here=["log-follow", "log-search"])
    lines = [plain(spans).split() for spans in screen.lines(90)]
    assert lines[0] == ["Here"] and [words[:2] for words in lines[1:3]] == [["f", "follow"], ["/", "search:"]]
    assert lines[3:5] == [[], ["Change", "servers"]]
