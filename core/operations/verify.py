"""Compare a release on every server with its manifest, by checksum there; takes no lock and changes nothing."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from core.config import Project
from core.drift import Drift, Passed, Verification, compare
from core.errors import FleetError, NoRecord, ServerError, UsageError
from core.fleet import Fleet
from core.jobs import Cancel
from core.operations.planning import with_records_of
from core.planner.naming import release_named
from core.records import ServerState, fleet_releases, is_tag, live_tag
from core.source.selection import excluding
from core.source.store import known, remember
from core.text import clean


def verify(fleet: Fleet, tag: str | None = None, cancel: Cancel | None = None) -> Verification:
    """Compare `tag`, or the live release. UsageError where no server has it; FleetError where none can be asked.

    Where no server has it because `current` is dangling, that is a finding, not an error.
    """
    with fleet.masked():
        return _verify(fleet, tag, cancel or Cancel())


def generated(project: Project) -> Passed | None:
    """What the application writes in a release, by `[deploy] generated`."""
    patterns = project.deploy.generated
    return excluding(patterns, "deploy.generated") if patterns else None


def _verify(fleet: Fleet, tag: str | None, cancel: Cancel) -> Verification:
    inspection = fleet.inspect(cancel)
    if not inspection.states:
        raise FleetError(inspection.errors, phase="connect")
    if tag and not any(state.unlisted for state in inspection.states.values()):
        tag = release_named(tag, inspection.states.values(), fleet.environment.name)
    states = with_records_of(fleet, (tag,), inspection.states)
    tag = release_named(tag, states.values(), fleet.environment.name) if tag else tag
    chosen = tag or live_tag(states.values()) or _gone_tag(states.values())
    astray = {name: said for name, state in states.items() if (said := _astray(state, live=bool(chosen) and not tag))}
    having = [name for name, state in states.items() if chosen in state.releases and state.releases[chosen].present]
    if not having and astray:
        return Verification(chosen, {}, inspection.errors, astray)
    if not chosen:
        raise UsageError("nothing is live yet", hint="name a release: `turnout releases` lists them")
    if not having:
        raise UsageError(f"no server has the files of {chosen}", hint="`turnout releases` shows which server has what")

    conflict = next((row.conflict for row in fleet_releases(states.values()) if row.tag == chosen and row.record), "")

    def look(name: str) -> Drift:
        session, cache = fleet.session(name), fleet.project.settings.cache
        record = states[name].releases[chosen].record
        if conflict:
            raise ServerError(conflict, hint="only a person can decide which of them is right", server=name)
        if states[name].releases[chosen].unread:
            raise ServerError(f"the record of {chosen} cannot be read", server=name)
        if record is None or not record.digest:
            raise NoRecord(f"{chosen} has no record: there is nothing to compare it with", server=name)
        manifest = known(cache, record.digest)
        if manifest is None:
            manifest = session.manifest(chosen)
            if manifest.digest != record.digest:
                raise ServerError(f"the manifest of {chosen} there does not match its record", server=name)
            remember(cache, manifest)
        contents, umask = session.tree(chosen, cancel), session.ownership.taken
        return compare(manifest, contents, fleet.project.deploy.shared, generated(fleet.project), umask)

    outcome = fleet.at_once(having, look)
    cancel.check()
    if not tag:
        # It takes a while: what is said of the live release is said of what is live then.
        for name, state in fleet.inspect(cancel).states.items():
            if name in states and state.current_target != states[name].current_target:
                astray.setdefault(name, f"was switched meanwhile: current points to {clean(state.current_target)} now")
    return Verification(chosen, outcome.results, {**inspection.errors, **outcome.errors}, astray)


def _astray(state: ServerState, *, live: bool) -> str:
    """What is wrong with the target of `current`, "" where it is a release. `live`: there should be one."""
    target = clean(state.current_target)
    if state.current_kind == "absent":
        return "there is no current" if live and any(release.present for release in state.releases.values()) else ""
    return {
        "dangling": f"current points to {target}, {state.why_dangling}",
        "elsewhere": f"current points to {target}, outside releases/",
        "folder": "current is a folder, not a link",
        "file": "current is a file, not a link",
    }.get(state.current_kind, "")


def _gone_tag(states: Iterable[ServerState]) -> str:
    """A release that `current` still points to and whose folder is gone; "" for none."""
    tags = (posixpath.basename(state.current_target) for state in states if state.current_kind == "dangling")
    return next((tag for tag in tags if is_tag(tag)), "")
