"""Compression of what is sent to a server, but for files: the agent's program is 59 kB, and 17 kB compressed.

A new TCP connection sends about 14 kB and then waits a round trip before it sends more: over a long way that costs as
much as a request. Files are compressed before they are sent, or would not get smaller (core.operations.fan_out), so
they pass as they are.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from paramiko.common import MSG_CHANNEL_DATA, cMSG_KEXINIT
from paramiko.message import Message

DELAYED = "zlib@openssh.com"
"""zlib that begins after the login."""

_SHORT = 8 << 10
"""Bytes of data up to which it is compressed: a request, not a piece of a file."""
_LONGEST_BLOCK = 0xFFFF
_LISTS = 10
_TO_CLIENT = 7
"""Which of the lists of a KEXINIT packet has the compression from the server to the client (RFC 4253, section 7.1)."""


class Shrinking:
    """A compressor for paramiko: one zlib stream in which pieces of files are stored blocks (RFC 1951, section 3.2.4).

    Each packet ends with a full flush, so that nothing in the stream refers to what was stored.
    """

    def __init__(self) -> None:
        self._deflate = zlib.compressobj()
        self._begun = False

    def __call__(self, packet: bytes) -> bytes:
        if packet[0] == MSG_CHANNEL_DATA and len(packet) > _SHORT:
            begin = b"" if self._begun else self._deflated(b"")
            return begin + b"".join(_stored(packet))
        return self._deflated(packet)

    def _deflated(self, packet: bytes) -> bytes:
        self._begun = True
        return self._deflate.compress(packet) + self._deflate.flush(zlib.Z_FULL_FLUSH)


def _stored(raw: bytes) -> list[bytes]:
    parts: list[bytes] = []
    for place in range(0, len(raw), _LONGEST_BLOCK):
        piece = raw[place : place + _LONGEST_BLOCK]
        size = len(piece)
        parts += [b"\0" + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little"), piece]
    return parts


def one_way(kexinit: bytes) -> bytes:
    """A KEXINIT packet without compression of what the server sends: it would compress files, too."""
    old, new = Message(kexinit), Message()
    old.get_byte()
    new.add_byte(cMSG_KEXINIT)
    new.add_bytes(old.get_bytes(16))
    lists: list[Sequence[str]] = [old.get_list() for _ in range(_LISTS)]
    lists[_TO_CLIENT] = ("none",)
    for names in lists:
        new.add_list(names)
    new.add_bytes(old.get_remainder())
    packet: bytes = new.asbytes()
    return packet
