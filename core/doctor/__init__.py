"""`turnout doctor`: finds what would stop a deploy, before one is started."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from core.doctor.finding import CHECKS, ERROR, OK, WARNING, Finding, check_of
from core.doctor.findings import findings, shared
from core.errors import ConnectError, TurnoutError
from core.fleet import Fleet
from core.overlap import WAY_OUT, overlaps
from core.protocol.facts import is_rehearsal
from core.records import ServerState

__all__ = [
    "CHECKS",
    "ERROR",
    "OK",
    "WARNING",
    "Finding",
    "check_of",
    "examine",
    "examine_server",
    "failure",
    "findings",
    "overlap_findings",
]


def examine(fleet: Fleet) -> dict[str, list[Finding]]:
    """Look at every server of a fleet, all at once, and try there what a deploy will do.

    Needs no lock and disturbs no operation. What is made for a try is removed again, also where the connection dies.
    """

    def look(name: str) -> tuple[ServerState | None, list[Finding]]:
        found: list[Finding] = []
        return examine_server(fleet, name, CHECKS, found.append), found

    outcome = fleet.at_once(fleet.names, look)
    overlapping = overlap_findings(fleet, [state for state, _ in outcome.results.values() if state])
    found = {}
    for name in fleet.names:
        error = outcome.errors.get(name)
        found[name] = [failure(error)] if error else outcome.results[name][1]
        if name in overlapping:
            found[name].append(overlapping[name])
    return found


def examine_server(
    fleet: Fleet, name: str, checks: Collection[str], tell: Callable[[Finding], None]
) -> ServerState | None:
    """Make some of CHECKS on one server, and tell each finding as it comes; the server's state, where it was looked at.

    Raises TurnoutError where the server cannot be asked at all.
    """
    from core.doctor.rehearsal import logs, rehearse, runs_commands, tunnels
    from core.doctor.users import prove

    project = fleet.project
    with fleet.masked():
        session = fleet.open(name)
        state: ServerState | None = None
        if set(checks) - {"checks"}:
            state, facts = session.examine()
            commands = runs_commands(project, first=name == fleet.names[0])
            login = session.connection.login if session.account else ""
            found = findings(state, facts, project.deploy.copy_mode, session.rtt, commands=commands, login=login)
            for finding in [*found, *shared(state, project.deploy.shared_paths)]:
                tell(finding)
        if "connect" in checks:
            for finding in prove(session, project, fleet.environment.name, fleet.server(name)):
                tell(finding)
        if "checks" in checks:
            mine = [check for check in project.checks if check.concerns(fleet.server(name))]
            for finding in (*tunnels(session, mine), *logs(session, project, mine)):
                tell(finding)
        if "checks" in checks and project.notify and name == fleet.names[0]:  # it is of this machine: said once
            from core.doctor.notify import notify

            for finding in notify(project, fleet.environment.name):
                tell(finding)
        if state is not None and facts.rehearsal and is_rehearsal(facts.rehearsal, session.root):
            if "rehearsal" not in checks:
                session.forget(facts.rehearsal)
                return state
            for finding in rehearse(session, project, state, facts.rehearsal, commands=commands):
                tell(finding)
        return state


def overlap_findings(fleet: Fleet, states: Iterable[ServerState]) -> dict[str, Finding]:
    """By server: that its deploy root overlaps with another one, or belongs to another project."""
    reasons = overlaps(states, fleet.project.project, fleet.environment.name)
    found = {name: Finding("deploy root", ERROR, reason, WAY_OUT) for name, reason in reasons.items()}
    return {**_slots_in_the_way(fleet), **found}


def _slots_in_the_way(fleet: Fleet) -> dict[str, Finding]:
    """By server: that another one, of this environment or another, starts releases at the same ports of the machine."""
    if not fleet.environment.slots:
        return {}
    from core.slots import in_the_way

    ports: dict[str, Mapping[str, int]] = {}
    machines = {}
    for environment in fleet.project.environments.values():
        own = environment.name == fleet.environment.name
        servers = (fleet.starting if own else environment.servers) if environment.slots else ()
        for name, machine in fleet.machines(servers).items():
            called = name if own else f"{name} of {environment.name}"
            ports[called], machines[called] = environment.slots, machine
    there = in_the_way(ports, machines)
    return {
        server.name: Finding("slots", WARNING, there[server.name], "give one of them other ports in its environment")
        for server in fleet.servers
        if server.name in there
    }


def failure(error: TurnoutError) -> Finding:
    """A server that could not even be asked."""
    topic = "connection" if isinstance(error, ConnectError) else "inspection"
    return Finding(topic, ERROR, error.said, error.hint)
