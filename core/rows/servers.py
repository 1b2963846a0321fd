"""What is on the servers, as JSON objects: releases, locks, interruptions, findings, drift, host keys (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core.questions import QuestionRow, question_row
from core.records import FleetRelease, Lock, ServerState, Told, fleet_releases, left_behind, live_of, standing
from core.rows.base import Row
from core.text import show_path
from core.version import FORMAT

if TYPE_CHECKING:
    from core.checked import Tried
    from core.drift import Drift
    from core.recovery import Interruption


class ReleaseRow(Row):
    """A release of the environment. created: seconds since the epoch; servers: `core.records.standing` by name.

    recorded   whether Turnout has a record of it; without, made_by and fate are what another tool's files tell
    left_out   servers that were left out when it became live, and have not caught up.
    """

    tag: str
    live: bool
    recorded: bool
    made_by: str
    fate: str
    created: float
    seq: int
    revision: str
    ref: str
    subject: str
    author: str
    by: str
    bytes: int | None
    files: int | None
    failed: str
    left: bool
    pinned: bool
    pinned_why: str
    blocked: bool
    blocked_why: str
    reason: str
    left_out: list[str]
    servers: dict[str, str]


class LockRow(Row):
    """Who holds a server ("": the one that was seen first). since: epoch; age and silence: seconds by its clock."""

    server: str
    operation: str
    kind: str
    who: str
    since: float
    age: float
    silence: float
    phase: str
    alive: bool
    question: QuestionRow | None


class InterruptionRow(Row):
    """An operation without an end. switched: by server, the tag that was live before; text: all in one sentence."""

    operation: str
    kind: str
    who: str
    began: float
    phase: str
    tag: str
    switched: dict[str, str]
    waiting: list[str]
    drained: list[str]
    left_out: list[str]
    text: str


class FindingRow(Row):
    """What doctor found on a server. level: ok, warning or error."""

    server: str
    topic: str
    level: str
    text: str
    hint: str


class DriftRow(Row):
    """How a release's files on a server differ from its manifest.

    present    whether it has them at all; recorded: whether there is a record to compare them with
    """

    server: str
    tag: str
    present: bool
    recorded: bool
    changed: list[str]
    added: list[str]
    removed: list[str]


class CheckRow(Row):
    """A check that was tried on a server; detail: why it did not pass."""

    server: str
    check: str
    passed: bool
    detail: str
    seconds: float


class CurrentRow(Row):
    """A server whose `current` does not point to a release, and what is wrong with it."""

    server: str
    text: str


class HostKeyRow(Row):
    """A host key and the servers that showed it. standing: known, recorded, unknown, changed, revoked, not-compared."""

    servers: list[str]
    host: str
    type: str
    fingerprint: str
    standing: str


def release_rows(states: Mapping[str, ServerState], servers: Sequence[str]) -> list[ReleaseRow]:
    """The environment's releases, newest first.

    servers   the names of all servers; one without a state has not answered
    """
    releases = fleet_releases(states.values())
    live, behind = live_of(releases), left_behind(states.values())
    return [_release_row(release, live, states, servers, behind) for release in releases]


def _release_row(
    release: FleetRelease,
    live: str,
    states: Mapping[str, ServerState],
    servers: Sequence[str],
    behind: Mapping[str, str],
) -> ReleaseRow:
    record, told = release.record, release.told or Told()
    return ReleaseRow(
        event="release",
        format=FORMAT,
        tag=release.tag,
        live=release.tag == live,
        recorded=record is not None,
        made_by=told.tool,
        fate=release.bad,
        created=release.created,
        seq=record.seq if record else 0,
        revision=release.revision,
        ref=record.ref if record else told.ref,
        subject=record.subject if record else told.subject,
        author=record.author if record else told.author,
        by=record.by if record else told.who,
        bytes=record.bytes if record else None,
        files=record.files if record else None,
        failed=release.failed,
        left=bool(record and record.left),
        pinned=release.pinned,
        pinned_why=release.pin.why if release.pin else "",
        blocked=release.block is not None,
        blocked_why=release.block.why if release.block else "",
        reason=record.reason if record else "",
        left_out=[name for name, tag in behind.items() if tag == release.tag],
        servers={server: standing(release, states.get(server)) for server in servers},
    )


def lock_rows(states: Mapping[str, ServerState]) -> list[LockRow]:
    """One object a lock that is there."""
    return [lock_row(name, state.lock) for name, state in states.items() if state.lock]


def lock_row(server: str, lock: Lock) -> LockRow:
    """A lock on a server, or with server "" somewhere on the fleet."""
    return LockRow(
        event="lock",
        format=FORMAT,
        server=server,
        operation=lock.operation,
        kind=lock.kind,
        who=lock.who,
        since=lock.since,
        age=lock.age,
        silence=lock.silence,
        phase=lock.phase,
        alive=lock.alive,
        question=question_row(lock.question) if lock.question else None,
    )


def interruption_row(interruption: Interruption, now: float) -> InterruptionRow:
    """An interrupted operation; `now` in seconds since the epoch."""
    return InterruptionRow(
        event="interruption",
        format=FORMAT,
        operation=interruption.operation,
        kind=interruption.kind,
        who=interruption.who,
        began=interruption.time,
        phase=interruption.phase,
        tag=interruption.tag,
        switched={server: before.tag for server, before in interruption.switched.items()},
        waiting=list(interruption.waiting),
        drained=list(interruption.drained),
        left_out=list(interruption.left_out),
        text=interruption.describe(now),
    )


def finding_row(server: str, *, topic: str, level: str, text: str, hint: str) -> FindingRow:
    """A finding of doctor (core.doctor.Finding) on a server."""
    return FindingRow(event="finding", format=FORMAT, server=server, topic=topic, level=level, text=text, hint=hint)


def drift_rows(
    drifts: Mapping[str, Drift], without: Sequence[str], tag: str, strange: Sequence[str] = ()
) -> list[DriftRow]:
    """One object a server, with all paths as text (what is not UTF-8 is escaped).

    without   servers that do not have the release's files
    strange   those that have them, without a record
    """
    rows = [_drift_row(server, tag, drift) for server, drift in drifts.items()]
    rows += [_drift_row(server, tag, None, present=True, recorded=False) for server in strange]
    return rows + [_drift_row(server, tag, None) for server in without]


def _drift_row(server: str, tag: str, drift: Drift | None, *, present: bool = False, recorded: bool = True) -> DriftRow:
    return DriftRow(
        event="drift",
        format=FORMAT,
        server=server,
        tag=tag,
        present=present or drift is not None,
        recorded=recorded,
        changed=[show_path(path) for path in drift.changed] if drift else [],
        added=[show_path(path) for path in drift.added] if drift else [],
        removed=[show_path(path) for path in drift.removed] if drift else [],
    )


def check_rows(tried: Mapping[str, Sequence[Tried]]) -> list[CheckRow]:
    """One object for each check on each server."""
    return [
        CheckRow(
            event="check",
            format=FORMAT,
            server=server,
            check=each.check,
            passed=not each.why,
            detail=each.why,
            seconds=round(each.seconds, 3),
        )
        for server, of_server in tried.items()
        for each in of_server
    ]


def current_rows(astray: Mapping[str, str]) -> list[CurrentRow]:
    """One object a server whose `current` does not point to a release."""
    return [CurrentRow(event="current", format=FORMAT, server=name, text=text) for name, text in astray.items()]


def host_key_row(servers: Sequence[str], standing: str, *, host: str, type: str, fingerprint: str) -> HostKeyRow:
    """A host key; host, type and fingerprint are "" where none was seen."""
    return HostKeyRow(
        event="host-key",
        format=FORMAT,
        servers=list(servers),
        host=host,
        type=type,
        fingerprint=fingerprint,
        standing=standing,
    )
