"""The store in a folder: what a push, a prune and `--from-store` make of what others did meanwhile."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import core.operations.storing as storing
from core.config import Project, parse
from core.errors import SourceError, StoreError, UsageError
from core.events import unheard
from core.jobs import Cancel
from core.manifest import EXECUTABLE, FILE, FOLDER_ENTRY, Entry, Manifest, link
from core.operations.pushed import pushed_tree
from core.settings import Settings
from core.source.store import read_manifest
from core.source.tree import Tree
from core.store import catalog, trees
from core.store.objects import Objects, store_of
from core.store.packs import PackFiles, Packing, contents_of, largest, most_unpacked
from core.tar.writer import header

pytest.importorskip("obstore")
WEEK = 8 * 86400


@pytest.fixture
def project(tmp_path: Path) -> Project:
    servers = 'environments.production.servers = [{ name = "w", host = "w", root = "/srv/shop" }]'
    text = f'project = "shop"\nsource.directory = "."\n{servers}\n[store]\nurl = "file://{tmp_path}/store"\n'
    settings = Settings(environ={"TURNOUT_CACHE_DIR": str(tmp_path / "cache")})
    return parse(text, tmp_path / "turnout.toml", settings)


@pytest.fixture
def objects(project: Project) -> Objects:
    return store_of(project)


def tree_of(top: Path, files: dict[str, bytes], revision: str = "a" * 40) -> Tree:
    entries: dict[bytes, Entry] = {}
    for name, content in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(content)
        if "/" in name:
            entries[name.rpartition("/")[0].encode()] = FOLDER_ENTRY
        kind = EXECUTABLE if name.endswith(".sh") else FILE
        entries[name.encode()] = Entry(kind, len(content), hashlib.sha256(content).hexdigest())
    return Tree(top, Manifest(entries), revision, "directory")


def pushed(objects: Objects, tree: Tree) -> bool:
    return trees.push(objects, tree, "production", "ana@ci", unheard, Cancel())[1]


def grow_old(top: Path) -> None:
    for path in (top / "store").rglob("*"):
        os.utime(path, (path.stat().st_mtime - WEEK,) * 2)


def fetched(project: Project, tree: Tree) -> Tree:
    """The tree as a machine has it that has only the store."""
    found = pushed_tree(project, "production", tree.revision, unheard, Cancel())
    assert found.manifest == tree.manifest
    return found


@pytest.mark.parametrize(
    "files", [{}, {"empty": b""}, {"a/b": b"x" * 1500, "run.sh": b"exit\n"}], ids=["none", "0", "2"]
)
def test_a_tree_comes_back_as_it_was_pushed(files, project, objects, tmp_path) -> None:
    tree = tree_of(tmp_path / "tree", files)
    assert not pushed(objects, tree)
    assert pushed(objects, tree), "it is there now"
    found = fetched(project, tree)
    for path, content in files.items():
        with found.open(path.encode()) as file:
            assert file.read() == content
    assert set(storing.verify(project, unheard, Cancel()).values()) == {""}


def test_a_prune_takes_nothing_that_was_pushed_while_servers_were_asked(
    project, objects, tmp_path, monkeypatch
) -> None:
    old, again = tree_of(tmp_path / "old", {"a": b"1"}), tree_of(tmp_path / "again", {"a": b"2"}, "b" * 40)
    assert not pushed(objects, old) and not pushed(objects, again)
    grow_old(tmp_path)
    monkeypatch.setattr(storing, "recorded", lambda *_: (frozenset(), frozenset()))
    plan = storing.plan_prune(project, Cancel())
    assert len(plan.trees) == 2

    def meanwhile(*_: object) -> tuple[frozenset[str], frozenset[str]]:
        assert pushed(objects, again)
        return frozenset(), frozenset()

    monkeypatch.setattr(storing, "recorded", meanwhile)
    done = storing.prune(project, plan, Cancel())
    assert [tree.digest for tree in done.trees] == [old.manifest.digest] and done.kept == 1
    assert set(storing.verify(project, unheard, Cancel())) == {again.manifest.digest}
    fetched(project, again)


def test_a_prune_keeps_the_tree_of_a_deploy_that_began_while_servers_were_asked(
    project, objects, tmp_path, monkeypatch
) -> None:
    """No record names it yet."""
    tree = tree_of(tmp_path / "tree", {"a": b"1"})
    pushed(objects, tree)
    grow_old(tmp_path)
    monkeypatch.setattr(storing, "recorded", lambda *_: (frozenset(), frozenset()))
    plan = storing.plan_prune(project, Cancel())
    assert len(plan.trees) == 1
    found = fetched(project, tree)
    assert len(storing.plan_prune(project, Cancel()).trees) == 1, "a plan alone changes nothing in the store"

    def meanwhile(*_: object) -> tuple[frozenset[str], frozenset[str]]:
        found.fetch([b"a"], Cancel())
        return frozenset(), frozenset()

    monkeypatch.setattr(storing, "recorded", meanwhile)
    assert not storing.prune(project, plan, Cancel()).trees
    assert storing.verify(project, unheard, Cancel()) == {tree.manifest.digest: ""}
    assert storing.plan_prune(project, Cancel()).empty, "for as long as one that was just pushed"


def test_what_a_killed_push_left_in_a_folder_is_pruned_once_it_is_old(project, objects, tmp_path, monkeypatch) -> None:
    tree = tree_of(tmp_path / "tree", {"a": b"1"})
    pushed(objects, tree)
    folder = tmp_path / "store/shop" / catalog.pack_folder(tree.manifest.digest)
    half, named = folder / "0123456789abcdef.tar.gz#1", folder / "not ours#1.txt"
    half.write_bytes(b"half")
    named.write_bytes(b"")
    monkeypatch.setattr(storing, "recorded", lambda *_: (frozenset({tree.manifest.digest}), frozenset()))
    assert storing.plan_prune(project, Cancel()).empty, "a push may be writing it"
    os.utime(half, (1, 1))
    plan = storing.plan_prune(project, Cancel())
    assert [item.bytes for item in plan.others] == [4]
    storing.prune(project, plan, Cancel())
    assert not half.exists() and named.exists()
    fetched(project, tree)


def test_what_is_said_of_a_push_is_one_line_each(project, objects, tmp_path) -> None:
    tree = tree_of(tmp_path / "tree", {"a": b"1"})
    facts = catalog.Pushed("production", "a" * 40, "directory", 1.0, subject="Fix\nthe\r\nbasket\x1b[31m", by="ana\n")
    objects.write(catalog.pushed_key(tree.manifest.digest, facts), catalog.to_json(facts))
    (found,) = storing.stored(project, Cancel())
    assert (found.pushed[0].subject, found.pushed[0].by) == ("Fix the basket", "ana")


def test_a_pack_of_folders_without_end_is_refused(project, objects, tmp_path) -> None:
    folder = header(b"deploy-cache/x/", b"5", 0o755, 0, 0)
    manifest = tree_of(tmp_path / "tree", {"x/a": b"1"}).manifest
    with pytest.raises(StoreError, match="not whole, or is none"):
        PackFiles(itertools.repeat(gzip.compress(folder * 100)), manifest).mtime()


@pytest.mark.parametrize("files", [{}, {"a/b": b"x" * 1500, "run.sh": b"exit\n", "long/" + "n" * 200: b""}])
def test_a_pack_never_unpacks_to_more_than_what_a_server_takes_at_most(files, tmp_path) -> None:
    tree = tree_of(tmp_path / "tree", files)
    content = gzip.decompress(b"".join(Packing(tree).pieces()))
    assert len(content) < most_unpacked(tree.manifest, None)
    assert largest(tree.manifest, None) >= max([0, *map(len, files.values())])


def test_what_a_large_pack_holds_is_found_without_a_list_of_it() -> None:
    sums = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(20_000)]
    raw = "".join(sorted(f"folder/name-{number:05}\tf\t9\t{sums[number]}\n" for number in range(20_000))).encode()
    tree = read_manifest(b"folder\td\t0\t-\n" + raw)
    assert tree.is_large
    tracemalloc.start()
    try:
        contents_of(tree, None)
        assert tracemalloc.get_traced_memory()[1] < 2 * len(raw)
    finally:
        tracemalloc.stop()


def test_a_push_puts_there_again_what_a_prune_takes_at_that_moment(project, objects, tmp_path, monkeypatch) -> None:
    tree = tree_of(tmp_path / "tree", {"a": b"1"})
    assert not pushed(objects, tree)
    real = trees.find_pack

    def taken(*words: Any, **options: Any) -> object:
        found = real(*words, **options)
        if found is not None:
            objects.remove([catalog.facts_key(tree.manifest.digest), catalog.pack_key(tree.manifest.digest, found.id)])
        return found

    monkeypatch.setattr(trees, "find_pack", taken)
    assert not pushed(objects, tree)
    monkeypatch.undo()
    fetched(project, tree)


def test_a_pack_whose_facts_a_newer_version_wrote_stays(project, objects, tmp_path, monkeypatch) -> None:
    tree = tree_of(tmp_path / "tree", {"a": b"1"})
    pushed(objects, tree)
    objects.write(catalog.facts_key(tree.manifest.digest), b'{"format": 2}')
    grow_old(tmp_path)
    monkeypatch.setattr(storing, "recorded", lambda *_: (frozenset({tree.manifest.digest}), frozenset()))
    assert storing.plan_prune(project, Cancel()).empty


def test_a_revision_is_named_so_that_it_can_be_only_one(project, objects, tmp_path) -> None:
    for revision in ("ab12" + "0" * 36, "ab12" + "1" * 36, "cd34" + "0" * 36):
        pushed(objects, tree_of(tmp_path / revision, {"a": revision.encode()}, revision))
    found = pushed_tree(project, "production", "cd34", unheard, Cancel())
    assert found.revision == "cd34" + "0" * 36
    for word in ("ab12", "c"):
        with pytest.raises(UsageError, match="does not say which revision"):
            pushed_tree(project, "production", word, unheard, Cancel())
    with pytest.raises(UsageError, match="has no tree of ee"):
        pushed_tree(project, "production", "ee", unheard, Cancel())
    for digest in ("bf606fe06ea4", "bf60a7b2c3d4"):
        pushed(objects, tree_of(tmp_path / digest, {"a": digest.encode()}, f"content:{digest}"))
    with pytest.raises(UsageError) as caught:
        pushed_tree(project, "production", "content:bf60", unheard, Cancel())
    assert "content_bf606fe06ea4, content_bf60a7b2c3d4" in caught.value.detail


@pytest.mark.parametrize("revision", ["content:bf606fe06ea4", "v2.4.1-rc1", "a" * 64])
def test_a_tree_of_a_folder_is_found_whatever_its_revision_is_called(revision, project, objects, tmp_path) -> None:
    tree = tree_of(tmp_path / "tree", {"a": b"1"}, revision)
    pushed(objects, tree)
    for word in (None, revision, revision[:12]):
        assert pushed_tree(project, "production", word, unheard, Cancel()).manifest == tree.manifest


def test_what_is_said_of_a_push_counts_only_at_its_own_place(project, objects, tmp_path) -> None:
    tree = tree_of(tmp_path / "tree", {"a": b"1"})
    pushed(objects, tree)
    facts = catalog.Pushed("production", tree.revision, "directory", 1.0)
    other = replace(facts, revision="f" * 40)
    objects.write(catalog.pushed_key(tree.manifest.digest, other), catalog.to_json(facts))
    with pytest.raises(UsageError, match="has no tree of ffff"):
        pushed_tree(project, "production", "f" * 40, unheard, Cancel())


@pytest.mark.parametrize(
    "wrong",
    [{"revision": "../../x y"}, {"revision": "a\nb"}, {"ref": "-o"}, {"source": "No Source"}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_is_said_of_a_push_keeps_the_rules_of_a_record(project, objects, tmp_path, wrong) -> None:
    tree = tree_of(tmp_path / "tree", {"a": b"1"})
    pushed(objects, tree)
    (theirs,) = [item.key for item in objects.list(catalog.TREES) if catalog.pushed_in(item.key)]
    objects.remove([theirs])
    facts = replace(catalog.Pushed("production", tree.revision, "directory", 1.0), **wrong)
    objects.write(catalog.pushed_key(tree.manifest.digest, facts), catalog.to_json(facts))
    with pytest.raises(UsageError, match="has no tree"):
        pushed_tree(project, "production", None, unheard, Cancel())


@pytest.mark.parametrize("at", [124, 136], ids=["size", "time"])
@pytest.mark.parametrize("number", [b"\x80" + b"\xff" * 11, b"-0000000001\0", b"7777777777 \0"])
def test_numbers_that_no_pack_has_are_refused_before_anything_is_taken(at, number, tmp_path) -> None:
    import zlib

    tree = tree_of(tmp_path, {"a/b": b"1"})
    raw = bytearray(zlib.decompress(b"".join(Packing(tree).pieces()), 31))
    start = 0 if at == 124 else 512  # the folder a, and the file in it
    raw[start + at : start + at + 12] = number[:12]
    files = PackFiles([zlib.compress(bytes(raw), 1, 31)], tree.manifest)
    if at == 136 and number[:1] == b"7":
        assert files.mtime() == 0o7777777777
        return
    with pytest.raises(StoreError, match="not whole, or is none"):
        files.mtime()
        files.read(1)


def test_files_that_are_no_longer_those_of_the_release_are_refused(project, objects, tmp_path) -> None:
    tree = tree_of(tmp_path / "tree", {"a": b"1", "b": b"2"})
    pushed(objects, tree)
    (pack,) = (tmp_path / "store").rglob("*.tar.gz")
    other = tree_of(tmp_path / "other", {"a": b"1", "b": b"3"})
    pack.write_bytes(b"".join(Packing(other).pieces()))
    with pytest.raises(SourceError):
        fetched(project, tree).open(b"b")


def test_a_link_in_a_tree_is_never_written_through(project, objects, tmp_path) -> None:
    tree = tree_of(tmp_path / "tree", {"a": b"1"})
    entries = {**tree.manifest.entries, b"out": link(os.fsencode(tmp_path)), b"out/evil": tree.manifest.entries[b"a"]}
    (tmp_path / "tree/out").mkdir()
    (tmp_path / "tree/out/evil").write_bytes(b"1")
    pushed(objects, replace(tree, manifest=Manifest(entries)))
    with pytest.raises(SourceError, match="not a folder"):
        pushed_tree(project, "production", tree.revision, unheard, Cancel()).open(b"a")
    assert not (tmp_path / "evil").exists()
