"""What one inspection finds on a server: its releases, its lock, its state (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property

from msgspec import Struct, field

from core import layout
from core.questions import Question
from core.records.journal import JournalLine
from core.records.order import in_order, time_in
from core.records.record import Block, Freeze, Pin, Record
from core.records.slot_use import SlotUse
from core.records.stays import Stay, live_by_journal, stays_before, switches_before, with_theirs
from core.records.told import TheirLock, Told

SILENT_AFTER = 30
"""Seconds without a heartbeat after which operator and server count each other as gone. A server's watchdog then
ends the operation there, sweeps and unlocks."""

USUAL_BLOCK = 4096
"""Bytes in which a file system gives room to files, where nothing tells."""


class Release(Struct, frozen=True, kw_only=True):
    """A release on one server: its files, its record, or both.

    present  its folder exists; a release without files was pruned and can be sent again
    mtime    of the folder, in seconds since the epoch; what orders releases without a record
    unused   it was made there and never went live
    unread   its record is there and cannot be read: whether it failed or is pinned is unknown
    pin      why it is never pruned; None where it may be
    block    why undo never goes back to it; None where it may
    told     what another tool wrote down about it; None where it is not known to be another tool's
    seq, marks   of one of very many, whose whole record was not sent: `record` is None, marks are pinned and failed
    """

    tag: str
    record: Record | None = None
    present: bool = False
    mtime: float = 0.0
    live: bool = False
    unused: bool = False
    unread: bool = False
    pin: Pin | None = None
    block: Block | None = None
    told: Told | None = None
    seq: int = 0
    marks: frozenset[str] = frozenset()

    @property
    def pinned(self) -> bool:
        return self.pin is not None or "pinned" in self.marks or bool(self.record and self.record.pinned)

    @property
    def good(self) -> bool:
        """Whether it counts among those that are kept: it did not fail, and was live."""
        return (
            not self.unused and "failed" not in self.marks and not (self.record and self.record.failed) and not self.bad
        )

    @property
    def bad(self) -> str:
        """Why another tool would not go back to it, for after its name; "" where it says nothing of that."""
        return self.told.fate if self.told else ""

    @property
    def lasting(self) -> bool:
        """Whether its files can be made again: a record says what they were. One of another tool has no such record."""
        return bool(self.record.digest) if self.record else bool(self.seq)

    @property
    def number(self) -> int:
        """Its place among those with records; 0 for one without."""
        return self.record.seq if self.record else self.seq

    @property
    def when(self) -> float:
        """When it was made, as its record, a tool's log or its name tells; 0.0 where nothing does."""
        if self.record:
            return self.record.created
        return self.told.when if self.told and self.told.when else time_in(self.tag, self.mtime)

    @property
    def created(self) -> float:
        """The same; the folder's time where nothing tells."""
        return self.when or self.mtime

    @property
    def revision(self) -> str:
        """The commit that it was made from, as its record or a file in it says; "" where neither does."""
        return self.record.revision if self.record else self.told.revision if self.told else ""

    @property
    def returnable(self) -> bool:
        """Whether "the previous one" may choose it: it was live, and neither failed nor was left by a rollback."""
        return not (self.unused or self.unread or self.seq or self.bad) and (
            self.record is None or not (self.record.failed or self.record.left)
        )


class Lock(Struct, frozen=True, kw_only=True):
    """Who holds a server: `.turnout/lock/`.

    since     seconds since the epoch by the operator's clock
    age       seconds since it was taken, silence: seconds since the operator's last heartbeat; by the server's clock
    alive     whether the process that took it still runs there
    question  what its operation asks a person; None for nothing
    """

    token: str = ""
    operation: str = ""
    kind: str = ""
    who: str = ""
    since: float = 0.0
    age: float = 0.0
    silence: float = 0.0
    phase: str = ""
    alive: bool = True
    question: Question | None = None

    @property
    def silent(self) -> bool:
        """Whether there was no heartbeat for so long that the watchdog should have ended the operation."""
        return self.silence >= SILENT_AFTER

    def describe(self) -> str:
        """`ana@laptop is deploying since 14:03:10 UTC (4 min), now in upload`."""
        since = f"{datetime.fromtimestamp(self.since, UTC):%H:%M:%S} UTC"
        text = f"{self.who or 'somebody'}: {self.kind or 'an operation'} since {since} ({self.age:.0f} s ago)"
        text = f"{text}, now in {self.phase}" if self.phase else text
        return f"{text}, waiting for an answer: {' or '.join(self.question.names)}" if self.question else text


