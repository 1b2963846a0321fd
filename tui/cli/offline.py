"""The commands that ask no server and print text only: schema, config docs, completion, help."""

from __future__ import annotations

import json
from pathlib import Path

import tui
from core.errors import TurnoutError, UsageError
from tui.cli.arguments import Options, help_of
from tui.cli.pages import error_lines
from tui.cli.streams import stderr, stdout
from tui.model.pages import CONFIGURATION, OPERATIONS, page
from tui.view.lines import ENDLESS
from tui.view.pages import Section, key_lines, keys_of, matching, meant, section_lines, sections


def run(options: Options) -> int:
    """Print what was asked for; the exit code."""
    try:
        stdout().write(_lines(options, stdout().columns or ENDLESS))
    except TurnoutError as error:
        stderr().write(error_lines(error))
        return error.exit_code
    return 0


def _lines(options: Options, cells: int) -> list[str]:
    if options.command == "schema":
        from core.config.schema import schema

        return [json.dumps(schema(), indent=2, ensure_ascii=False)]
    if options.command == "completion":
        file = Path(tui.__path__[0]) / "completion" / f"turnout.{options.words.shell}"
        return file.read_text("utf-8").splitlines()
    if options.command == "help":
        return _help(options.words.topic or "", cells)
    return _docs(options.words.key or "", cells)


def _docs(key: str, cells: int) -> list[str]:
    """What the page says of a key: its rows in all tables that have it, and the section of that name."""
    known = sections(page(CONFIGURATION))
    if not key:
        return _all_of(known, cells)
    lines = [line for section, row in keys_of(key, known) for line in key_lines(section, row, cells)]
    last = key.strip("[]").rpartition(".")[2]
    for section in known:
        if section.word == last.lower():
            lines += ["", *section_lines(section, cells)] if lines else section_lines(section, cells)
    if not lines:
        near = meant(key, known)
        hint = f"did you mean `turnout config docs {near}`?" if near else "`turnout config docs` prints all keys"
        raise UsageError(f"docs/configuration.md has no key or table {key!r}", hint=hint)
    return lines


def _help(topic: str, cells: int) -> list[str]:
    """The sections of the runbook that a word names, and the help of the command of that name."""
    known = sections(page(OPERATIONS))
    if not topic:
        names = [f"    {section.word}" for section in known[1:]]
        return ["turnout help TOPIC prints a section of the runbook:", "", *names, "", "or the help of a command."]
    of_command = help_of(topic)
    found = matching(topic, known)
    if of_command:
        more = [f"The runbook has more: turnout help {section.word}" for section in found if section.word != topic]
        return [of_command.rstrip(), *([""] if more else []), *more]
    if not found:
        near = meant(topic, known)
        hint = f"did you mean `turnout help {near}`?" if near else "`turnout help` lists the sections"
        raise UsageError(f"the runbook has no section {topic!r}", hint=hint)
    return _all_of(found, cells)


def _all_of(known: list[Section] | tuple[Section, ...], cells: int) -> list[str]:
    lines: list[str] = []
    for section in known:
        lines += [*([""] if lines else []), *section_lines(section, cells)]
    return lines
