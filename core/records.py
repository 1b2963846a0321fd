"""What is known of releases and servers: Record, Release, ServerState, Lock (pure; TOML by tomllib and tomli-w)."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import tomli_w

from core.text import clean

TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""The allow list for tags: they become folder names, record names and words of commands."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_REVISION = re.compile(r"(content:)?[0-9a-f]{4,64}")
_WORD = re.compile(r"[a-z][a-z-]{0,29}")
_OPERATION = re.compile(r"[0-9a-f]{1,64}")

LARGEST_SEQ = 10**9
"""More releases than anybody makes: with one a second for thirty years the number is not reached."""
LEAP = 10**6
"""Releases by which a server may be ahead of all others and is followed: nobody makes more while those are left out."""
LONGEST_TARGET = 4095
"""Characters of where `current` leads (PATH_MAX)."""

LAST_SECOND = 253_402_300_799
"""The end of the year 9999: the last time that can be written as a date."""


def is_tag(text: str) -> bool:
    """Whether a text may be a release's tag."""
    return TAG.fullmatch(text) is not None and ".." not in text


def is_digest(text: str) -> bool:
    """Whether a text is a SHA-256 in hex."""
    return _DIGEST.fullmatch(text) is not None


def make_tag(when: datetime, revision: str) -> str:
    """A tag that sorts by time and names its revision or content: `20261121T193000Z-3f2c1ab`."""
    return f"{when.astimezone(UTC):%Y%m%dT%H%M%SZ}-{revision.rpartition(':')[2][:7]}"


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is known of a release; `.turnout/records/<tag>.toml`. It outlives the files.

    seq       its place in the order of all releases of the environment, from 1; the same on every server
    created   seconds since the epoch, UTC
    source    git or directory
    revision  the commit, or "content:" and the start of the digest
    digest    SHA-256 of the manifest
    subject   the commit's first line, or what the person wrote
    author    who wrote the revision; by: who deployed it, from which machine (`ana@laptop`)
    ref       the branch, tag or commit that was asked for
    bytes, files   of the tree
    failed    why its checks or hooks failed after the switch; "" where they did not
    left      a rollback left this release: "the previous one" skips it
    pinned    never pruned; what `turnout pin` writes is a file of its own, `Pin`
    """

    tag: str
    seq: int
    created: float
    source: str = ""
    revision: str = ""
    digest: str = ""
    subject: str = ""
    author: str = ""
    by: str = ""
    ref: str = ""
    bytes: int = 0
    files: int = 0
    failed: str = ""
    left: bool = False
    pinned: bool = False

    def to_toml(self) -> str:
        """The text of the record's file; `created` is a TOML date-time in UTC."""
        values = asdict(self)
        values["created"] = datetime.fromtimestamp(self.created, UTC).replace(microsecond=0)
        return tomli_w.dumps(values)


def parse_record(text: str) -> Record:
    """The record in a file's text. ValueError where it is not one; unknown keys are passed over."""
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValueError(f"not TOML: {error}") from error
    return _record_of(values)


def _record_of(values: dict[str, Any]) -> Record:
    """The record with these values, which come from a server: what escapes in them stand for is made harmless.

    ValueError for what would be believed and cannot be: a revision and a ref are given to git, numbers are counted on.
    """
    created = values.get("created")
    if isinstance(created, datetime):
        values["created"] = created.replace(tzinfo=created.tzinfo or UTC).timestamp()
    known: dict[str, object] = {}
    for item in fields(Record):
        if item.name not in values:
            continue
        kinds: dict[str, Any] = {"str": str, "int": int, "bool": bool, "float": (int, float)}
        value = values[item.name]
        if not isinstance(value, kinds[str(item.type)]) or (item.type != "bool" and isinstance(value, bool)):
            raise ValueError(f"{item.name} is not {item.type}")
        if item.type == "int" and not 0 <= value < 1 << 63:
            raise ValueError(f"{item.name} is no number of anything")
        known[item.name] = _one_line(value) if isinstance(value, str) else value
    for name in ("tag", "seq", "created"):
        if name not in known:
            raise ValueError(f"{name} is missing")
    record = Record(**known)  # type: ignore[arg-type]  # each value's type was checked above
    if not is_tag(record.tag):
        raise ValueError("the tag is not one")
    if not 0 <= record.created <= LAST_SECOND:
        raise ValueError("created is no time")
    if record.seq > LARGEST_SEQ:
        raise ValueError("seq is no number of a release")
    if record.revision and not _REVISION.fullmatch(record.revision):
        raise ValueError("revision is neither a commit nor a digest")
    if record.digest and not is_digest(record.digest):
        raise ValueError("digest is no SHA-256")
    if record.source and not _WORD.fullmatch(record.source):
        raise ValueError("source is no kind of source")
    if record.ref.startswith("-"):
        raise ValueError("ref is an option and no revision")
    return record


