"""One stream for many servers: what all of them need is read and packed once, for all who keep the pace."""

from __future__ import annotations

import bisect
import itertools
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Protocol

from core.jobs import Cancel
from core.manifest import Manifest
from core.operations.passes import START, Pass, Place
from core.tar.writer import Chunk
from core.tar.zstd import zstd_library

MOST_PASSES = 4
"""Passes over one stream at a time: more would keep this machine busy. Until one ends, nobody is left behind, and those
that were wait."""

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


class FanOut:
    """Hands the same stream to several takers, each on its own thread. One that is slow, or leaves, delays no other.

    make      the stream, not packed; the same each time, however often and on however many threads it is made
    prefers   says how it is packed: PLAIN, GZIP or ZSTD; it may take its time, and raise SourceError
    rtt       seconds of the longest way

    Who does not keep the pace goes on in another pass, which makes the stream anew and leaves out what its takers have.
    """

    def __init__(
        self, make: Callable[[], Iterable[Chunk]], takers: Iterable[str], prefers: Callable[[Cancel], str], rtt: float
    ) -> None:
        self._make = make
        self._prefers = prefers
        self._rtt = rtt
        self._unpack = ""
        self._deciding = threading.Lock()
        self._takers = dict.fromkeys(takers, START)
        self._alone = len(self._takers) == 1
        self._first: Pass | None = None
        self._passes: list[Pass] = []
        self._waiting: dict[str, Place] = {}
        """Those that were left behind and wait for another pass, and which one they got."""
        self._found: dict[str, Pass] = {}
        self._changed = threading.Condition()

    def unpack(self, cancel: Cancel) -> str:
        """The program that unpacks it on the server; to be asked before `chunks`. Raises what `prefers` raises."""
        with self._deciding:
            self._unpack = self._unpack or self._prefers(cancel)
            return self._unpack

    def chunks(self, taker: str) -> Iterator[Chunk]:
        """The stream for one taker. Raises what reading the files raised.

        A single taker makes them itself, unless it would have to wait while they are packed.
        """
        if self._alone and self._unpack == PLAIN:
            yield from self._make()
            return
        current = self._begun()
        try:
            while True:
                while (chunk := current.take(taker)) is not None:
                    yield chunk
                place = current.left(taker)
                if place is None:
                    return
                current = self._next(taker, place)
        finally:
            self.leave(taker)

    def leave(self, taker: str) -> None:
        """A taker takes no more chunks."""
        with self._changed:
            self._takers.pop(taker, None)
            passes = list(self._passes)
        for each in passes:
            each.leave(taker)

    def _begun(self) -> Pass:
        """The first pass, which all begin with."""
        with self._changed:
            if self._first is None:
                self._first = self._started(self._takers)
            return self._first

    def _next(self, taker: str, place: Place) -> Pass:
        """The pass in which a taker goes on; where there are too many, waits until one has ended."""
        with self._changed:
            self._waiting[taker] = place
            while taker in self._waiting:
                joined = next((each for each in self._passes if each.join(taker, place)), None)
                if joined:
                    del self._waiting[taker]
                    return joined
                if self._may_start():
                    begun = self._started(self._waiting)
                    self._found.update(dict.fromkeys(self._waiting, begun))
                    self._waiting.clear()
                    self._changed.notify_all()
                else:
                    self._changed.wait()
            return self._found.pop(taker)

    def _may_start(self) -> bool:
        return len(self._passes) < MOST_PASSES

    def _started(self, takers: Mapping[str, Place]) -> Pass:
        begun = Pass(self._packed(), takers, self._may_start)
        begun.start(self._ended)  # which waits for the lock that is held here
        self._passes.append(begun)
        return begun

    def _ended(self, one: Pass) -> None:
        with self._changed:
            self._passes.remove(one)
            self._changed.notify_all()

    def _packed(self) -> Iterable[Chunk]:
        if self._unpack == PLAIN:
            return self._make()
        return packed(self._make(), zstd(self._rtt) if self._unpack == ZSTD else gzip())


class Squeeze(Protocol):
    """A compressor: zlib's, or zstd's."""

    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


def gzip() -> Squeeze:
    """gzip at its fastest."""
    return zlib.compressobj(1, zlib.DEFLATED, 31)


def zstd(rtt: float) -> Squeeze:
    """zstd for a way of so many seconds. ImportError where this Python has none."""
    squeeze: Squeeze = zstd_library().ZstdCompressor(level=3 if rtt >= FAR_RTT else 1)
    return squeeze


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


def best_packing(has: Set[str], size: int, rtt: float, pieces: Callable[[], Iterable[bytes]]) -> str:
    """PLAIN, GZIP or ZSTD for an upload of so many bytes over such a way.

    has      what all servers that take it can do (ServerState.features)
    pieces   gives samples of the content
    """
    if size < COMPRESS_FROM:
        return PLAIN
    best = ZSTD if ZSTD in has and has_zstd() else GZIP if GZIP in has else PLAIN
    if best != PLAIN and pays_to_compress(size, rtt, pieces(), fast=best == ZSTD):
        return best
    return PLAIN
