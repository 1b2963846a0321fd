"""The files of a commit, by `git archive`: all of them, or those that differ from an earlier export.

The second way takes a tenth of the time where little has changed. It is only used where the content of a file depends
on its path, its blob and the attributes alone, and no attribute has changed: so the tree is the same.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from typing import BinaryIO, Protocol, cast

from msgspec import Struct, field
from msgspec.structs import replace

from core.entry import new_folders
from core.errors import SourceError
from core.gathering import Differing, Gathering
from core.jobs import Cancel
from core.manifest import EMPTY, FOLDER_ENTRY, Manifest, derived
from core.source.git.export_cache import About, Export
from core.source.git.lfs import Files, fill
from core.source.git.repository import Change, Resolved
from core.source.git.submodules import Submodules
from core.source.spool import Spool
from core.tar.reader import Sink, Unpacked, unpack
from core.text import clean, decode_path, encode_path, show_path

MOST_CHANGED = 1000
"""Paths. For more than this, a whole archive is just as fast."""

MOST_NAMED = 100
"""Paths. `git archive` takes as many as this; more become a tree of their own first."""

_LONGEST_COMMAND = 96 * 1024
"""Bytes of paths on a command line; systems allow 128 KiB and more."""

_ABSENT, _SUBMODULE = b"000000", b"160000"
_PIPE = 1 << 20


class Place(Sink, Files, Protocol):
    """Takes the files of a commit: core.tar.folder, core.source.spool."""

    def below(self, path: bytes) -> Place:
        """A folder in it, which a submodule fills."""


def whole(
    resolved: Resolved, place: Place, cancel: Cancel, begin: Callable[[int], None] | None = None
) -> tuple[Manifest, About]:
    """Bring all of a commit to an empty place, with its submodules and the content of its Git LFS files.

    begin   called before the first of them, with the time of the commit in seconds since the epoch
    """
    commit = resolved.repository.commit(resolved.commit)
    if begin:
        begin(int(commit.committed))
    content = _content(resolved, place, cancel)
    about = About(
        resolved.commit,
        commit.subject,
        commit.author,
        commit.committed,
        uniform=resolved.uniform and not content.conditional,
        as_they_are=resolved.as_they_are,
        submodules=tuple(sorted(map(encode_path, content.submodules))),
        absent=tuple(sorted(map(encode_path, content.absent))),
        pointers=tuple(sorted(map(encode_path, content.pointers))),
    )
    return _manifest(content.entries, set(content.submodules)), about


class _Content(Struct):
    """What was unpacked, with the fields of `About`.

    conditional   a submodule's files depend on more than its commit
    """

    entries: Gathering
    pointers: list[bytes]
    submodules: list[bytes] = field(default_factory=list)
    absent: list[bytes] = field(default_factory=list)
    conditional: bool = False


def again(resolved: Resolved, export: Export, place: Spool, paths: Collection[bytes], cancel: Cancel) -> None:
    """Bring these files of an export to an empty place once more. SourceError where git gives another content now."""
    about = export.about
    if about.uniform and not about.submodules and len(paths) <= MOST_CHANGED and _fits(paths):
        found = Differing(export.manifest)
        differing, _ = _archive(resolved, place, cancel, paths, found, in_pieces=about.as_they_are)
    elif about.submodules:
        differing = Differing(export.manifest)
        differing.update(_content(resolved, place, cancel).entries.items())
    else:
        found = Differing(export.manifest)
        differing, _ = _archive(resolved, place, cancel, entries=found, in_pieces=about.as_they_are)
    for path in paths:
        if path in differing or path not in place:
            raise SourceError(
                f"git gives another content of {show_path(path)} in {resolved.commit[:12]} than before",
                hint="its attributes or filters have changed: deploy again; no release was made of it",
            )


def _fits(paths: Iterable[bytes]) -> bool:
    """Whether a command line can name them."""
    return sum(len(path) + 3 for path in paths) <= _LONGEST_COMMAND


def _content(resolved: Resolved, place: Place, cancel: Cancel) -> _Content:
    """Unpack a commit and, in their folders, its submodules, and theirs."""
    entries, pointers = _archive(resolved, place, cancel, in_pieces=resolved.as_they_are)
    content = _Content(entries, pointers)
    submodules = Submodules(resolved)
    content.conditional = any(submodule.path in entries for submodule in submodules.all) and bool(submodules.conditions)
    for submodule in submodules.all:
        if submodule.path not in entries:
            continue  # `export-ignore`
        content.submodules.append(submodule.path)
        clone = submodules.resolved(submodule)
        if clone is None:
            content.absent.append(submodule.path)
            continue
        inner = _content(clone, place.below(submodule.path), cancel)
        start = submodule.path + b"/"
        entries.update((start + path, entry) for path, entry in inner.entries.items())
        content.pointers += [start + path for path in inner.pointers]
        content.submodules += [start + path for path in inner.submodules]
        content.absent += [start + path for path in inner.absent]
        content.conditional = content.conditional or inner.conditional
    return content


def upon(base: Export, resolved: Resolved, place: Place, cancel: Cancel) -> tuple[Manifest, About] | None:
    """Bring only what differs from another export to an empty place; None where that does not say enough."""
    if not base.about.uniform or not base.about.whole:
        return None
    changes = resolved.changes(base.about.commit)
    if changes is None or len(changes) > max(MOST_CHANGED, len(base.manifest.entries) // 4):
        return None
    touched = {change.path for change in changes}
    send = [change for change in changes if change.after != _ABSENT]
    if any(
        _SUBMODULE in (change.before, change.after) or change.path.rpartition(b"/")[2] == b".gitattributes"
        for change in changes
    ):
        return None
    submodules = {decode_path(path) for path in base.about.submodules}
    entries = Gathering()
    entries.take(base.manifest, touched)
    pointers = [path for path in base.about.pointers if decode_path(path) not in touched]
    if send:
        sent, missing = _changed(resolved, send, place, cancel, in_pieces=base.about.as_they_are)
        entries.update(sent.items())
        pointers += map(encode_path, missing)
    commit = resolved.repository.commit(resolved.commit)
    about = About(resolved.commit, commit.subject, commit.author, commit.committed)
    return _manifest(entries, submodules, base.manifest), replace(
        about,
        uniform=True,
        as_they_are=base.about.as_they_are,
        submodules=base.about.submodules,
        absent=base.about.absent,
        pointers=tuple(sorted(pointers)),
    )


def _changed(
    resolved: Resolved, files: Sequence[Change], place: Place, cancel: Cancel, *, in_pieces: bool
) -> tuple[Gathering, list[bytes]]:
    """As `_archive`, for files that differ from another commit."""
    paths = [file.path for file in files]
    if len(paths) <= MOST_NAMED and _fits(paths):
        return _archive(resolved, place, cancel, paths, in_pieces=in_pieces)
    from core.source.git.part import part  # few deploys change that much

    with part(resolved, files) as alone:
        return _archive(alone, place, cancel, in_pieces=in_pieces)


def _manifest(entries: Gathering, submodules: Set[bytes], base: Manifest = EMPTY) -> Manifest:
    """The manifest of the entries, with the folders that something lies in, and those of submodules.

    git has no empty folders. For a folder in which everything is ignored, the output of `git archive` differs by
    version and by the paths asked for.
    """
    for path in entries.folders():
        del entries[path]
    for path in _parents(itertools.chain(entries, submodules)) | submodules:
        entries[path] = FOLDER_ENTRY
    made = entries.manifest()
    return made if made.is_large else derived(base, made.entries)


def _parents(paths: Iterable[bytes]) -> Set[bytes]:
    """All folders that lie above the paths."""
    folders: set[bytes] = set()
    for path in paths:
        new_folders(path, folders)
    return folders


def _archive(
    resolved: Resolved,
    place: Place,
    cancel: Cancel,
    paths: Iterable[bytes] = (),
    entries: Gathering | None = None,
    *,
    in_pieces: bool,
) -> tuple[Gathering, list[bytes]]:
    """Unpack `git archive` of a commit or some paths of it, with the content of Git LFS files; and the paths of those
    whose content this clone does not have."""
    with (
        tempfile.TemporaryFile() as said,
        _running(resolved.archive(*paths, stderr=said.fileno(), in_pieces=in_pieces), cancel) as process,
    ):
        stream = cast(BinaryIO, process.stdout)
        _widen(stream)
        unpacked: Unpacked | None = None
        with suppress(EOFError):
            unpacked = unpack(stream, place, cancel, os.fsencode(resolved.repository.path), entries)
            while stream.read(_PIPE):
                pass  # the padding behind the end, which git would fail to write otherwise
        if process.wait() or unpacked is None:
            cancel.check()
            said.seek(0)
            words = clean(said.read(4000).decode("utf-8", "replace")).strip()
            raise SourceError(f"git archive of {resolved.commit[:12]} failed", detail=words)
        entries, pointers = unpacked
        if not pointers:
            return entries, []
        filled, missing = fill(resolved, place, pointers, entries, cancel)
        entries.update(filled.items())
        return entries, missing


@contextmanager
def _running(process: subprocess.Popen[bytes], cancel: Cancel) -> Iterator[subprocess.Popen[bytes]]:
    """The process, which is ended in any case; by a cancel at once, for a filter of git may wait for anything."""
    with process:
        unlink = cancel.on_request(process.terminate)
        try:
            yield process
        finally:
            unlink()
            if process.poll() is None:
                process.kill()


def _widen(stream: BinaryIO) -> None:
    """A larger pipe where the system allows it: fewer switches between git and us."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)
