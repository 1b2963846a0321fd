"""A tree: the files of one version on the operator's machine, ready to send."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core.errors import SourceError
from core.manifest import Manifest
from core.text import show_path


@dataclass(frozen=True)
class Tree:
    """A manifest and the folder where its files lie.

    The folder may hold more than the manifest names (what `exclude` left out); only the manifest counts. A tree of a
    git revision does not change any more; one of a directory may: who sends a file compares its size and SHA-256.

    revision   the commit, or "content:" and the start of the manifest's digest
    subject    the commit's first line; "" for a directory
    ref        what was asked for: a branch, tag or commit; "" for a directory
    source     git or directory
    committed  seconds since the epoch, UTC; of a directory: when it was read
    """

    folder: Path
    manifest: Manifest
    revision: str
    subject: str = ""
    author: str = ""
    ref: str = ""
    source: str = "git"
    committed: float = 0.0

    def locate(self, path: bytes) -> bytes:
        """The file of a manifest's path on this machine."""
        return os.path.join(os.fsencode(self.folder), path)

    def open(self, path: bytes) -> BinaryIO:
        """A file's content. SourceError where it cannot be read any more; a symbolic link is never followed."""
        try:
            handle = os.open(self.locate(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            return os.fdopen(handle, "rb", buffering=0)
        except OSError as error:
            again = (
                "run the command again" if self.source == "directory" else f"remove {self.folder.parent} and try again"
            )
            raise SourceError(
                f"{show_path(path)} cannot be read any more: {error.strerror}",
                detail=f"in {self.folder}",
                hint=f"something changed the tree after it was read; {again}",
            ) from error