def _one_line(text: str) -> str:
    """A text of a record: harmless, and one line wherever it is shown."""
    return clean(text).replace("\n", " ")


@dataclass(frozen=True, kw_only=True)
class Pin:
    """Why a release is never pruned: `.turnout/records/<tag>.pinned`. by: `ana@laptop`; why: "" where nobody said."""

    by: str = ""
    why: str = ""

    def to_line(self) -> str:
        """The text of its file."""
        return json.dumps({"by": self.by, "why": self.why}, ensure_ascii=True)


def parse_pin(text: str) -> Pin:
    """The pin in a file's line. One that cannot be read is a pin all the same: what it keeps is not pruned."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return Pin()
    known = values if isinstance(values, dict) else {}
    return Pin(**{key: _one_line(known[key])[:300] for key in ("by", "why") if isinstance(known.get(key), str)})


@dataclass(frozen=True, kw_only=True)
class Release:
    """A release on one server: its files, its record, or both.

    present  its folder exists; a release without files was pruned and can be sent again
    mtime    of the folder, in seconds since the epoch; what orders releases without a record
    unused   it was made there and never went live
    unread   its record is there and cannot be read: whether it failed or is pinned is unknown
    pin      why it is never pruned; None where it may be
    seq, marks   of one of very many, whose record was not told whole: `record` is None, marks are pinned and failed
    """

    tag: str
    record: Record | None = None
    present: bool = False
    mtime: float = 0.0
    live: bool = False
    unused: bool = False
    unread: bool = False
    pin: Pin | None = None
    seq: int = 0
    marks: frozenset[str] = frozenset()

    @property
    def pinned(self) -> bool:
        return self.pin is not None or "pinned" in self.marks or bool(self.record and self.record.pinned)

    @property
    def good(self) -> bool:
        """Whether it counts among those that are kept: it did not fail, and was live."""
        return not self.unused and "failed" not in self.marks and not (self.record and self.record.failed)

    @property
    def created(self) -> float:
        return self.record.created if self.record else self.mtime

    @property
    def order(self) -> tuple[int, float, str]:
        """Newest last: by sequence number; releases without a record come before all others, by mtime.

        Two have the same number where each was deployed to servers that the other was not: there is no order between
        them, and the tag only makes it the same everywhere. Operators' clocks have no say.
        """
        number = self.record.seq if self.record else self.seq
        return (number, 0.0, self.tag) if number else (0, self.mtime, self.tag)

    @property
    def returnable(self) -> bool:
        """Whether "the previous one" may choose it: it was live, and neither failed nor was left by a rollback."""
        return not (self.unused or self.unread or self.seq) and (
            self.record is None or not (self.record.failed or self.record.left)
        )


@dataclass(frozen=True, kw_only=True)
class Lock:
    """Who holds a server: `.turnout/lock/`.

    since     seconds since the epoch by the operator's clock
    age       seconds since it was taken, silence: seconds since the operator's last sign of life; by the server's clock
    alive     whether the process that took it still runs there
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

    def describe(self) -> str:
        """`ana@laptop is deploying since 14:03:10 UTC (4 min), now in upload`."""
        since = f"{datetime.fromtimestamp(self.since, UTC):%H:%M:%S} UTC"
        text = f"{self.who or 'somebody'}: {self.kind or 'an operation'} since {since} ({self.age:.0f} s ago)"
        return f"{text}, now in {self.phase}" if self.phase else text


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Whose deploy root it is: `.turnout/claim`.

    id      random; a copy of the root has the same
    copied  the claim was made in another folder or on another machine: it keeps nobody off
    """

    id: str
    project: str
    environment: str
    copied: bool = False


@dataclass(frozen=True, kw_only=True)
class JournalLine:
    """One line of a server's `.turnout/journal.jsonl`.

    what      begin, switch, restore, end (with its outcome), interrupted (by the agent, with the phase)
    tag       the release that is or was to become live; previous: the one before, target: its link's text
    servers   in `begin`: all servers of the operation
    record    in `begin`: of that release, from which it can be made also where no server has it yet
    """

    what: str
    operation: str = ""
    kind: str = ""
    who: str = ""
    time: float = 0.0
    outcome: str = ""
    exit_code: int = 0
    phase: str = ""
    tag: str = ""
    previous: str = ""
    target: str = ""
    servers: tuple[str, ...] = ()
    record: Record | None = None


def parse_journal_line(text: str) -> JournalLine:
    """The line of a journal. ValueError where it is not one; unknown keys are passed over, odd values are empty.

    So is a line that a recovery would rest on and that cannot be: one with an odd operation, an odd tag or target, or
    with the record of another tag.
    """
    try:
        values = json.loads(text)
    except RecursionError as error:
        raise ValueError("too deep") from error
    if not isinstance(values, dict):
        raise ValueError("not an object")
    known: dict[str, Any] = {}
    for item in fields(JournalLine):
        value = values.get(item.name)
        if item.name == "servers":
            names = value if isinstance(value, list) else []
            known["servers"] = tuple(_one_line(name)[:100] for name in names if isinstance(name, str))
        elif item.name == "record":
            known["record"] = _record_of(value) if isinstance(value, dict) else None
        elif item.name == "time":
            usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LAST_SECOND
            known["time"] = float(value) if usable else 0.0  # type: ignore[arg-type]  # a number, as `usable` says
        elif item.name == "exit_code":
            # What is no exit status is no success.
            known["exit_code"] = value if type(value) is int and 0 <= value <= 255 else int(value is not None)
        else:
            text = value if isinstance(value, str) else ""
            known[item.name] = _one_line(text)[:LONGEST_TARGET] if item.name != "target" else text
    line = JournalLine(**known)
    _check_line(line)
    known |= {name: "" for name in ("tag", "previous") if not is_tag(known[name])}
    known |= {name: "" for name in ("what", "kind", "outcome", "phase") if not _WORD.fullmatch(known[name])}
    return JournalLine(**known)


def _check_line(line: JournalLine) -> None:
    """ValueError where a recovery cannot rest on a line."""
    if line.operation and not _OPERATION.fullmatch(line.operation):
        raise ValueError("the operation is no id")
    if line.what not in ("begin", "switch"):
        return
    for tag in (line.tag, line.previous):
        if tag and not is_tag(tag):
            raise ValueError("the tag is not one")
    if clean(line.target, LONGEST_TARGET) != line.target or "\n" in line.target:
        raise ValueError("the target is not one")
    if line.record and line.record.tag != line.tag:
        raise ValueError("it has the record of another tag")


@dataclass(frozen=True)
class Disk:
    """A file system on a server: its device number, free bytes, and free inodes (-1: it has no fixed number)."""

    device: int
    free_bytes: int
    free_inodes: int


CLOSED = "current-closed"
"""The feature of a server whose `current` leads to something that exists and cannot be entered."""


@dataclass(frozen=True, kw_only=True)
class ServerState:
    """What one inspection found on a server; everything that a plan is made from.

    current       tag that `current` leads to; "" where there is none
    current_kind  link, absent, folder, file, dangling, or elsewhere (a link to outside `releases/`)
    current_target  the link's text
    releases      by tag: those with files, those with a record only
    cache         digest of `.turnout/cache.manifest`; "" where the cache is unknown or empty
    cache_empty   nothing lies in deploy-cache, which is more than that nobody knows what does
    manifests     digests of tags whose manifest is kept on the server
    free_bytes, free_inodes   of the root's file system; -1 where the server does not tell
    block         bytes in which that file system gives room to files
    cache_bytes, cache_entries   what a deploy-cache that no manifest tells of occupies on disk, and holds
    clock         the server's time in seconds since the epoch, and when we read it: clock_skew is the difference
    features      what the server has: reflink, zstd, gzip, sha256sum, comm, tar; writable (the root)
    journal       its last lines, oldest first
    transitions   lines of the last operation that was carried out there, and of those since that have no end
    shared_missing, shared_dangling   shared paths that are not in `shared/`, and links there that lead nowhere
    transitions_whole   all of those lines could be read: what an operation did there is known
    pins          by tag: what is never pruned, whether or not the release is there
    unlisted      releases without files that are not among `releases`: the oldest of very many
    took_over     by `begin`: the lock whose dead owner it was taken from
    faults        what could not be read (a record that is not TOML), one line each
    claim         whose root it is; None where no operation has begun there since roots are claimed
    outer, inner  another deploy root that this one lies in, or that lies in this one; "" where none was found
    folder        the same for two servers whose roots are one folder, and for no others; "" where that is not asked
    disks         what is free where `.` (the root), `.turnout`, `releases` and `deploy-cache` lie, as far as it is told
    mounts        paths below the root, relative to it, where another file system is mounted
    apart         those of `releases`, `deploy-cache` and `shared` that are another file system than `.turnout`, or the
                  same one mounted again: across it a file is copied instead of renamed, and hard links fail
    news          differs from what Session.glance gives once an operation has begun or ended since
    """

    server: str
    root: str
    exists: bool = True
    current: str = ""
    current_kind: str = "absent"
    current_target: str = ""
    releases: Mapping[str, Release] = field(default_factory=dict)
    cache: str = ""
    cache_empty: bool = False
    manifests: Mapping[str, str] = field(default_factory=dict)
    lock: Lock | None = None
    free_bytes: int = -1
    free_inodes: int = -1
    block: int = 4096
    cache_bytes: int = 0
    cache_entries: int = 0
    clock_skew: float = 0.0
    features: frozenset[str] = frozenset()
    journal: tuple[JournalLine, ...] = ()
    transitions: tuple[JournalLine, ...] = ()
    shared_missing: frozenset[str] = frozenset()
    shared_dangling: frozenset[str] = frozenset()
    transitions_whole: bool = True
    pins: Mapping[str, Pin] = field(default_factory=dict)
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
    disks: Mapping[str, Disk] = field(default_factory=dict)
    mounts: tuple[str, ...] = ()
    apart: frozenset[str] = frozenset()

    @cached_property
    def ordered(self) -> tuple[Release, ...]:
        """All releases, newest first."""
        return tuple(sorted(self.releases.values(), key=lambda release: release.order, reverse=True))

    @property
    def why_dangling(self) -> str:
        """What is wrong with where a dangling `current` leads, after `leads to …, `."""
        return "which cannot be entered" if CLOSED in self.features else "which does not exist"

    @property
    def fingerprint(self) -> tuple[object, ...]:
        """What a plan rests on: when it differs from the plan's, the plan no longer holds."""
        releases = tuple((r.tag, r.present, r.record and r.record.digest, r.pinned) for r in self.ordered)
        return (self.current_kind, self.current, self.cache, releases)


