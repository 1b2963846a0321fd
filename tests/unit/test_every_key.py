"""Every key that does something is in the registry, so it can be changed in settings.toml, and is in the help."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

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
