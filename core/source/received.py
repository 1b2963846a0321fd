"""Trees that came from a server, entry by entry as their manifest says; kept in the cache by their digest.

A server is not believed: names, kinds, sizes, links and the order of the files are the manifest's, and each file's
content is compared with its SHA-256 before it counts. The manifest has the digest that the release's record names.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from core.errors import SourceError
from core.jobs import Cancel
from core.manifest import EXECUTABLE, FOLDER, LINK, Entry, Manifest
from core.records import Record
from core.source.git.export_cache import FILES, About, Export, finish, load
from core.source.store import make_folder, making, remember
from core.source.tree import Tree
from core.tar.folder import Folder
from core.tar.reader import unwritable
from core.text import show_path, size

_PIECE = 1 << 20
_SPARE = 64 << 20
"""Bytes that stay free on this machine's disk."""


class Files(Protocol):
    """The content of a tree's files, in the order of their paths (core.remote.download)."""

    def mtime(self) -> int:
        """Of the next file, in seconds since the epoch."""

    def read(self, size: int) -> bytes:
        """The next bytes of it, at least one."""


def kept(cache: Path, record: Record) -> Tree | None:
    """The tree of a release, where it came from a server before and is still whole."""
    export = load(_parent(cache) / record.digest) if record.digest else None
    return _tree(export, record) if export is not None and export.manifest.digest == record.digest else None


def receive(
    cache: Path,
    manifest: Manifest,
    record: Record,
    files: Files,
    cancel: Cancel,
    on_bytes: Callable[[int], None] = lambda total: None,
) -> Tree:
    """Take all of a tree's files into the cache.

    on_bytes   called with the bytes that have come so far
    SourceError for a file that is not what the manifest says, and for a manifest that is not of a tree.
    """
    _check(manifest)
    parent = _parent(cache)
    make_folder(parent)
    free = shutil.disk_usage(parent).free
    if manifest.bytes + _SPARE > free:
        raise SourceError(
            f"not enough space on this machine: the release needs {size(manifest.bytes)}, and {size(free)} are free",
            hint="TURNOUT_CACHE_DIR names another folder for what is received",
        )
    with making(parent) as work:
        top = work / FILES
        top.mkdir()
        times = _write(top, manifest, files, cancel, on_bytes)
        alike = times.pop() if len(times) == 1 else 0
        about = About(record.revision, record.subject, record.author, float(alike))
        export = finish(work, parent / manifest.digest, manifest, about)
    remember(cache, manifest)
    return _tree(export, record)


def _write(top: Path, manifest: Manifest, files: Files, cancel: Cancel, on_bytes: Callable[[int], None]) -> set[int]:
    """Write folders, links and files below an empty folder; the modification times of the files."""
    times: set[int] = set()
    total = 0
    folder = Folder(top)
    for path, entry in manifest.in_order():
        try:
            if entry.kind == FOLDER:
                folder.folder(path)
            elif entry.kind == LINK:
                folder.link(path, entry.target)
            else:
                cancel.check()
                times.add(when := files.mtime())
                _file(folder, path, entry, files, when)
                on_bytes(total := total + entry.size)
        except OSError as error:
            raise unwritable(show_path(path), top, error) from error
    return times


def _file(folder: Folder, path: bytes, entry: Entry, files: Files, when: int) -> None:
    digest, left = hashlib.sha256(), entry.size
    with folder.file(path, entry.size, executable=entry.kind == EXECUTABLE, when=when) as write:
        while left:
            piece = files.read(min(left, _PIECE))
            digest.update(piece)
            left -= len(piece)
            write(piece)
    if digest.hexdigest() != entry.content:
        raise SourceError(
            f"{show_path(path)} is not what the release's manifest says",
            hint="it was changed there while it was read, or that server is not to be trusted",
        )


def _check(manifest: Manifest) -> None:
    """SourceError where something would lie in what is no folder: nothing may be written through a link."""
    for path in manifest.entries:
        parent = path.rpartition(b"/")[0]
        above = manifest.entries.get(parent)
        if parent and (above is None or above.kind != FOLDER):
            raise SourceError(f"the release's manifest contradicts itself: {show_path(parent)} is not a folder there")


def _parent(cache: Path) -> Path:
    return cache / "exports" / "received"


def _tree(export: Export, record: Record) -> Tree:
    when = int(export.about.committed)
    return Tree(
        folder=export.files,
        manifest=export.manifest,
        revision=record.revision,
        source=record.source,
        subject=record.subject,
        author=record.author,
        ref=record.ref,
        committed=export.about.committed,
        mtime=when or None,
        stable=True,
    )
