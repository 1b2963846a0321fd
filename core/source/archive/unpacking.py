"""Write an archive's members below a folder: each name is checked, and nothing is written through anything.

What is refused, and why each of it is: docs/configuration.md, [source]. All faults are collected, so that a person sees
them at once; nothing of an archive that has one is ever used.
"""

from __future__ import annotations

import errno
import hashlib
import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from core.errors import SourceError
from core.jobs import Cancel
from core.manifest import (
    EXECUTABLE,
    FILE,
    FOLDER,
    FOLDER_ENTRY,
    LINK,
    LONGEST_TARGET,
    Entry,
    closed,
    link,
)
from core.source.archive.member import Member
from core.text import count, show_path

MOST_MEMBERS = 500_000
"""Members of an archive: beyond that it is no application, and each takes memory."""
_SHOWN = 20
_MOST_STEPS = 40
"""Links that a path may lead through, as in the kernel."""
_OF_A_NAME = (errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EILSEQ, errno.EINVAL)
"""What the file system says of a name that it does not take; anything else is about this machine."""


def unpack(members: Iterable[Member], folder: Path, name: str, strip: int, cancel: Cancel) -> dict[bytes, Entry]:
    """The entries of what was written below `folder`, which is empty and which nothing else writes to.

    name    the archive's, for errors
    strip   folders that each path loses at its front
    SourceError with the names of everything that cannot be deployed.
    """
    unpacking = _Unpacking(folder, strip)
    try:
        for number, member in enumerate(members):
            if number % 64 == 0:
                cancel.check()
            if number >= MOST_MEMBERS:
                raise SourceError(f"{name} holds more than {count(MOST_MEMBERS, 'member')}")
            unpacking.take(member, cancel)
            if len(unpacking.faults) > _SHOWN:
                break
    finally:
        unpacking.close()
    refuse(name, unpacking.faults)
    if not unpacking.entries:
        raise SourceError(f"{name} is empty: there is nothing to deploy")
    return unpacking.entries


def refuse(name: str, faults: Sequence[str]) -> None:
    """SourceError where there are faults; what they name comes first."""
    if not faults:
        return
    many = len(faults) > _SHOWN
    raise SourceError(
        f"{name} holds what cannot be deployed",
        detail="\n".join([*faults[:_SHOWN], "and perhaps more"] if many else faults),
        hint="nothing of it was sent; is it the archive that you meant, and do you trust where it is from?",
    )


def links_out(entries: Mapping[bytes, Entry]) -> list[str]:
    """The faults of links that lead out of a tree, also by way of other links."""
    return [
        f"{show_path(path)} is a link out of what is deployed, to {show_path(entry.target)}"
        for path, entry in entries.items()
        if entry.kind == LINK and _leaves(path, entries)
    ]


def _leaves(path: bytes, entries: Mapping[bytes, Entry]) -> bool:
    """Whether a link leads out of the tree: each part of its target is followed as the kernel would."""
    at = path.split(b"/")[:-1]
    waiting = _parts(entries[path].target)
    if waiting is None:
        return True
    steps = 0
    while waiting:
        part = waiting.pop(0)
        if part == b"..":
            if not at:
                return True
            at.pop()
            continue
        at.append(part)
        entry = entries.get(b"/".join(at))
        if entry is not None and entry.kind == LINK:
            steps += 1
            more = _parts(entry.target)
            if more is None or steps > _MOST_STEPS:
                return True  # a ring of links leads nowhere; nobody means that
            at.pop()
            waiting = more + waiting
    return False


def _parts(target: bytes) -> list[bytes] | None:
    """The steps of a link's target; None where it is absolute."""
    return None if target.startswith(b"/") else [part for part in target.split(b"/") if part not in (b"", b".")]


