"""The subcommands that only look: releases, doctor, verify, check, watch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import asdict, replace

from core.errors import EXIT_CONNECT, EXIT_DONE, EXIT_FAILED, Cancelled, ConnectError, NoRecord, TurnoutError
from core.recovery import interruption
from core.rows.answers import warning_rows
from core.rows.servers import (
    check_rows,
    current_rows,
    drift_rows,
    finding_row,
    interruption_row,
    lock_row,
    release_rows,
)
from core.text import count
from tui.cli.command import Answer, Command
from tui.cli.unexpected import placed
from tui.view.lines import Line, line, one_line
from tui.view.locks import running_line

if TYPE_CHECKING:
    from core.fleet import Inspection
    from core.jobs import Controls
    from core.questions import Question


PATHS_SHOWN = 50
"""Paths of one server that `turnout verify` lists; with --json all."""


def carry_out(command: Command) -> Answer:
    command.open()
    looks = {"releases": _releases, "doctor": _doctor, "verify": _verify, "check": _check, "watch": _watch}
    return looks[command.options.command](command)


def _releases(command: Command) -> Answer:
    from core.planner.freeze import frozen
    from core.planner.oddities import oddities
    from tui.view.fleet import FleetView, ServerView
    from tui.view.matrix import table_lines
    from tui.view.release_state import legend

    output = command.output
    inspection = command.inspect()
    names = command.fleet.names
    rows = release_rows(inspection.states, names)
    servers = [ServerView(name, inspection.states.get(name)) for name in names]
    fleet = FleetView.of(command.project.project, command.environment_name, servers)
    below: Line = ()
    if rows:
        below = legend(output.glyphs, {standing for row in rows for standing in row["servers"].values()})
    elif inspection.states:
        below = line(f"no release on {command.environment_name} yet: `turnout deploy` makes the first")
    output.table(table_lines(fleet, output.cells, output.glyphs, time.time()), rows, below)
    why = frozen(inspection.states.values(), command.fleet.environment.freezes, time.time())
    odd = ((f"{command.environment_name} is frozen {why}",) if why else ()) + oddities(list(inspection.states.values()))
    output.aside([line(one_line(text)) for text in odd], warning_rows(odd))
    _hint(command, inspection)
    code, away = _unreached(command, inspection)
    return {"exit_code": code, "outcome": "failed" if code else "done", "summary": away, "releases": len(rows)}


def _doctor(command: Command) -> Answer:
    from core.doctor import examine
    from tui.view.finding_lines import finding_lines, finding_summary

    inspection = command.inspect()
    findings = command.follower.run("doctor", lambda emit, controls: examine(command.fleet), patient=False)
    rows = [finding_row(server, **asdict(finding)) for server, of_server in findings.items() for finding in of_server]
    command.output.table([*finding_lines(findings, command.output.glyphs), ()], rows)
    _hint(command, inspection)
    bad = [name for name, of_server in findings.items() if any(finding.level == "error" for finding in of_server)]
    away = [server for server in bad if isinstance(inspection.errors.get(server), ConnectError)]
    code = EXIT_DONE if not bad else EXIT_CONNECT if away == bad else EXIT_FAILED
    return {"exit_code": code, "outcome": "failed" if code else "done", "summary": finding_summary(findings)}


def _verify(command: Command) -> Answer:
    """0 as deployed, 1 drift or a `current` that points to no release, 2 no record, 3 a server could not be asked."""
    from core.drift import verdict
    from core.operations.verify import verify
    from tui.view.drift_lines import server_lines

    output = command.output
    command.inspect()  # for the host keys that a person may accept
    tag = command.options.tag
    verification = command.follower.run(
        "verify", lambda emit, controls: verify(command.fleet, tag, controls.cancel), patient=False
    )
    drifts = {name: verification.drifts[name] for name in command.fleet.names if name in verification.drifts}
    verification = replace(verification, drifts=drifts)
    compared = drifts.keys() | verification.errors.keys()
    without = [name for name in command.fleet.names if name not in compared]
    if verification.astray and not drifts:
        without = []  # nothing was compared, and why is said
    lines = server_lines(verification, without, output.cells, output.glyphs, PATHS_SHOWN)
    strange = [name for name, error in verification.errors.items() if isinstance(error, NoRecord)]
    rows = drift_rows(drifts, without, verification.tag, strange)
    output.table(lines, [*rows, *current_rows(verification.astray)])
    output.errors(placed(error, output.narrator) for error in verification.errors.values())
    drifted = bool(without or verification.astray) or not all(drift.none for drift in drifts.values())
    code = max([EXIT_FAILED if drifted else EXIT_DONE, *(error.exit_code for error in verification.errors.values())])
    said = verdict(verification, len(without))
    alone = strange and len(strange) == len(verification.errors)
    outcome = "drift" if drifted else "no-record" if alone else "failed" if code else "done"
    summary = f"{verification.tag}: {said}" if verification.tag else said
    return {"exit_code": code, "outcome": outcome, "tag": verification.tag, "summary": summary}


def _check(command: Command) -> Answer:
    """0 where every check passed, 1 where one failed or nothing is live, 3 where a server could not be asked."""
    from core.operations.check import check
    from tui.view.check_lines import check_lines, check_summary

    output = command.output
    command.inspect()  # for the host keys that a person may accept
    checked = command.follower.run("check", lambda emit, controls: check(command.fleet, controls.cancel), patient=False)
    rows = [*check_rows(checked.tried), *current_rows(dict.fromkeys(checked.idle, "nothing is live"))]
    output.table(check_lines(checked, output.glyphs), rows)
    output.errors(placed(error, output.narrator) for error in checked.errors.values())
    code = max([EXIT_FAILED if checked.failed else EXIT_DONE, *(error.exit_code for error in checked.errors.values())])
    summary = check_summary(checked, command.fleet.names)
    return {"exit_code": code, "outcome": "failed" if code else "done", "summary": summary}


def _watch(command: Command) -> Answer:
    """The operation's own exit code. A signal ends the watching and touches nothing."""
    from core.operations.follow import watch

    output = command.output
    try:
        inspection = command.inspect()
        with output.progress():
            watched = command.follower.run(
                "watch",
                lambda emit, controls: watch(command.fleet, emit, controls.cancel),
                patient=False,
                answer=_typed(command) if command.can_ask and not command.fleet.environment.read_only else None,
            )
    except Cancelled:
        summary = "stopped watching; the operation goes on"
        return {"exit_code": EXIT_DONE, "outcome": "stopped", "summary": summary}
    finished = output.narrator.finished
    if watched.running and finished is not None:
        ended = {"outcome": finished.outcome, "kind": finished.kind, "tag": finished.tag}
        return {**ended, "exit_code": watched.exit_code, "summary": watched.summary}
    code, away = _unreached(command, inspection)
    summary = f"{watched.summary}; {away}" if away else watched.summary
    return {"exit_code": code, "outcome": "failed" if code else "nothing-to-do", "summary": summary}


