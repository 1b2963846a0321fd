"""Trees in a store: pushed once, found again by their digest or revision, and brought to this machine when needed."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from core.config import Project
from core.errors import SourceError, StoreError, StoreSilent
from core.events import Emit, Note
from core.jobs import Cancel
from core.manifest import Difference, Manifest
from core.records import Record
from core.source.received import kept, receive
from core.source.store import known, read_manifest, remember
from core.source.tree import Tree
from core.store import catalog
from core.store.catalog import Pack, Pushed
from core.store.objects import Objects
from core.store.packs import PackFiles, Packing
from core.text import count, size

_TELL_EVERY = 1.0
"""Seconds between two notes on how much has been pushed."""


@dataclass(eq=False, repr=False)
class StoredContents:
    """Gives the files of a tree that is in the store: all of them come here when one is needed. Safe on many threads.

    cancel   of files that are opened without a `fetch` before
    """

    objects: Objects
    cache: Path
    record: Record
    manifest: Manifest
    pack: Pack
    emit: Emit
    cancel: Cancel
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _tree: Tree | None = field(default=None, init=False)

    def fetch(self, paths: Collection[bytes], cancel: Cancel) -> None:
        """Have these files at hand. SourceError where they are not those of the release."""
        if any(self.manifest.entries[path].is_file for path in paths):
            self._here(cancel)

    def come(self, paths: Collection[bytes], cancel: Cancel) -> None:
        """As `fetch`: what comes from elsewhere counts only when all of it is there."""
        self.fetch(paths, cancel)

    def open(self, path: bytes) -> BinaryIO:
        """The content of a file. Raises as `fetch`."""
        return self._here(self.cancel).open(path)

    def _here(self, cancel: Cancel) -> Tree:
        with self._lock:
            if self._tree is None:
                self._tree = self._bring(cancel)
            return self._tree

    def _bring(self, cancel: Cancel) -> Tree:
        """The tree, whose files this takes from the store into the cache."""
        pack, record = self.pack, self.record
        files = count(self.manifest.files, "file")
        self.emit(Note(text=f"reading {size(pack.bytes)} from the store: {files}"))
        in_use(self.objects, record.digest, cancel)
        pieces = self.objects.pieces(catalog.pack_key(record.digest, pack.id), pack.bytes, cancel)
        try:
            return receive(self.cache, self.manifest, record, PackFiles(pieces, self.manifest), cancel)
        except StoreError as error:
            title = f"{record.tag} cannot be read from the store"
            raise SourceError(title, detail=error.said, hint=error.hint) from error


def find_pack(objects: Objects, digest: str, old: str = "", cancel: Cancel | None = None) -> Pack | None:
    """The facts of a tree's pack that is in the store; None where there is none."""
    raw = objects.read(catalog.facts_key(digest, old), catalog.LONGEST_FACTS, cancel)
    return catalog.parse_pack(raw) if raw else None


def find_packs(objects: Objects, wanted: Iterable[tuple[str, str]], cancel: Cancel) -> list[Pack | None]:
    """`find_pack` for many: each a digest, and that of the tree which the pack changes."""
    found = objects.read_all((catalog.facts_key(*each) for each in wanted), catalog.LONGEST_FACTS, cancel)
    return [catalog.parse_pack(raw) if raw else None for raw in found]


def in_use(objects: Objects, digest: str, cancel: Cancel) -> None:
    """Say that a tree is being deployed, so that a prune which runs at this moment keeps it. Who may only read goes on
    without: a prune that takes it is noticed by what is missing then, and nothing is switched.
    """
    try:
        objects.write(catalog.used_key(digest), b"", cancel)
    except StoreSilent:
        raise
    except StoreError:
        return


def find_pushed(objects: Objects, key: str, cancel: Cancel) -> Pushed | None:
    """What is said of a push at a key; None where it cannot be read."""
    return find_all_pushed(objects, [key], cancel)[0]


def find_all_pushed(objects: Objects, keys: Iterable[str], cancel: Cancel) -> list[Pushed | None]:
    """`find_pushed` for many keys."""
    found = objects.read_all(keys, catalog.LONGEST_FACTS, cancel)
    return [catalog.parse_pushed(raw) if raw else None for raw in found]


