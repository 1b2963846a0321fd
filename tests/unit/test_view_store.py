"""What is said of the store, in lines."""

from __future__ import annotations

from core.store.catalog import Object, Pruning, StoredTree
from tui.view.lines import plain
from tui.view.store_lines import prune_lines

OTHERS = tuple(Object(f"trees/{number}", 1000, 0.0) for number in range(2))
TREE = StoredTree("ab" * 32, (), 5000, 0.0, ())


def test_what_a_prune_removes_is_told_whatever_it_is():
    assert prune_lines(Pruning((), (), 3), 0.0) == []
    alone = [plain(line) for line in prune_lines(Pruning((), OTHERS, 3), 0.0)]
    rest = "2 objects that no release needs, of earlier changes or unfinished pushes, 2.0 kB"
    assert alone == ["Removes from the store, 2.0 kB:", rest]
    both = [plain(line) for line in prune_lines(Pruning((TREE,), OTHERS, 3), 0.0)]
    assert both[0] == "Removes from the store, 7.0 kB:" and both[-1] == f"and {rest}" and len(both) == 4