class _Unpacking:
    """What was written so far, and what was refused.

    entries   by path
    faults    a line each: the name, and why
    """

    def __init__(self, folder: Path, strip: int) -> None:
        self.entries: dict[bytes, Entry] = {}
        self.faults: list[str] = []
        self._named: set[bytes] = set()
        self._known: set[bytes] = set()
        self._folded: dict[str, bytes] = {}
        self._strip = strip
        self._base = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        os.close(self._base)

    def take(self, member: Member, cancel: Cancel) -> None:
        """Write a member, or note why not."""
        path, fault = self._path(member)
        if path and not fault:
            fault = member.refused or self._fault(member, path)
            try:
                if not fault:
                    self._write(member, path, cancel)
            except OSError as error:
                if error.errno not in _OF_A_NAME:
                    raise
                fault = f"cannot be written: {error.strerror}"
        if fault:
            self.faults.append(f"{show_path(member.name[:500])} {fault}")

    def _path(self, member: Member) -> tuple[bytes, str]:
        """Where the member belongs; b"" for the top folder and those that are stripped. And what is wrong with it."""
        name = member.name
        while name.startswith(b"./"):
            name = name[2:].lstrip(b"/") if name.startswith(b".//") else name[2:]
        name = name.rstrip(b"/") if member.kind == FOLDER else name
        if member.name.startswith(b"/"):
            return b"", "has an absolute path"
        if name in (b"", b".") and member.kind == FOLDER:
            return b"", ""
        parts = name.split(b"/")
        if b".." in parts:
            return b"", "leads out of the archive by '..'"
        if any(part in (b"", b".") for part in parts):
            return b"", "has an empty part in its path"
        if any(byte < 32 or byte == 127 for byte in name):
            return b"", "has a control character or a line end in its name"
        try:
            name.decode("utf-8")
        except UnicodeDecodeError:
            return b"", "has a name that is not UTF-8"
        if len(parts) <= self._strip and not (member.kind == FOLDER and not member.refused):
            return b"", f"lies in a folder that `strip = {self._strip}` leaves out"
        return b"/".join(parts[self._strip :]), ""

    def _fault(self, member: Member, path: bytes) -> str:
        """Why a member cannot be at its path; "" where it can."""
        if path in self._named:
            return "is there twice"
        self._named.add(path)
        if fault := self._folded_fault(path):
            return fault
        if member.kind == FILE and member.mode is not None and member.mode & 0o6000:
            return "has a setuid or setgid bit"
        entry = self.entries.get(path)
        if entry is not None and member.kind != FOLDER:
            return "is a folder, too: other members lie in it"
        parent = path
        while b"/" in parent:
            parent = parent.rpartition(b"/")[0]
            above = self.entries.get(parent)
            if above is not None and above.kind != FOLDER:
                what = "a link" if above.kind == LINK else "a file"
                return f"lies in {show_path(parent)}, which is {what}"
        if member.kind == LINK:
            return _target_fault(member.target)
        return ""

    def _folded_fault(self, path: bytes) -> str:
        """Whether the path, or a folder above it, differs from another one only as some file systems do not see."""
        part = path
        while part and part not in self._known:
            self._known.add(part)
            folded = unicodedata.normalize("NFC", part.decode("utf-8")).casefold()
            other = self._folded.setdefault(folded, part)
            if other != part:
                return f"differs from {show_path(other)} only in upper and lower case or the form of accents"
            part = part.rpartition(b"/")[0]
        return ""

    def _write(self, member: Member, path: bytes, cancel: Cancel) -> None:
        parent = path.rpartition(b"/")[0]
        if parent:
            self._folders(parent)
        if member.kind == FOLDER:
            self._folders(path)
            bits = 0 if member.mode is None else closed(FOLDER, member.mode)
            self.entries[path] = FOLDER_ENTRY._replace(closed=bits) if bits else FOLDER_ENTRY
        elif member.kind == LINK:
            os.symlink(member.target, path, dir_fd=self._base)
            self.entries[path] = link(member.target)
        else:
            self.entries[path] = self._file(member, path, cancel)

    def _folders(self, path: bytes) -> None:
        """Make the folders of a path that are not there; those that are were made by this call."""
        if path in self.entries:
            return
        if b"/" in path:
            self._folders(path.rpartition(b"/")[0])
        os.mkdir(path, dir_fd=self._base)
        self.entries[path] = FOLDER_ENTRY

    def _file(self, member: Member, path: bytes, cancel: Cancel) -> Entry:
        executable = bool(member.mode and member.mode & 0o100)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(path, flags, 0o777 if executable else 0o666, dir_fd=self._base)
        digest, size = hashlib.sha256(), 0
        try:
            while piece := member.pieces():
                cancel.check()
                digest.update(piece)
                size += len(piece)
                view = memoryview(piece)
                while view:
                    view = view[os.write(handle, view) :]
            os.utime(handle, (member.time, member.time))
        finally:
            os.close(handle)
        kind = EXECUTABLE if executable else FILE
        return Entry(kind, size, digest.hexdigest(), 0 if member.mode is None else closed(kind, member.mode))


def _target_fault(target: bytes) -> str:
    """Why a link cannot have this target. Where it leads is looked at when everything is known (`links_out`)."""
    if not target or b"\0" in target or len(target) > LONGEST_TARGET:
        return "is a link without a target that a link can have"
    return ""