@dataclass(frozen=True)
class FleetRelease:
    """A release as the whole environment sees it: one row of the dashboard's matrix."""

    tag: str
    on: Mapping[str, Release]
    """By server: those that know the release."""

    @property
    def record(self) -> Record | None:
        return next((release.record for release in self.on.values() if release.record), None)

    @property
    def order(self) -> tuple[int, float, str]:
        return max(release.order for release in self.on.values())

    @property
    def created(self) -> float:
        return self.record.created if self.record else max(release.mtime for release in self.on.values())

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

    @property
    def failed(self) -> str:
        return next((r.record.failed for r in self.on.values() if r.record and r.record.failed), "")

    @property
    def unread(self) -> bool:
        """Whether nothing is known of it but that it is there: no record of it can be read, and some server has one."""
        return self.record is None and any(release.unread for release in self.on.values())

    @property
    def conflict(self) -> str:
        """Why it is no one release: servers whose records say that it has other content; "" where they agree."""
        contents: dict[str, list[str]] = {}
        for name, release in self.on.items():
            if release.record:
                contents.setdefault(release.record.digest, []).append(name)
        if len(contents) < 2:
            return ""
        said = (f"{digest[:12] or 'nothing'} on {', '.join(names)}" for digest, names in contents.items())
        return f"the servers' records of {self.tag} differ in its content: {'; '.join(said)}"

    @property
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
    rows = [FleetRelease(tag, on) for tag, on in by_tag.items()]
    return sorted(rows, key=lambda row: row.order, reverse=True)


