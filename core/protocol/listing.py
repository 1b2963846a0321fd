"""From the agent's `scan` of a deploy-cache, or `tree` of a release, to what is really there (pure)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from core.drift import KEPT, OTHER, Contents
from core.manifest import EXECUTABLE, FILE, FOLDER, FOLDER_ENTRY, LINK, Entry, Manifest, closed, is_inside
from core.text import decode_path, same_path

KINDS = frozenset("dDlLfFXexkmM?O")
"""How a line begins, but for what was `made`; docs/agent.md says what each means."""
_ENCODED = frozenset("DLFXOM")
_WITH_CONTENT = _ENCODED | frozenset("flm")
_MADE = "made "
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


def parse_scan(lines: Iterable[str]) -> Manifest | None:
    """The manifest in the lines of listing.sh's `listing`; None where something is neither file, folder nor link.

    Sizes are not read: a file's size is -1 here, for the checksum alone decides; `with_sizes` fills them in.
    """
    try:
        entries = _listed(lines)
    except ValueError:
        return None
    return None if any(entry.kind in (OTHER, KEPT) for entry in entries.values()) else Manifest(entries)


def parse_tree(lines: Iterable[str]) -> Contents:
    """What is in the lines of listing.sh's `tree`. ValueError names the first line that is none of them."""
    lines = list(lines)
    made = [line.removeprefix(_MADE) for line in lines if line.startswith(_MADE)]
    found = Manifest(_listed(line for line in lines if not line.startswith(_MADE)))
    if made and made[-1] == "end modes":
        return Contents(found, Manifest(_listed(made[:-1])))
    if made and made[-1] == "end":
        # Written before Turnout noted modes: whether hooks made a file private, or somebody later, is unknown.
        known = Manifest(_listed(made[:-1]))
        untold = {path for path, entry in known.entries.items() if entry.kind != KEPT}
        entries = {path: entry._replace(closed=0) if path in untold else entry for path, entry in found.entries.items()}
        return Contents(Manifest(entries), known)
    # Names alone: as Turnout wrote it before it noted checksums.
    return Contents(
        found, None, frozenset(line.encode("utf-8", "surrogateescape").removeprefix(b"./") for line in made)
    )


def _listed(lines: Iterable[str]) -> dict[bytes, Entry]:
    entries: dict[bytes, Entry] = {}
    executable: set[bytes] = set()
    modes: dict[bytes, int] = {}
    for line in lines:
        kind, _, rest = line.partition(" ")
        content = ""
        if kind in _WITH_CONTENT:
            content, _, rest = rest.partition(" ")
            rest = rest[1:] if kind == "f" else rest
        encoded = kind in _ENCODED
        path = (decode_path(rest) if encoded else rest.encode("utf-8", "surrogateescape")).removeprefix(b"./")
        if path == b"." and kind in ("d", "m"):
            continue
        if kind not in KINDS or not is_inside(path):
            raise ValueError(line)
        if kind in ("d", "D"):
            entries[path] = FOLDER_ENTRY
        elif kind == "x":
            executable.add(path)
        elif kind in ("l", "L"):
            entries[path] = Entry(LINK, 0, same_path(content))
        elif kind in ("f", "F", "X"):
            entries[path] = Entry(EXECUTABLE if kind == "X" else FILE, -1, content)
        elif kind == "e":
            entries[path] = Entry(FILE, 0, EMPTY_SHA256)
        elif kind == "k":
            entries[path] = Entry(KEPT, 0, "-")
        elif kind in ("m", "M"):
            modes[path] = int(content, 8)
        else:
            entries[path] = Entry(OTHER, 0, "-")
    for path in executable & entries.keys():
        if entries[path].kind != KEPT:  # its mode is as it was, too
            entries[path] = entries[path]._replace(kind=EXECUTABLE)
    for path, mode in modes.items():
        entry = entries.get(path)
        if entry and (entry.is_file or entry.kind == FOLDER):
            entries[path] = entry._replace(closed=closed(entry.kind, mode))
    return entries


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
