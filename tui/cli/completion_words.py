"""Makes words.json, the words of the command for completion: python -m tui.cli.completion_words > tui/cli/words.json"""

from __future__ import annotations

import argparse
import json
from typing import Any

from tui.cli.arguments import parser_of_all
from tui.cli.offline_arguments import SHELLS
from tui.cli.streams import stdout
from tui.model.pages import CONFIGURATION, OPERATIONS, page
from tui.view.pages import sections

_BY_NAME = {
    "environment": "environments",
    "source": "environments",
    "servers": "servers",
    "roles": "roles",
    "tags": "tags",
    "releases": "tags",
    "config": "files",
    "words": "environments",
}
"""What a word or option takes, by its name in argparse, whatever the command."""


def _topics() -> list[str]:
    runbook = [section.word for section in sections(page(OPERATIONS))[1:]]
    return sorted({*runbook, *parser_of_all().commands})


def _keys() -> list[str]:
    known = sections(page(CONFIGURATION))
    tables = [section for section in known if section.keys]
    return sorted({section.word for section in tables} | {key for section in tables for key in section.keys})


_OF_PAGES = {("help", "topic"): _topics, ("docs", "key"): _keys}
_BY_COMMAND = {("task", "name"): "tasks", ("logs", "names"): "logs"}


def words() -> dict[str, Any]:
    """The tree of commands: of each its options, its words and the commands below it."""
    return _node(parser_of_all(), "")


def _node(parser: argparse.ArgumentParser, command: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    made: dict[str, Any] = {"options": options, "takes": [], "more": False}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helped = {choice.dest: choice.help or "" for choice in action._choices_actions}
            below = {name: {"help": helped[name], **_node(each, name)} for name, each in action.choices.items()}
            made["commands"] = below
        elif action.option_strings:
            takes = "" if action.nargs in (0, "?") else _kind(action, command)
            options[action.option_strings[-1]] = {"help": action.help or "", "takes": takes}
        else:
            made["takes"].append(_kind(action, command))
            made["more"] = action.nargs in ("*", "+")
    return made


def _kind(action: argparse.Action, command: str) -> str:
    if (command, action.dest) in _OF_PAGES:
        return f"={','.join(_OF_PAGES[command, action.dest]())}"
    if action.dest == "shell":
        return f"={','.join(SHELLS)}"
    if action.metavar in ("FILE", "FOLDER"):
        return "files"
    if command == "init":
        return "value"
    if action.dest == "tag":
        return "value" if action.option_strings else "tags"
    return _BY_COMMAND.get((command, action.dest)) or _BY_NAME.get(action.dest, "value")


if __name__ == "__main__":
    stdout().write([json.dumps(words(), indent=1, ensure_ascii=False)])
