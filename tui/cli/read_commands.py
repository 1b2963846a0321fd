"""The subcommands that only look: releases, doctor, verify, watch."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from core.errors import EXIT_CONNECT, EXIT_DONE, EXIT_FAILED, Cancelled, ConnectError
from core.text import count
from tui.cli.command import Answer, Command
from tui.cli.troubles import astray_lines, astray_rows, drift_lines, drift_rows, hints
from tui.cli.unexpected import placed
from tui.view.lines import one_line

if TYPE_CHECKING:
    from core.fleet import Inspection


def carry_out(command: Command) -> Answer:
    command.open()
    looks = {"releases": _releases, "doctor": _doctor, "verify": _verify, "watch": _watch}
    return looks[command.options.command](command)


def _releases(command: Command) -> Answer:
    from core.planner.oddities import oddities
    from tui.cli.tables import release_legend, release_lines, release_rows

    output = command.output
    inspection = command.inspect()
    names = command.fleet.names
    rows = release_rows(inspection.states, names)
    lines = release_lines(inspection.states, names, output.glyphs, time.time(), output.columns)
    empty = (
        f"no release on {command.environment_name} yet: `turnout deploy` makes the first" if inspection.states else ""
    )
    output.table(lines, rows, release_legend(output.glyphs, rows) if rows else empty)
    odd = oddities(list(inspection.states.values()))
    output.aside([one_line(text) for text in odd], [{"event": "warning", "text": text} for text in odd])
    _hint(command, inspection)
    code, away = _unreached(command, inspection)
    return {"exit_code": code, "outcome": "failed" if code else "done", "summary": away, "releases": len(rows)}


def _doctor(command: Command) -> Answer:
    from core.doctor import examine
    from tui.cli.tables import finding_lines, finding_rows, finding_summary

    inspection = command.inspect()
    findings = command.follower.run("doctor", lambda emit, cancel: examine(command.fleet), patient=False)
    command.output.table([*finding_lines(findings, command.output.glyphs), ""], finding_rows(findings), "")
    _hint(command, inspection)
    bad = [server for server, found in findings.items() if any(f.level == "error" for f in found)]
    away = [server for server in bad if isinstance(inspection.errors.get(server), ConnectError)]
    code = EXIT_DONE if not bad else EXIT_CONNECT if away == bad else EXIT_FAILED
    return {"exit_code": code, "outcome": "failed" if code else "done", "summary": finding_summary(findings)}


def _verify(command: Command) -> Answer:
    """0 as deployed, 1 drift or a `current` that leads to no release, 3 a server could not be asked."""
    from core.drift import verdict
    from core.operations.verify import verify

    command.inspect()  # for the host keys that a person may accept
    tag = command.options.tag
    found = command.follower.run("verify", lambda emit, cancel: verify(command.fleet, tag, cancel), patient=False)
    drifts = {name: found.drifts[name] for name in command.fleet.names if name in found.drifts}
    without = [name for name in command.fleet.names if name not in found.drifts and name not in found.errors]
    if found.astray and not drifts:
        without = []  # nothing was compared, and why is said
    lines = [*drift_lines(drifts, without, found.tag), *astray_lines(found.astray)]
    command.output.table(lines, [*drift_rows(drifts, without, found.tag), *astray_rows(found.astray)], "")
    for error in found.errors.values():
        command.output.error(placed(error, command.output.narrator))
    drifted = bool(without or found.astray) or not all(drift.none for drift in drifts.values())
    code = max([EXIT_FAILED if drifted else EXIT_DONE, *(error.exit_code for error in found.errors.values())])
    said = verdict(found, len(without))
    outcome = "drift" if drifted else "failed" if code else "done"
    summary = f"{found.tag}: {said}" if found.tag else said
    return {"exit_code": code, "outcome": outcome, "tag": found.tag, "summary": summary}


def _watch(command: Command) -> Answer:
    """The operation's own exit code. A signal ends the watching and touches nothing."""
    from core.operations.follow import watch

    output = command.output
    try:
        inspection = command.inspect()
        with output.progress():
            watched = command.follower.run(
                "watch", lambda emit, cancel: watch(command.fleet, emit, cancel), patient=False
            )
    except Cancelled:
        summary = "stopped watching; what runs there goes on"
        return {"exit_code": EXIT_DONE, "outcome": "stopped", "summary": summary}
    finished = output.narrator.finished
    if watched.running and finished is not None:
        told = {"outcome": finished.outcome, "kind": finished.kind, "tag": finished.tag}
        return {**told, "exit_code": watched.exit_code, "summary": watched.summary}
    code, away = _unreached(command, inspection)
    summary = f"{watched.summary}; {away}" if away else watched.summary
    return {"exit_code": code, "outcome": "failed" if code else "nothing-to-do", "summary": summary}


def _hint(command: Command, inspection: Inspection) -> None:
    """Say what is at work or was interrupted there."""
    lines, rows = hints(inspection.states.values(), command.environment_name, time.time())
    command.output.aside(lines, rows)


def _unreached(command: Command, inspection: Inspection) -> tuple[int, str]:
    """Say what went wrong with servers that could not be looked at; the exit code and a sentence."""
    for error in inspection.errors.values():
        command.output.error(placed(error, command.output.narrator))
    away = len(inspection.errors)
    code = max((error.exit_code for error in inspection.errors.values()), default=EXIT_DONE)
    return code, f"{count(away, 'server')} of {len(command.fleet.names)} could not be looked at" if away else ""
