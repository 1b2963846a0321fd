"""A git revision as a finished folder in the cache: found there, exported, or exported and built."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from core.config import Project
from core.events import Emit, Note
from core.jobs import Cancel
from core.manifest import Manifest
from core.source.build import build, commands, turnout_variables
from core.source.folder import part_of, scan
from core.source.git.checkout import upon, whole
from core.source.git.export_cache import FILES, About, Export, finish, last_made, load, newest, stamped
from core.source.git.repository import Resolved
from core.source.inputs import build_key
from core.source.selection import selected
from core.source.store import discard, make_folder, making, read_manifest, write_whole
from core.text import count, decode_path, show_path
from core.version import VERSION


@dataclass(frozen=True)
class Exported:
    """What is deployed of a commit, and the folders where its files lie, those of the newest export first.

    reused   when the reused build was made, in seconds since the epoch, UTC; 0.0 for a new build
    """

    folders: tuple[Path, ...]
    manifest: Manifest
    about: About
    reused: float = 0.0


def exported(
    project: Project, resolved: Resolved, ref: str, target: str, emit: Emit, cancel: Cancel, *, rebuild: bool = False
) -> Exported:
    """What is deployed of a commit to the environment `target`; taken from the cache where it is finished there.

    rebuild   a finished build is not used again
    """
    source = project.source
    parent = project.settings.cache / "exports" / resolved.identity
    if commands(project):
        variables = turnout_variables(project, target, resolved.commit, ref)
        key = build_key(project, variables, [command.run for command in commands(project)], resolved.surroundings())
        name = f"{resolved.name}-{key}"
        reused = None if rebuild else last_made(parent, name)
        if reused and reused.about.pointers:
            reused = None  # what was missing may be there now
        export = reused or _built(project, resolved, variables, parent / name, emit, cancel)
        out = Exported(export.files, export.manifest, export.about, reused.about.made if reused else 0.0)
    else:
        export = _plain(resolved, parent, cancel)
        manifest = _selection_of(export, source.publish, source.exclude)
        out = Exported(tuple(files / source.publish for files in export.files), manifest, export.about)
    _warn(export.about, emit)
    return out


def _plain(resolved: Resolved, parent: Path, cancel: Cancel) -> Export:
    """The commit as `git archive` gives it."""
    final = parent / resolved.name
    existing = load(final)
    if existing:
        return existing
    make_folder(parent)
    with making(parent) as work:
        files = work / FILES
        files.mkdir()
        base = newest(parent, resolved.commit, resolved.name)
        made = upon(base, resolved, files, cancel) if base else None
        around = "" if made else resolved.surroundings()
        if around:
            final = parent / f"{resolved.name}-{around}"
            existing = load(final)
            if existing and not existing.about.pointers:
                return existing
            if existing:  # what was missing may be there now
                final = stamped(final)
        return finish(work, final, *(made or whole(resolved, files, cancel)))


def _built(
    project: Project, resolved: Resolved, variables: Mapping[str, str], place: Path, emit: Emit, cancel: Cancel
) -> Export:
    """The commit after its build commands, and of that what is deployed; kept in `place` with the time behind it."""
    source = project.source
    final = stamped(place)
    parent = final.parent
    make_folder(parent)
    with making(parent) as work:
        tree = work / "build"
        tree.mkdir()
        _, about = whole(resolved, tree, cancel)
        build(project, tree, variables, emit, cancel)
        part = part_of(tree, source.publish)
        manifest = selected(scan(part, cancel), "", source.exclude)
        part.rename(work / FILES)
        if source.publish:
            discard(tree, parent)
        return finish(work, final, manifest, replace(about, uniform=False))


def _selection_of(export: Export, part: str, exclude: tuple[str, ...]) -> Manifest:
    """What is deployed of a plain export; worked out once for each setting."""
    if not part and not exclude:
        return export.manifest
    key = hashlib.sha256(json.dumps([VERSION, part, exclude]).encode()).hexdigest()[:16]
    file = export.folder / f"selected-{key}"
    try:
        digest, _, content = file.read_bytes().partition(b"\n")
        manifest = read_manifest(content)
        if manifest.digest.encode() == digest:
            return manifest
    except (OSError, ValueError):
        pass
    manifest = selected(export.manifest, part, exclude)
    with suppress(OSError):
        write_whole(file, f"{manifest.digest}\n{manifest.text}".encode("ascii"))
    return manifest


def _warn(about: About, emit: Emit) -> None:
    """Warn of what the revision has and its export lacks."""
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
