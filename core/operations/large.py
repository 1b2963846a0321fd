"""Which files of an upload travel in pieces, over how many connections; loaded only where that may pay."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence, Set

from core.jobs import Cancel
from core.remote.held import Held
from core.remote.lanes import PIECE, Lanes, LargeFile, Target
from core.remote.upload import Upload
from core.source.tree import Tree
from core.tar.compression import PLAIN, compressed
from core.tar.writer import changed
from core.text import count

LARGE = 2 * PIECE
"""Bytes of a file from which it travels in pieces."""
MOST_LANES = 8
"""Connections for uploads at the same time, of all servers of an operation together: they share one uplink, and sshd
drops no login below 10 at a time (MaxStartups)."""
_FAST = 160e6
"""Bytes a second that more lanes do not have to reach."""
_WINDOW = 2e6
"""Bytes that a channel carries in a round trip: OpenSSH's window."""
_PAYS_FROM = 16e6
"""Bytes that one channel carries while another connection logs in, in about eight round trips."""


def lanes_for(total: int, rtt: float, servers: int) -> int:
    """How many connections carry so many bytes to one of so many servers; 1: there is nothing to gain."""
    if not servers:
        return 1
    return max(1, min(MOST_LANES // servers, int(total / _PAYS_FROM), int(_FAST * rtt / _WINDOW)))


def large_files(tree: Tree, paths: Iterable[bytes], rtt: float, servers: int, has: Set[str]) -> list[LargeFile]:
    """Which of these paths travel in pieces: files that cannot change while they are sent; none where it does not pay.

    has   what the servers can do (ServerState.features)
    """
    entries = tree.manifest.entries
    sizes = {path: entries[path].size for path in paths if entries[path].is_file and entries[path].size >= LARGE}
    if "sha256sum" not in has or lanes_for(sum(sizes.values()), rtt, servers) == 1:
        return []
    found = []
    for path, size in sizes.items():
        with tree.open(path) as file:
            facts = os.fstat(file.fileno())
            if tree.is_hashed(path, facts):
                when = int(facts.st_mtime) if tree.mtime is None else tree.mtime
                found.append(LargeFile(path, size, entries[path].mode, when))
    return found if lanes_for(bytes_of(found), rtt, servers) > 1 else []


def bytes_of(files: Iterable[LargeFile]) -> int:
    return sum(file.size for file in files)


class Beside:
    """The large files of one server's upload, over several connections beside its stream; a context manager.

    arrived   after `finish`: whether all of them are there; else they are to be sent as all others are
    bytes     of all of them
    """

    def __init__(
        self,
        held: Held,
        upload: Upload,
        unpack: str,
        tree: Tree,
        files: Sequence[LargeFile],
        servers: int,
        on_bytes: Callable[[int], None],
        cancel: Cancel,
    ) -> None:
        self.arrived = False
        self.bytes = bytes_of(files)
        self._tree = tree
        self._files = files
        self._cancel = cancel
        rtt = held.session.rtt

        def squeeze(content: bytes) -> bytes:
            return compressed(content, unpack, rtt)

        target = Target(held.root, held.token, unpack, held.session.ownership, squeeze if unpack != PLAIN else None)
        connections = held.session.connections(lanes_for(self.bytes, rtt, servers))
        self._lanes = Lanes(upload, connections, target, files, tree.open, on_bytes)

    def __enter__(self) -> Beside:
        self._unwatch = self._cancel.on_request(self._lanes.close)
        self._lanes.begin()
        return self

    def __exit__(self, *raised: object) -> None:
        self._unwatch()
        self._lanes.close()

    def finish(self) -> str:
        """Wait for them, once the stream is there; what came of it, for people. Raises what Lanes.finish raises,
        Cancelled, and SourceError where a file was written to while it was sent.
        """
        self.arrived = self._lanes.finish()
        self._cancel.check()
        if not self.arrived:
            why = "; ".join(dict.fromkeys(self._lanes.trouble))
            return f"several connections at once do not work ({why}): large files come over one"
        for item in self._files:
            with self._tree.open(item.path) as file:
                if not self._tree.is_hashed(item.path, os.fstat(file.fileno())):
                    raise changed(item.path)
        return f"large files came over {count(self._lanes.used, 'connection')} at once"
