"""A tree: the files of one version on the operator's machine, ready to send."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Protocol

from msgspec import Struct, field

from core.errors import SourceError
from core.jobs import Cancel
from core.manifest import Manifest
from core.source.coming import Coming
from core.source.hashes import Hashes, stamp_of
from core.text import show_path


class Contents(Protocol):
    """Gives the files of a tree that do not lie in a folder. Safe on many threads."""

    def fetch(self, paths: Collection[bytes], cancel: Cancel) -> None:
        """Have these files at hand, so that `open` need not look for them. Raises SourceError."""

    def come(self, paths: Collection[bytes], cancel: Cancel) -> Coming | None:
        """Begin to have these files at hand: what comes. None where they are. Raises SourceError."""

    def open(self, path: bytes) -> BinaryIO:
        """The content of a file. Raises SourceError."""


class Tree(Struct, frozen=True, dict=True):
    """A manifest, and where its files are.

    The folder may hold more than the manifest names (what `exclude` left out); only the manifest counts.

    folder     where the files lie
    contents   gives the files, where they lie in no folder
    revision   the commit, or "content:" and the start of the manifest's digest
    source     the kind of source, by its key in turnout.toml
    subject    the commit's first line; "" where there are no commits, as below
    ref        what was asked for: a branch, tag or commit
    committed  seconds since the epoch, UTC; where there are no commits: when it was read
    mtime      of all entries on the servers, likewise; None: each file's own
    stable     the files are in the cache, where nothing changes them. Other files may change: their size and SHA-256
               are compared while they are sent
    hashes     of files that may change: while its stamp is the same, a file is as it was hashed; files touched lately
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
    contents: Contents | None = None
    reused: float = 0.0
    hashes: Hashes = field(default_factory=Hashes)

    def fetch(self, paths: Collection[bytes], cancel: Cancel) -> None:
        """Have the files of these paths at hand, before they are opened. SourceError where they cannot be had."""
        if self.contents is not None:
            self.contents.fetch(paths, cancel)

    def come(self, paths: Collection[bytes], cancel: Cancel) -> Coming | None:
        """Begin to have the files of these paths at hand: what comes, in its order. None where they are, or may be
        opened as they are. SourceError where they cannot be had.
        """
        return self.contents.come(paths, cancel) if self.contents is not None else None

    def open(self, path: bytes) -> BinaryIO:
        """A file's content. SourceError where it cannot be read any more; a symbolic link is never followed."""
        if self.contents is not None:
            return self.contents.open(path)
        try:
            handle = os.open(self._top + path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            return os.fdopen(handle, "rb", buffering=0)
        except OSError as problem:
            again = f"remove {self.folder.parent} and try again" if self.stable else "run the command again"
            raise SourceError(
                f"{show_path(path)} cannot be read any more: {problem.strerror}",
                detail=f"in {self.folder}",
                hint=f"something changed the tree after it was read; {again}",
            ) from problem

    def is_hashed(self, path: bytes, facts: os.stat_result) -> bool:
        """Whether an open file's facts say that its content is what the manifest says, so that it need not be read."""
        return self.stable or self.hashes.get(path, stamp_of(facts)) != ""

    @property
    def check(self) -> Callable[[bytes, os.stat_result], bool] | None:
        """`is_hashed`; None where nothing changes the files."""
        return None if self.stable else self.is_hashed

    @cached_property
    def _top(self) -> bytes:
        return os.path.join(os.fsencode(self.folder), b"")
