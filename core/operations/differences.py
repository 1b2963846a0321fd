"""How two releases differ, read from the repository and from stored manifests; takes no lock and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from core.changes import Changes, Commit, Commits, Files, Migrates, Side, file_changes, in_brief, migrations
from core.config import KINDS
from core.errors import SourceError, TurnoutError, UsageError
from core.fleet import Fleet
from core.jobs import Ahead, Cancel
from core.manifest import Manifest
from core.names import unknown
from core.plan import Plan
from core.records import FleetRelease, Record, ServerState, fleet_releases
from core.remote.session import Session
from core.source.kinds import source_of
from core.source.selection import excluding
from core.source.store import known, remember

SERVERS_ASKED = 3
"""How many servers are asked for a manifest before it counts as unavailable."""


class _End(Struct, frozen=True):
    """One of the two releases. `manifest` is at hand already where it is not None; `row`: on the servers."""

    side: Side
    record: Record | None
    row: FleetRelease | None = None
    manifest: Manifest | None = None


def differences(
    fleet: Fleet,
    old: Side,
    new: Side,
    states: Mapping[str, ServerState],
    cancel: Cancel | None = None,
    *,
    ask_servers: bool = True,
) -> Changes:
    """How the release `new` differs from `old`.

    states       what is known of the servers, as an inspection gave it: no other is made
    ask_servers  whether a manifest that is not on this machine is read from a server
    Where both sides name a server, what they really hold is compared, by checksum there; else the manifests are.
    UsageError for a release that no server knows, or a server that does not have it. What else cannot be known is a
    reason in the result.
    """
    cancel = cancel or Cancel()
    rows = {row.tag: row for row in fleet_releases(states.values())}
    ends = [_end(side, rows, states) for side in (old, new)]
    with fleet.masked():
        asked = ask_servers or bool(old.server)
        read = (lambda end: _manifest(fleet, end, cancel, fleet.open)) if asked else (lambda end: _known(fleet, end))
        found = _compare(fleet, ends[0], ends[1], read)
    cancel.check()
    return found


def has_file(fleet: Fleet, changes: Changes, states: Mapping[str, ServerState], path: bytes) -> bool:
    """Whether one of two releases that were compared has something of that path; asks no server."""
    rows = {row.tag: row for row in fleet_releases(states.values())}
    records = [rows[side.tag].record for side in (changes.old, changes.new) if side.tag in rows]
    manifests = [known(fleet.project.settings.cache, record.digest) for record in records if record]
    return any(manifest is not None and path in manifest.entries for manifest in manifests)


def _end(side: Side, rows: Mapping[str, FleetRelease], states: Mapping[str, ServerState]) -> _End:
    row = rows.get(side.tag)
    if row is None:
        raise unknown("release", side.tag, list(rows))
    if not side.server:
        return _End(side, row.record, row)
    release = row.on.get(side.server)
    if side.server not in states:
        raise UsageError(f"{side.server} has not answered, so its files cannot be compared")
    if release is None or not release.present:
        raise UsageError(f"{side.server} does not have the files of {side.tag}")
    return _End(side, release.record, row)


def plan_with_changes(
    fleet: Fleet, plan: Plan, states: Mapping[str, ServerState], manifest: Manifest | None, cancel: Cancel
) -> Plan:
    """The plan with what it brings and takes beside the live release (`Plan.changes`), for a person to read.

    manifest   of the release that becomes live, where it is at hand
    Git is asked beside a server that is asked for a manifest. What fails is a reason in the result.
    """
    ends = _ends_of(plan, states, manifest)
    if ends is None:
        return plan
    found = _compare(fleet, *ends, lambda end: _manifest(fleet, end, cancel, fleet.session))
    return replace(plan, changes=in_brief(found))


def plan_with_migrations(
    fleet: Fleet, plan: Plan, states: Mapping[str, ServerState], manifest: Manifest | None, cancel: Cancel
) -> Plan:
    """The plan with files and migrations only, if the project names migrations: for a plan that is not shown.

    Git is not asked. A server is asked only by a rollback whose manifests are not on this machine: whether it crosses a
    migration decides whether it is carried out.
    """
    migrates = migrates_of(fleet)
    ends = _ends_of(plan, states, manifest)
    if migrates is None or ends is None:
        return plan
    ask = plan.goes_back
    files = _files(*ends, lambda end: _manifest(fleet, end, cancel, fleet.session) if ask else _known(fleet, end))
    changes = Changes(
        old=ends[0].side, new=ends[1].side, files=files, commits=Commits(unknown="not asked, because nobody reads it")
    )
    return replace(plan, changes=in_brief(_with_migrations(changes, migrates)))


def migrates_of(fleet: Fleet) -> Migrates | None:
    """What tells a migration by its path; None where the project names none. SourceError for what is not a pattern."""
    patterns = fleet.project.deploy.migrations
    if not patterns:
        return None
    matches = excluding(patterns, "deploy.migrations")
    return lambda path: matches(path, False)


def _ends_of(plan: Plan, states: Mapping[str, ServerState], manifest: Manifest | None) -> tuple[_End, _End] | None:
    """The live release and the one that will be; None where none was live, or the plan does not switch to one."""
    if not plan.live or not plan.tag or plan.tag == plan.live or not plan.changes_live:
        return None
    if any(step.back is not None for step in plan.steps):
        return None
    rows = {row.tag: row for row in fleet_releases(states.values())}
    live, coming = rows.get(plan.live), rows.get(plan.tag)
    if live is None:
        return None
    if coming is not None and coming.conflict:
        return None
    return _End(Side(plan.live), live.record, live), _End(Side(plan.tag), plan.record, coming, manifest)


def _compare(fleet: Fleet, old: _End, new: _End, read: Callable[[_End], Manifest]) -> Changes:
    """All that differs: git's part is asked beside what servers are asked."""
    problem = ""
    migrates: Migrates | None = None
    try:
        migrates = migrates_of(fleet)
    except SourceError as error:
        problem = error.title
    revisions = (_revision(old), _revision(new))
    source = source_of(fleet.project)
    history = source.history()
    if history is None:
        files = _files(old, new, read)
        commits = Commits(unknown=f"{KINDS[fleet.project.source.kind].noun} has no commits")
    elif not all(revisions):
        files = _files(old, new, read)
        lacking = old if not revisions[0] else new
        commits = Commits(unknown=f"{lacking.side.tag} has no record of a commit")
    elif old.side.tag == new.side.tag:
        files, commits = _files(old, new, read), Commits()
    else:
        asked = Ahead(lambda: history.commits(*revisions, migrates))
        lines = Ahead(lambda: history.lines(*revisions))
        files = _files(old, new, read).counted(lines.get())
        commits = _masked(fleet, asked.get())
    changes = Changes(
        old=old.side,
        new=new.side,
        old_revision=revisions[0],
        new_revision=revisions[1],
        commits=commits,
        files=files if not problem else replace(files, unknown=files.unknown or problem),
        built=bool(fleet.project.source.build) or any(hook.on == "build" for hook in fleet.project.hooks),
    )
    return _with_migrations(changes, migrates) if migrates else changes


