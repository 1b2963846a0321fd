"""In ASCII every text of the dashboard is ASCII: its signs, the names of its keys, and what its code says."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from rich.cells import get_character_cell_size as cells_of

import core
import tui
from tui.commands.registry import KEYS
from tui.keymap import Keymap, show_key
from tui.view import glyphs
from tui.view.glyphs import ASCII, INSTEAD, UNICODE

SOURCES = [
    path
    for package in (core, tui)
    for path in sorted(Path(package.__path__[0]).rglob("*.py"))
    if path != Path(glyphs.__file__) and path.name != "masking.py"  # the one has the signs, the other bytes
]


def texts(path: Path) -> Iterator[str]:
    """The texts in a module's code, without those that only explain it."""
    tree = ast.parse(path.read_text("utf-8"))
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


def test_each_sign_has_one_in_ascii() -> None:
    for name, text in msgspec.structs.asdict(ASCII).items():
        assert text.isascii() and (name in ("never", "parts", "least") or text), name
    narrow = {name for name in msgspec.structs.asdict(UNICODE) if name != "never"}
    assert [name for name in narrow if any(cells_of(sign) != 1 for sign in getattr(ASCII, name))] == []


def test_a_text_of_the_code_is_ascii_as_it_is_sent() -> None:
    found = {(path.name, sign) for path in SOURCES for text in texts(path) for sign in text if not sign.isascii()}
    assert {("release_list.py", "“"), ("server_list.py", "▸")} <= found, "the texts were read"
    assert {at: sign for at, sign in found if not sign.translate(INSTEAD).isascii()} == {}


def test_what_stands_in_place_of_a_sign_is_as_wide() -> None:
    for sign, instead in INSTEAD.items():
        assert cells_of(chr(sign)) == len(str(instead)) and str(instead).isascii(), chr(sign)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.id)
def test_the_name_of_a_key_is_ascii(key) -> None:
    assert Keymap(KEYS, ascii=True).shown_all(key.id).isascii()


def test_arrows_are_words_and_a_persons_own_letter_stays() -> None:
    assert [show_key(key, ascii=True) for key in ("left", "ctrl+up", "é", "D")] == ["Left", "^Up", "é", "D"]
    assert [show_key(key) for key in ("left", "ctrl+up", "é")] == ["←", "^↑", "é"]
