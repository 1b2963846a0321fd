"""From the agent's `scan` of a deploy-cache to a manifest of what is really there (pure)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from core.manifest import EXECUTABLE, FILE, FOLDER_ENTRY, LINK, Entry, Manifest, is_inside

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


def parse_scan(lines: Iterable[str]) -> Manifest | None:
    """The manifest in the lines of agent.sh's `scan`, or None where something there is neither file, folder nor link.

    Sizes are not read: a file's size is -1 here, for the checksum alone decides; `with_sizes` fills them in.
    """
    entries: dict[bytes, Entry] = {}
    executable: set[bytes] = set()
    for line in lines:
        kind, _, rest = line.partition(" ")
        content = ""
        if kind in ("f", "l"):
            content, _, rest = rest.partition(" ")
            rest = rest[1:] if kind == "f" else rest
        path = rest.encode("utf-8", "surrogateescape").removeprefix(b"./")
        if path == b".":
            continue
        if not is_inside(path):
            return None
        if kind == "d":
            entries[path] = FOLDER_ENTRY
        elif kind == "x":
            executable.add(path)
        elif kind == "l":
            entries[path] = Entry(LINK, 0, content)
        elif kind == "f":
            entries[path] = Entry(FILE, -1, content)
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
