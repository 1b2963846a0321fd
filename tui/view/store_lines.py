"""What is in the store, in lines (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core.store.catalog import short
from core.text import count, size
from tui.view.formats import ago
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, line, one_line

if TYPE_CHECKING:
    from core.store.catalog import Pruning, StoredTree

SHORT = 12
"""Characters of a digest or commit that are shown."""


def stored_lines(trees: Sequence[StoredTree], now: float) -> list[Line]:
    """A tree a line: digest, revision, environments, size, when, by whom, subject."""
    if not trees:
        return [line("the store has no trees of this project")]
    said = [tree.said for tree in trees]
    rows = [
        (
            tree.digest[:SHORT],
            short(one_line(known["revision"])) or "–",
            one_line(known["environments"]) or "–",
            size(tree.bytes),
            ago(now - tree.newest),
            one_line(known["by"]),
        )
        for tree, known in zip(trees, said, strict=True)
    ]
    head = ("TREE", "REVISION", "FOR", "SIZE", "WRITTEN", "BY")
    cells = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    lines = [line((_in_cells(head, cells), "head"))]
    for row, known in zip(rows, said, strict=True):
        lines.append(line(_in_cells(row, cells), (f"  {one_line(known['subject'])}", "dim")))
    return lines


def verified_lines(found: Mapping[str, str], glyphs: Glyphs) -> list[Line]:
    """A tree a line, with what is wrong with it."""
    return [
        line((f"{glyphs.cross} ", "bad"), digest[:SHORT], f"  {one_line(fault)}")
        if fault
        else line((f"{glyphs.done} ", "ok"), digest[:SHORT], ("  as it was pushed", "dim"))
        for digest, fault in found.items()
    ]


def prune_lines(plan: Pruning, now: float) -> list[Line]:
    """What a prune of the store removes; [] for nothing."""
    if plan.empty:
        return []
    lines = [line(("Removes from the store", "strong"), f", {size(plan.bytes)}:")]
    if plan.trees:
        lines += stored_lines(plan.trees, now)
    if plan.others:
        freed = size(sum(item.bytes for item in plan.others))
        what = f"{count(len(plan.others), 'object')} that no release needs, of earlier changes or unfinished pushes"
        lines.append(line(f"{'and ' if plan.trees else ''}{what}, {freed}"))
    return lines


def _in_cells(row: Sequence[str], cells: Sequence[int]) -> str:
    return "  ".join(f"{text:<{width}}" for text, width in zip(row, cells, strict=True)).rstrip()
