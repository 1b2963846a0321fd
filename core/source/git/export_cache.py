"""Finished exports in the cache: put in place by one rename, never changed after, removed when no longer used.

    exports/<repository>/<commit>/   a plain export; the name goes on with what else it depends on: the repository's
                                     own attributes, what surrounds it, the inputs and time of a build
        manifest      all files and folders
        about.json    the commit's facts, and what a later export may use of it
        files/        the files, where git cannot give them again: of a build, an archive, a server
        selected-<digest>   the manifest of what is deployed under some `publish` and `exclude`, behind its digest

A process that dies leaves only half-made folders, which have other names and are swept. After a restart of the machine
sizes are compared first: the file system may have kept the rename and lost the content.
"""

from __future__ import annotations

import json
import os
import stat
import time
from contextlib import suppress
from pathlib import Path

from msgspec import Struct
from msgspec.structs import asdict, replace

from core.manifest import FOLDER, LINK, Manifest
from core.source.store import discard, put_in_place, read_manifest, sweep, write_whole

KEPT = 5
"""Exports kept of each repository, those used last."""

_IN_USE = 3600
"""Seconds after its last use in which an export is never removed: another process may be sending it."""
FILES, _MANIFEST, _ABOUT = "files", "manifest", "about.json"
_FORMAT = 4


class About(Struct, frozen=True):
    """An export's facts. Paths are encoded by core.text.encode_path.

    uniform     the content of each file depends on its path, blob and attributes alone (git.Resolved.uniform)
    as_they_are  no attribute has git convert files (git.Resolved.as_they_are)
    submodules  folders of submodules
    absent      those of them that are empty, because this clone does not have the submodule at its commit
    pointers    files that hold a Git LFS pointer, because this clone does not have the content
    in_git      git has the files, so they are not kept
    boot        the run of the machine in which the files were last known to be whole
    digest      of the manifest: a crash may leave the file empty, which would be a manifest too
    made        seconds since the epoch, UTC
    """

    commit: str
    subject: str
    author: str
    committed: float
    uniform: bool = False
    as_they_are: bool = False
    submodules: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    pointers: tuple[str, ...] = ()
    in_git: bool = False
    boot: str = ""
    digest: str = ""
    made: float = 0.0
    format: int = _FORMAT

    @property
    def whole(self) -> bool:
        """Whether it has all that the revision has."""
        return not self.absent and not self.pointers


class Export(Struct, frozen=True):
    """A finished export: its folder in the cache, and the manifest of what is deployed of it."""

    folder: Path
    about: About
    manifest: Manifest

    @property
    def files(self) -> Path:
        """The folder of the files, where they are kept."""
        return self.folder / FILES


def finish(work: Path, final: Path, manifest: Manifest, about: About) -> Export:
    """Put a finished export in place; if another process was first, its export is used."""
    (work / _MANIFEST).write_bytes(manifest.raw)
    about = replace(about, boot=_boot(), digest=manifest.digest, made=time.time())
    (work / _ABOUT).write_text(json.dumps(asdict(about)))
    if not put_in_place(work, final):
        existing = load(final)
        if existing:
            return existing
        # What is there is not an export that can be trusted.
        discard(final)
        put_in_place(work, final)
    evict(final.parent)
    return Export(final, about, manifest)


def load(folder: Path, *, used: bool = True) -> Export | None:
    """A finished export, or None where there is none that can be trusted. `used`: it counts as used just now."""
    try:
        values = json.loads((folder / _ABOUT).read_bytes())
        if values.get("format") != _FORMAT:
            return None
        values = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
        export = Export(folder, About(**values), read_manifest((folder / _MANIFEST).read_bytes()))
        if export.manifest.digest != export.about.digest:
            return None
        if not (export.about.in_git or export.files.is_dir()):
            return None
        boot = _boot()
        if not boot or export.about.boot != boot:
            if not (export.about.in_git or _whole(export)):
                return None
            about = replace(export.about, boot=boot)
            write_whole(folder / _ABOUT, json.dumps(asdict(about)).encode())
        if used:
            os.utime(folder)
        return export
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _whole(export: Export) -> bool:
    """Whether every file and link is there with its kind and size."""
    top = os.path.join(os.fsencode(export.files), b"")
    for path, entry in export.manifest.entries.items():
        if entry.kind == FOLDER:
            continue
        place = top + path
        try:
            facts = os.lstat(place)
        except FileNotFoundError:
            return False
        if entry.kind == LINK:
            same = stat.S_ISLNK(facts.st_mode) and os.readlink(place) == entry.target
        else:
            same = stat.S_ISREG(facts.st_mode) and facts.st_size == entry.size
        if not same:
            return False
    return True


def _boot() -> str:
    """An id of this run of the machine; "" where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def holding(cache: Path, revision: str, digest: str) -> Export | None:
    """A finished build of a commit that has exactly this manifest, of whatever repository; None for none.

    revision   of a record, which holds nothing but hexadecimal digits
    """
    places = sorted((cache / "exports").glob(f"*/{revision}*"), reverse=True)
    return next((found for place in places if (found := _exactly(place, digest))), None)


def _exactly(folder: Path, digest: str) -> Export | None:
    try:
        facts = json.loads((folder / _ABOUT).read_bytes())
        if facts.get("digest") != digest or facts.get("in_git"):
            return None
    except (OSError, ValueError, AttributeError):
        return None
    return load(folder)


def newest(parent: Path, commit: str, name: str) -> Export | None:
    """The plain export of another commit that was used last, under the same attributes of the repository.

    It does not count as used by that.
    """
    ending = name[len(commit) :]
    by_use = []
    for entry in os.scandir(parent):
        if not entry.name.startswith(".") and entry.name[len(commit) :] == ending:
            by_use.append((entry.stat(follow_symlinks=False).st_mtime_ns, entry.path))
    return load(Path(max(by_use)[1]), used=False) if by_use else None


def stamped(place: Path) -> Path:
    """The place with the time behind its name: a new export never touches one that another process may be sending."""
    return place.with_name(f"{place.name}-{time.time_ns():016x}")


def last_made(parent: Path, name: str) -> Export | None:
    """The export that was made last under this name, the time behind it; None where none can be trusted."""
    names = sorted((path.name for path in parent.glob(f"{name}-*")), reverse=True)
    return next((export for made in names if (export := load(parent / made))), None)


def evict(parent: Path) -> None:
    """Remove the exports of a repository that were used longest ago, and what dead processes left.

    Kept are the newest, and all that were used lately.
    """
    with suppress(OSError):
        sweep(parent)
        exports = [entry for entry in os.scandir(parent) if not entry.name.startswith(".")]
        if len(exports) <= KEPT:
            return
        used = sorted(((entry.stat(follow_symlinks=False).st_mtime, entry.name) for entry in exports), reverse=True)
        kept = [name for place, (when, name) in enumerate(used) if place < KEPT or time.time() - when < _IN_USE]
        for _, name in used:
            if name not in kept:
                discard(parent / name)
