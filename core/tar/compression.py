"""Whether and how a stream is compressed for a server, and the compressors."""

from __future__ import annotations

import bisect
import itertools
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from typing import Protocol

from core.manifest import Manifest
from core.tar.writer import Chunk
from core.tar.zstd import zstd_library

PLAIN, GZIP, ZSTD = "none", "gzip", "zstd"
"""How a stream is packed, as upload.sh calls it."""

COMPRESS_FROM = 256 << 10
"""Bytes of content from which compression may pay."""
COMPRESS_RTT = 0.02
"""Seconds of round trip from which gzip pays: one channel carries about 2 MB a round trip, gzip at level 1 about
80 MB/s. zstd at level 1 is faster than a channel over any way."""
FAR_RTT = 0.05
"""Seconds of round trip from which a channel is slow enough for zstd at its own default level, 3."""
PIECES, PIECE = 24, 8 << 10
"""Samples of content that tell whether compression pays, and the bytes of each."""
SHRINKS = 0.85
"""What content has to shrink to."""


class Squeeze(Protocol):
    """A compressor: zlib's, or zstd's."""

    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


def compressor(packing: str, rtt: float) -> Squeeze:
    """gzip at its fastest, or zstd for a way of so many seconds. ImportError where this Python has no zstd.

    packing   GZIP or ZSTD
    """
    if packing == GZIP:
        return zlib.compressobj(1, zlib.DEFLATED, 31)
    squeeze: Squeeze = zstd_library().ZstdCompressor(level=3 if rtt >= FAR_RTT else 1)
    return squeeze


def compressed(content: bytes, packing: str, rtt: float) -> bytes:
    """All of it at once; see `compressor`."""
    squeeze = compressor(packing, rtt)
    return squeeze.compress(content) + squeeze.flush()


def has_zstd() -> bool:
    """Whether this Python can compress with zstd."""
    try:
        zstd_library()
    except ImportError:
        return False
    return True


def packed(chunks: Iterable[Chunk], squeeze: Squeeze) -> Iterator[Chunk]:
    """The stream through a compressor; the counts stay those of the content."""
    content = files = 0
    for chunk in chunks:
        raw = squeeze.compress(chunk.raw)
        content += chunk.content
        files += chunk.files
        if raw:
            yield Chunk(raw, content, files)
            content = files = 0
    yield Chunk(squeeze.flush(), content, files)


def probes(manifest: Manifest, paths: Sequence[bytes]) -> list[tuple[bytes, int]]:
    """Where to read samples of PIECE bytes: files and offsets, evenly spread over the bytes that are sent."""
    sizes = [(path, entry.size) for path in paths if (entry := manifest.entries[path]).is_file]
    ends = list(itertools.accumulate(size for _, size in sizes))
    found = []
    for number in range(PIECES if ends else 0):
        place = ends[-1] * (2 * number + 1) // (2 * PIECES)
        index = bisect.bisect_right(ends, place)
        if index < len(sizes):
            path, size = sizes[index]
            found.append((path, place - (ends[index] - size)))
    return found


def pays_to_compress(size: int, rtt: float, pieces: Iterable[bytes], *, fast: bool = False) -> bool:
    """Whether compression makes an upload faster: enough bytes, content that shrinks, and a way that is long enough.

    fast   with zstd, which is faster than any way
    """
    if size < COMPRESS_FROM or (rtt < COMPRESS_RTT and not fast):
        return False
    before = after = 0
    for piece in pieces:
        before += len(piece)
        after += len(zlib.compress(piece, 1))
    return after < before * SHRINKS


def packer(has: Set[str]) -> str:
    """ZSTD, GZIP or PLAIN: the fastest that this Python makes, and that a server with these programs unpacks.

    has   what it can do (ServerState.features)
    """
    return ZSTD if ZSTD in has and has_zstd() else GZIP if GZIP in has else PLAIN


def best_packing(has: Set[str], size: int, rtt: float, pieces: Callable[[], Iterable[bytes]]) -> str:
    """PLAIN, GZIP or ZSTD for an upload of so many bytes over such a way.

    has      what all servers that take it can do (ServerState.features)
    pieces   gives samples of the content
    """
    if size < COMPRESS_FROM:
        return PLAIN
    best = packer(has)
    if best != PLAIN and pays_to_compress(size, rtt, pieces(), fast=best == ZSTD):
        return best
    return PLAIN
