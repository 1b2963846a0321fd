"""Sums of large files that were hashed, kept by the SHA-256 of the file: what is left of a content that is gone."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from core.errors import SourceError
from core.source.store import evict_files, write_whole
from core.sums import Summing, Sums

SUMS_FROM = 1 << 20
"""Bytes: files larger than this have some."""

_KEPT = 2000
"""Those used longest ago go first."""
_FORMAT = b"sums-1\n"


class KeptSums(Struct, frozen=True):
    """Of one cache. What cannot be written is not kept; what cannot be read, or does not fit, is not there."""

    cache: Path

    def keep(self, summing: Summing) -> None:
        """Keep what came out of hashing a file."""
        with suppress(OSError, SourceError):
            path = self._path(summing.hexdigest())
            if not path.exists():
                write_whole(path, _FORMAT + summing.sums().raw)
                evict_files(path.parent, _KEPT)

    def of(self, digest: str, size: int) -> Sums | None:
        """The sums of the content with this SHA-256 and so many bytes."""
        with suppress(OSError):
            path = self._path(digest)
            content = path.read_bytes()
            path.touch()
            sums = Sums(size, content.removeprefix(_FORMAT))
            if content.startswith(_FORMAT) and sums.fits:
                return sums
        return None

    def _path(self, digest: str) -> Path:
        return self.cache / "sums" / digest
