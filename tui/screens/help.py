"""The help: every key as the user has it, with the reason beside one that does nothing now, and the signs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tui.commands.registry import grouped
from tui.dialogs.base import Dialog
from tui.keymap import Keymap
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, fit, line, width, wrap
from tui.view.matrix import legend

KEY_CELLS = 14
"""The width of the column of keys."""


class HelpScreen(Dialog[None]):
    """All keys by group. `why_not` gives the reason why an action does nothing now, or ""."""

    title_text = "Keys"

    def __init__(self, keymap: Keymap, glyphs: Glyphs, why_not: Callable[[str], str], *, place: str) -> None:
        super().__init__()
        self._keymap = keymap
        self._glyphs = glyphs
        self._why_not = why_not
        self._place = place

    def lines(self, cells: int) -> Sequence[Line]:
        cells -= 1  # the scroll bar's
        out: list[Line] = []
        for group, keys in grouped():
            out += [(), line((group, "head"))] if out else [line((group, "head"))]
            for key in keys:
                reason = self._why_not(key.id)
                spans = line(
                    (f"  {fit(self._keymap.shown_all(key.id), KEY_CELLS)}", "off" if reason else "key"),
                    (key.help, "off" if reason else ""),
                )
                beside = line((f"  ({reason})", "dim") if reason else "")
                if width(spans) + width(beside) <= cells:
                    out.append((*spans, *beside))
                else:
                    indent = " " * (KEY_CELLS + 2)
                    out += [spans, *(line((text, "dim")) for text in wrap(f"{indent}({reason})", cells, indent))]
        out += [(), line(("Signs", "head")), (*line("  "), *legend(self._glyphs))]
        out += [(), line(("Every key can be changed: ", "dim"), self._place), *self._faults()]
        return out

    def _faults(self) -> list[Line]:
        return [line((f"{self._glyphs.alert} {fault}", "warn")) for fault in self._keymap.faults]
