"""`turnout doctor`: finds what would stop a deploy, before one is started."""

from __future__ import annotations

from core.doctor.finding import ERROR, OK, WARNING, Finding
from core.doctor.findings import findings, shared
from core.errors import ConnectError, TurnoutError
from core.fleet import Fleet
from core.overlap import WAY_OUT, overlaps
from core.protocol.facts import is_rehearsal
from core.records import ServerState

__all__ = ["ERROR", "OK", "WARNING", "Finding", "examine", "failure", "findings"]


def examine(fleet: Fleet) -> dict[str, list[Finding]]:
    """Look at every server of a fleet, all at once, and try there what a deploy will do.

    Needs no lock and disturbs no operation. What is made for a try is removed again, also where the connection dies.
    """
    project = fleet.project

    def look(name: str) -> tuple[ServerState, list[Finding]]:
        from core.doctor.rehearsal import rehearse, runs_commands, tunnels

        session = fleet.open(name)
        state, facts = session.examine()
        commands = runs_commands(project, first=name == fleet.names[0])
        found = findings(state, facts, project.deploy.copy_mode, session.rtt, commands=commands)
        found += shared(state, project.deploy.shared_paths)
        found += tunnels(session, project)
        if facts.rehearsal and is_rehearsal(facts.rehearsal, session.root):
            found += rehearse(session, project, state, facts.rehearsal, commands=commands)
        return state, found

    outcome = fleet.at_once(fleet.names, look)
    states = [state for state, _ in outcome.results.values()]
    reasons = overlaps(states, fleet.project.project, fleet.environment.name)
    found = {}
    for name in fleet.names:
        error = outcome.errors.get(name)
        found[name] = [failure(error)] if error else outcome.results[name][1]
        if name in reasons:
            found[name].append(Finding("deploy root", ERROR, reasons[name], WAY_OUT))
    return found


def failure(error: TurnoutError) -> Finding:
    """A server that could not even be asked."""
    topic = "connection" if isinstance(error, ConnectError) else "inspection"
    return Finding(topic, ERROR, f"{error.title}: {error.detail}" if error.detail else error.title, error.hint)
