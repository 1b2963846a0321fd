"""Every JSON object that the command writes with --json, each built in one place (pure).

A line of --json is one object: a row of this module, or an event of `core.events`. docs/json.md describes them all.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypedDict

from core.questions import QuestionRow, question_row
from core.records import FleetRelease, Lock, Previous, ServerState, Told, fleet_releases, left_behind, live_of, standing
from core.text import show_path
from core.version import FORMAT

if TYPE_CHECKING:
    from core.changes import Changes, Commit, FileChange, PlanChanges
    from core.checked import Tried
    from core.drift import Drift
    from core.errors import TurnoutError
    from core.events import Event
    from core.history import Entry
    from core.line_diff import DiffLine
    from core.plan import Plan, Step
    from core.recovery import Interruption


class Row(TypedDict):
    """What every object has: the name of its shape, and FORMAT."""

    event: str
    format: int


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


class WarningRow(Row):
    """Something odd about the environment that was found on the way."""

    text: str


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


class LogRow(Row):
    """A line of a log of the application; new: it was written while the log was followed."""

    time: float
    server: str
    log: str
    file: str
    line: str
    level: str
    new: bool


class LogStateRow(Row):
    """How it stands with a log on a server."""

    server: str
    log: str
    state: str
    text: str


class TaskRow(Row):
    """A task of turnout.toml, and the chosen servers that it runs on; none where it runs on the operator's machine."""

    task: str
    run: str
    where: str
    servers: list[str]


class LogGapRow(Row):
    """Something was left out of the logs of a server."""

    server: str
    text: str


class FindingRow(Row):
    """What doctor found on a server. level: ok, warning or error."""

    server: str
    topic: str
    level: str
    text: str
    hint: str


class AnswerRow(TypedDict):
    """How a question of an operation was answered; by is "" where nobody did."""

    kind: str
    choice: str
    by: str
    reason: str
    seconds: float


class HistoryRow(Row):
    """One operation of the history. began: seconds since the epoch; by_server: by server, the outcome there.

    gone: servers that took part and were not heard. undone_by: the operation that took it back.
    """

    operation: str
    kind: str
    who: str
    reason: str
    began: float
    seconds: float
    ran: str
    tag: str
    previous: str
    pruned: list[str]
    outcome: str
    exit_code: int
    by_server: dict[str, str]
    servers: list[str]
    gone: list[str]
    sent_bytes: int
    sent_files: int
    phases: dict[str, float]
    batches: int
    left_out: list[str]
    undone_by: str
    despite_freeze: bool
    answers: list[AnswerRow]


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


class DifferenceRow(Row):
    """How two releases differ, in numbers. *_server: the server on which one was looked at, "" for the release as such.

    taken, added: commits that only the old, only the new release has; *_unknown: why it is not known.
    """

    old: str
    new: str
    old_server: str
    new_server: str
    old_revision: str
    new_revision: str
    taken: int
    added: int
    commits_unknown: str
    commits_note: str
    files_added: int
    files_changed: int
    files_removed: int
    files_renamed: int
    lines_added: int | None
    lines_removed: int | None
    files_unknown: str
    new_migrations: list[str]
    lost_migrations: list[str]
    built: bool


class CommitRow(Row):
    """A commit that only one of two releases has. side: added (the new one has it) or taken (the old one has it)."""

    side: str
    revision: str
    subject: str
    author: str
    committed: float
    migrates: bool


class FileRow(Row):
    """A file or link that differs between two releases. change: added, changed, removed, renamed; was: its old path.

    *_kind: f file, x executable, l link, "" where it is not there; *_size: bytes, null where it is not known.
    """

    path: str
    change: str
    was: str
    old_kind: str
    new_kind: str
    old_size: int | None
    new_size: int | None
    lines_added: int | None
    lines_removed: int | None
    migration: bool


