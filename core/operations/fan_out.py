"""One pass over the files for many servers: what all of them need is read and packed once."""

from __future__ import annotations

import bisect
import itertools
import queue
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from typing import Protocol

from core.errors import TurnoutError
from core.jobs import Cancel, fault
from core.manifest import Manifest
from core.tar.writer import Chunk
from core.tar.zstd import zstd_library

DEPTH = 16
"""Chunks that wait for a slow server at most: fast ones get ahead of it by 2 MB, and memory does not grow."""

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
    """Hands the same chunks to several takers, each on its own thread. A taker that leaves does not delay the others.

    prefers   says how they are packed: PLAIN, GZIP or ZSTD; it may take its time, and raise SourceError
    rtt       seconds of the longest way
    """

    def __init__(
        self, make: Callable[[], Iterable[Chunk]], takers: Iterable[str], prefers: Callable[[Cancel], str], rtt: float
    ) -> None:
        self._make = make
        self._prefers = prefers
        self._rtt = rtt
        self._unpack = ""
        self._deciding = threading.Lock()
        self._queues: dict[str, queue.Queue[Chunk | None]] = {name: queue.Queue(DEPTH) for name in takers}
        self._gone: set[str] = set()
        self._error: TurnoutError | None = None
        self._started = False
        self._lock = threading.Lock()

    def unpack(self, cancel: Cancel) -> str:
        """The program that unpacks it on the server; to be asked before `chunks`. Raises what `prefers` raises."""
        with self._deciding:
            self._unpack = self._unpack or self._prefers(cancel)
            return self._unpack

    def chunks(self, taker: str) -> Iterator[Chunk]:
        """The stream for one taker. Raises what reading the files raised.

        A single taker makes them itself, unless it would have to wait while they are packed.
        """
        if len(self._queues) == 1 and self._unpack == PLAIN:
            yield from self._make()
            return
        with self._lock:
            if not self._started:
                self._started = True
                threading.Thread(target=self._produce, name="fan out", daemon=True).start()
        try:
            while (chunk := self._queues[taker].get()) is not None:
                yield chunk
            if self._error:
                raise self._error.again()  # each says its own server
        finally:
            self.leave(taker)

    def leave(self, taker: str) -> None:
        """A taker takes no more chunks."""
        with self._lock:
            self._gone.add(taker)

    def _produce(self) -> None:
        try:
            for chunk in self._packed():
                if not self._hand_out(chunk):
                    return
        except TurnoutError as error:
            self._error = error
        except Exception as error:  # a fault of ours must reach the operator, not die on a thread
            self._error = fault(error)
        self._hand_out(None)

    def _packed(self) -> Iterable[Chunk]:
        if self._unpack == PLAIN:
            return self._make()
        return packed(self._make(), zstd(self._rtt) if self._unpack == ZSTD else gzip())

    def _hand_out(self, chunk: Chunk | None) -> bool:
        """Put a chunk into every queue; False where no taker is left."""
        for name, waiting in self._queues.items():
            while name not in self._gone:
                try:
                    waiting.put(chunk, timeout=0.2)
                    break
                except queue.Full:
                    continue
        return len(self._gone) < len(self._queues)


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
