"""A directory as a source: taken as it is, where it is; nothing is copied."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

from core.cache import cache_folder
from core.config import Project
from core.errors import SourceError
from core.events import Emit
from core.jobs import Cancel
from core.source.build import build, variables
from core.source.folder import Hashes, part_of, scan
from core.source.selection import excluding
from core.source.tree import Tree


def directory_tree(project: Project, target: str, emit: Emit, cancel: Cancel) -> Tree:
    """The tree of `source.directory` as it is now, after the build commands, which run in it every time.

    The folder may be given by a symbolic link, which is followed. `.git` at the top is never part of the tree; other
    things are left out by `source.exclude`. What is private in it is private on the servers.
    """
    folder = located(project)
    if not folder.is_dir():
        raise SourceError(
            f"source.directory: {folder} is not a folder"
            if folder.exists()
            else f"source.directory: there is no {folder}",
            hint="does something have to be built first?",
        )
    build(project, folder, variables(project, target, "", ""), emit, cancel)
    top = folder.resolve()
    part = part_of(top, project.source.publish)
    file = cache_folder() / "hashes" / hashlib.sha256(os.fsencode(part)).hexdigest()[:16]
    excluded = excluding(project.source.exclude)
    hashes = Hashes.load(file)
    manifest = scan(part, cancel, excluded=excluded, hashes=hashes, as_it_is=True)
    return Tree(
        folder=part,
        manifest=manifest,
        revision=f"content:{manifest.digest[:12]}",
        source="directory",
        committed=time.time(),
        stamps={path: stamp for path, (stamp, _) in hashes.known.items()},
    )


def located(project: Project) -> Path:
    """`source.directory` relative to turnout.toml, `~` for the home folder."""
    return below(project, project.source.directory or ".")


def below(project: Project, path: str) -> Path:
    """A path of turnout.toml, relative to it. SourceError where `~` stands for no folder: an unknown user, no home."""
    try:
        return project.folder / Path(path).expanduser()
    except (RuntimeError, OSError):
        raise SourceError(f"{path}: no home folder is known for it", hint="write the whole path, or set HOME") from None
