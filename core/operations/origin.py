"""The release that is live in an environment, and exactly its tree, for a promotion from there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from core import layout
from core.config import Project
from core.drift import Drift, compare
from core.errors import ConnectError, FleetError, HostKeyUnknown, SourceError, TurnoutError, UsageError
from core.events import Emit, Note, reading
from core.fleet import Fleet
from core.jobs import Cancel
from core.manifest import Manifest
from core.operations.planning import with_records_of
from core.operations.verify import generated
from core.records import Record, ServerState
from core.source import tree_without_build
from core.source.store import known, remember
from core.source.tree import Tree
from core.text import count, show_path, size, some

if TYPE_CHECKING:
    from core.remote.session import Session

NAMED = 5
"""Files that an error names; it says how many more there are."""

_TELL_EVERY = 1.0
"""Seconds between two notes on how much has come."""


class Origin(Struct, frozen=True):
    """What is promoted.

    record    of the release that is live in the environment
    tree      its tree; where it came from a server without what shared paths replaced, the rest of it
    place     where the tree was found, in words
    left_out  shared paths of which the tree lacks what the release once brought
    """

    environment: str
    record: Record
    tree: Tree
    place: str
    left_out: tuple[bytes, ...] = ()

    def describe(self) -> str:
        """`staging, built 2026-11-21 19:30 UTC for qa by ana@ci; its files from web1 of staging`."""
        record = self.record
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(record.built or record.created))
        made_for = f" for {record.built_for}" if record.built_for and record.built_for != self.environment else ""
        by = record.built_by or record.by
        return f"{self.environment}, built {when} UTC{made_for}{f' by {by}' if by else ''}; its files from {self.place}"


def origin(project: Project, name: str, emit: Emit, cancel: Cancel, *, compared: bool = False) -> Origin:
    """What is live on every server of an environment, and its tree: from this machine where it has exactly that
    without a build, else from a server there.

    compared   that its files are as they were deployed is known already
    UsageError where nothing is live or servers differ, SourceError where files were changed or the tree cannot be had,
    ConnectError where a server there cannot be asked. Nothing is changed there, and no lock is taken.
    """
    with Fleet(project, project.environment(name)) as fleet, fleet.masked():
        with reading(emit, name):
            states = _states(fleet, cancel)
            record = _live(name, states)
            manifest = _manifest(fleet, record)
        if not compared:
            with reading(emit, f"every file of {name}"):
                _refuse_drift(fleet, manifest, record, states, cancel)
        with reading(emit, "the tree"):
            tree, place = tree_without_build(fleet.project, record, cancel, target=name)
        if tree is not None:
            return Origin(name, record, tree, place)
        return _from_servers(fleet, manifest, record, states, emit, cancel)


def _states(fleet: Fleet, cancel: Cancel) -> dict[str, ServerState]:
    """The state of every server, with the record of its live release."""
    inspection = fleet.inspect(cancel)
    for server, error in inspection.errors.items():
        raise _of_environment(error, fleet.environment.name, server)
    states = dict(inspection.states)
    return with_records_of(fleet, {state.current for state in states.values()}, states)


def _of_environment(error: TurnoutError, environment: str, server: str) -> TurnoutError:
    """An error of a server that is not of the environment that is changed: it says of which it is."""
    hint = f"`turnout trust {environment}` shows the key" if isinstance(error, HostKeyUnknown) else error.hint
    return ConnectError(f"{environment}: {error.title}", detail=error.detail, hint=hint, server=server, phase="connect")


def _live(name: str, states: Mapping[str, ServerState]) -> Record:
    """The record of the one release that is live on all of these servers."""
    by_tag: dict[str, list[str]] = {}
    for server, state in states.items():
        by_tag.setdefault(state.current, []).append(server)
    hint = f"`turnout releases {name}` shows what is where"
    if set(by_tag) == {""}:
        raise UsageError(f"nothing is live in {name}", hint=hint)
    if len(by_tag) > 1:
        said = "; ".join(f"{tag or 'nothing'} on {', '.join(servers)}" for tag, servers in by_tag.items())
        raise UsageError(f"the servers of {name} do not have the same release live", detail=said, hint=hint)
    (tag,) = by_tag
    records = [state.releases[tag].record for state in states.values() if tag in state.releases]
    found = [record for record in records if record is not None and record.digest]
    if len(found) < len(states):
        hint = "it was not deployed by Turnout, so its content is unknown: deploy its revision"
        raise UsageError(f"{tag}, which is live in {name}, has no record on every server", hint=hint)
    if len({record.digest for record in found}) > 1:
        raise UsageError(f"the servers of {name} have different files under {tag}", hint=f"`turnout verify {name}`")
    return found[0]


def _manifest(fleet: Fleet, record: Record) -> Manifest:
    """The manifest of the release, of which the record has the digest."""
    cache = fleet.project.settings.cache
    if manifest := known(cache, record.digest):
        return manifest
    problem: TurnoutError | None = None
    for server in fleet.names:
        try:
            manifest = fleet.session(server).manifest(record.tag)
        except TurnoutError as error:
            problem = error
            continue
        if manifest.digest == record.digest:
            remember(cache, manifest)
            return manifest
    detail = "; ".join(part for part in (problem.title, problem.detail) if part) if problem else "it differs"
    raise SourceError(
        f"{record.tag} has no manifest in {fleet.environment.name} that matches its record",
        detail=detail,
        hint="without it the release's files are unknown: deploy its revision instead",
    )


def _refuse_drift(
    fleet: Fleet, manifest: Manifest, record: Record, states: Mapping[str, ServerState], cancel: Cancel
) -> None:
    """SourceError with the files that are not as they were deployed, on any server: what is live is not the release."""
    shared, passed = fleet.project.deploy.shared, generated(fleet.project)

    def compared(name: str) -> Drift:
        session = fleet.session(name)
        return compare(manifest, session.tree(record.tag, cancel), shared, passed, session.ownership.taken)

    outcome = fleet.at_once(states, compared)
    cancel.check()
    if outcome.errors:
        raise FleetError(
            {name: _of_environment(error, fleet.environment.name, name) for name, error in outcome.errors.items()}
        )
    drifted = {name: drift for name, drift in outcome.results.items() if not drift.none}
    if drifted:
        detail = "\n".join(
            f"{name}: {drift.describe()}: {some((*drift.changed, *drift.added, *drift.removed), NAMED, show_path)}"
            for name, drift in drifted.items()
        )
        raise SourceError(
            f"files of {record.tag} were changed in {fleet.environment.name} since it was deployed",
            detail=detail,
            hint="deploy it there again, then promote it",
        )


def _from_servers(
    fleet: Fleet,
    manifest: Manifest,
    record: Record,
    states: Mapping[str, ServerState],
    emit: Emit,
    cancel: Cancel,
) -> Origin:
    """The tree from the first server that gives it: from its deploy-cache where that holds it still, else from the
    release, without what shared paths have replaced there.
    """
    caches = [(name, layout.CACHE) for name, state in states.items() if state.cache == record.digest]
    problem: TurnoutError | None = None
    for server, folder in [*caches, *((name, layout.release(record.tag)) for name in states)]:
        session = fleet.session(server)
        try:
            wanted = manifest if folder == layout.CACHE else _in_release(fleet, manifest, session, record, cancel)
            tree = _receive(fleet, session, folder, wanted, record, emit, cancel)
        except (SourceError, ConnectError) as error:
            cancel.check()
            problem = problem or error.at(server=server)
            continue
        left_out = tuple(sorted(manifest.entries.keys() - wanted.entries.keys()))
        return Origin(fleet.environment.name, record, tree, f"{server} of {fleet.environment.name}", left_out)
    assert problem is not None
    raise problem


def _in_release(fleet: Fleet, manifest: Manifest, session: Session, record: Record, cancel: Cancel) -> Manifest:
    """What of a tree is still in its release as it was sent. SourceError for files that prepare hooks replaced."""
    tops = [path.rstrip("/").encode("utf-8", "surrogateescape") for path in fleet.project.deploy.shared]
    entries = {
        path: entry
        for path, entry in manifest.entries.items()
        if not any(path == top or path.startswith(top + b"/") for top in tops)
    }
    found = session.tree(record.tag, cancel).found.entries
    gone = [
        path
        for path, entry in entries.items()
        if entry.is_file and (path not in found or found[path].content != entry.content)
    ]
    if gone:
        raise SourceError(
            f"{count(len(gone), 'file')} of {record.tag} are no longer available: its prepare hooks changed them",
            detail=some(sorted(gone), NAMED, show_path),
            hint="deploy its revision, or promote from the machine that deployed it",
        )
    return manifest if len(entries) == len(manifest.entries) else Manifest(entries)


def _receive(
    fleet: Fleet, session: Session, folder: str, manifest: Manifest, record: Record, emit: Emit, cancel: Cancel
) -> Tree:
    from core.source.received import receive

    where = f"{session.name} of {fleet.environment.name}"
    emit(Note(text=f"reading {size(manifest.bytes)} in {count(manifest.files, 'file')} from {where}"))
    told = time.monotonic()

    def tell(total: int) -> None:
        nonlocal told
        if time.monotonic() - told >= _TELL_EVERY:
            told = time.monotonic()
            emit(Note(text=f"{size(total)} of {size(manifest.bytes)} read from {where}"))

    paths = [path for path, entry in manifest.in_order() if entry.is_file]
    files = session.download(folder, paths, cancel)
    try:
        with reading(emit, f"the tree from {where}"):
            return receive(fleet.project.settings.cache, manifest, record, files, cancel, tell)
    finally:
        files.close()
