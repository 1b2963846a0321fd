"""Which trees of a store are needed: what the records of all servers say, and which servers should have some."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from core.config import Project
from core.errors import ConnectError, FleetError, NeedsPerson, TurnoutError
from core.fleet import Fleet
from core.jobs import Cancel
from core.last_known import tags_of
from core.protocol.answers import Recorded
from core.records import ServerState
from core.text import some

NAMED = 3


def recorded(project: Project, cancel: Cancel) -> tuple[frozenset[str], frozenset[str]]:
    """The digests that a record, or the journal of an open operation, names on any server of any environment; and the
    environments of which no server has a record.

    Raises FleetError where a server cannot be asked, or lacks the releases that it had: what is needed is unknown then.
    """
    found: set[str] = set()
    unused: set[str] = set()
    for environment in project.environments.values():
        with Fleet(project, environment) as fleet, fleet.masked():
            inspection = fleet.inspect(cancel)
            if inspection.errors:
                raise FleetError({name: _unasked(error) for name, error in inspection.errors.items()}, phase="connect")
            outcome = fleet.at_once(fleet.names, lambda name: fleet.session(name).recorded())
            answers = outcome.unwrap("connect")
            digests = {digest for answer in answers.values() for digest in answer.digests}
            if lost := _lost(fleet, inspection.states, answers):
                raise FleetError(lost)
            found |= digests
            if not digests:
                unused.add(environment.name)
    return frozenset(found), frozenset(unused)


def _unasked(error: TurnoutError) -> ConnectError:
    hint = "the store is not pruned while it is unknown what the records of a server need"
    return ConnectError(error.title, detail=error.detail, hint=f"{error.hint}; {hint}" if error.hint else hint)


def _lost(fleet: Fleet, states: Mapping[str, ServerState], answers: Mapping[str, Recorded]) -> dict[str, TurnoutError]:
    """By server that has no record, and should have some. A new one does not: nobody knows of a release there."""
    found: dict[str, TurnoutError] = {}
    for name in answers:
        releases = states[name].releases.values()
        if any(release.record for release in releases):
            continue
        journals = [other for other, told in answers.items() if name in told.served]
        known: list[str] = []
        if not releases:
            with suppress(TurnoutError):  # no home folder
                known = tags_of(fleet.project.settings.cache, fleet.project.path, fleet.environment.name, name)
        if journals or known:
            found[name] = _needs_person(fleet.session(name).root, journals, known)
    return found


def _needs_person(root: str, journals: list[str], known: list[str]) -> NeedsPerson:
    told = []
    if journals:
        told.append(f"operations made releases live there, as the journals of {some(journals, NAMED)} say")
    if known:
        told.append(f"this machine saw {some(known, NAMED)} there")
    return NeedsPerson(
        f"{root} has no records of releases, and it had some",
        detail="; ".join(told),
        hint="nothing is removed from the store while it is unknown what they need: mount the disk if it is not "
        "mounted; if the root is new or was emptied, deploy to it first, or take the server out of turnout.toml",
    )
