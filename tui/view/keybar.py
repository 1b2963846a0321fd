"""The keys at the bottom of the screen: those that matter here, the most important first, as many as fit."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from rich.cells import cell_len

from tui.view.lines import Line, Span


class KeyHint(Struct, frozen=True):
    """One key of the bar.

    why_not   the reason where it does nothing now
    rank      the highest goes first when the bar is too narrow
    """

    action: str
    key: str
    label: str
    why_not: str = ""
    rank: int = 5
    to_right: bool = False

    @property
    def cells(self) -> int:
        return cell_len(self.key) + 1 + cell_len(self.label)


class PlacedKey(Struct, frozen=True):
    """A key of the bar and the cells it covers."""

    hint: KeyHint
    start: int
    end: int


def keybar(hints: Sequence[KeyHint], cells: int) -> tuple[Line, tuple[PlacedKey, ...]]:
    """The bar as a line, and the place of each key in it (for the mouse)."""
    chosen = list(hints)
    while chosen and _needed(chosen) > cells:
        chosen.remove(max(reversed(chosen), key=lambda hint: hint.rank))
    spans: list[Span] = [Span(" ")]
    placed: list[PlacedKey] = []
    at = 1
    right_cells = sum(hint.cells + 2 for hint in chosen if hint.to_right)
    for hint in sorted(chosen, key=lambda hint: hint.to_right):
        if hint.to_right and not any(key.hint.to_right for key in placed):
            gap = max(cells - at - right_cells, 0)
            spans.append(Span(" " * gap))
            at += gap
        off = bool(hint.why_not)
        spans += [Span(hint.key, "off" if off else "key"), Span(" " + hint.label, "off" if off else ""), Span("  ")]
        placed.append(PlacedKey(hint, at, at + hint.cells))
        at += hint.cells + 2
    return tuple(span for span in spans if span.text), tuple(placed)


def _needed(hints: Sequence[KeyHint]) -> int:
    return 1 + sum(hint.cells + 2 for hint in hints)