class Claim(Struct, frozen=True, kw_only=True):
    """Whose deploy root it is: `.turnout/claim`.

    id      random; a copy of the root has the same
    copied  the claim was made in another folder or on another machine: it does not keep others away
    """

    id: str
    project: str
    environment: str
    copied: bool = False


class Disk(Struct, frozen=True):
    """A file system on a server: its device number, free bytes, and free inodes (-1: it has no fixed number)."""

    device: int
    free_bytes: int
    free_inodes: int


CLOSED = "current-closed"
"""The feature of a server whose `current` points to something that exists and cannot be entered."""


class ServerState(Struct, frozen=True, kw_only=True, dict=True):
    """What one inspection found on a server; everything that a plan is made from.

    current       tag that `current` points to; "" where there is none
    current_kind  link, absent, folder, file, dangling, or elsewhere (a link to outside `releases/`)
    current_target  the link's text
    form          what comes before the tag in the link's text: a switch keeps it
    links         by tag: other links that lead into the release, each a path; what they lead to is never removed
    link          what turnout.toml names in place of `current`; "" where it names nothing
    releases      by tag: those with files, those with a record only
    cache         digest of `.turnout/cache.manifest`; "" where the cache is unknown or empty
    cache_empty   deploy-cache is known to be empty, not merely unknown
    free_bytes, free_inodes   of the root's file system; -1 where the server does not tell
    block         bytes in which that file system gives room to files
    cache_foreign what is in deploy-cache was put there by something else, such as Buddy
    cache_seen    it was looked at; else all of this says nothing
    cache_bytes, cache_entries   what a deploy-cache that no manifest tells of occupies on disk, and holds
    clock         the server's time in seconds since the epoch, and when we read it: clock_skew is the difference
    features      what the server has: reflink, zstd, gzip, sha256sum, comm, tar; what fetches from a store, one of
                  curl, wget, wget2 and other-wget (inspect.sh); writable (the root)
    journal       its last lines, oldest first
    transitions   lines of the last operation that was carried out there, and of those since that have no end
    shared_missing, shared_dangling   shared paths that are not in `shared/`, and dangling links there
    shared_elsewhere   by shared path that is not in `shared/`: where what the live release has of it really lies
    shared_linked   what another tool's live release links to in `shared/`: paths, a slash behind those of folders
    transitions_whole   all of those lines could be read: what an operation did there is known
    lived         what another tool's log says was live, one after the other, the latest last
    their_locks   locks of other tools in the same root
    pins          by tag: what is never pruned, whether or not the release is there
    blocks        by tag: what undo never goes back to, whether or not the release is there
    freeze        why operations that change releases are refused there; None where they are not
    unlisted      releases without files that are not among `releases`: the oldest of very many
    took_over     by `begin`: the lock whose dead owner it was taken from
    faults        what could not be read (a record that is not TOML), one line each
    claim         whose root it is; None where no operation has begun there since roots are claimed
    outer, inner  another deploy root that this one lies in, or that lies in this one; "" where none was found
    folder        the same for two servers whose roots are one folder, and for no others; "" where that is not asked
    disks         what is free where `.` (the root), `.turnout`, `releases` and `deploy-cache` lie, where known
    mounts        paths below the root, relative to it, where another file system is mounted
    apart         those of `releases`, `deploy-cache` and `shared` that are another file system than `.turnout`, or the
                  same one mounted again: across it a file is copied instead of renamed, and hard links fail
    slots         which releases have a slot there, as far as its own file says
    news          differs from what Session.glance gives once an operation has begun or ended since
    """

    server: str
    root: str
    exists: bool = True
    current: str = ""
    current_kind: str = "absent"
    current_target: str = ""
    form: str = f"{layout.RELEASES}/"
    links: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    link: str = ""
    releases: Mapping[str, Release] = field(default_factory=dict)
    cache: str = ""
    cache_empty: bool = False
    cache_foreign: bool = False
    cache_seen: bool = True
    lock: Lock | None = None
    free_bytes: int = -1
    free_inodes: int = -1
    block: int = USUAL_BLOCK
    cache_bytes: int = 0
    cache_entries: int = 0
    clock_skew: float = 0.0
    features: frozenset[str] = frozenset()
    journal: tuple[JournalLine, ...] = ()
    transitions: tuple[JournalLine, ...] = ()
    shared_missing: frozenset[str] = frozenset()
    shared_dangling: frozenset[str] = frozenset()
    shared_elsewhere: Mapping[str, str] = field(default_factory=dict)
    shared_linked: tuple[str, ...] = ()
    transitions_whole: bool = True
    lived: tuple[str, ...] = ()
    their_locks: tuple[TheirLock, ...] = ()
    pins: Mapping[str, Pin] = field(default_factory=dict)
    blocks: Mapping[str, Block] = field(default_factory=dict)
    freeze: Freeze | None = None
    unlisted: int = 0
    took_over: Lock | None = None
    faults: tuple[str, ...] = ()
    rtt: float = 0.0
    read_at: float = 0.0
    claim: Claim | None = None
    outer: str = ""
    inner: str = ""
    folder: str = ""
    news: str = ""
    slots: tuple[SlotUse, ...] = ()
    disks: Mapping[str, Disk] = field(default_factory=dict)
    mounts: tuple[str, ...] = ()
    apart: frozenset[str] = frozenset()

    @cached_property
    def ordered(self) -> tuple[Release, ...]:
        """All releases, newest first."""
        return tuple(reversed(in_order(self.releases.values())))

    def seconds_live(self, now: float) -> float | None:
        """For how long the live release has been live; None where the journals do not say."""
        before = next(iter(self.stays), None)
        return max(now - before.until, 0.0) if before and before.until else None

    @cached_property
    def stays(self) -> tuple[Stay, ...]:
        """What was live here before, the latest first, as far as the journals tell: Turnout's, then another tool's."""
        stays = stays_before(self.transitions, self.journal, self.current)
        return with_theirs(stays, self.transitions, self.lived, self.current)

    @cached_property
    def switches(self) -> tuple[Stay, ...]:
        """What each of Turnout's operations that switched this server left there, the last one first."""
        return switches_before(self.transitions, self.journal, self.current)

    @property
    def moved_from(self) -> str:
        """What our journals say is live, where somebody else has moved `current` since; "" where nobody has."""
        said = live_by_journal(self.transitions) if self.current_kind in ("link", "absent") else ""
        return said if said != self.current else ""

    @property
    def last_operation(self) -> str:
        """The id of the operation that switched this server last; "" where a person or another tool did so since, or
        the journals do not tell.
        """
        before = next(iter(self.stays), None)
        if before is not None and not before.operation:
            return ""
        return self.switches[0].operation if self.switches else ""

    @property
    def current_path(self) -> str:
        """Where the link is that a switch replaces."""
        return layout.place(self.root, self.link)

    def link_to(self, tag: str) -> str:
        """The text that `current` has once a release is live here."""
        return f"{self.form}{tag}"

    @property
    def why_dangling(self) -> str:
        """What is wrong with the target of a dangling `current`, after `points to …, `."""
        return "which cannot be entered" if CLOSED in self.features else "which does not exist"

    @property
    def fingerprint(self) -> tuple[object, ...]:
        """What a plan rests on: when it differs from the plan's, the plan no longer holds."""
        releases = tuple(
            (r.tag, r.present, r.record and r.record.digest, r.pinned, bool(r.block)) for r in self.ordered
        )
        return (self.current_kind, self.current, self.cache, releases)


def common_features(states: Iterable[ServerState]) -> frozenset[str]:
    """What all of these servers have; of one at least."""
    return frozenset[str].intersection(*(state.features for state in states))
