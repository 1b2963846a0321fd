"""`turnout history` and `turnout log`: what was done, from the servers' journals and stored events."""

from __future__ import annotations

import time

from core.errors import EXIT_CONNECT, EXIT_DONE
from core.history import LAST, running_on
from core.rows.past import history_row
from core.text import count
from tui.cli.command import Answer, Command
from tui.view.lines import line, one_line

LOOKED_THROUGH = 200
"""Operations among which `turnout log` looks for the one that is meant."""


def carry_out(command: Command) -> Answer:
    if command.options.command == "history":
        command.open()
        return _history(command)
    command.open(spare=command.options.words.operation is None)
    return _log(command)


def _history(command: Command) -> Answer:
    from core.operations.past import read_history
    from core.records import fleet_releases
    from tui.view.history_lines import table_lines

    output, limit = command.output, command.options.words.limit
    inspection = command.inspect()
    running = running_on(inspection.states.values())
    found = command.follower.run(
        "history", lambda emit, controls: read_history(command.fleet, limit, running), patient=False
    )
    rows = [history_row(entry) for entry in found.entries]
    below = () if rows else line(f"nothing was done on {command.environment_name} yet")
    releases = fleet_releases(inspection.states.values())
    subjects = {row.tag: row.record.subject for row in releases if row.record}
    output.table(table_lines(found, output.cells, output.glyphs, time.time(), subjects), rows, below)
    away = f"{count(len(found.unheard), 'server')} of {len(command.fleet.names)} could not be read"
    return {
        "exit_code": EXIT_CONNECT if found.unheard else EXIT_DONE,
        "outcome": "failed" if found.unheard else "done",
        "summary": away if found.unheard else "",
    }


def _log(command: Command) -> Answer:
    from core.operations.past import read_history, read_log
    from tui.view.log_lines import log_lines

    output, word = command.output, command.options.words.operation or command.spare or LAST
    command.inspect()
    run = command.follower.run
    found = run("history", lambda emit, controls: read_history(command.fleet, LOOKED_THROUGH), patient=False)
    entry = found.find(word, command.environment_name)
    told = run("log", lambda emit, controls: read_log(command.fleet, entry), patient=False)
    if command.options.json:
        output.events(told)
    else:
        cells = min(max((len(event.server) for event in told), default=1), 20)
        shown = [text.written(cells) for event in told for text in log_lines(event)]
        output.table([line(one_line(text)) for text in shown], [])
    return {"exit_code": EXIT_DONE, "outcome": "done", "summary": "", "kind": entry.kind, "tag": entry.tag}
