"""A tree: the files of one version on the operator's machine, ready to send."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from core.errors import SourceError
from core.manifest import Manifest
from core.text import show_path

Stamp = tuple[int, int, int, int, int]
"""Size in bytes, mtime and ctime in nanoseconds, inode, device: another disk may be mounted in the same place."""


def stamp_of(facts: os.stat_result) -> Stamp:
    """What changes when a file's content does."""
    return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, facts.st_dev


@dataclass(frozen=True)
class Tree:
    """A manifest and where its files lie.

    The folders may hold more than the manifest names (what `exclude` left out); only the manifest counts. A tree of a
    git revision does not change any more; one of a directory may: who sends a file compares its size and SHA-256.

    folder     where the files lie
    older      where those lie that `folder` does not have: earlier exports, the newest first
    revision   the commit, or "content:" and the start of the manifest's digest
    subject    the commit's first line; "" for a directory
    ref        what was asked for: a branch, tag or commit; "" for a directory
    source     git or directory
    stamps     of a directory: what tells that a file is still the one that was hashed; files touched lately have none
    committed  seconds since the epoch, UTC; of a directory: when it was read
    reused     when the build was made that is used again, likewise; 0.0 where none is
    """

    folder: Path
    manifest: Manifest
    revision: str
    subject: str = ""
    author: str = ""
    ref: str = ""
    source: str = "git"
    committed: float = 0.0
    older: tuple[Path, ...] = ()
    reused: float = 0.0
    stamps: Mapping[bytes, Stamp] = field(default_factory=dict)

    def open(self, path: bytes) -> BinaryIO:
        """A file's content. SourceError where it cannot be read any more; a symbolic link is never followed."""
        problem: OSError | None = None
        for top in self._tops:
            try:
                handle = os.open(top + path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                return os.fdopen(handle, "rb", buffering=0)
            except (FileNotFoundError, NotADirectoryError) as error:
                problem = error
            except OSError as error:
                problem = error
                break
        again = "run the command again" if self.source == "directory" else f"remove {self.folder.parent} and try again"
        raise SourceError(
            f"{show_path(path)} cannot be read any more: {problem and problem.strerror}",
            detail=f"in {self.folder}",
            hint=f"something changed the tree after it was read; {again}",
        ) from problem

    def is_hashed(self, path: bytes, facts: os.stat_result) -> bool:
        """Whether an open file's facts say that its content is what the manifest says, so that it need not be read."""
        return self.source == "git" or self.stamps.get(path) == stamp_of(facts)

    @cached_property
    def _tops(self) -> tuple[bytes, ...]:
        return tuple(os.path.join(os.fsencode(folder), b"") for folder in (self.folder, *self.older))
