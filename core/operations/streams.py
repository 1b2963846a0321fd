"""The streams of an upload: what is in them, in which order, and how they are packed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import TYPE_CHECKING

from msgspec import Struct, field

from core import layout
from core.entry import new_folders
from core.jobs import Cancel
from core.source.coming import Coming
from core.source.tree import Tree
from core.tar.compression import PIECE, PIECES, best_packing, probes
from core.tar.writer import Chunk, stream, stream_of_arrivals

if TYPE_CHECKING:
    from core.operations.patching import Patching
    from core.remote.lanes import LargeFile

PREFIX = f"{layout.CACHE}/".encode()
"""Where a stream's entries lie, below the deploy root."""
LONG_WAY, MUCH = 0.025, 32 << 20
"""Seconds of round trip, and bytes of content, from which more connections may pay: one channel carries 2 MB in it."""
_SAMPLED = 2 << 20
"""Bytes that have come when it is decided how they are packed."""


class Stream(Struct):
    """Paths of a tree for some servers, with the small files of `tail` behind them.

    content   bytes of content of these paths
    has       what all of the servers can do
    rtt       seconds of the longest way
    senders   servers to which uploads go at the same time
    patching  may leave paths out, and has patches in their place
    beside    whether large files may travel in pieces, beside it
    large     those that do, once `packing` was asked
    """

    tree: Tree
    paths: Sequence[bytes]
    content: int
    has: Set[str]
    rtt: float
    senders: int
    tail: Sequence[tuple[bytes, bytes]] = ()
    patching: Patching | None = None
    beside: bool = True
    large: list[LargeFile] = field(default_factory=list)
    _coming: Coming | None = None

    def packing(self, cancel: Cancel) -> str:
        """How it is packed (compression.PLAIN and others); to be asked first. Raises SourceError, Cancelled.

        Files that have to be read from the source first are sent as they come, but for patches and pieces, which need
        all of them.
        """
        tree, paths = self.tree, self.paths
        far = self.beside and is_long(self.rtt)
        if self.patching is None and not (far and self.content >= MUCH):
            self._coming = tree.come(paths, cancel)
            if self._coming:
                return packing_of(self._coming, self.has, self.rtt)
            return self._packing(paths, self.content)
        tree.fetch(paths, cancel)
        if self.patching:
            self.patching.make(self.rtt, cancel)
            paths = self.patching.whole
        size = self.content if paths is self.paths else sum(tree.manifest.entries[path].size for path in paths)
        if far and size >= MUCH:
            from core.operations.large import large_files  # few uploads are like that

            self.large[:] = large_files(tree, paths, self.rtt, self.senders, self.has)
        return self._packing(paths, size)

    def chunks(self) -> Iterator[Chunk]:
        """All of it, not packed. Raises SourceError."""
        tree, paths = self.tree, self.patching.whole if self.patching else self.paths
        if self.patching and self.patching.patches:
            yield from self.patching.patches.chunks()
        if self._coming:
            folders = _above(paths)
            yield from stream_of_arrivals(self._coming, PREFIX, folders)
            paths = self._coming.lacking(paths, folders)
        if self.large:
            apart = {file.path for file in self.large}
            paths = [path for path in paths if path not in apart]
        yield from stream(tree.manifest, paths, PREFIX, tree.open, tree.mtime, self.tail, tree.check)

    def _packing(self, paths: Sequence[bytes], size: int) -> str:
        return best_packing(self.has, size, self.rtt, lambda: self._sample(paths))

    def _sample(self, paths: Sequence[bytes]) -> Iterator[bytes]:
        for path, place in probes(self.tree.manifest, paths):
            with self.tree.open(path) as file:
                file.seek(place)
                yield file.read(PIECE)


def _above(paths: Sequence[bytes]) -> set[bytes]:
    """The folders above what is sent that are not sent themselves. They are there, and where a group shares them, only
    who made one can give it its mode and time.
    """
    known = set(paths)
    return {folder for path in paths for folder in new_folders(path, known)}


def is_long(rtt: float) -> bool:
    """Whether a way of so many seconds is one over which more connections may pay."""
    return rtt >= LONG_WAY


def packing_of(coming: Coming, has: Set[str], rtt: float) -> str:
    """How a stream of what comes is packed, by its beginning; waits for that."""
    size, pieces = coming.sample(_SAMPLED, PIECES, PIECE)
    return best_packing(has, size, rtt, lambda: pieces)
