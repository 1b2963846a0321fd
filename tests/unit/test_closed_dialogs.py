"""What a dialog has drawn does not stay in memory when it is closed."""

from __future__ import annotations

import subprocess
import sys

import pytest
from textual._styles_cache import StylesCache
from textual.color import Color

import tui.app  # it is what sets the bound


def test_textual_keeps_few_widgets_that_are_gone():
    assert tui.app.TurnoutApp
    function = StylesCache.get_inner_outer
    function.cache_clear()
    drawn = [StylesCache() for _ in range(200)]
    for cache in drawn:
        cache.get_inner_outer(Color(0, 0, 0), Color(1, 1, 1))
    assert function.cache_info().currsize <= 64


@pytest.mark.parametrize(
    "other", ["del StylesCache.get_inner_outer", "StylesCache.get_inner_outer = lambda *colours: colours"]
)
def test_a_textual_that_keeps_nothing_of_them_starts_as_well(other):
    program = f"from textual._styles_cache import StylesCache\n{other}\nimport tui.app"
    subprocess.run([sys.executable, "-c", program], check=True)