def live_tag(states: Iterable[ServerState]) -> str:
    """The environment's live release: the one live on most servers, the newer one where two are even; "" for none."""
    rows = [row for row in fleet_releases(states) if row.live_on]
    return max(rows, key=lambda row: (len(row.live_on), row.order)).tag if rows else ""


def previous_tag(states: Iterable[ServerState]) -> str:
    """The one release that a rollback without a tag goes to: the newest before the live one that is returnable."""
    states = list(states)
    rows = fleet_releases(states)
    live = live_tag(states)
    before = [row.tag for row in _after(rows, live) if row.returnable]
    return before[0] if before else ""


def _after(rows: list[FleetRelease], tag: str) -> list[FleetRelease]:
    """The rows behind the one of `tag` (older releases); none where the tag is unknown."""
    place = next((index for index, row in enumerate(rows) if row.tag == tag), len(rows))
    return rows[place + 1 :]


def next_seq(states: Iterable[ServerState]) -> int:
    """The sequence number for a new release: above every one that any server knows.

    A server that is further ahead than LEAP is not followed: its word would decide about the records of all others,
    and a number above LARGEST_SEQ is one that nobody reads again.
    """
    highest = [max((r.record.seq if r.record else r.seq for r in s.releases.values()), default=0) for s in states]
    followed = 0
    for number in sorted(highest):
        if number <= followed + LEAP:
            followed = number
    return min(followed + 1, LARGEST_SEQ)


def mark(record: Record, *, failed: str | None = None, left: bool | None = None) -> Record:
    """The record with another fate."""
    changed = record if failed is None else replace(record, failed=failed)
    return changed if left is None else replace(changed, left=left)