class LineRow(Row):
    """A line of a file's difference. kind: as in core.line_diff; old, new: its numbers, 0 where it has none."""

    kind: str
    text: str
    old: int
    new: int


class ErrorRow(Row):
    """An error, one object for each server. type: the class in core.errors; hint: what to do next."""

    time: float
    exit_code: int
    type: str
    title: str
    detail: str
    hint: str
    server: str
    phase: str


class ResultMore(TypedDict, total=False):
    """What some results have, too. round_trips: by server, of an operation; releases: how many were listed.

    left_out: by server that an operation went on without: why.
    """

    round_trips: dict[str, int]
    left_out: dict[str, str]
    releases: int


class ResultRow(Row, ResultMore):
    """The last line."""

    time: float
    exit_code: int
    outcome: str
    summary: str
    command: str
    environment: str
    kind: str
    tag: str
    seconds: float
    warnings: list[str]


ROWS: Mapping[str, type[Row]] = {
    "release": ReleaseRow,
    "warning": WarningRow,
    "lock": LockRow,
    "interruption": InterruptionRow,
    "finding": FindingRow,
    "history": HistoryRow,
    "drift": DriftRow,
    "check": CheckRow,
    "current": CurrentRow,
    "host-key": HostKeyRow,
    "difference": DifferenceRow,
    "commit": CommitRow,
    "file": FileRow,
    "line": LineRow,
    "log": LogRow,
    "log-state": LogStateRow,
    "log-gap": LogGapRow,
    "task": TaskRow,
    "error": ErrorRow,
    "result": ResultRow,
}
"""By `event`: every shape beside the events of core.events."""


class RecordRow(TypedDict):
    """A release's record, as it is written to its file."""

    tag: str
    seq: int
    created: float
    source: str
    revision: str
    digest: str
    subject: str
    author: str
    by: str
    ref: str
    bytes: int
    files: int
    failed: str
    left: bool
    pinned: bool
    reason: str
    approved: str
    left_out: str
    promoted_from: str
    promoted_tag: str
    built_for: str
    built: float
    built_by: str
    adopted: str
    slot: str


class StepRow(TypedDict):
    """What a plan does on one server; the fields are those of core.plan.Step. price: the step in a few words."""

    server: str
    action: str
    current: str
    back: str | None
    send_bytes: int
    send_files: int
    remove_entries: int
    exact: bool
    copy_bytes: int
    prune: list[str]
    frees: int | None
    sizes: dict[str, int]
    clear_cache: bool
    refusal: str
    price: str


class CommitNameRow(TypedDict):
    """A commit that a plan names. migrates: it adds a migration."""

    revision: str
    subject: str
    author: str
    committed: float
    migrates: bool


class ChangesRow(TypedDict):
    """What a plan brings and takes beside the live release; the fields are those of core.changes.PlanChanges."""

    old: str
    new: str
    taken: int
    added: int
    taken_named: list[CommitNameRow]
    added_named: list[CommitNameRow]
    taken_by: list[str]
    added_by: list[str]
    commits_unknown: str
    commits_note: str
    files_added: int
    files_changed: int
    files_removed: int
    lines_added: int | None
    lines_removed: int | None
    files_unknown: str
    new_migrations: list[str]
    lost_migrations: list[str]


class UndoesRow(TypedDict):
    """What undo takes back. until: when the release that it goes back to ceased to be live; 0.0 where unknown.

    skipped: by tag, releases that were live since and are not gone back to, with the reason.
    """

    until: float
    kind: str
    who: str
    skipped: dict[str, str]


class PlanRow(TypedDict):
    """The `plan` of a plan-made event."""

    kind: str
    environment: str
    title: str
    tag: str
    live: str
    strategy: str
    batches: list[list[str]]
    left_out: dict[str, str]
    record: RecordRow | None
    undoes: UndoesRow | None
    steps: list[StepRow]
    build: str
    reason: str
    origin: str
    hooks: list[str]
    checks: list[str]
    warnings: list[str]
    refusals: list[str]
    hold: float
    approve: str
    changes: ChangesRow | None


