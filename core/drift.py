"""A release as it should be and as it is: what was changed, added, removed since it was deployed (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set

from msgspec import Struct, field

from core.errors import NoRecord, TurnoutError
from core.manifest import FOLDER, Entry, Manifest, masked
from core.text import count

KEPT = "k"
"""The kind of an entry of which only this is known: it is as the manifest says."""

OTHER = "?"
"""The kind of what is neither file, folder nor link."""


class Contents(Struct, frozen=True):
    """What a release on a server holds.

    found  what it holds now
    made   what it held when its prepare hooks had ended; None where it had none
    names  paths that were there then, where nothing more was noted
    """

    found: Manifest
    made: Manifest | None = None
    names: frozenset[bytes] = frozenset()

    def expected(self, wanted: Manifest) -> tuple[Manifest, Set[bytes]]:
        """What it should hold: `wanted`, as its hooks left it; and paths of which any content will do."""
        if self.made is None:
            return wanted, self.names
        entries: dict[bytes, Entry] = {}
        unknown = set()
        for path, entry in self.made.entries.items():
            if entry.kind != KEPT:
                entries[path] = entry
            elif path in wanted.entries:
                entries[path] = wanted.entries[path]
            else:
                unknown.add(path)
        return Manifest(entries), unknown


class Drift(Struct, frozen=True):
    """Paths that differ, sorted. Shared paths are left out; what prepare hooks did is not a difference."""

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


class Verification(Struct, frozen=True):
    """What was compared, and the outcome by server: how it differs, or why it could not be compared.

    tag     "" where nothing could be chosen, because no `current` points to a release
    astray  servers whose `current` does not point to a release, and what is wrong with it
    """

    tag: str
    drifts: Mapping[str, Drift]
    errors: Mapping[str, TurnoutError]
    astray: Mapping[str, str] = field(default_factory=dict)


Passed = Callable[[bytes, bool], bool]
"""Whether a path is passed over; True as the second argument for a folder. It is not asked about what is below one."""


def compare(
    manifest: Manifest, contents: Contents, shared: Iterable[str], passed: Passed | None = None, umask: int = 0
) -> Drift:
    """What tells a release from its manifest, modes as well; a file's size is not looked at: its checksum says more.

    passed   what the application writes there
    umask    of what is made on that server: rights that it takes do not count
    """
    wanted, any_content = contents.expected(manifest)
    found = contents.found
    links = [path.rstrip("/").encode("utf-8", "surrogateescape") for path in shared]

    below: dict[bytes, bool] = {b"": False}

    def inside(folder: bytes) -> bool:
        """Whether a folder is passed over, or lies below one that is."""
        if folder not in below:
            assert passed is not None
            below[folder] = inside(folder.rpartition(b"/")[0]) or passed(folder, True)
        return below[folder]

    def is_shared(path: bytes, entry: Entry) -> bool:
        if any(path == link or path.startswith(link + b"/") for link in links):
            return True
        if passed is None:
            return False
        return inside(path) if entry.kind == FOLDER else inside(path.rpartition(b"/")[0]) or passed(path, False)

    def above_shared(path: bytes) -> bool:
        return any(link.startswith(path + b"/") for link in links)

    changed, removed = [], []
    for path, entry in wanted.entries.items():
        if is_shared(path, entry):
            continue
        other = found.entries.get(path)
        if other is None:
            removed.append(path)
        elif (other.kind, other.content) != (entry.kind, entry.content) or (
            (other.closed ^ entry.closed) & ~masked(entry.kind, umask)
        ):
            changed.append(path)
    added = [
        path
        for path, entry in found.entries.items()
        if path not in wanted.entries
        and path not in any_content
        and not is_shared(path, entry)
        and not (entry.kind == FOLDER and above_shared(path))
    ]
    return Drift(tuple(sorted(changed)), tuple(sorted(added)), tuple(sorted(removed)))


def verdict(found: Verification, absent: int) -> str:
    """One sentence on a whole fleet. `absent`: servers that do not have the release's files."""
    said = []
    if found.drifts:
        bad = sum(not drift.none for drift in found.drifts.values())
        alone = not (bad or absent or found.errors or found.astray)
        as_deployed = f"{'all ' if alone else ''}{count(len(found.drifts), 'server')} as deployed"
        said.append(f"{count(bad, 'server')} drifted" if bad else as_deployed)
    said += [f"{count(absent, 'server')} without it"] if absent else []
    strange = sum(isinstance(error, NoRecord) for error in found.errors.values())
    said += [f"no record to compare it with on {count(strange, 'server')}"] if strange else []
    lost = len(found.errors) - strange
    said += [f"{count(lost, 'server')} not compared"] if lost else []
    said += [f"`current` does not point to a release on {count(len(found.astray), 'server')}"] if found.astray else []
    return ", ".join(said)
