"""The cache on the operator's machine: files and folders that are whole or absent, and manifests by their digest."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core import files
from core.errors import SourceError
from core.manifest import Manifest, parse

KEPT_MANIFESTS = 200
"""How many manifests are kept; those used longest ago go first."""

RECENT = 3
"""How many manifests are at hand in memory."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_MAKING, _TRASH, _LOCK = ".making-", ".trash-", "making.lock"
_LOCKLESS_SECONDS = 3600
"""A half-made folder without a lock is between two calls of a living process, unless it is older than this."""


def make_folder(folder: Path) -> None:
    """The folder with its parents, readable by the user alone where it is new. SourceError where it cannot be made."""
    try:
        for place in reversed((folder, *folder.parents)):
            if not place.is_dir():
                place.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise SourceError(
            f"the cache folder {folder} cannot be created: {error.strerror}",
            hint="set TURNOUT_CACHE_DIR to a folder that you can write to",
        ) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file (core.files), with its folder where that is new. SourceError where the folder cannot be made."""
    make_folder(path.parent)
    files.write_whole(path, content)


_recent: dict[str, Manifest] = {}
_recent_lock = threading.Lock()


def read_manifest(content: bytes) -> Manifest:
    """The manifest of a text form, parsed once in this process: one deploy reads the same ones several times.

    ValueError as core.manifest.parse has it.
    """
    digest = hashlib.sha256(content).hexdigest()
    with _recent_lock:
        manifest = _recent.get(digest)
    return manifest or _recall(digest, parse(content))


def _recall(digest: str, manifest: Manifest) -> Manifest:
    with _recent_lock:
        _recent.pop(digest, None)
        _recent[digest] = manifest
        while len(_recent) > RECENT:
            del _recent[next(iter(_recent))]
    return manifest


def known(cache: Path, digest: str) -> Manifest | None:
    """The manifest with this digest if it is in this cache. A file that does not have that digest goes."""
    if not _DIGEST.fullmatch(digest):
        return None
    path = cache / "manifests" / digest
    try:
        content = path.read_bytes()
        os.utime(path)
        if hashlib.sha256(content).hexdigest() != digest:
            path.unlink()  # so that `remember` writes it once more
            return None
        return read_manifest(content)
    except (OSError, ValueError):
        return None


def remember(cache: Path, manifest: Manifest) -> None:
    """Keep a manifest for `known`. If the cache cannot be written, nothing is kept and nothing fails."""
    folder = cache / "manifests"
    path = folder / manifest.digest
    _recall(manifest.digest, manifest)
    with suppress(OSError, SourceError):
        if path.exists():
            os.utime(path)
            return
        write_whole(path, manifest.raw)
        _evict(folder, KEPT_MANIFESTS)


def _evict(folder: Path, kept: int) -> None:
    """Remove all but the `kept` files used last."""
    names = [entry for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False)]
    if len(names) <= kept:
        return

    def used(entry: os.DirEntry[str]) -> int:
        with suppress(FileNotFoundError):
            return entry.stat().st_mtime_ns
        return 0

    for entry in sorted(names, key=used, reverse=True)[kept:]:
        with suppress(FileNotFoundError):
            os.unlink(entry.path)


@contextmanager
def making(parent: Path) -> Iterator[Path]:
    """A fresh folder below `parent` to make something in, for `put_in_place`; what is left of it at the end is removed.

    Its maker holds a lock on it, which the system drops when the maker dies: `sweep` tells by that what is half-made
    for good.
    """
    make_folder(parent)
    folder = Path(tempfile.mkdtemp(prefix=_MAKING, dir=parent))
    new = folder / f"{_LOCK}.new"
    lock = os.open(new, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.rename(new, folder / _LOCK)  # a sweep finds it locked, or not at all
        yield folder
    finally:
        os.close(lock)
        if folder.exists():
            discard(folder)


def put_in_place(made: Path, final: Path) -> bool:
    """Give a finished folder its name by one rename; False where another process was first."""
    (made / _LOCK).unlink(missing_ok=True)
    try:
        os.rename(made, final)
    except OSError:
        if final.is_dir():
            return False
        raise
    return True


def discard(folder: Path, parent: Path | None = None) -> None:
    """Make a folder vanish at once, by a rename to `parent`; its files are removed beside the work that goes on."""
    trash = (parent or folder.parent) / (f"{_TRASH}{time.time_ns():x}-{os.getpid()}-{threading.get_ident():x}")
    try:
        os.rename(folder, trash)
    except FileNotFoundError:
        return
    _remove([trash])


def sweep(parent: Path) -> None:
    """Remove what processes that died have left half-made or half-removed below `parent`."""
    leftovers = []
    for entry in os.scandir(parent):
        path = Path(entry.path)
        if entry.name.startswith(_TRASH):
            leftovers.append(path)
        elif entry.name.startswith(_MAKING) and _abandoned(path):
            discard(path)
    if leftovers:
        _remove(leftovers)


def _abandoned(folder: Path) -> bool:
    """Whether the maker of a half-made folder is gone."""
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        with suppress(FileNotFoundError):
            return time.time() - folder.stat().st_mtime > _LOCKLESS_SECONDS
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(lock)


def _remove(folders: list[Path]) -> None:
    """Remove folders in the background, by a process that does not end with this one; sweep() finishes what is left."""
    remover = shutil.which("rm")
    if remover is None:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        return
    command = [remover, "-rf", "--", *map(str, folders)]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    threading.Thread(target=process.wait, name="remove old exports", daemon=True).start()
