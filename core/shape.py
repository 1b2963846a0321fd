"""What a complete release looks like from outside: paths, kinds, sizes, targets and execute bits, no content (pure).

`shape` in listing.sh prints a line for each entry: `d PATH`, `f SIZE PATH`, `x SIZE PATH`, `l PATH TARGET`, `? PATH`
(neither file, folder nor link), the path as it is, with `./` before it. A name with a newline makes two lines of one.
Where something of the tree is private, also `m MODE PATH` for all that not everybody may read. All lines are sorted
by their bytes, so both sides have the same ones.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from core.manifest import FOLDER, LINK, Entry, Manifest
from core.text import count, show_path

NAMED = 3
"""Differences that are shown; there may be thousands."""

MODES = "modes-"
"""Before a digest: the lines of modes count, too."""

_FOUND = re.compile(rb"(?:[dl?]|[fx] [0-9]+|m [0-7]+) \./(.+)", re.DOTALL)


def shape_digest(manifest: Manifest) -> str:
    """SHA-256 in hex of the sorted lines of a release that has just these entries; MODES before it where they count."""
    modes = _modes(manifest)
    lines = [part for path, entry in manifest.entries.items() for part in _line(path, entry).split(b"\n")]
    lines += [part for item in modes for part in item.split(b"\n")]
    lines.sort()
    digest = hashlib.sha256()
    for item in lines:
        digest.update(item + b"\n")
    return f"{MODES}{digest.hexdigest()}" if modes else digest.hexdigest()


def differences(manifest: Manifest, lines: Iterable[bytes]) -> list[str]:
    """How a release with these lines differs from its manifest, the first paths by name; none where it is complete."""
    expected: dict[bytes, str] = {}
    for path, entry in manifest.entries.items():
        for item in _line(path, entry).split(b"\n"):
            expected[item] = show_path(path)
    found = set(lines)
    modes = {part for item in _modes(manifest) for part in item.split(b"\n")[:1]}
    odd = {item for item in found if item.startswith(b"m ")} ^ modes
    found = {item for item in found if not item.startswith(b"m ")}
    lacking = sorted({name for item, name in expected.items() if item not in found})
    more = sorted({_name(item, manifest) for item in found - expected.keys()})
    modes_of = sorted({_name(item, manifest) for item in odd})
    named = [f"{name} is not what was sent" for name in lacking if name in more]
    named += [f"{name} is missing" for name in lacking if name not in more]
    named += [f"{name} does not belong there" for name in more if name not in lacking]
    named += [f"{name} has a different mode than was sent" for name in modes_of]
    return named if len(named) <= NAMED else [*named[:NAMED], f"and {count(len(named) - NAMED, 'other difference')}"]


def _line(path: bytes, entry: Entry) -> bytes:
    if entry.kind == FOLDER:
        return b"d ./" + path
    if entry.kind == LINK:
        return b"l ./%b %b" % (path, entry.target)
    return b"%b %d ./%b" % (entry.kind.encode("ascii"), entry.size, path)


def _modes(manifest: Manifest) -> list[bytes]:
    return [b"m %o ./%b" % (entry.mode, path) for path, entry in manifest.entries.items() if entry.closed]


def _name(item: bytes, manifest: Manifest) -> str:
    """The path that a line is about. That of a link ends where a path of the manifest does, if any does."""
    match = _FOUND.fullmatch(item)
    if match is None:
        return show_path(item)
    path: bytes = match[1]
    if item.startswith(b"l"):
        words = path.split(b" ")
        starts = (b" ".join(words[:number]) for number in range(len(words), 0, -1))
        path = next((start for start in starts if start in manifest.entries), path)
    return show_path(path)
