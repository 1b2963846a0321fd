"""The lines of a state about the deploy-cache, free space, file systems and programs (pure)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from core import layout
from core.protocol.values import amount, digest
from core.records import Disk
from core.records.server import USUAL_BLOCK
from core.text import clean

FEATURES = frozenset({"zstd", "gzip", "sha256sum", "shasum", "comm", "tar", "curl", "wget", "wget2", "other-wget"})
"""What a server may say that it has."""
BLOCKS = range(512, (64 << 10) + 1)
"""Bytes of a block that are what the smallest file occupies."""
PLACES = frozenset({layout.OWN, layout.RELEASES, layout.CACHE, layout.SHARED})
"""The folders of a root that may lie on file systems of their own."""
_OCTAL = re.compile(r"\\([0-3][0-7]{2})")


class Disks:
    """What is free and what is mounted; `ServerState` says what each value is, and in which unit."""

    def __init__(self) -> None:
        self.free_bytes = -1
        self.free_inodes = -1
        self.block = USUAL_BLOCK
        self.mounts: list[str] = []
        self._devices: dict[str, int] = {}
        self._rooms: dict[str, tuple[int, int]] = {}
        self.readers: Mapping[str, Callable[[str], None]] = {
            "mount": self._mount,
            "space": self._space,
            "inodes": self._inodes,
            "statfs": self._statfs,
        }

    def device(self, name: str, number: str) -> None:
        """The device number of the root (`.`) or of a folder in it."""
        self._devices[name] = amount(number)

    @property
    def apart(self) -> frozenset[str]:
        """The folders between which and `.turnout` nothing can be renamed: another device, or a mount point."""
        own = self._devices.get(layout.OWN, 0)
        if layout.OWN in self.mounts:
            return frozenset(PLACES - {layout.OWN})
        return frozenset(
            name for name in PLACES if name in self.mounts or (own and self._devices.get(name, own) not in (0, own))
        )

    @property
    def disks(self) -> dict[str, Disk]:
        """By folder, where its device is known."""
        return {name: Disk(self._devices[name], *room) for name, room in self._rooms.items() if self._devices.get(name)}

    def _mount(self, rest: str) -> None:
        """A mount point below the root, as /proc writes it: `\\040` is a blank."""
        path = _OCTAL.sub(lambda match: chr(int(match[1], 8)), rest)
        self.mounts.append(clean(path, 200))

    def _space(self, rest: str) -> None:
        """`df -Pk`: file system, 1024-blocks, used, available, capacity, mounted on."""
        self.free_bytes = amount(rest.split()[3]) * 1024

    def _statfs(self, rest: str) -> None:
        """`stat -f`: bytes of a block, free blocks for this user, inodes (0: no fixed number), free inodes, and of
        what."""
        numbers, _, name = rest.rpartition(" ") if rest.count(" ") > 3 else (rest, "", ".")
        block, blocks, inodes, free = map(amount, numbers.split())
        self._rooms[name] = (block * blocks, free if inodes > 0 else -1)
        if name != ".":
            return
        self.free_bytes = block * blocks
        # Network file systems count in blocks of megabytes and yet store a small file in less.
        if block in BLOCKS:
            self.block = block
        if inodes > 0:
            self.free_inodes = free

    def _inodes(self, rest: str) -> None:
        """`df -Pi`; some file systems have no fixed number and say 0 of 0, or `-`."""
        words = rest.split()
        if len(words) > 3 and words[1].isdigit() and amount(words[1]) > 0:
            self.free_inodes = amount(words[3])


class Cache:
    """What is in deploy-cache: the digest of its manifest, nothing, or something without a valid manifest."""

    def __init__(self) -> None:
        self.digest = ""
        self.bytes = 0
        self.entries = 0
        self.foreign = False
        self.seen = True
        self._empty = False
        self.readers: Mapping[str, Callable[[str], None]] = {
            "cache": self._known,
            "cache-empty": self._nothing,
            "cache-foreign": self._theirs,
            "cache-unknown": self._unknown,
            "cache-unseen": self._unseen,
        }

    @property
    def empty(self) -> bool:
        return self._empty and not self.digest

    def _known(self, rest: str) -> None:
        self.digest = digest(rest)

    def _nothing(self, rest: str) -> None:
        self._empty = not rest

    def _theirs(self, rest: str) -> None:
        self.foreign = not self._empty and not self.digest

    def _unseen(self, rest: str) -> None:
        self.seen = False

    def _unknown(self, rest: str) -> None:
        """What it holds: kB on disk (`du -sk`) and entries with the folder itself; a server may say neither."""
        self.digest, self._empty = "", False
        words = rest.split()
        if len(words) == 2:
            self.bytes, self.entries = amount(words[0]) * 1024, max(amount(words[1]) - 1, 0)