def _with_migrations(changes: Changes, migrates: Migrates) -> Changes:
    new, lost = migrations(changes.files, migrates)
    return replace(changes, new_migrations=new, lost_migrations=lost)


def _revision(end: _End) -> str:
    """The commit that a release was made from; "" where it was made from something else, or that was not noted."""
    record = end.record
    if record is None or record.adopted:
        return end.row.revision if end.row and not end.row.conflict else ""  # as another tool's files tell
    return record.revision if record.source == "git" and ":" not in record.revision else ""


def _masked(fleet: Fleet, commits: Commits) -> Commits:
    mask = fleet.project.mask

    def shown(several: Iterable[Commit]) -> tuple[Commit, ...]:
        return tuple(
            replace(commit, subject=mask.line(commit.subject, 500), author=mask.line(commit.author, 200))
            for commit in several
        )

    return replace(
        commits, taken=shown(commits.taken), added=shown(commits.added), unknown=mask.line(commits.unknown, 500)
    )


def _files(old: _End, new: _End, read: Callable[[_End], Manifest]) -> Files:
    """The files that differ, or why that is not known."""
    try:
        return file_changes(read(old), read(new))
    except _Unknown as reason:
        return Files(unknown=str(reason))
    except TurnoutError as error:
        return Files(unknown=f"{error.server}: {error.title}" if error.server else error.title)


class _Unknown(Exception):
    """Why the files of a release are not known."""


def _known(fleet: Fleet, end: _End) -> Manifest:
    """The manifest as this machine knows it."""
    manifest = end.manifest or (known(fleet.project.settings.cache, end.record.digest) if end.record else None)
    if manifest is None:
        raise _Unknown(f"the manifest of {end.side.tag} is not on this machine")
    return manifest


def _manifest(fleet: Fleet, end: _End, cancel: Cancel, session: Callable[[str], Session]) -> Manifest:
    """The manifest: at hand, from this machine's cache, or as a server that has the release keeps it.

    session   of a server by its name: fleet.open connects where that is needed; fleet.session never does
    """
    if end.side.server:
        return _held(fleet, end, cancel)
    tag = end.side.tag
    if end.manifest is not None:
        return end.manifest
    if end.row is not None and end.row.conflict:
        raise _Unknown(end.row.conflict)
    if end.record is None or end.record.adopted:
        made = "no record that can be read" if end.row and end.row.unread else "no record of Turnout"
        raise _Unknown(f"{tag} has {made}, so its files are not known")
    digest, cache = end.record.digest, fleet.project.settings.cache
    manifest = known(cache, digest)
    if manifest is not None:
        return manifest
    names = [name for name, release in end.row.on.items() if release.record] if end.row else []
    problem = "no server has it"
    for name in [name for name in names if name in fleet.names][:SERVERS_ASKED]:
        cancel.check()
        try:
            manifest = session(name).manifest(tag)
        except TurnoutError as error:
            problem = f"{name}: {error.title}"
            continue
        if manifest.digest == digest:
            remember(cache, manifest)
            return manifest
        problem = f"{name}: the manifest does not match the record"
    raise _Unknown(f"the files of {tag} are not known: {problem}")


def _held(fleet: Fleet, end: _End, cancel: Cancel) -> Manifest:
    """What a server really holds of a release, by checksum there, but for shared paths."""
    contents = fleet.open(end.side.server).tree(end.side.tag, cancel)
    links = [entry.path.rstrip("/").encode("utf-8", "surrogateescape") for entry in fleet.project.deploy.shared_paths]
    return Manifest(
        {
            path: entry
            for path, entry in contents.found.entries.items()
            if not any(path == link or path.startswith(link + b"/") for link in links)
        }
    )
