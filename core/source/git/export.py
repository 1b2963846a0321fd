"""What is deployed of a git revision: found in the cache, exported, or exported and built into a folder there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from core.config import Project
from core.events import Emit
from core.jobs import Cancel
from core.manifest import Manifest
from core.source.build import build, commands, completed, turnout_variables
from core.source.coming import Coming
from core.source.folder import part_of, scan
from core.source.git.checkout import upon, whole
from core.source.git.contents import GitContents
from core.source.git.export_cache import FILES, About, Export, finish, last_made, load, newest, stamped
from core.source.git.lacking import lacking, refuse_lacking
from core.source.git.repository import Resolved
from core.source.git.submodules import Submodules
from core.source.inputs import build_key
from core.source.making import Making
from core.source.selection import selected
from core.source.spool import Spool
from core.source.store import discard, make_folder, making, read_manifest, write_whole
from core.source.sums import KeptSums
from core.tar.folder import Folder
from core.version import VERSION


class Exported(Struct, frozen=True):
    """What is deployed of a commit.

    folder    where the files of a build lie; of a plain export, its folder in the cache
    contents  gives the files of a plain export
    reused    when the reused build was made, in seconds since the epoch, UTC; 0.0 for a new build
    """

    folder: Path
    manifest: Manifest
    about: About
    contents: GitContents | None = None
    reused: float = 0.0


def exported(project: Project, resolved: Resolved, ref: str, target: str, how: Making) -> Exported:
    """What is deployed of a commit to the environment `target`; taken from the cache where it is finished there.

    A plain export of all files tells what comes.
    """
    source = project.source
    parent = project.settings.cache / "exports" / resolved.identity
    if commands(project):
        variables = turnout_variables(project, target, resolved.commit, ref)
        key = build_key(
            project, variables, [command.run for command in completed(project, how.cancel)], _around(resolved)
        )
        name = f"{resolved.name}-{key}"
        reused = None if how.rebuild else last_made(parent, name)
        if reused and not reused.about.whole:
            reused = None  # what was missing may be there now
        export = reused or _built(project, resolved, variables, parent / name, how.emit, how.cancel)
        made = reused.about.made if reused else 0.0
        return Exported(export.files, export.manifest, export.about, reused=made)
    export, spool = _plain(project, resolved, parent, how.cancel, how.coming)
    manifest = _selection_of(export, source.publish, source.exclude)
    contents = GitContents(resolved, export, os.fsencode(source.publish), spool)
    return Exported(export.folder, manifest, export.about, contents)


def _around(resolved: Resolved) -> str:
    """What an export depends on in addition to the commit and the attributes, of submodules too; "" for nothing."""
    own, theirs = resolved.surroundings(), Submodules(resolved).conditions
    return hashlib.sha256(f"{own}\n{theirs}".encode()).hexdigest()[:16] if theirs else own


def _plain(
    project: Project, resolved: Resolved, parent: Path, cancel: Cancel, coming: Coming | None
) -> tuple[Export, Spool | None]:
    """The commit as `git archive` gives it, and the files that were exported just now."""
    final = parent / resolved.name
    existing = load(final)
    if existing:
        if existing.about.whole or not lacking(project, existing.about):
            return existing, None
        final = stamped(final)  # what was missing may be there now
    make_folder(parent)
    with making(parent) as work:
        spool = Spool(parent, KeptSums(project.settings.cache))
        base = newest(parent, resolved.commit, resolved.name)
        made = upon(base, resolved, spool, cancel) if base else None
        around = "" if made else _around(resolved)
        if around:
            final = parent / f"{resolved.name}-{around}"
            existing = load(final)
            if existing and existing.about.whole:
                return existing, None
            if existing:  # what was missing may be there now
                final = stamped(final)
        manifest, about = made or whole(resolved, spool, cancel, partial(spool.tell, coming) if coming else None)
        refuse_lacking(project, resolved, about)
        spool.settle()
        export = finish(work, final, manifest, replace(about, in_git=True))
        if export.manifest.digest == manifest.digest:
            return export, spool
        if coming:
            coming.other()
        return export, None


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
        _, about = whole(resolved, Folder(tree), cancel)
        refuse_lacking(project, resolved, about)
        build(project, tree, variables, emit, cancel)
        part = part_of(tree, source.publish)
        manifest = selected(scan(part, cancel, sums=KeptSums(project.settings.cache)), "", source.exclude)
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
        write_whole(file, b"%b\n%b" % (manifest.digest.encode("ascii"), manifest.raw))
    return manifest
