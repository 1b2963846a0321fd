"""Git revisions as finished folders in the cache: made once, published by one rename, never changed after.

    exports/<repository>/<commit>/           of a plain export; with a digest of the build behind the commit else
        files/        the exported files
        manifest      all of them
        about.json    the commit's facts, and what the next export may rest on
        published-<digest>   the manifest of what is deployed under some `publish` and `exclude`

A process that dies leaves only half-made folders, which have other names and are swept. After a restart of the machine
sizes are compared first: the file system may have kept the rename and lost the content.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from core.config import Project
from core.errors import SourceError
from core.events import Emit, Note
from core.jobs import Cancel
from core.manifest import FOLDER, LINK, Manifest, parse
from core.source.build import build, commands, variables
from core.source.git import Resolved
from core.source.publish import published
from core.source.scan import part_of, scan
from core.source.store import cache_folder, discard, make_folder, making, publish, sweep, write_whole
from core.source.tarstream import Unpacked, unpack
from core.text import clean, count, decode_path, encode_path, show_path

KEPT = 5
"""Exports kept of each repository, those used last."""

_IN_USE = 3600
"""Seconds after its last use in which an export is never removed: another process may be sending it."""
_FILES, _MANIFEST, _ABOUT = "files", "manifest", "about.json"
_FORMAT = 1
_PIPE = 1 << 20


@dataclass(frozen=True)
class About:
    """An export's facts. Paths are encoded by core.text.encode_path.

    uniform     the content of each file rests on its path, blob and attributes alone (git.Resolved.uniform)
    submodules  folders that are empty because a submodule belongs there
    pointers    files that hold a Git LFS pointer
    boot        the run of the machine in which the files were last known to be whole
    """

    commit: str
    subject: str
    author: str
    committed: float
    uniform: bool = False
    submodules: tuple[str, ...] = ()
    pointers: tuple[str, ...] = ()
    boot: str = ""
    format: int = _FORMAT


@dataclass(frozen=True)
class Export:
    """A finished export: its folder in the cache, and the manifest of what is deployed of it."""

    folder: Path
    about: About
    manifest: Manifest

    @property
    def files(self) -> Path:
        return self.folder / _FILES


def exported(
    project: Project, resolved: Resolved, ref: str, emit: Emit, cancel: Cancel
) -> tuple[Path, Manifest, About]:
    """Folder, manifest and facts of what is deployed of a commit; taken from the cache where it is finished there."""
    source = project.source
    parent = cache_folder() / "exports" / resolved.identity
    if commands(project):
        export = _built(project, resolved, ref, parent, emit, cancel)
        part, manifest = export.files, export.manifest
    else:
        export = _plain(resolved, parent, cancel)
        part = export.files / source.publish if source.publish else export.files
        manifest = _published(export, source.publish, source.exclude)
    _warn(export.about, emit)
    return part, manifest, export.about


def _plain(resolved: Resolved, parent: Path, cancel: Cancel) -> Export:
    """The commit as `git archive` gives it."""
    final = parent / resolved.name
    existing = _load(final)
    if existing:
        return existing
    make_folder(parent)
    with making(parent) as work:
        about = _about(resolved)
        (work / _FILES).mkdir()
        unpacked = archive(resolved, work / _FILES, cancel)
        return _finish(work, final, Manifest(unpacked.entries), _marked(about, resolved, unpacked))


def _built(project: Project, resolved: Resolved, ref: str, parent: Path, emit: Emit, cancel: Cancel) -> Export:
    """The commit after its build commands, and of that what is deployed.

    A finished build is used again for the same commit, ref, commands and settings.
    """
    source = project.source
    key = [ref, [command.run for command in commands(project)], source.publish, source.exclude]
    final = parent / f"{resolved.name}-{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]}"
    existing = _load(final)
    if existing:
        return existing
    make_folder(parent)
    with making(parent) as work:
        place = work / "build"
        place.mkdir()
        about = _marked(_about(resolved), resolved, archive(resolved, place, cancel))
        build(project, place, variables(project, resolved.commit, ref), emit, cancel)
        part = part_of(place, source.publish)
        manifest = published(scan(part, cancel), "", source.exclude)
        part.rename(work / _FILES)
        if source.publish:
            discard(place, parent)
        return _finish(work, final, manifest, replace(about, uniform=False))


def archive(resolved: Resolved, folder: Path, cancel: Cancel, paths: tuple[bytes, ...] = ()) -> Unpacked:
    """Unpack `git archive` of a commit, or of some of its paths, into an empty folder."""
    with tempfile.TemporaryFile() as said, _running(resolved.archive(*paths, stderr=said.fileno())) as process:
        stream = cast(BinaryIO, process.stdout)
        _widen(stream)
        cut = False
        unpacked = Unpacked({}, [])
        try:
            unpacked = unpack(stream, folder, cancel)
            while stream.read(_PIPE):
                pass  # the padding behind the end, which git would fail to write otherwise
        except EOFError:
            cut = True
        if process.wait() or cut:
            said.seek(0)
            words = clean(said.read(4000).decode("utf-8", "replace")).strip()
            raise SourceError(f"git archive of {resolved.commit[:12]} failed", detail=words)
        return unpacked


@contextmanager
def _running(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """The process, ended whatever happens."""
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def _widen(stream: BinaryIO) -> None:
    """A larger pipe where the system has that: fewer switches between git and us."""
    import fcntl

    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)


def _about(resolved: Resolved) -> About:
    commit = resolved.repository.commit(resolved.commit)
    return About(resolved.commit, commit.subject, commit.author, commit.committed)


def _marked(about: About, resolved: Resolved, unpacked: Unpacked) -> About:
    """The facts with those that show when the whole revision has been read."""
    submodules = [path for path in resolved.submodules() if path in unpacked.entries]
    return replace(
        about,
        uniform=resolved.uniform(),
        submodules=tuple(map(encode_path, submodules)),
        pointers=tuple(map(encode_path, unpacked.pointers)),
    )


def _finish(work: Path, final: Path, manifest: Manifest, about: About) -> Export:
    """Publish a made export; where another process was first, its export is as good."""
    (work / _MANIFEST).write_bytes(manifest.text.encode("ascii"))
    about = replace(about, boot=_boot())
    (work / _ABOUT).write_text(json.dumps(asdict(about)))
    if not publish(work, final):
        existing = _load(final)
        if existing:
            return existing
        # What lies there is no export that can be trusted.
        discard(final)
        publish(work, final)
    _evict(final.parent)
    return Export(final, about, manifest)


def _load(folder: Path) -> Export | None:
    """A finished export, or None where there is none that can be trusted."""
    try:
        values = json.loads((folder / _ABOUT).read_bytes())
        if values.get("format") != _FORMAT:
            return None
        values |= {"submodules": tuple(values["submodules"]), "pointers": tuple(values["pointers"])}
        export = Export(folder, About(**values), parse((folder / _MANIFEST).read_text("ascii")))
        boot = _boot()
        if not boot or export.about.boot != boot:
            if not _whole(export):
                return None
            about = replace(export.about, boot=boot)
            write_whole(folder / _ABOUT, json.dumps(asdict(about)).encode())
        os.utime(folder)
        return export
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _whole(export: Export) -> bool:
    """Whether every entry is there with its kind and size."""
    top = os.path.join(os.fsencode(export.files), b"")
    for path, entry in export.manifest.entries.items():
        try:
            facts = os.lstat(top + path)
        except OSError:
            return False
        if entry.kind == FOLDER:
            same = stat.S_ISDIR(facts.st_mode)
        elif entry.kind == LINK:
            same = stat.S_ISLNK(facts.st_mode) and os.readlink(top + path) == entry.target
        else:
            same = stat.S_ISREG(facts.st_mode) and facts.st_size == entry.size
        if not same:
            return False
    return True


def _boot() -> str:
    """What tells one run of the machine from the next; "" where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _published(export: Export, part: str, exclude: tuple[str, ...]) -> Manifest:
    """What is deployed of a plain export; worked out once for each setting."""
    if not part and not exclude:
        return export.manifest
    key = hashlib.sha256(json.dumps([part, exclude]).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    file = export.folder / f"published-{key}"
    try:
        return parse(file.read_text("ascii"))
    except (OSError, ValueError):
        manifest = published(export.manifest, part, exclude)
        with suppress(OSError):
            write_whole(file, manifest.text.encode("ascii"))
        return manifest


def _warn(about: About, emit: Emit) -> None:
    """Say what a revision has that its export has not."""
    for paths, noun, text in (
        (about.submodules, "submodule", "not exported: a build command can fetch what is needed"),
        (
            about.pointers,
            "file",
            "a Git LFS pointer in place of the content: install git-lfs, or fetch it in a build command",
        ),
    ):
        if paths:
            names = ", ".join(show_path(decode_path(path)) for path in paths[:3])
            more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
            emit(Note(text=f"{count(len(paths), noun)} {text} ({names}{more})", level="warning"))


def _evict(parent: Path) -> None:
    """Remove the exports of a repository that were used longest ago, and what dead processes left."""
    with suppress(OSError):
        sweep(parent)
        used = []
        for entry in os.scandir(parent):
            if not entry.name.startswith("."):
                used.append((entry.stat(follow_symlinks=False).st_mtime, entry.path))
        for when, path in sorted(used, reverse=True)[KEPT:]:
            if time.time() - when > _IN_USE:
                discard(Path(path))
