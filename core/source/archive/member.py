"""A member of an archive, before anybody trusts it, and what bounds the reading of all of them."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from core.errors import SourceError
from core.text import size

PIECE = 1 << 20
"""Bytes of content in memory at a time."""


class Member(Struct, frozen=True, kw_only=True):
    """What an archive says of one member; nothing of it is checked.

    kind     of core.manifest: file, folder or link; "" for what can only be refused
    mode     permission bits; None where the archive has none
    time     modification time in seconds since the epoch
    target   where a link leads
    refused  why it cannot be deployed, whatever its name is: `is a device`
    pieces   reads its content, at most PIECE bytes at a time, and b"" at its end
    """

    name: bytes
    kind: str
    mode: int | None = None
    time: int = 0
    target: bytes = b""
    refused: str = ""
    pieces: Callable[[], bytes] = lambda: b""


class Damaged(SourceError):
    """An archive that is cut off, or is not what it says it is."""


class Budget:
    """How many bytes may still be unpacked. SourceError for more, before they are in memory or on disk."""

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._left = limit

    def spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise SourceError(
                f"{self._name} holds more than {size(self._limit)}",
                hint="if it is as large as that, set a larger `limit` in [source]; nothing was sent",
            )


def seconds(value: float) -> int:
    """A time as files on the servers can have it: from the epoch on, before the year 2242."""
    return int(value) if 0 <= value < 1 << 33 else 0