def event_row(event: Event) -> dict[str, Any]:
    """An event of the engine. Its keys are the fields of its class in core.events."""
    values = event.to_json()
    return {"event": values.pop("event"), "format": FORMAT, **values}


def plan_row(plan: Plan) -> PlanRow:
    """A plan, for `--dry-run` and the event PlanMade."""
    return PlanRow(
        kind=plan.kind,
        environment=plan.environment,
        title=plan.title,
        tag=plan.tag,
        live=plan.live,
        strategy=plan.strategy.name,
        batches=[list(batch) for batch in plan.batches],
        left_out=dict(plan.left_out),
        record=RecordRow(**asdict(plan.record)) if plan.record else None,  # type: ignore[typeddict-item]  # same fields
        undoes=_undoes_row(plan.undoes) if plan.undoes else None,
        steps=[_step_row(step) for step in plan.steps],
        build=plan.build,
        reason=plan.reason,
        hold=plan.hold,
        approve=plan.approve,
        origin=plan.origin,
        hooks=list(plan.hooks),
        checks=list(plan.checks),
        warnings=list(plan.warnings),
        refusals=list(plan.all_refusals),
        changes=_changes_row(plan.changes) if plan.changes else None,
    )


def _changes_row(changes: PlanChanges) -> ChangesRow:
    added, removed = changes.lines or (None, None)
    return ChangesRow(
        old=changes.old,
        new=changes.new,
        taken=changes.taken,
        added=changes.added,
        taken_named=[_commit_name_row(commit) for commit in changes.taken_named],
        added_named=[_commit_name_row(commit) for commit in changes.added_named],
        taken_by=list(changes.taken_by),
        added_by=list(changes.added_by),
        commits_unknown=changes.commits_unknown,
        commits_note=changes.commits_note,
        files_added=changes.files_added,
        files_changed=changes.files_changed,
        files_removed=changes.files_removed,
        lines_added=added,
        lines_removed=removed,
        files_unknown=changes.files_unknown,
        new_migrations=list(changes.new_migrations),
        lost_migrations=list(changes.lost_migrations),
    )


def _commit_name_row(commit: Commit) -> CommitNameRow:
    return CommitNameRow(
        revision=commit.revision,
        subject=commit.subject,
        author=commit.author,
        committed=commit.committed,
        migrates=commit.migrates,
    )


def _undoes_row(undoes: Previous) -> UndoesRow:
    return UndoesRow(until=undoes.until, kind=undoes.kind, who=undoes.who, skipped=dict(undoes.skipped))


def _step_row(step: Step) -> StepRow:
    texts = {"refusal": step.refusal.text if step.refusal else "", "price": step.price()}
    row: StepRow = {**asdict(step), "prune": list(step.prune), "sizes": dict(step.sizes), **texts}  # type: ignore[typeddict-item]  # the fields of Step
    return row


def history_row(entry: Entry) -> HistoryRow:
    """An operation of the history."""
    lists = {name: list(getattr(entry, name)) for name in ("pruned", "servers", "gone", "left_out")}
    lists["answers"] = [asdict(said) for said in entry.answers]
    return HistoryRow(event="history", format=FORMAT, **{**asdict(entry), **lists})  # type: ignore[typeddict-item]  # the fields of Entry


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


def warning_rows(texts: Iterable[str]) -> list[WarningRow]:
    """One object a text."""
    return [WarningRow(event="warning", format=FORMAT, text=text) for text in texts]


def log_state_row(server: str, log: str, state: str, text: str) -> LogStateRow:
    """How it stands with a log on a server."""
    return LogStateRow(event="log-state", format=FORMAT, server=server, log=log, state=state, text=text)


