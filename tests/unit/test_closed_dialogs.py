"""What a dialog has drawn does not stay in memory when it is closed."""

from __future__ import annotations

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
