"""Trees of very many files are kept as text: they say and differ as any other tree does."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import gathering, manifest
from core.gathering import Differing, Gathering
from core.manifest import EMPTY, FOLDER, FOLDER_ENTRY, Entry, Manifest, difference, parse
from core.packed import Lines, Packed
from core.source.selection import selected
from tests.strategies import file_entry, private_manifests


def packed(tree: Manifest) -> Manifest:
    """The same tree as a large one is kept."""
    return Manifest(Packed(Lines(tree.raw)))


def wide(number: int) -> Manifest:
    """A tree with some hundred files, of which every seventh depends on the number."""
    files = {b"d%d/f%d" % (n % 9, n): file_entry(b"%d" % (number if n % 7 == 0 else 0)) for n in range(300)}
    return Manifest(files | {b"d%d" % n: FOLDER_ENTRY for n in range(9)})


@given(private_manifests(), st.randoms(use_true_random=False))
def test_a_tree_that_is_kept_as_text_has_the_same_entries(tree: Manifest, random: Random) -> None:
    large = packed(tree)
    assert dict(large.entries.items()) == tree.entries
    assert list(large.entries.values()) == [tree.entries[path] for path in large.entries]
    paths = list(tree.entries)
    random.shuffle(paths)
    assert [large.entries[path] for path in paths] == [tree.entries[path] for path in paths]
    assert all(path in large.entries and path + b"/no" not in large.entries for path in paths)
    assert large.entries.get(b"nowhere") is None and "text" not in large.entries
    assert list(large.in_order()) == list(tree.in_order())
    assert (large.text, large.digest, list(large.lines)) == (tree.text, tree.digest, list(tree.lines))
    assert (large.bytes, large.files, len(large.entries)) == (tree.bytes, tree.files, len(tree.entries))


@given(private_manifests(), private_manifests(), st.booleans())
def test_large_trees_differ_as_small_ones_do(old: Manifest, new: Manifest, of_group: bool) -> None:
    same(old, new, of_group=of_group)


def same(old: Manifest, new: Manifest, *, of_group: bool = False) -> None:
    """Two trees differ in the same way, whichever of them is large."""
    expected = difference(old, new, of_group=of_group)
    for one, other in ((packed(old), packed(new)), (old, packed(new)), (packed(old), new)):
        found = difference(one, other, of_group=of_group)
        facts = found.remove, found.send, found.bytes, found.files, tuple(found.gone), tuple(found.added), found.empty
        assert facts == (
            *(expected.remove, expected.send, expected.bytes, expected.files),
            *(tuple(expected.gone), tuple(expected.added), expected.empty),
        )


def test_trees_that_differ_here_and_there_are_compared_in_step() -> None:
    same(wide(1), wide(2))
    same(wide(1), wide(1))
    same(EMPTY, wide(1))
    same(wide(1), EMPTY)
    shorter = Manifest({path: entry for path, entry in wide(1).entries.items() if not path.startswith(b"d4")})
    same(wide(1), shorter)
    same(shorter, wide(2))


def test_lines_are_counted_from_both_ends() -> None:
    lines = Lines(b"one\ntwo\n\nfour\n")
    assert (list(lines), len(lines), lines[0], lines[-1], lines[1:3]) == (
        ["one", "two", "", "four"],
        *(4, "one", "four", ["two", ""]),
    )
    for place in (4, -5):
        with pytest.raises(IndexError):
            lines[place]
    assert (list(Lines(b"")), len(Lines(b""))) == ([], 0)


@given(private_manifests(), private_manifests())
def test_what_is_gathered_is_the_same_before_and_after_it_is_very_much(tree: Manifest, other: Manifest) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gathering, "MANY", 2)
        entries = Gathering()
        entries.update(tree.entries.items())
        assert entries.is_large == (len(tree.entries) > 2)
        assert dict(entries.items()) == tree.entries and len(entries) == len(tree.entries)
        assert sorted(entries.folders()) == sorted(p for p, entry in tree.entries.items() if entry.kind == FOLDER)
        for path in list(tree.entries)[:2]:
            assert (path in entries, entries.get(path), entries[path]) == (True, *[tree.entries[path]] * 2)
            del entries[path]
            assert entries.get(path) is None
        expected = dict(list(tree.entries.items())[2:]) | other.entries
        entries.update(other.entries.items())
        assert entries.manifest().text == Manifest(expected).text


@pytest.mark.parametrize("large", [False, True])
def test_one_begins_with_what_another_tree_has(large: bool) -> None:
    tree = packed(wide(1)) if large else wide(1)
    entries = Gathering()
    entries.take(tree, {b"d1/f1", b"d2/f2"})
    assert entries.is_large == large
    assert set(tree.entries) - set(entries) == {b"d1/f1", b"d2/f2"}
    entries[b"d1/f1"] = changed = Entry("l", 0, "x")
    made = entries.manifest()
    assert made.is_large == large and made.entries[b"d1/f1"] == changed and made.entries[b"d1"] == FOLDER_ENTRY
    assert tuple(path for path in difference(tree, made).send) == (b"d1/f1",)


def test_of_files_that_come_again_only_those_that_differ_are_kept() -> None:
    entries = Differing(wide(1))
    entries.update(wide(2).entries.items())
    differing = {path for path, entry in wide(2).entries.items() if wide(1).entries[path] != entry}
    assert {path for path, entry in entries.items() if entry.is_file} == differing != set()
    assert entries.get(b"d1") == FOLDER_ENTRY and entries[b"d1/f1"] == wide(1).entries[b"d1/f1"]
    entries.update(wide(1).entries.items())
    assert sorted(entries) == sorted(entries.folders())


def large_texts(patch: pytest.MonkeyPatch) -> str:
    """The text of a tree that counts as large, and is parsed a few lines at a time."""
    patch.setattr(manifest, "MANY", 10)
    patch.setattr(manifest, "_PIECE", 300)
    return wide(3).text


def test_a_large_text_is_parsed_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    text = large_texts(monkeypatch)
    for form in (text, text.encode()):
        found = parse(form)
        assert found.is_large and found.text == text and dict(found.entries.items()) == wide(3).entries


def test_a_large_text_that_turnout_did_not_write_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = large_texts(monkeypatch).splitlines(keepends=True)
    for place in range(0, len(lines), 11):
        before, item, after = "".join(lines[:place]), lines[place], "".join(lines[place + 1 :])
        faults = {
            f"line {place + 1} of": before + item.replace("\t", " ") + after,
            "twice": before + item + item.replace("\tf\t", "\tx\t").replace("\td\t0\t-", "\tl\t0\tx") + after,
            "out of order": before + after + item if after else item + before,
            "cut off": before + item.removesuffix("\n") if item.endswith("\n") else "",
            "ascii": before + "é" + item + after,
        }
        for reason, text in faults.items():
            with pytest.raises(ValueError, match=reason):
                parse(text.encode() if reason == "ascii" else text)


def test_what_is_deployed_of_a_large_tree_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = selected(wide(1), "d3", ["*7"])
    monkeypatch.setattr(gathering, "MANY", 10)
    found = selected(packed(wide(1)), "d3", ["*7"])
    assert found.is_large and found.digest == expected.digest and 10 < len(found.entries) < 34
