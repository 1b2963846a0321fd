"""The members of a zip archive, read by Python's own zipfile, which compares both names that each member has."""

from __future__ import annotations

import calendar
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, BinaryIO

from core.manifest import FILE, FOLDER, LINK, LONGEST_TARGET
from core.source.archive.member import PIECE, Budget, Damaged, Member, seconds
from core.text import show_path, size

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
"""How a zip archive begins; the second is an empty one."""

_LONGEST_LIST = 64 << 20
"""Bytes of the list of members, which is read as a whole: half a million of them."""
_END, _END_SIZE = b"PK\x05\x06", 22
_LOCATOR = struct.Struct("<4sLQL")
_UNIX = 3
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED, _UTF_8 = 0x1, 0x800
_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, struct.error, RuntimeError)
"""What zipfile raises for a file that is not as it should be."""


def members(file: BinaryIO, budget: Budget) -> Iterator[Member]:
    """The members one by one. Damaged where it cannot be read as zip."""
    _check_list(file)
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                yield _member(archive, info, budget)
    except UnicodeDecodeError as error:
        raise Damaged("the archive has a name that is not UTF-8", detail=show_path(error.object)) from None
    except _FAULTS as error:
        raise Damaged("the archive cannot be unpacked", detail=str(error)) from None


def _check_list(file: BinaryIO) -> None:
    """Damaged where the list of members is too long to be read."""
    file.seek(0, 2)
    whole = file.tell()
    file.seek(max(0, whole - _END_SIZE - 0xFFFF))
    tail = file.read()
    file.seek(0)
    place = tail.rfind(_END, 0, len(tail) - _END_SIZE + len(_END))
    length = struct.unpack_from("<L", tail, place + 12)[0] if place >= 0 else 0
    if length == 0xFFFFFFFF:
        length = _in_64_bits(file, tail[max(0, place - _LOCATOR.size) : place])
        file.seek(0)
    if min(length, whole) > _LONGEST_LIST:
        raise Damaged(f"the archive's list of members has more than {size(_LONGEST_LIST)}")


def _in_64_bits(file: BinaryIO, locator: bytes) -> int:
    """Bytes of the list, from the record that a locator names; more than there can be where there is none."""
    if len(locator) == _LOCATOR.size:
        magic, _, place, _ = _LOCATOR.unpack(locator)
        if magic == b"PK\x06\x07":
            file.seek(place)
            record = file.read(48)
            if len(record) == 48 and record.startswith(b"PK\x06\x06"):
                return int(struct.unpack_from("<Q", record, 40)[0])
    return 1 << 63


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: Budget) -> Member:
    name = info.orig_filename.encode("utf-8" if info.flag_bits & _UTF_8 else "cp437", "surrogateescape")
    mode = info.external_attr >> 16 if info.create_system == _UNIX else 0
    kind = _KINDS.get(stat.S_IFMT(mode), "") if stat.S_IFMT(mode) else FOLDER if name.endswith(b"/") else FILE
    refused = "" if kind else "is neither a file nor a folder nor a link"
    if info.flag_bits & _ENCRYPTED:
        refused = "is encrypted"
    elif info.compress_type not in _METHODS:
        refused = f"is compressed by method {info.compress_type}: use deflate, or a tar archive"
    elif b"\\" in name:
        refused = "has a backslash in its name, where zip archives have slashes"
    elif kind == FOLDER and info.file_size:
        refused = "is a folder with content"
    elif kind == LINK and info.file_size > LONGEST_TARGET:
        refused = "is a link with a target that is too long"
    content = _Content(archive, info, budget)
    target = b""
    if kind in (LINK, FOLDER) and not refused:
        while piece := content.piece():
            target += piece
    return Member(
        name=name,
        kind=kind,
        mode=mode & 0o7777 if stat.S_IFMT(mode) else None,
        time=seconds(calendar.timegm((*info.date_time, 0, 0, 0))) if info.date_time[1] in range(1, 13) else 0,
        target=target,
        refused=refused,
        pieces=content.piece,
    )


_KINDS = {stat.S_IFREG: FILE, stat.S_IFDIR: FOLDER, stat.S_IFLNK: LINK}


class _Content:
    """A member's content; its local header is read, and compared with the list, before its first piece."""

    def __init__(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: Budget) -> None:
        self._open = archive.open
        self._info = info
        self._name = show_path(info.orig_filename.encode("utf-8", "surrogateescape"))
        self._file: IO[bytes] | None = None
        self._budget = budget

    def piece(self) -> bytes:
        try:
            if self._file is None:
                self._file = self._open(self._info)
            out = self._file.read(PIECE)
        except _FAULTS as error:
            raise Damaged(f"{self._name} cannot be unpacked", detail=str(error)) from None
        self._budget.spend(len(out))
        if not out:
            self._file.close()
        return out
