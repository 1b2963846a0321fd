"""What people do with the store itself: put a tree there, list what is there, compare it, remove what nothing needs."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct

from core.config import Project
from core.errors import StoreError, StoreSilent
from core.events import Emit, Note
from core.jobs import Cancel, several
from core.operations.needed import recorded
from core.source import make_tree, source_of
from core.source.kinds import refuse_empty
from core.source.tree import Tree
from core.store import catalog, trees
from core.store.catalog import Object, Pack, Pruning, Pushed, StoredTree
from core.store.objects import Objects, store_of
from core.text import size

UNUSED_FOR = 7 * 86400.0
"""Seconds for which a tree that no record names is kept: CI may have pushed it for a deploy that is still to come."""

AT_ONCE = 4
"""Trees that are read or removed as a whole at the same time: of each, a piece of a pack is in memory."""


class Pushing(Struct, frozen=True):
    """What a push did. there: the store had the tree already."""

    tree: Tree
    pack: Pack
    there: bool


def push(
    project: Project,
    environment: str,
    ref: str | None,
    emit: Emit,
    cancel: Cancel,
    *,
    rebuild: bool = False,
    again: bool = False,
) -> Pushing:
    """Make the tree of a revision for an environment, and put it into the store. No server is asked.

    project   as it is in that environment
    again     also where the store has it already: what is there may be not right
    Raises StoreError, SourceError, UsageError.
    """
    refuse_empty(ref)
    objects = store_of(project)
    source_of(project).check(ref)
    tree = make_tree(project, ref, emit, cancel, target=environment, rebuild=rebuild)
    who = project.mask(project.settings.who)
    with project.settings.measured("store"):
        pack, there = trees.push(objects, tree, environment, who, emit, cancel, again=again)
    return Pushing(tree, pack, there)


def stored(project: Project, cancel: Cancel, environment: str = "") -> list[StoredTree]:
    """The trees in the store, the newest first; of an environment only where it is named."""
    objects = store_of(project)
    found = _trees(objects, _by_tree(objects.list(cancel=cancel)), cancel)
    named = [tree for tree in found if not environment or any(each.environment == environment for each in tree.pushed)]
    return sorted(named, key=lambda tree: tree.newest, reverse=True)


def _by_tree(items: Iterable[Object]) -> dict[str, list[Object]]:
    found: dict[str, list[Object]] = {}
    for item in items:
        if digest := catalog.digest_in(item.key):
            found.setdefault(digest, []).append(item)
    return found


def _trees(objects: Objects, by_tree: Mapping[str, Sequence[Object]], cancel: Cancel) -> list[StoredTree]:
    """The trees of these objects, with what is said of their pushes."""
    keys = [item.key for items in by_tree.values() for item in items if catalog.pushed_in(item.key)]
    said = dict(zip(keys, trees.find_all_pushed(objects, keys, cancel), strict=True))
    return [
        _tree(digest, items, [facts for item in items if (facts := said.get(item.key))])
        for digest, items in by_tree.items()
    ]


def _tree(digest: str, items: Sequence[Object], pushed: Iterable[Pushed]) -> StoredTree:
    return StoredTree(
        digest,
        tuple(sorted(pushed, key=lambda facts: facts.pushed, reverse=True)),
        sum(item.bytes for item in items),
        max(item.written for item in items),
        tuple(item.key for item in items),
    )


def verify(project: Project, emit: Emit, cancel: Cancel) -> dict[str, str]:
    """By digest of each tree in the store: what is wrong with it, "" where nothing is. Every object is read."""
    objects = store_of(project)
    by_tree = _by_tree(objects.list(cancel=cancel))

    def look(digest: str) -> str:
        cancel.check()
        items = by_tree[digest]
        emit(Note(text=f"reading {size(sum(item.bytes for item in items))} of {digest[:12]}"))
        return "; ".join(_faults(objects, digest, items, cancel))

    return dict(zip(by_tree, several(look, by_tree, AT_ONCE), strict=True))


def _faults(objects: Objects, digest: str, items: Sequence[Object], cancel: Cancel) -> list[str]:
    faults = []
    keys = {item.key for item in items}
    whole = any(key.startswith(f"{catalog.pack_folder(digest)}/") for key in keys)
    if whole or catalog.manifest_key(digest) in keys:
        raw = objects.read(catalog.manifest_key(digest), catalog.LONGEST_MANIFEST, cancel)
        if raw is None:
            faults.append("its manifest is missing")
        elif hashlib.sha256(raw).hexdigest() != digest:
            faults.append("its manifest is not the one that was pushed")
        if catalog.facts_key(digest) not in keys:
            faults.append("a push was not finished")
    for old in ("", *sorted({base for key in keys if (base := catalog.base_in(key))})):
        if catalog.facts_key(digest, old) in keys and (fault := _pack_fault(objects, digest, old, cancel)):
            faults.append(fault)
    return faults


def _pack_fault(objects: Objects, digest: str, old: str, cancel: Cancel) -> str:
    name = f"the pack of its changes from {old[:12]}" if old else "its pack"
    pack = trees.find_pack(objects, digest, old, cancel)
    if pack is None:
        return f"{name}: its facts cannot be read"
    key = catalog.pack_key(digest, pack.id, old)
    there = objects.size(key, cancel)
    if there is None:
        return f"{name} is missing"
    if there != pack.bytes:
        return f"{name} has {size(there)}, and {size(pack.bytes)} were pushed"
    digested = hashlib.sha256()
    try:
        for piece in objects.pieces(key, pack.bytes, cancel):
            digested.update(piece)
    except StoreSilent:
        raise
    except StoreError as error:
        return f"{name}: {error.title}"
    return "" if digested.hexdigest() == pack.sha256 else f"{name} is not what was pushed: its SHA-256 differs"


def plan_prune(project: Project, cancel: Cancel, unused_for: float = UNUSED_FOR) -> Pruning:
    """What nothing needs: trees that no record of any environment names, and that were written so long ago; older packs
    of changes, which only make a deploy faster; what no facts name. Nothing is removed yet.

    Raises as `recorded`.
    """
    objects = store_of(project)
    items = objects.list(cancel=cancel)
    needed, unused = recorded(project, cancel)
    before = time.time() - unused_for
    by_tree = _by_tree(items)
    stays = [
        digest
        for digest, own in by_tree.items()
        if digest in needed or max(item.written for item in own) >= before or _pushed_for(own, unused)
    ]
    packs = dict(zip(stays, trees.find_packs(objects, ((digest, "") for digest in stays), cancel), strict=True))
    gone = _trees(objects, {digest: own for digest, own in by_tree.items() if digest not in packs}, cancel)
    others = [item for digest in stays for item in _needless(digest, by_tree[digest], packs[digest], before)]
    trials = [item for item in items if item.key.startswith(f"{catalog.TRIALS}/")]
    others += [item for item in [*trials, *objects.left_behind()] if item.written < before]
    return Pruning(tuple(gone), tuple(others), len(stays), tuple(sorted(unused)))


def _pushed_for(items: Iterable[Object], environments: Collection[str]) -> bool:
    """Whether a tree was pushed for one of these environments."""
    return any(found[1] in environments for item in items if (found := catalog.pushed_in(item.key)))


def _needless(digest: str, items: Sequence[Object], pack: Pack | None, before: float) -> list[Object]:
    """Of a tree that stays: old packs of changes, and old packs that its facts, those of `pack`, do not name."""
    named = {catalog.pack_key(digest, pack.id)} if pack else set()
    # Facts that this version cannot read may be of a newer one: which pack they name is unknown.
    known = pack is not None or all(item.key != catalog.facts_key(digest) for item in items)
    found = []
    for item in items:
        orphan = known and item.key.startswith(f"{catalog.pack_folder(digest)}/") and item.key.endswith(".tar.gz")
        if item.written < before and (catalog.base_in(item.key) or (orphan and item.key not in named)):
            found.append(item)
    return found


def prune(project: Project, planned: Pruning, cancel: Cancel, unused_for: float = UNUSED_FOR) -> Pruning:
    """Remove what was planned, as far as nothing has come to need it since; what was removed."""
    now = plan_prune(project, cancel, unused_for)
    planned_trees = {tree.digest for tree in planned.trees}
    planned_others = {item.key for item in planned.others}
    others = tuple(item for item in now.others if item.key in planned_others)
    objects = store_of(project)

    def remove(tree: StoredTree) -> bool:
        cancel.check()
        if tree.digest not in planned_trees or _written_since(objects, tree, cancel):
            return False
        _remove(objects, tree.keys)
        return True

    removed = several(remove, now.trees, AT_ONCE)
    _remove(objects, [item.key for item in others])
    gone = tuple(tree for tree, went in zip(now.trees, removed, strict=True) if went)
    return Pruning(gone, others, now.kept + len(now.trees) - len(gone), now.unused)


def _remove(objects: Objects, keys: Sequence[str]) -> None:
    """Remove objects, facts of packs first: nobody is told of a pack that is being removed."""
    facts = {key for key in keys if key.endswith("/pack.json")}
    objects.remove(facts)
    objects.remove(key for key in keys if key not in facts)


def _written_since(objects: Objects, tree: StoredTree, cancel: Cancel) -> bool:
    """Whether somebody pushed a tree again since it was listed: asking all servers takes a while."""
    items = objects.list(catalog.tree_folder(tree.digest), cancel)
    return {item.key for item in items} != {*tree.keys} or any(item.written > tree.newest for item in items)
