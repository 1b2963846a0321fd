"""Which changed files may travel as patches of what a server has (pure)."""

from __future__ import annotations

from collections.abc import Set

from core.manifest import Difference, Manifest

PATCH_FROM = 1 << 20
"""Bytes of the smallest file that is worth it."""

NEEDED = frozenset({"zstd", "sha256sum"})
"""What a server needs to make files from patches (ServerState.features)."""


def patchable(has: Set[str], old: Manifest, change: Difference, new: Manifest) -> tuple[bytes, ...]:
    """The paths: both contents are large, or the content is the same and only the mode is not.

    has   the features of the server
    old   what its deploy-cache holds
    """
    if not has >= NEEDED or not old.entries:
        return ()
    found = []
    for path in change.send:
        entry = new.entries[path]
        if entry.size < PATCH_FROM:
            continue
        if any(path.startswith(gone + b"/") for gone in change.remove):
            continue  # a shared folder of another mode is made anew
        before = old.entries.get(path)
        if before and before.is_file and (before.size >= PATCH_FROM or before.content == entry.content):
            found.append(path)
    return tuple(found)
