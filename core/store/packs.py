"""Packs: the stream of an upload as one object, made once for all servers; and read again on the operator's machine."""

from __future__ import annotations

import hashlib
import secrets
import zlib
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from core import layout
from core.entry import new_folders
from core.errors import StoreError
from core.manifest import LINK, Difference, Entry, Manifest
from core.source.tree import Tree
from core.store.catalog import Pack
from core.store.proof import listing_digest
from core.tar.writer import BLOCK, END, manifest_files, stream

LEVEL = 4
"""Of gzip: beyond it the processor costs more than an uplink of 100 Mbit/s saves."""
_LONGEST_NAME = 1 << 20
_LARGEST = 1 << 50
"""Bytes of a file, and seconds of its time: more is in no pack."""


class Packing:
    """A pack on its way into the store: `pieces` gives its bytes once, then `pack` has its facts."""

    def __init__(self, tree: Tree, change: Difference | None = None) -> None:
        self._tree = tree
        self._change = change
        self._sum = hashlib.sha256()
        self._bytes = self.content = self.files = 0
        self.id = secrets.token_hex(8)

    def pieces(self) -> Iterator[bytes]:
        """The pack's bytes. SourceError where a file is not as the manifest says any more."""
        squeeze = zlib.compressobj(LEVEL, zlib.DEFLATED, 31)
        for raw in self._stream():
            if packed := squeeze.compress(raw):
                yield self._counted(packed)
        yield self._counted(squeeze.flush())

    def _counted(self, piece: bytes) -> bytes:
        self._sum.update(piece)
        self._bytes += len(piece)
        return piece

    def _stream(self) -> Iterator[bytes]:
        """Folders and files, then what makes the manifest, then links: nothing is ever written through one."""
        tree, manifest = self._tree, self._tree.manifest
        paths = packed_paths(manifest, self._change)
        links = [path for path in paths if manifest.entries[path].kind == LINK]
        others = [path for path in paths if manifest.entries[path].kind != LINK]
        prefix = f"{layout.CACHE}/".encode()
        last = b""
        tail = manifest_files(manifest, self._change)
        for chunk in stream(manifest, others, prefix, tree.open, tree.mtime, tail, tree.check):
            self.content += chunk.content
            self.files += chunk.files
            if last:
                yield last
            last = chunk.raw
        yield last[: -len(END)]
        for chunk in stream(manifest, links, prefix, tree.open, tree.mtime):
            yield chunk.raw

    @property
    def pack(self) -> Pack:
        """Its facts, after `pieces`."""
        return Pack(self.id, self._sum.hexdigest(), self._bytes, self.content, self.files)


def packed_paths(manifest: Manifest, change: Difference | None) -> list[bytes]:
    """The paths of a pack, sorted: all of a tree, or what changes with the folders above it."""
    if change is None:
        return sorted(manifest.entries)
    paths = set(change.send)
    for path in change.send:
        new_folders(path, paths)
    return sorted(paths)


def most_unpacked(manifest: Manifest, change: Difference | None) -> int:
    """Bytes that a pack has at most once it is unpacked: who can write to the store could put there what never ends."""
    # Of an entry: a header, up to two long names with a header and a NUL each, and what fills up the blocks.
    entries = (
        entry.size + len(path) + len(entry.content) + 8 * BLOCK for path, entry in _packed_entries(manifest, change)
    )
    return sum(entries) + sum(map(len, _tail(manifest, change))) + 4 * 8 * BLOCK


def largest(manifest: Manifest, change: Difference | None) -> int:
    """Bytes of the largest file of a pack: a file with holes takes no room in it."""
    sizes = (entry.size for _, entry in _packed_entries(manifest, change))
    return max(max(sizes, default=0), *map(len, _tail(manifest, change)))


def _packed_entries(manifest: Manifest, change: Difference | None) -> Iterator[tuple[bytes, Entry]]:
    """The entries of a pack, in any order; those of a large tree are not held all at once."""
    if change is None:
        yield from manifest.entries.items()
    else:
        yield from ((path, manifest.entries[path]) for path in packed_paths(manifest, change))


def _tail(manifest: Manifest, change: Difference | None) -> list[bytes]:
    return [content for _, content in manifest_files(manifest, change)]


class Contents(Struct, frozen=True):
    """What a pack holds, for the server that proves it; see store.sh.

    most      bytes at most once it is unpacked; largest: of its largest file
    listing   what core.store.proof.listing_digest gives for its files; digest: of the tree's manifest
    changes   it changes what deploy-cache holds, after the paths of `remove` are gone; else it has all of the tree
    """

    most: int
    largest: int
    listing: str
    digest: str
    changes: bool
    remove: Sequence[bytes]


def contents_of(manifest: Manifest, change: Difference | None) -> Contents:
    """What the pack of a tree holds, or of what changes another one into it."""
    return Contents(
        most=most_unpacked(manifest, change),
        largest=largest(manifest, change),
        listing=listing_digest(_packed_entries(manifest, change)),
        digest=manifest.digest,
        changes=change is not None,
        remove=change.remove if change else (),
    )


class PackFiles:
    """The files of a pack with a whole tree, in the order of their paths, as core.source.received takes them.

    Nothing in it is believed but its order: names and sizes are the manifest's, each file counts only with its SHA-256.
    """

    def __init__(self, pieces: Iterable[bytes], manifest: Manifest) -> None:
        self._pieces = iter(pieces)
        self._inflate = zlib.decompressobj(31)
        self._buffer = b""
        self._sizes = iter([entry.size for _, entry in manifest.in_order() if entry.is_file])
        self._left = self._padding = 0
        # Folders, and long names of any entry.
        self._others = 2 * len(manifest.entries)

    def mtime(self) -> int:
        """Of the next file, in seconds since the epoch."""
        self._exactly(self._padding)
        while True:
            head = self._exactly(BLOCK)
            kind, size = head[156:157], _octal(head[124:136])
            if kind == b"0":
                break
            self._others -= 1
            if kind not in (b"5", b"L") or not 0 <= size <= _LONGEST_NAME or self._others < 0:
                raise _not_a_pack()
            self._exactly(size + -size % BLOCK)  # a folder, or a long name, which the manifest has as well
        if size != next(self._sizes, -1):
            raise _not_a_pack()
        self._left, self._padding = size, -size % BLOCK
        return _octal(head[136:148])

    def read(self, size: int) -> bytes:
        """The next bytes of it, at least one."""
        piece = self._some(min(size, self._left))
        self._left -= len(piece)
        return piece

    def _some(self, size: int) -> bytes:
        while not self._buffer:
            try:
                tail = self._inflate.unconsumed_tail
                raw = tail or next(self._pieces, b"")
                if not raw:
                    raise _not_a_pack()
                self._buffer = self._inflate.decompress(raw, 1 << 20)
            except zlib.error:
                raise _not_a_pack() from None
        piece, self._buffer = self._buffer[:size], self._buffer[size:]
        return piece

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            parts.append(self._some(size))
            size -= len(parts[-1])
        return b"".join(parts)


def _octal(field: bytes) -> int:
    try:
        number = int.from_bytes(field[1:], "big") if field[:1] == b"\x80" else int(field.rstrip(b" \0") or b"0", 8)
    except ValueError:
        raise _not_a_pack() from None
    if not 0 <= number < _LARGEST:
        raise _not_a_pack()
    return number


def _not_a_pack() -> StoreError:
    return StoreError(
        "the pack in the store is not whole, or is none", hint="`turnout store verify` checks all of them"
    )
