"""What a revision has and this clone lacks: refused where it would be deployed, with the command that fetches it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from core.config import Project
from core.errors import SourceError
from core.source.build import commands
from core.source.git.export_cache import About
from core.source.git.repository import Resolved
from core.source.selection import Excluded, excluding
from core.text import count, decode_path, show_path, some_lines

_DAMAGED = "; where git-lfs finds nothing to fetch, a file in its store is damaged: run `git lfs fsck` first"
"""It looks at the size alone."""


def lacking(project: Project, about: About) -> list[bytes]:
    """The absent submodules and Git LFS files that are deployed, or that a build may need."""
    source = project.source
    excluded = excluding(source.exclude)
    publish = b"" if commands(project) else os.fsencode(source.publish)
    paths = (decode_path(path) for path in (*about.absent, *about.pointers))
    return [path for path in paths if _wanted(path, publish, excluded)]


def _wanted(path: bytes, publish: bytes, excluded: Excluded) -> bool:
    """Whether a path is in the published folder, or is a submodule above it, and is not excluded there."""
    if publish and not path.startswith(publish + b"/"):
        return (publish + b"/").startswith(path + b"/")
    parts = path.removeprefix(publish + b"/").split(b"/") if publish else path.split(b"/")
    places = [b"/".join(parts[: number + 1]) for number in range(len(parts))]
    return not any(excluded(place, place is not places[-1]) for place in places) and not excluded(places[-1], True)


def refuse_lacking(project: Project, resolved: Resolved, about: About) -> None:
    """SourceError where something is `lacking`; it names the paths, and what fetches them."""
    if about.whole or not (paths := lacking(project, about)):
        return
    absent = {decode_path(path) for path in about.absent}
    submodules = [path for path in paths if path in absent]
    files = [path for path in paths if path not in absent]
    parts = [count(len(group), noun) for group, noun in ((submodules, "submodule"), (files, "Git LFS file")) if group]
    raise SourceError(
        f"this clone lacks {' and '.join(parts)} of {resolved.commit[:12]}",
        detail=some_lines(paths, 20, show_path),
        hint=f"fetch what is missing with {_commands(resolved, about, submodules, files)}; what is not needed can be "
        f"named in source.exclude{_DAMAGED if files else ''}",
    )


def _commands(resolved: Resolved, about: About, submodules: Sequence[bytes], files: Sequence[bytes]) -> str:
    """The commands that fetch submodules and the content of files."""
    git, commit = f"git -C {shlex.quote(str(resolved.repository.folder))}", resolved.commit[:12]
    inner = tuple(decode_path(path) + b"/" for path in about.submodules)
    found = []
    if submodules:
        found.append(f"`{git} submodule update --init --recursive` (check out {commit} first)")
    if any(not path.startswith(inner) for path in files):
        found.append(f"`{git} lfs fetch origin {commit}`")
    if any(path.startswith(inner) for path in files):
        found.append(f"`{git} submodule foreach --recursive git lfs fetch`")
    return " and ".join(found)
