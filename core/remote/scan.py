"""From the agent's `scan` of a deploy-cache to a manifest of what is really there (pure)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from core.manifest import EXECUTABLE, FILE, FOLDER_ENTRY, LINK, Entry, Manifest, is_inside
from core.text import decode_path

_ENCODED = frozenset("DLFX")
_WITH_CONTENT = _ENCODED | frozenset("fl")
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


def parse_scan(lines: Iterable[str]) -> Manifest | None:
    """The manifest in the lines of agent.sh's `listing`; None where something is neither file, folder nor link.

    Sizes are not read: a file's size is -1 here, for the checksum alone decides; `with_sizes` fills them in.
    """
    entries: dict[bytes, Entry] = {}
    executable: set[bytes] = set()
    for line in lines:
        kind, _, rest = line.partition(" ")
        content = ""
        if kind == "made":
            continue
        if kind in _WITH_CONTENT:
            content, _, rest = rest.partition(" ")
            rest = rest[1:] if kind == "f" else rest
        encoded = kind in _ENCODED
        path = (decode_path(rest) if encoded else rest.encode("utf-8", "surrogateescape")).removeprefix(b"./")
        if path == b".":
            continue
        if not is_inside(path):
            return None
        if kind in ("d", "D"):
            entries[path] = FOLDER_ENTRY
        elif kind == "x":
            executable.add(path)
        elif kind in ("l", "L"):
            entries[path] = Entry(LINK, 0, content)
        elif kind in ("f", "F", "X"):
            entries[path] = Entry(EXECUTABLE if kind == "X" else FILE, -1, content)
        elif kind == "e":
            entries[path] = Entry(FILE, 0, EMPTY_SHA256)
        else:
            return None
    for path in executable & entries.keys():
        entries[path] = entries[path]._replace(kind=EXECUTABLE)
    return Manifest(entries)


def with_sizes(scanned: Manifest, wanted: Manifest) -> Manifest:
    """The scanned manifest with the sizes of those files whose content is what `wanted` has at the same path."""
    entries = dict(scanned.entries)
    for path, entry in scanned.entries.items():
        other = wanted.entries.get(path)
        if other and other.is_file and entry.is_file and other.content == entry.content:
            entries[path] = entry._replace(size=other.size)
        elif entry.size < 0:
            entries[path] = entry._replace(size=0)
    return Manifest(entries)


def parse_made(lines: Iterable[str]) -> frozenset[bytes]:
    """The paths that were in a release when its prepare hooks had ended, where it had any."""
    made = (line.removeprefix("made ") for line in lines if line.startswith("made "))
    return frozenset(path.encode("utf-8", "surrogateescape").removeprefix(b"./") for path in made)
