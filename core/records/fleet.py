"""Releases as the whole environment sees them: their order, and which is live (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from msgspec import Struct, field
from msgspec.structs import replace

from core.records.order import in_order
from core.records.record import LARGEST_SEQ, Block, Pin, Record
from core.records.server import Release, ServerState
from core.records.told import Told

LEAP = 10**6
"""How far a server's numbers may be ahead of all others' and still count: no server misses that many releases."""


class FleetRelease(Struct, frozen=True, dict=True):
    """A release as the whole environment sees it: one row of the dashboard's matrix."""

    tag: str
    on: Mapping[str, Release]
    """By server: those that know the release."""
    twins: Mapping[str, Release] = field(default_factory=dict)
    """By server: releases with the same tag and other content, which are rows of their own."""

    @property
    def key(self) -> str:
        """What tells the row from all others: the tag, and where several have it also what was made from."""
        return f"{self.tag}~{_content(next(iter(self.on.values())))}" if self.twins else self.tag

    @property
    def record(self) -> Record | None:
        return next((release.record for release in self.on.values() if release.record), None)

    @cached_property
    def number(self) -> int:
        return max(release.number for release in self.on.values())

    @property
    def when(self) -> float:
        """When it was made, as its record, a tool's log or its name tells; 0.0 where nothing does."""
        return self.record.created if self.record else min((r.when for r in self.on.values() if r.when), default=0.0)

    @property
    def mtime(self) -> float:
        """Of its folder, the earliest of any server: it only ever moves on."""
        return min((release.mtime for release in self.on.values() if release.mtime), default=0.0)

    @property
    def created(self) -> float:
        return self.when or self.mtime

    @cached_property
    def told(self) -> Told | None:
        """What another tool wrote down about it, where it has no record anywhere."""
        return None if self.record else next((r.told for r in self.on.values() if r.told), None)

    @property
    def bad(self) -> str:
        """Why another tool would not go back to it, for after its name; "" where it says nothing of that."""
        return next((release.bad for release in self.on.values() if release.bad), "")

    @property
    def revision(self) -> str:
        return self.record.revision if self.record else self.told.revision if self.told else ""

    @property
    def live_on(self) -> tuple[str, ...]:
        return tuple(name for name, release in self.on.items() if release.live)

    @property
    def present_on(self) -> tuple[str, ...]:
        return tuple(name for name, release in self.on.items() if release.present)

    @property
    def pinned(self) -> bool:
        return any(release.pinned for release in self.on.values())

    @property
    def pin(self) -> Pin | None:
        return next((release.pin for release in self.on.values() if release.pin), None)

    @cached_property
    def block(self) -> Block | None:
        """Why undo never goes back to it, where it is blocked on any server."""
        return next((release.block for release in self.on.values() if release.block), None)

    @cached_property
    def failed(self) -> str:
        return next((r.record.failed for r in self.on.values() if r.record and r.record.failed), "")

    @property
    def unread(self) -> bool:
        """Whether only its existence is known: some server has a record of it, but none can be read."""
        return self.record is None and any(release.unread for release in self.on.values())

    @property
    def conflict(self) -> str:
        """Why it is not one release: servers whose records, or another tool's files, say that it has other content; ""
        where they agree.
        """
        if not self.twins:
            return ""
        contents: dict[str, list[str]] = {}
        for name, release in sorted({**self.on, **self.twins}.items()):
            same = next((known for known in contents if _alike(known, _content(release))), _content(release))
            contents.setdefault(same, []).append(name)
        said = (f"{content or 'nothing'} on {', '.join(names)}" for content, names in contents.items())
        return f"the servers have recorded different content for {self.tag}: {'; '.join(said)}"

    @property
    def never_live(self) -> bool:
        """Whether it was only staged so far: by a deploy that runs, or one that never came to its switch."""
        return bool(self.on) and all(release.unused for release in self.on.values())

    @cached_property
    def returnable(self) -> bool:
        """Whether "the previous one" may choose it: it was live somewhere, and failed or was left nowhere."""
        fates = self.on.values()
        return all(replace(fate, unused=False).returnable for fate in fates) and not all(fate.unused for fate in fates)