def log_gap_rows(gaps: Iterable[tuple[str, str]]) -> list[LogGapRow]:
    """By server, what was left out."""
    return [LogGapRow(event="log-gap", format=FORMAT, server=server, text=text) for server, text in gaps]


def task_row(name: str, run: str, where: str, servers: Sequence[str]) -> TaskRow:
    """A task and the chosen servers that it runs on."""
    return TaskRow(event="task", format=FORMAT, task=name, run=run, where=where, servers=list(servers))


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


def difference_rows(changes: Changes) -> list[Row]:
    """A difference: its numbers, then one object a commit (those taken back first) and one a file."""
    commits, files = changes.commits, changes.files
    added, removed = files.lines or (None, None)
    head = DifferenceRow(
        event="difference",
        format=FORMAT,
        old=changes.old.tag,
        new=changes.new.tag,
        old_server=changes.old.server,
        new_server=changes.new.server,
        old_revision=changes.old_revision,
        new_revision=changes.new_revision,
        taken=commits.taken_count,
        added=commits.added_count,
        commits_unknown=commits.unknown,
        commits_note=commits.note,
        files_added=files.count("added"),
        files_changed=files.count("changed"),
        files_removed=files.count("removed"),
        files_renamed=files.count("renamed"),
        lines_added=added,
        lines_removed=removed,
        files_unknown=files.unknown,
        new_migrations=[show_path(path) for path in changes.new_migrations],
        lost_migrations=[show_path(path) for path in changes.lost_migrations],
        built=changes.built,
    )
    sides = (("taken", commits.taken), ("added", commits.added))
    migrations = {*changes.new_migrations, *changes.lost_migrations}
    return [
        head,
        *(_commit_row(side, commit) for side, several in sides for commit in several),
        *(_file_row(item, migration=bool({item.path, item.was} & migrations)) for item in files.changes),
    ]


def _commit_row(side: str, commit: Commit) -> CommitRow:
    return CommitRow(event="commit", format=FORMAT, side=side, **_commit_name_row(commit))


def _file_row(item: FileChange, *, migration: bool) -> FileRow:
    old, new = item.old, item.new
    added, removed = item.lines or (None, None)
    return FileRow(
        event="file",
        format=FORMAT,
        path=show_path(item.path),
        change=item.change,
        was=show_path(item.was),
        old_kind=old.kind if old else "",
        new_kind=new.kind if new else "",
        old_size=old.size if old and old.size >= 0 else None,
        new_size=new.size if new and new.size >= 0 else None,
        lines_added=added,
        lines_removed=removed,
        migration=migration,
    )


def line_rows(lines: Iterable[DiffLine]) -> list[LineRow]:
    """One object a line of a file's difference."""
    return [
        LineRow(event="line", format=FORMAT, kind=item.kind, text=item.text, old=item.old, new=item.new)
        for item in lines
    ]


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


def error_row(error: TurnoutError) -> ErrorRow:
    """An error of one server, or of none."""
    return ErrorRow(
        event="error",
        format=FORMAT,
        time=time.time(),
        exit_code=error.exit_code,
        type=type(error).__name__,
        title=error.title,
        detail=error.detail,
        hint=error.hint,
        server=error.server,
        phase=error.phase,
    )


def result_row(answer: Mapping[str, Any]) -> ResultRow:
    """The end of a command. `answer` has at least exit_code, outcome and summary, and any other key of ResultRow."""
    row = ResultRow(
        event="result",
        format=FORMAT,
        time=time.time(),
        exit_code=answer["exit_code"],
        outcome=answer["outcome"],
        summary=answer["summary"],
        command=answer.get("command", ""),
        environment=answer.get("environment", ""),
        kind=answer.get("kind", ""),
        tag=answer.get("tag", ""),
        seconds=answer.get("seconds", 0.0),
        warnings=list(answer.get("warnings", [])),
    )
    row |= {key: answer[key] for key in ResultMore.__annotations__ if key in answer}  # type: ignore[typeddict-item]
    return row