def push_pack(
    objects: Objects, tree: Tree, emit: Emit, cancel: Cancel, change: Difference | None = None, old: str = ""
) -> Pack:
    """Pack a tree, or what turns the tree `old` into it, and put it into the store.

    If this dies, the store has a part of it that nothing names, and the next push begins again.
    """
    packing = Packing(tree, change)
    told = time.monotonic()
    total = change.bytes if change else tree.manifest.bytes

    def pieces() -> Iterator[bytes]:
        nonlocal told
        for piece in packing.pieces():
            if time.monotonic() - told >= _TELL_EVERY:
                told = time.monotonic()
                emit(Note(text=f"{size(packing.content)} of {size(total)} packed into the store"))
            yield piece

    files = change.files if change else tree.manifest.files
    emit(Note(text=f"putting {size(total)} in {count(files, 'file')} into the store"))
    key = catalog.pack_key(tree.manifest.digest, packing.id, old)
    objects.write(key, pieces(), cancel)
    pack = packing.pack
    if objects.size(key, cancel) != pack.bytes:
        raise StoreError("the store has not kept all of a pack", detail=f"{objects.place}: {key}")
    objects.write(catalog.facts_key(tree.manifest.digest, old), catalog.to_json(pack), cancel)
    return pack


def push(
    objects: Objects, tree: Tree, environment: str, who: str, emit: Emit, cancel: Cancel, *, again: bool = False
) -> tuple[Pack, bool]:
    """Put a tree into the store, and say for which environment; its pack, and whether that was there already."""
    manifest = tree.manifest
    pack = None if again else find_pack(objects, manifest.digest, cancel=cancel)
    if pack is not None:
        # A prune that runs now keeps it from here on; what it took before that is put there again.
        name(objects, tree, environment, who, cancel)
        pack = find_pack(objects, manifest.digest, cancel=cancel)
    if pack is not None and objects.size(catalog.pack_key(manifest.digest, pack.id), cancel) == pack.bytes:
        return pack, True
    objects.write(catalog.manifest_key(manifest.digest), manifest.raw, cancel)
    pack = push_pack(objects, tree, emit, cancel)
    name(objects, tree, environment, who, cancel)
    return pack, False


def name(objects: Objects, tree: Tree, environment: str, who: str, cancel: Cancel) -> None:
    """Say of a tree in the store for which environment it was made, and from which revision."""
    pushed = Pushed(
        environment=environment,
        revision=tree.revision,
        source=tree.source,
        pushed=time.time(),
        subject=tree.subject,
        author=tree.author,
        ref=tree.ref,
        committed=tree.committed,
        by=who,
        bytes=tree.manifest.bytes,
        files=tree.manifest.files,
    )
    objects.write(catalog.pushed_key(tree.manifest.digest, pushed), catalog.to_json(pushed), cancel)


def stored_tree(objects: Objects, project: Project, record: Record, emit: Emit, cancel: Cancel) -> Tree | None:
    """The tree that a release was made from, as far as the store has it whole; None where it has not.

    Its manifest comes at once, its files when the first of them is opened.
    """
    digest, cache = record.digest, project.settings.cache
    pack = find_pack(objects, digest, cancel=cancel) if digest else None
    if pack is None:
        return None
    if tree := kept(cache, record):
        return tree
    manifest = known(cache, digest) or _manifest(objects, digest, cancel)
    if manifest is None:
        return None
    remember(cache, manifest)
    return Tree(
        folder=cache / "exports" / "received" / digest,
        manifest=manifest,
        revision=record.revision,
        source=record.source,
        subject=record.subject,
        author=record.author,
        ref=record.ref,
        stable=True,
        contents=StoredContents(objects, cache, record, manifest, pack, emit, cancel),
    )


def _manifest(objects: Objects, digest: str, cancel: Cancel) -> Manifest | None:
    """A tree's manifest, if it is the one with that digest."""
    raw = objects.read(catalog.manifest_key(digest), catalog.LONGEST_MANIFEST, cancel)
    if raw is None or hashlib.sha256(raw).hexdigest() != digest:
        return None
    try:
        return read_manifest(raw)
    except ValueError:
        return None
