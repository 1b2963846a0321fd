"""One file of two releases: its content on both sides and the difference, read when a person asks for it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from msgspec import Struct

from core import line_diff
from core.changes import Changes, FileChange, Side
from core.errors import TurnoutError
from core.fleet import Fleet
from core.jobs import Cancel
from core.line_diff import DiffLine
from core.manifest import LINK, Entry
from core.records import ServerState
from core.source.kinds import source_of
from core.text import show_path, size

MOST_BYTES = 256 * 1024
"""Bytes of a file that is shown."""

_LOOKED_AT = 8000
"""Bytes in which a NUL makes a file binary, as for git."""

_SERVERS_ASKED = 3


class FileDifference(Struct, frozen=True):
    """The difference of one file, or why there is none to show.

    lines    DiffLines; of a file that is on one side only, all of it
    unknown  why its content cannot be shown: binary, too large, not readable; "" where it can
    places   from where the sides were read, each once: `git`, or a server's name
    """

    path: bytes
    lines: tuple[DiffLine, ...] = ()
    unknown: str = ""
    places: tuple[str, ...] = ()


class _NotShown(Exception):
    """Why a file's content is not shown."""


def file_difference(
    fleet: Fleet, changes: Changes, item: FileChange, states: Mapping[str, ServerState], cancel: Cancel | None = None
) -> FileDifference:
    """Read one file of both releases and compare it: from git where that has just this content, else from a server."""
    reader = _Reader(fleet, states, cancel or Cancel())
    try:
        with fleet.masked():
            old = reader.text(changes.old, changes.old_revision, item.was or item.path, item.old)
            new = reader.text(changes.new, changes.new_revision, item.path, item.new)
    except _NotShown as reason:
        return FileDifference(item.path, unknown=str(reason))
    except TurnoutError as error:
        place = f"{error.server}: " if error.server else ""
        detail = f": {error.detail.splitlines()[0]}" if error.detail else ""
        return FileDifference(item.path, unknown=f"{place}{error.title}{detail}")
    lines = line_diff.difference(old, new)
    if not lines:
        return FileDifference(item.path, unknown=_same(item), places=tuple(reader.places))
    return FileDifference(item.path, tuple(lines), places=tuple(reader.places))


def _same(item: FileChange) -> str:
    """What is said where the content does not differ."""
    if item.was:
        return f"the same content, moved from {show_path(item.was)}"
    if item.old and item.new and (item.old.kind, item.old.closed) != (item.new.kind, item.new.closed):
        return f"the same content; its mode was {item.old.mode:o} and is {item.new.mode:o}"
    return "empty" if not (item.old and item.new) else "no line differs"


class _Reader:
    """Reads files of releases. `places`: from where, each once."""

    def __init__(self, fleet: Fleet, states: Mapping[str, ServerState], cancel: Cancel) -> None:
        self._fleet = fleet
        self._states = states
        self._cancel = cancel
        self._history = source_of(fleet.project).history()
        self.places: dict[str, None] = {}

    def text(self, side: Side, revision: str, path: bytes, entry: Entry | None) -> str:
        """The content as text, with secrets masked; "" where the release does not have the file. _NotShown says why."""
        self._cancel.check()
        if entry is None:
            return ""
        if entry.kind == LINK:
            return f"link to {show_path(entry.target)}\n"
        if not entry.is_file:
            raise _NotShown("neither a file nor a link")
        if entry.size > MOST_BYTES:
            raise _NotShown(f"{size(entry.size)}: files above {size(MOST_BYTES)} are not shown")
        raw = self._raw(side, revision, path, entry)
        if len(raw) > MOST_BYTES:
            raise _NotShown(f"files above {size(MOST_BYTES)} are not shown")
        if b"\0" in raw[:_LOOKED_AT]:
            raise _NotShown(f"binary, {size(len(raw))}")
        return self._fleet.project.mask(raw.decode("utf-8", "backslashreplace"))

    def _raw(self, side: Side, revision: str, path: bytes, entry: Entry) -> bytes:
        if not entry.size:
            return b""
        if revision and self._history is not None:
            found = self._history.content(revision, path, MOST_BYTES)
            # What is deployed may be built, or go through a filter: only the very same content counts.
            if found is not None and hashlib.sha256(found).hexdigest() == entry.content:
                self.places["git"] = None
                return found
        names = [side.server] if side.server else [name for name in self._fleet.names if self._has(name, side.tag)]
        problem: TurnoutError | None = None
        for name in names[:_SERVERS_ASKED]:
            try:
                raw = self._fleet.open(name).content(side.tag, path, MOST_BYTES + 1)
            except TurnoutError as error:
                problem = error
                continue
            self.places[name] = None
            return raw
        if problem is not None:
            raise problem
        raise _NotShown(f"no server has the files of {side.tag}, and git does not have this content")

    def _has(self, name: str, tag: str) -> bool:
        state = self._states.get(name)
        release = state.releases.get(tag) if state else None
        return release is not None and release.present
