"""The cache folder: manifests found by digest and never trusted blindly, folders that appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.errors import SourceError
from core.manifest import FOLDER_ENTRY, Manifest
from core.source import store
from core.source.store import discard, known, making, put_in_place, remember, sweep, write_whole
from tests.strategies import file_entry
from tests.waiting import until

TREE = Manifest({b"a": FOLDER_ENTRY, b"a/\xff": file_entry(b"x")})


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache folder that does not exist yet."""
    return tmp_path / "cache"


def test_a_manifest_is_known_once_it_was_remembered(cache: Path) -> None:
    assert known(cache, TREE.digest) is None
    remember(cache, TREE)
    remember(cache, TREE)
    assert known(cache, TREE.digest) == TREE
    assert [path.name for path in (cache / "manifests").iterdir()] == [TREE.digest]
    assert (cache.stat().st_mode & 0o77) == 0, "for the user alone"


def test_a_manifest_that_was_changed_is_not_trusted_and_written_once_more(cache: Path) -> None:
    remember(cache, TREE)
    path = cache / "manifests" / TREE.digest
    path.write_text(path.read_text().replace("a/", "b/"))
    assert known(cache, TREE.digest) is None
    remember(cache, TREE)
    assert known(cache, TREE.digest) == TREE


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_what_is_not_a_digest_is_not_looked_for(cache: Path, digest: str) -> None:
    assert known(cache, digest) is None


def test_the_manifests_used_longest_ago_go(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "KEPT_MANIFESTS", 3)
    trees = [Manifest({str(number).encode(): FOLDER_ENTRY}) for number in range(5)]
    for number, tree in enumerate(trees[:4]):
        remember(cache, tree)
        os.utime(cache / "manifests" / tree.digest, (number + 1, number + 1))
    assert known(cache, trees[0].digest) is None
    assert known(cache, trees[1].digest) == trees[1]  # which makes it the one used last
    remember(cache, trees[4])
    assert [known(cache, tree.digest) is not None for tree in trees] == [False, True, False, True, True]


def test_a_cache_that_cannot_be_written_forgets(cache: Path) -> None:
    cache.write_text("")
    remember(cache, TREE)
    assert known(cache, TREE.digest) is None
    with pytest.raises(SourceError, match="cannot be created"):
        store.make_folder(cache / "exports")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    write_whole(tmp_path / "new/file", b"one")
    write_whole(tmp_path / "new/file", b"two")
    with pytest.raises(TypeError):
        write_whole(tmp_path / "new/file", "text")  # type: ignore[arg-type]
    assert (tmp_path / "new/file").read_bytes() == b"two"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]


def test_a_folder_appears_by_one_rename_and_the_first_one_wins(tmp_path: Path) -> None:
    for name in "first", "second":
        with making(tmp_path) as made:
            (made / "who").write_text(name)
            assert put_in_place(made, tmp_path / "final") == (name == "first")
    assert [path.name for path in (tmp_path / "final").iterdir()] == ["who"]
    assert (tmp_path / "final/who").read_text() == "first"
    until(lambda: [path.name for path in tmp_path.iterdir()] == ["final"], "the second one is removed")


def test_what_could_not_be_made_is_removed(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), making(tmp_path) as made:
        (made / "half").write_text("x")
        raise ZeroDivisionError
    until(lambda: not list(tmp_path.iterdir()), "nothing is left")


def test_a_sweep_leaves_what_is_being_made(tmp_path: Path) -> None:
    with making(tmp_path) as made:
        (tmp_path / ".trash-old").mkdir()
        (tmp_path / ".making-fresh").mkdir()
        (tmp_path / ".making-old").mkdir()
        os.utime(tmp_path / ".making-old", (1, 1))
        sweep(tmp_path)
        expected = {made.name, ".making-fresh"}
        until(lambda: {path.name for path in tmp_path.iterdir()} == expected, "leftovers are removed")


def test_a_sweep_leaves_what_is_not_locked_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, places = store.fcntl.flock, [tmp_path]

    def sweep_first(file: int, how: int) -> None:
        if places:
            sweep(places.pop())
        lock(file, how)

    monkeypatch.setattr(store.fcntl, "flock", sweep_first)
    with making(tmp_path) as made:
        (made / "half").write_text("x")
        assert not places


def test_what_is_gone_already_can_be_discarded(tmp_path: Path) -> None:
    discard(tmp_path / "missing")
    assert list(tmp_path.iterdir()) == []
