"""What a server's `listing` says of a pack's files, if they are those of the release (pure).

core/remote/shell/listing.sh says how each line is made, and store.sh which lines count.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from core.manifest import EXECUTABLE, FOLDER, LINK, Entry
from core.protocol.listing import EMPTY_SHA256
from core.text import is_plain

_BEGINNING = 4
"""Bytes of a line that tell where it comes, roughly: `f `, and how a SHA-256 begins. No line is shorter."""
_ODD = re.compile(rb"[\n\r\\]")


def listing_digest(entries: Iterable[tuple[bytes, Entry]]) -> str:
    """SHA-256 in hex of the sorted lines of a folder that holds just these entries of a tree, each with its path."""
    # By how they begin, as one text each: a bytes object for every line of a large tree takes three times as much.
    parts: dict[bytes, bytearray] = {}
    for path, entry in entries:
        for item in _lines(b"./" + path, entry):
            part = parts.get(item[:_BEGINNING])
            if part is None:
                part = parts[item[:_BEGINNING]] = bytearray()
            part += item + b"\n"
    digest = hashlib.sha256()
    for beginning in sorted(parts):
        digest.update(b"".join(sorted(parts.pop(beginning).splitlines(keepends=True))))
    return digest.hexdigest()


def _lines(name: bytes, entry: Entry) -> list[bytes]:
    if _ODD.search(name):
        return _encoded(name, entry)
    if entry.kind == LINK:
        return [b"l %b %b" % (_code(entry.target), name)]
    lines = [b"m %o %b" % (entry.mode, name)] if entry.closed else []
    if entry.kind == FOLDER:
        return [*lines, b"d " + name]
    if entry.kind == EXECUTABLE:
        lines.append(b"x " + name)
    content = entry.content.encode("ascii")
    return [*lines, b"e " + name if entry.content == EMPTY_SHA256 else b"f %b  %b" % (content, name)]


def _encoded(name: bytes, entry: Entry) -> list[bytes]:
    """The lines of a name that no line can hold."""
    code = _hex(name)
    if entry.kind == LINK:
        return [b"L %b %b" % (_hex(entry.target), code)]
    mode = b"M %o %b" % (entry.mode, code)
    if entry.kind == FOLDER:
        return [mode, b"D - " + code]
    kind = b"X" if entry.kind == EXECUTABLE else b"F"
    return [mode, b"%b %b %b" % (kind, entry.content.encode("ascii"), code)]


def _code(text: bytes) -> bytes:
    """What agent.sh's `encode` makes of a text."""
    return text if is_plain(text) else _hex(text)


def _hex(text: bytes) -> bytes:
    return b"".join([b"%%%02X" % byte for byte in text])
