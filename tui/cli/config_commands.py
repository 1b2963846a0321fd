"""`turnout config check` and `turnout config show`: what turnout.toml says, without a server."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from core.errors import EXIT_DONE
from core.text import count
from tui.cli.command import Answer, Command
from tui.view.lines import Line, line

if TYPE_CHECKING:
    from core.config.effective import Setting

WIDEST = 44
"""Cells of a key and its value from which a line's comment is not aligned with the others."""


def carry_out(command: Command) -> Answer:
    if command.options.words.action == "check":
        project = command.read()
        servers = sum(len(environment.servers) for environment in project.environments.values())
        effective = [project.in_environment(environment).source for environment in project.environments.values()]
        odd = dict.fromkeys(text for source in (project.source, *effective) for text in source.oddities)
        command.output.say(f"warning: {text}" for text in odd)
        said = f"{count(len(project.environments), 'environment')}, {count(servers, 'server')}"
        return {"exit_code": EXIT_DONE, "outcome": "done", "summary": f"{project.path} has no faults: {said}"}
    return _show(command)


def _show(command: Command) -> Answer:
    from core.config.effective import settings
    from core.config.reading import written
    from core.rows.commands import setting_row

    project = command.read()
    environment = command.choose_environment()
    found = settings(project, environment, written(project.path))
    command.output.table(setting_lines(found), [setting_row(*setting) for setting in found])
    return {"exit_code": EXIT_DONE, "outcome": "done", "summary": ""}


def setting_lines(found: Sequence[Setting]) -> list[Line]:
    """TOML with the headers of its tables, and in a comment from where each value comes."""
    lines: list[Line] = []
    for (table, _), of_table in groupby(found, lambda setting: (setting.table, setting.number)):
        group = [(f"{setting.key} = {setting.value}", setting) for setting in of_table]
        lines += [(), line((table, "head"))] if table else []
        cells = max([len(text) for text, _ in group if len(text) <= WIDEST], default=0)
        lines += [line(text.ljust(cells), (f"  # {origin(setting)}", "dim")) for text, setting in group]
    return lines


def origin(setting: Setting) -> str:
    """From where a value comes, in words."""
    names = f", with {', '.join(f'${{{name}}}' for name in setting.variables)}" if setting.variables else ""
    match setting.source:
        case "default":
            return "default"
        case "option":
            return "the option --read-only"
        case "variable":
            return f"the variable {setting.place}, in place of its command"
        case "environment":
            return f"this environment's: {setting.place}{names}"
    return f"{setting.place}{names}"
