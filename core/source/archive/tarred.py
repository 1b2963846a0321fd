"""The members of a tar archive: POSIX (ustar, pax), GNU and the old form; headers of any kind are bounded.

core/tar/reader.py is the fast one, for what git itself has just written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.manifest import FILE, FOLDER, LINK
from core.source.archive.member import PIECE, Damaged, Member, seconds
from core.source.archive.streams import Stream
from core.text import count, show_path, size

_BLOCK = 512
_LONGEST_HEADER = 1 << 20
"""Bytes of an extended header: names and link targets are a few thousand at most."""
_MOST_HEADERS = 8
"""Extended headers in front of one member."""

_KINDS = {b"0": FILE, b"\0": FILE, b"7": FILE, b"5": FOLDER, b"2": LINK}
_REFUSED = {
    b"1": "is a hard link: make the archive with `tar --hard-dereference`",
    b"3": "is a character device",
    b"4": "is a block device",
    b"6": "is a FIFO",
    b"S": "is a sparse file: make the archive without --sparse",
}
_RECORD = re.compile(rb"([1-9][0-9]{0,6}) ")


def members(stream: Stream) -> Iterator[Member]:
    """The members one by one; what was not read of one is passed over. Damaged where it is not a tar archive."""
    extended: dict[bytes, bytes] = {}
    headers = 0
    while True:
        block = stream.read(_BLOCK)
        if not block.strip(b"\0"):
            stream.finish()
            return
        _check_sum(block)
        flag, length = block[156:157], _number(block[124:136])
        if flag in (b"x", b"g", b"L", b"K"):
            headers += 1
            if length > _LONGEST_HEADER or headers > _MOST_HEADERS:
                what = size(length) if length > _LONGEST_HEADER else count(headers, "header")
                raise Damaged(f"the archive has an extended header of {what}, which is too much for a name")
            text = stream.read(_rounded(length))[:length]
            if flag == b"x":
                extended |= dict(_records(text))
            elif flag != b"g":
                extended[b"path" if flag == b"L" else b"linkpath"] = text.split(b"\0", 1)[0]
            continue
        if b"size" in extended:
            length = _decimal(extended[b"size"])
        content = _Content(stream, length)
        yield _member(block, flag, extended, content)
        content.skip()
        extended, headers = {}, 0


class _Content:
    """What lies between a header and the next: a member's content and its padding."""

    def __init__(self, stream: Stream, length: int) -> None:
        self.length = self._left = length
        self._padding = _rounded(length) - length
        self._stream = stream

    def piece(self) -> bytes:
        if not self._left:
            return b""
        out = self._stream.some(min(self._left, PIECE))
        self._left -= len(out)
        return out

    def skip(self) -> None:
        while self.piece():
            pass
        self._stream.read(self._padding)


def _member(block: bytes, flag: bytes, extended: dict[bytes, bytes], content: _Content) -> Member:
    name, prefix = _string(block[:100]), _string(block[345:500])
    if prefix and block[257:263] == b"ustar\0":  # GNU tar keeps times there
        name = prefix + b"/" + name
    name = extended.get(b"path", name)
    kind = _KINDS.get(flag, "")
    if kind == FILE and name.endswith(b"/"):
        kind = FOLDER  # the old form has no other
    refused = "" if kind else _REFUSED.get(flag, f"is of a kind that cannot be deployed ({show_path(flag)})")
    if any(key.startswith(b"GNU.sparse.") for key in extended):
        refused = _REFUSED[b"S"]
    elif kind in (FOLDER, LINK) and content.length:
        refused = f"is a {'folder' if kind == FOLDER else 'link'} with content"
    return Member(
        name=name,
        kind=kind,
        mode=_number(block[100:108]) & 0o7777,
        time=_time(extended, block),
        target=extended.get(b"linkpath", _string(block[157:257])) if kind == LINK else b"",
        refused=refused,
        pieces=content.piece,
    )


def _check_sum(block: bytes) -> None:
    """Damaged where a header's sum is not that of its bytes, with spaces in place of the sum."""
    blanked = block[:148] + b" " * 8 + block[156:]
    wanted = _number(block[148:156])
    if wanted not in (sum(blanked), sum(byte - 256 if byte > 127 else byte for byte in blanked)):
        raise Damaged("the archive is damaged, or it is not a tar or zip archive")


def _number(field: bytes) -> int:
    """An octal number, or a binary one as GNU tar writes large ones; negative ones count as 0."""
    if field[0] & 0x80:
        return 0 if field[0] & 0x40 else int.from_bytes(bytes([field[0] & 0x3F]) + field[1:], "big")
    digits = field.strip(b" \0")
    if not re.fullmatch(rb"[0-7]*", digits):
        raise Damaged("the archive is damaged, or it is not a tar or zip archive")
    return int(digits or b"0", 8)


def _decimal(text: bytes) -> int:
    if not re.fullmatch(rb"[0-9]{1,18}", text):
        raise Damaged("the archive is damaged: a size is not a number")
    return int(text)


def _time(extended: dict[bytes, bytes], block: bytes) -> int:
    text = extended.get(b"mtime", b"")
    if re.fullmatch(rb"[0-9]{1,18}(\.[0-9]{0,18})?", text):
        return seconds(float(text))
    return seconds(_number(block[136:148]))


def _records(text: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The key and value of each pax record, `LENGTH key=value NEWLINE`, where LENGTH counts all of it."""
    place = 0
    while place < len(text):
        match = _RECORD.match(text, place)
        end = place + int(match[1]) if match else 0
        if match is None or end <= match.end() or text[end - 1 : end] != b"\n":
            raise Damaged("the archive is damaged: an extended header cannot be read")
        key, equals, value = text[match.end() : end - 1].partition(b"=")
        if equals:
            yield key, value
        place = end


def _rounded(length: int) -> int:
    return (length + _BLOCK - 1) // _BLOCK * _BLOCK


def _string(field: bytes) -> bytes:
    return field.split(b"\0", 1)[0]