def fleet_releases(states: Iterable[ServerState]) -> list[FleetRelease]:
    """The union of the servers' releases, newest first."""
    by_tag: dict[str, dict[str, Release]] = {}
    for state in states:
        for release in state.releases.values():
            by_tag.setdefault(release.tag, {})[state.server] = release
    rows = [row for tag, on in by_tag.items() for row in _rows_of(tag, on)]
    return in_order(rows)[::-1]


def _content(release: Release) -> str:
    """What a release is made of, as far as that is known: of its record the digest, else the commit; 12 characters."""
    return _made_of(release)[:12]


def _made_of(release: Release) -> str:
    """The same in full; an adopted release has a record without a digest."""
    return (release.record.digest if release.record else "") or release.revision


def _rows_of(tag: str, on: Mapping[str, Release]) -> list[FleetRelease]:
    """The rows of a tag: one, or where servers have other content under it one for each.

    Only what is known to differ is told apart: a release of which nothing is known stands with the first.
    """
    if len(on) < 2 or len({_made_of(release) for release in on.values()}) < 2:
        return [FleetRelease(tag, on)]
    groups: dict[str, dict[str, Release]] = {}
    for name, release in on.items():
        same = next(
            (each for each, some in groups.items() if any(_same(release, other) for other in some.values())), None
        )
        groups.setdefault(_content(release) if same is None else same, {})[name] = release
    if len(groups) < 2:
        return [FleetRelease(tag, on)]
    return [
        FleetRelease(tag, some, {name: release for name, release in on.items() if name not in some})
        for some in groups.values()
    ]


def _same(one: Release, other: Release) -> bool:
    """Whether two releases with one tag may be one: nothing that is known of both differs."""
    if one.record and other.record and one.record.digest and other.record.digest:
        return one.record.digest == other.record.digest
    return _alike(one.revision, other.revision)


def _alike(one: str, other: str) -> bool:
    """Whether one of two commits or digests is the beginning of the other; nothing is the beginning of anything."""
    return one.startswith(other) or other.startswith(one)


def live_of(rows: Iterable[FleetRelease]) -> str:
    """The environment's live release: the one live on most servers, the newer one where two are even; "" for none."""
    live = in_order([row for row in rows if row.live_on])
    return max(reversed(live), key=lambda row: len(row.live_on)).tag if live else ""


def live_tag(states: Iterable[ServerState]) -> str:
    """`live_of` the releases on these servers."""
    return live_of(fleet_releases(states))


LIVE, KEPT, FAILED, PRUNED, ABSENT, UNKNOWN = "live", "kept", "failed", "pruned", "absent", "unknown"
"""What a release is on one server. FAILED is kept there, too; UNKNOWN: the server has not answered."""


def standing(row: FleetRelease, server: ServerState | None) -> str:
    """What a release is on a server (None: not inspected): LIVE, KEPT, FAILED, PRUNED, ABSENT or UNKNOWN."""
    if server is None:
        return UNKNOWN
    release = row.on.get(server.server)
    if release is None:
        return ABSENT
    if release.live:
        return LIVE
    if not release.present:
        return PRUNED
    return FAILED if failed_on(row, server.server) else KEPT


def failed_on(row: FleetRelease, server: str) -> bool:
    """Whether a release failed on a server: its own record says so; where it has none, that of another one does."""
    release = row.on.get(server)
    if release is None:
        return False
    own = "failed" in release.marks or (release.record.failed if release.record else row.failed)
    return bool(own)


def next_seq(states: Iterable[ServerState]) -> int:
    """The sequence number for a new release: above every one that any server knows.

    A server that is further ahead than LEAP is not followed: it would decide about the records of all others,
    and a number above LARGEST_SEQ could not be read again.
    """
    highest = [max((r.record.seq if r.record else r.seq for r in s.releases.values()), default=0) for s in states]
    followed = 0
    for number in sorted(highest):
        if number <= followed + LEAP:
            followed = number
    return min(followed + 1, LARGEST_SEQ)
