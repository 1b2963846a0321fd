"""Every key that does something is in the registry, so it can be changed in keys.toml, and is in the help."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

import tui
from tui.commands.registry import KEYS
from tui.keymap import Keymap, load


def classes_with_keys() -> Iterator[type[DOMNode]]:
    """Every class of the dashboard on which Textual looks for keys."""
    for module in pkgutil.walk_packages(tui.__path__, "tui."):
        if ".cli" not in module.name and ".demo" not in module.name:
            loaded = importlib.import_module(module.name)
            for value in vars(loaded).values():
                if isinstance(value, type) and issubclass(value, DOMNode) and value.__module__ == module.name:
                    yield value


def test_every_key_can_be_changed():
    known = {key.id: key for key in KEYS}
    assert len(known) == len(KEYS), "an id names one key"
    bound = [(kind, item) for kind in classes_with_keys() for item in vars(kind).get("BINDINGS", ())]
    assert len(bound) > 30
    for kind, item in bound:
        assert isinstance(item, Binding) and item.id in known, f"{kind.__name__}: {item} is not in the registry"
        assert item.key == known[item.id].keys, f"{kind.__name__}: {item.id}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[keys]\nundo = "U1"\nhelp = "f9"', "keys.undo"),
        ('[keys]\nundo = ["f8", 3]\nhelp = "f9"', "keys.undo"),
        ('[keys]\nund = "f8"\nhelp = "f9"', "did you mean undo?"),
        ('[keys]\nundo = "D"\nhelp = "f9"', "already the key of deploy"),
        ('[key]\nundo = "D"\n[keys]\nhelp = "f9"', "key: not known"),
    ],
)
def test_a_mistake_in_keys_toml_is_told_and_loses_nothing(tmp_path: Path, text: str, told: str) -> None:
    place = tmp_path / "keys.toml"
    place.write_text(text)
    keymap = load(place, KEYS)
    assert len(keymap.faults) == 1 and told in keymap.faults[0] and str(place) in keymap.faults[0]
    assert keymap.changed == {"help": "f9"}, "the rest of the file is taken"
    assert keymap.keys("undo") == Keymap(KEYS).keys("undo"), "what was not taken stays as it was"
    assert place.read_text() == text


def test_a_file_that_is_no_toml_is_told_and_the_default_keys_stay(tmp_path: Path) -> None:
    place = tmp_path / "keys.toml"
    place.write_text("[keys\n")
    keymap = load(place, KEYS)
    assert len(keymap.faults) == 1 and not keymap.changed


def test_names_that_textual_calls_its_own_are_there():
    """tui/widgets uses them. A release of Textual that drops one is kept out in pyproject.toml until it was tried."""
    for name in ("_display", "_batch_count", "_running", "_closed", "_driver"):
        assert hasattr(App(), name), name
    assert hasattr(App(), "_previous_cursor_position")
    for name in ("_border_title", "_closing", "_closed", "_pruning"):
        assert hasattr(Widget(), name), name
    for name in ("_run_input_thread", "run_input_thread"):
        assert callable(getattr(LinuxDriver, name)), name
    assert callable(Strip.render_ansi)
    assert LayoutUpdate([[Strip.blank(1)]], Region(0, 0, 1, 1)).strips
    assert ChopsUpdate([{0: None}], [(0, 0, 1)], [[1]]).chop_ends == [[1]]
