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

    The folders may hold more than the manifest names (what `exclude` left out); only the manifest counts.

    folder     where the files lie
    older      folders with the files that `folder` does not have: earlier exports, the newest first
    revision   the commit, or "content:" and the start of the manifest's digest
    source     the kind of source, by its key in turnout.toml
    subject    the commit's first line; "" where there are no commits, as below
    ref        what was asked for: a branch, tag or commit
    committed  seconds since the epoch, UTC; where there are no commits: when it was read
    mtime      of all entries on the servers, likewise; None: each file's own
    stable     the files are in the cache, where nothing changes them. Other files may change: their size and SHA-256
               are compared while they are sent
    stamps     of files that may change: while its stamp is the same, a file is as it was hashed; files touched lately
               have none
    reused     when the reused build was made, likewise; 0.0 for a new build
    """

    folder: Path
    manifest: Manifest
    revision: str
    source: str
    subject: str = ""
    author: str = ""
    ref: str = ""
    committed: float = 0.0
    mtime: int | None = None
    stable: bool = False
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
        again = f"remove {self.folder.parent} and try again" if self.stable else "run the command again"
        raise SourceError(
            f"{show_path(path)} cannot be read any more: {problem and problem.strerror}",
            detail=f"in {self.folder}",
            hint=f"something changed the tree after it was read; {again}",
        ) from problem

    def is_hashed(self, path: bytes, facts: os.stat_result) -> bool:
        """Whether an open file's facts say that its content is what the manifest says, so that it need not be read."""
        return self.stable or self.stamps.get(path) == stamp_of(facts)

    @cached_property
    def _tops(self) -> tuple[bytes, ...]:
        return tuple(os.path.join(os.fsencode(folder), b"") for folder in (self.folder, *self.older))
