"""The disk space that a release needs on a server, in whole blocks and in inodes, and whether it is free (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct
from msgspec.structs import replace

from core import layout
from core.manifest import FOLDER, Difference, Entry, Manifest
from core.records import Disk, ServerState
from core.text import size

HEADROOM = 16 << 20
"""Bytes that have to stay free on a server beyond what an operation writes (records, logs, the application itself)."""
SPARE_INODES = 100
"""Inodes that have to stay free likewise."""


class Space(Struct, frozen=True):
    """Bytes and inodes of a file system."""

    bytes: int
    inodes: int

    def __add__(self, other: Space) -> Space:
        return Space(self.bytes + other.bytes, self.inodes + other.inodes)


def occupied(entries: Iterable[Entry], block: int) -> Space:
    """What entries take on a disk: files in whole blocks (of `block` bytes), folders and links a block each."""
    taken = [-(-entry.size // block) if entry.is_file else 1 for entry in entries]
    return Space(sum(taken) * block, len(taken))


def of_upload(state: ServerState, manifest: Manifest, change: Difference) -> Space:
    """What a change of the deploy-cache adds to it; what it removes or replaces is not counted."""
    if len(change.send) == len(manifest.entries):
        return _once(manifest, state.block, manifest.entries.values)
    return _once(change, state.block, lambda: (manifest.entries[path] for path in change.send))


def of_unknown_cache(state: ServerState, manifest: Manifest) -> Space:
    """Lower bound for an unknown deploy-cache, assuming everything already in it is reusable."""
    whole = _once(manifest, state.block, manifest.entries.values)
    return Space(max(whole.bytes - state.cache_bytes, 0), max(whole.inodes - state.cache_entries, 0))


def of_release(state: ServerState, manifest: Manifest, *, shared: bool) -> Space:
    """What a release takes in addition to the deploy-cache; `shared`: its files are hard links to the cache's."""
    entries = manifest.entries
    if not shared:
        return _once(manifest, state.block, entries.values)
    return occupied((entry for entry in entries.values() if entry.kind == FOLDER), state.block)


def _once(tree: Manifest | Difference, block: int, entries: Callable[[], Iterable[Entry]]) -> Space:
    """What the entries of a tree take, worked out once for all servers of a fleet."""
    known: dict[int, Space] = tree.__dict__.setdefault("_space", {})
    found = known.get(block)
    if found is None:
        found = known[block] = occupied(entries(), block)
    return found


def lacking(state: ServerState, upload: Space, release: Space) -> str:
    """Why a server lacks space for an upload and for the release that is made of it, each on the file system where
    it is written; "" where it does not, or does not tell."""
    wanted = {layout.CACHE: upload, layout.OWN: release}
    if layout.RELEASES in state.apart:
        # It is copied there, under another name, before the first copy goes.
        wanted[layout.RELEASES] = release
    root = state.disks.get(".", Disk(0, state.free_bytes, state.free_inodes))
    disks = {root.device: root}
    needed: dict[int, Space] = {}
    places: dict[int, list[str]] = {}
    for place, space in wanted.items():
        disk = state.disks.get(place, root)
        disks.setdefault(disk.device, disk)
        needed[disk.device] = needed.get(disk.device, Space(0, 0)) + space
        places.setdefault(disk.device, []).append(place)
    for device, space in needed.items():
        free = disks[device]
        reason = shortage(replace(state, free_bytes=free.free_bytes, free_inodes=free.free_inodes), space)
        if reason:
            where = "" if device == root.device else f" on the file system of {' and '.join(places[device])}"
            return reason + where
    return ""


def emptied(state: ServerState) -> ServerState:
    """The state once deploy-cache is empty."""
    cache, root = state.disks.get(layout.CACHE), state.disks.get(".")
    more = state.cache_bytes
    disks = {
        name: replace(disk, free_bytes=disk.free_bytes + more) if cache and disk.device == cache.device else disk
        for name, disk in state.disks.items()
    }
    beside = cache is not None and root is not None and cache.device != root.device
    free = state.free_bytes if beside or state.free_bytes < 0 else state.free_bytes + more
    return replace(state, free_bytes=free, disks=disks)


def shortage(state: ServerState, needed: Space) -> str:
    """Why a server lacks space, with the numbers; "" where it does not, or does not tell."""
    if 0 <= state.free_bytes < needed.bytes + HEADROOM:
        wanted = f"{size(needed.bytes)} needed, plus {size(HEADROOM)} to keep free"
        return f"not enough space: {wanted}; only {size(state.free_bytes)} free"
    if 0 <= state.free_inodes < needed.inodes + SPARE_INODES:
        return f"not enough inodes: {needed.inodes:,} needed, {state.free_inodes:,} free"
    return ""
