"""Every screen, dialog and tab is shown in some picture."""

from __future__ import annotations

import importlib
import pkgutil

from textual.screen import Screen

import tui.dialogs
import tui.palette
import tui.screens
from tests.tui import test_pictures
from tests.tui.recorded import NOW
from tests.tui.shown_in import BASES, SHOWN_IN, TABS_SHOWN_IN
from tests.tui.tour_states import STATES
from tui.keymap import Keymap
from tui.view.glyphs import UNICODE
from tui.widgets.bottom import BottomPane


def test_no_screen_dialog_or_tab_is_left_out() -> None:
    modules = [
        importlib.import_module(f"{package.__name__}.{found.name}")
        for package in (tui.screens, tui.dialogs)
        for found in pkgutil.iter_modules(package.__path__)
    ]
    kinds = {
        kind
        for module in [*modules, tui.palette]
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Screen) and kind.__module__ == module.__name__
    }
    assert kinds == {*SHOWN_IN, *BASES}
    pane = BottomPane(UNICODE, lambda: NOW, Keymap(()))
    assert [*pane.tabs] == [*TABS_SHOWN_IN]
    pictured = {name for name in vars(test_pictures) if name.startswith("test_")}
    assert {*SHOWN_IN.values(), *TABS_SHOWN_IN.values()} <= pictured | {*STATES}