def _typed(command: Command) -> Callable[[Controls, str, Question], None]:
    """Gives what is typed at the questions of somebody else's operation; how that went is said when it is known."""
    from core.operations.answering import answer

    def give(choice: str, question: Question) -> None:
        try:
            answer(command.fleet, choice, question=question.id)
        except TurnoutError as error:
            command.output.error(error)

    def take(controls: Controls, choice: str, question: Question) -> None:
        # The events of the operation are followed meanwhile.
        threading.Thread(target=give, args=(choice, question), name="answer", daemon=True).start()

    return take


def _hint(command: Command, inspection: Inspection) -> None:
    """Say which operation is running there, or was interrupted, and the command that helps."""
    output, environment, now = command.output, command.environment_name, time.time()
    running = [state.lock for state in inspection.states.values() if state.lock and state.lock.alive]
    interrupted = interruption(inspection.states.values())
    if running:
        output.aside([running_line(running[0], environment)], [lock_row("", running[0])])
    elif interrupted is not None:
        said = one_line(interrupted.describe(now))
        output.aside([line(f"{said} -> turnout recover {environment}")], [interruption_row(interrupted, now)])


def _unreached(command: Command, inspection: Inspection) -> tuple[int, str]:
    """Say what went wrong with servers that could not be looked at; the exit code and a sentence."""
    command.output.errors(placed(error, command.output.narrator) for error in inspection.errors.values())
    away = len(inspection.errors)
    code = max((error.exit_code for error in inspection.errors.values()), default=EXIT_DONE)
    return code, f"{count(away, 'server')} of {len(command.fleet.names)} could not be read" if away else ""
