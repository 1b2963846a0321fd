"""A plan as a JSON object (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from msgspec.structs import asdict

from core.records import Previous

if TYPE_CHECKING:
    from core.changes import Commit, PlanChanges
    from core.plan import Plan, Step


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
    port: int


class StepRow(TypedDict):
    """What a plan does on one server; the fields are those of core.plan.Step. price: the step in a few words."""

    server: str
    action: str
    tag: str
    stays: bool
    because: str
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
    stored: str
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
    tags: by server that the last switch was on, what was live there before; {} where all go to one release.
    without: servers that had nothing to go back to. stay: those that the last switch was not on.
    """

    until: float
    kind: str
    who: str
    skipped: dict[str, str]
    tags: dict[str, str]
    without: list[str]
    stay: list[str]


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
    store: str
    hooks: list[str]
    checks: list[str]
    warnings: list[str]
    refusals: list[str]
    hold: float
    approve: str
    account: str
    changes: ChangesRow | None
    way_out: str


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
        account=plan.account,
        origin=plan.origin,
        store=plan.store,
        hooks=list(plan.hooks),
        checks=list(plan.checks),
        warnings=list(plan.warnings),
        refusals=list(plan.all_refusals),
        changes=_changes_row(plan.changes) if plan.changes else None,
        way_out=plan.way_out,
    )


def _changes_row(changes: PlanChanges) -> ChangesRow:
    added, removed = changes.lines or (None, None)
    return ChangesRow(
        old=changes.old,
        new=changes.new,
        taken=changes.taken,
        added=changes.added,
        taken_named=[commit_name_row(commit) for commit in changes.taken_named],
        added_named=[commit_name_row(commit) for commit in changes.added_named],
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


def commit_name_row(commit: Commit) -> CommitNameRow:
    return CommitNameRow(
        revision=commit.revision,
        subject=commit.subject,
        author=commit.author,
        committed=commit.committed,
        migrates=commit.migrates,
    )


def _undoes_row(undoes: Previous) -> UndoesRow:
    return UndoesRow(
        until=undoes.until,
        kind=undoes.kind,
        who=undoes.who,
        skipped=dict(undoes.skipped),
        tags=dict(undoes.tags),
        without=list(undoes.without),
        stay=list(undoes.stay),
    )


def _step_row(step: Step) -> StepRow:
    texts = {"refusal": step.refusal.text if step.refusal else "", "price": step.price()}
    fields = asdict(step)
    del fields["patched"]
    fields["exact"] = step.is_exact
    row: StepRow = {**fields, "prune": list(step.prune), "sizes": dict(step.sizes), **texts}  # type: ignore[typeddict-item]  # the fields of Step
    return row
