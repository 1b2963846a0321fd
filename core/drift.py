"""A release as it should be and as it is: what was changed, added, removed since it was deployed (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from core.errors import TurnoutError
from core.manifest import FOLDER, Manifest
from core.text import count


@dataclass(frozen=True)
class Drift:
    """Paths that differ, sorted. Shared paths are left out, and what prepare hooks had made is not "added"."""

    changed: tuple[bytes, ...] = ()
    added: tuple[bytes, ...] = ()
    removed: tuple[bytes, ...] = ()

    @property
    def none(self) -> bool:
        return not (self.changed or self.added or self.removed)

    def describe(self) -> str:
        """`2 changed, 1 added`, or `as deployed`."""
        parts = [
            f"{len(paths):,} {word}"
            for word, paths in (("changed", self.changed), ("added", self.added), ("removed", self.removed))
            if paths
        ]
        return ", ".join(parts) or "as deployed"


@dataclass(frozen=True)
class Verification:
    """What was compared, and the outcome by server: how it differs, or why it could not be compared."""

    tag: str
    drifts: Mapping[str, Drift]
    errors: Mapping[str, TurnoutError]


def compare(wanted: Manifest, found: Manifest, shared: Iterable[str], made: Set[bytes]) -> Drift:
    """What tells `found` from `wanted`. A file's size is not looked at: its checksum says more."""
    links = [path.rstrip("/").encode("utf-8", "surrogateescape") for path in shared]

    def is_shared(path: bytes) -> bool:
        return any(path == link or path.startswith(link + b"/") for link in links)

    def above_shared(path: bytes) -> bool:
        return any(link.startswith(path + b"/") for link in links)

    changed, removed = [], []
    for path, entry in wanted.entries.items():
        if is_shared(path):
            continue
        other = found.entries.get(path)
        if other is None:
            removed.append(path)
        elif (other.kind, other.content) != (entry.kind, entry.content):
            changed.append(path)
    added = [
        path
        for path, entry in found.entries.items()
        if path not in wanted.entries
        and path not in made
        and not is_shared(path)
        and not (entry.kind == FOLDER and above_shared(path))
    ]
    return Drift(tuple(sorted(changed)), tuple(sorted(added)), tuple(sorted(removed)))


def verdict(drifts: Iterable[Drift]) -> str:
    """One sentence on a whole fleet."""
    drifts = list(drifts)
    bad = sum(not drift.none for drift in drifts)
    return f"{count(bad, 'server')} drifted" if bad else f"all {count(len(drifts), 'server')} as deployed"
