"""The files of a plain export: those that were exported just now, and any other as soon as it is needed."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import BinaryIO

from core.errors import SourceError
from core.jobs import Cancel
from core.source.coming import Coming
from core.source.git.checkout import again
from core.source.git.export_cache import Export
from core.source.git.repository import Resolved
from core.source.spool import Spool
from core.tar.reader import unwritable
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

    def come(self, paths: Collection[bytes], cancel: Cancel) -> Coming | None:
        """Begin to have these files at hand: what comes, until all are there as the export had them. None where they
        are at hand; if some are, they are when this returns. Raises as `fetch`.
        """
        missing = self._missing(self._start + path for path in paths)
        entries = self._export.manifest.entries
        if len(missing) < sum(entries[self._start + path].is_file for path in paths):
            self._fetch(missing, cancel)
            return None
        if not missing:
            return None
        wanted = frozenset(missing)
        coming = Coming(lambda path, folder: path[len(self._start) :] if path in wanted else None)

        def fetch() -> None:
            with suppress(Exception), coming.ending():  # who takes what comes hears of it
                self._fetch(missing, cancel, coming)

        threading.Thread(target=fetch, name="git archive", daemon=True).start()
        return coming

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

    def _missing(self, paths: Iterable[bytes]) -> list[bytes]:
        """Files that are not at hand."""
        entries = self._export.manifest.entries
        return [path for path in paths if self._holding(path) is None and entries[path].is_file]

    def _fetch(self, paths: Collection[bytes], cancel: Cancel, coming: Coming | None = None) -> None:
        """As `fetch`, with paths of the whole export. `coming` is told what comes; where all is at hand, nothing."""
        with self._lock:
            missing = self._missing(paths)
            if not missing:
                return
            folder = self._export.folder.parent
            try:
                spool = Spool(folder)
                if coming:
                    spool.tell(coming, int(self._export.about.committed))
                again(self._resolved, self._export, spool, missing, cancel)
                spool.settle()
            except OSError as error:
                raise unwritable("files of the revision", folder, error) from error
            self._spools.append(spool)

    def _holding(self, path: bytes) -> Spool | None:
        return next((spool for spool in self._spools if path in spool), None)
