"""Try the checks on what is live, without a deploy; takes no lock and changes nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping

from core import layout, variables
from core.checked import Checked, Tried
from core.checks import attempts
from core.checks.subject import Subject
from core.config import Check
from core.errors import FleetError, UsageError
from core.events import unheard
from core.fleet import Fleet
from core.jobs import Cancel
from core.operations.planning import with_records_of
from core.records import ServerState
from core.site import ServerSite
from core.slots import Slots

CHECK = "check"
"""What TURNOUT_OPERATION says."""


def check(fleet: Fleet, cancel: Cancel | None = None) -> Checked:
    """Try each check that is for after the switch once, on every server that it is for.

    UsageError where there is no such check; FleetError where no server can be asked.
    """
    with fleet.masked():
        return _check(fleet, cancel or Cancel())


def _check(fleet: Fleet, cancel: Cancel) -> Checked:
    checks = [each for each in fleet.project.checks if not each.staged]
    chosen = {server.name: [each for each in checks if each.concerns(server)] for server in fleet.servers}
    if not any(chosen.values()):
        raise _nothing_to_try(fleet)
    inspection = fleet.inspect(cancel)
    if not inspection.states:
        raise FleetError(inspection.errors, phase="connect")
    states = with_records_of(fleet, {state.current for state in inspection.states.values()}, inspection.states)
    live = [name for name in states if states[name].current and chosen[name]]

    def try_all(name: str) -> tuple[Tried, ...]:
        site = ServerSite(name, unheard, cancel, fleet.project.mask, fleet.session(name), "")
        subject = _subject(fleet, states, name)
        return tuple(_tried(site, each, subject) for each in chosen[name])

    outcome = fleet.at_once(live, try_all)
    cancel.check()
    idle = tuple(name for name in states if not states[name].current and chosen[name])
    return Checked(outcome.results, {**inspection.errors, **outcome.errors}, idle)


def _nothing_to_try(fleet: Fleet) -> UsageError:
    """Why no check can be tried on what is live."""
    environment, where = fleet.environment.name, "docs/configuration.md: [[checks]]; nothing was done"
    staged = [each for each in fleet.project.checks if each.staged and any(map(each.concerns, fleet.servers))]
    if staged:
        several = len(staged) > 1
        what = f"all {len(staged)} checks of {environment} are" if several else f"the only check of {environment} is"
        return UsageError(
            f'{what} for the staged release (when = "staged"), which only a deploy has',
            hint=f"a check without `when` can be tried on what is live: {where}",
        )
    if fleet.project.checks:
        return UsageError(f"no check is for {' and '.join(fleet.names)} of {environment}", hint=where)
    return UsageError(f"no check is configured for {environment}", hint=where)


def _tried(site: ServerSite, check: Check, subject: Subject) -> Tried:
    site.cancel.check()
    began = time.monotonic()
    why = attempts.once(site, check, subject)
    return Tried(attempts.describe(check, site.mask, subject.port), why, time.monotonic() - began)


def _subject(fleet: Fleet, states: Mapping[str, ServerState], name: str) -> Subject:
    """The live release on a server."""
    state, project = states[name], fleet.project
    tag = state.current
    release = state.releases.get(tag)
    previous = next((stay.tag for stay in state.stays), "")
    who = project.mask(project.settings.who)
    values = {
        **fleet.variables(name),
        **variables.of_operation(project.project, fleet.environment.name, CHECK, who, ""),
        **variables.of_release(tag, release.record if release else None, previous, states),
        **variables.of_server(name, state.root, tag, state.current_path),
    }
    slots = Slots(fleet.environment.slots, states, tag)
    if slots:
        values |= variables.of_slot(slots.of(name, tag))
    return Subject(f"{state.root}/{layout.release(tag)}", values, state.seconds_live(time.time()))
