"""Sums of large files that were hashed, kept by the SHA-256 of the file: what is left of a content that is gone."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from core.errors import SourceError
from core.source.store import write_whole
from core.sums import Summing, Sums

_FILES, _BYTES = 2000, 64 << 20
"""What is kept at most; those used longest ago go first."""
_EVERY = 100
"""Files that are kept between two looks at how many there are."""
_FORMAT = b"sums-1\n"


class KeptSums:
    """Of one cache. What cannot be written is not kept; what cannot be read, or does not fit, is not there."""

    def __init__(self, cache: Path) -> None:
        self._folder = cache / "sums"
        self._new = 0

    def keep(self, summing: Summing) -> None:
        """Keep what came out of hashing a file. Safe on many threads."""
        path, sums = self._folder / summing.hexdigest(), summing.sums()
        with suppress(OSError, SourceError):
            if not sums.fits or path.exists():
                return
            write_whole(path, _FORMAT + sums.raw)
            if self._new % _EVERY == 0:
                self._evict()
            self._new += 1

    def of(self, digest: str, size: int) -> Sums | None:
        """The sums of the content with this SHA-256 and so many bytes."""
        with suppress(OSError):
            path = self._folder / digest
            content = path.read_bytes()
            path.touch()
            sums = Sums(size, content.removeprefix(_FORMAT))
            if content.startswith(_FORMAT) and sums.fits:
                return sums
        return None

    def _evict(self) -> None:
        """Remove what is too much."""
        found = [(each.stat(follow_symlinks=False), each.path) for each in os.scandir(self._folder)]
        left = _BYTES
        for place, (facts, path) in enumerate(sorted(found, key=lambda each: each[0].st_mtime_ns, reverse=True)):
            left -= facts.st_size
            if place >= _FILES or left < 0:
                with suppress(FileNotFoundError):
                    os.unlink(path)
