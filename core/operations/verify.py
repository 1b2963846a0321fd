"""Compare a release on every server with its manifest, by checksum there; takes no lock and changes nothing."""

from __future__ import annotations

from core.drift import Drift, Verification, compare
from core.errors import FleetError, ServerError, UsageError
from core.fleet import Fleet, at_once
from core.jobs import Cancel
from core.records import live_tag
from core.source.store import known, remember


def verify(fleet: Fleet, tag: str | None, cancel: Cancel) -> Verification:
    """Compare `tag`, or the live release. UsageError where no server has it; FleetError where none can be asked."""
    inspection = fleet.inspect(cancel)
    if not inspection.states:
        raise FleetError(inspection.errors, phase="connect")
    states = inspection.states
    chosen = tag or live_tag(states.values())
    if not chosen:
        raise UsageError("nothing is live yet", hint="name a release: turnout releases lists them")
    having = [name for name, state in states.items() if chosen in state.releases and state.releases[chosen].present]
    if not having:
        raise UsageError(f"no server has the files of {chosen}", hint="turnout releases lists what is where")

    def look(name: str) -> Drift:
        session = fleet.session(name)
        record = states[name].releases[chosen].record
        if record is None:
            raise ServerError(f"{chosen} has no record: there is nothing to compare it with", server=name)
        manifest = known(record.digest)
        if manifest is None:
            manifest = session.manifest(chosen)
            if manifest.digest != record.digest:
                raise ServerError(f"the manifest of {chosen} there is not the one of its record", server=name)
            remember(manifest)
        found, made = session.tree(chosen, cancel)
        if found is None:
            raise ServerError(f"{chosen} holds something that is neither file, folder nor link", server=name)
        return compare(manifest, found, fleet.project.deploy.shared, made)

    outcome = at_once(having, look)
    cancel.check()
    return Verification(chosen, outcome.results, {**inspection.errors, **outcome.errors})
