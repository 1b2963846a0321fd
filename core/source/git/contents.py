"""The files of a plain export: those that were exported just now, and any other as soon as it is needed."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection
from typing import BinaryIO

from core.errors import SourceError
from core.jobs import Cancel
from core.source.git.checkout import again
from core.source.git.export_cache import Export
from core.source.git.repository import Resolved
from core.source.spool import Spool
from core.text import show_path


class GitContents:
    """Gives the files of an export, which git has; safe on many threads.

    part    only what lies below this folder, with paths relative to it
    spool   files that are at hand
    """

    def __init__(self, resolved: Resolved, export: Export, part: bytes, spool: Spool | None) -> None:
        self._resolved = resolved
        self._export = export
        self._start = os.path.join(part, b"")
        self._spools = [spool] if spool is not None else []
        self._lock = threading.Lock()

    def fetch(self, paths: Collection[bytes], cancel: Cancel) -> None:
        """Have these files at hand. SourceError where git does not give them as the export had them."""
        self._fetch([self._start + path for path in paths] if self._start else paths, cancel)

    def open(self, path: bytes) -> BinaryIO:
        """The content of a file; where it is not at hand, all files are fetched first. Raises as `fetch`."""
        path = self._start + path
        found = self._holding(path)
        if found is None:
            self._fetch([name for name in self._export.manifest.entries if name.startswith(self._start)], Cancel())
            found = self._holding(path)
        if found is None:
            raise SourceError(f"{show_path(path[len(self._start) :])} is not a file of the tree")
        return found.open(path)

    def _fetch(self, paths: Collection[bytes], cancel: Cancel) -> None:
        """As `fetch`, with paths of the whole export."""
        entries = self._export.manifest.entries
        with self._lock:
            missing = [path for path in paths if self._holding(path) is None and entries[path].is_file]
            if not missing:
                return
            folder = self._export.folder.parent
            try:
                spool = Spool(folder)
                again(self._resolved, self._export, spool, missing, cancel)
                spool.settle()
            except OSError as error:
                raise SourceError(
                    f"files of the revision cannot be written to {folder}: {error.strerror}",
                    hint="TURNOUT_CACHE_DIR names another folder",
                ) from error
            self._spools.append(spool)

    def _holding(self, path: bytes) -> Spool | None:
        return next((spool for spool in self._spools if path in spool), None)
