"""`turnout __complete WORDS…`: what may stand in place of the last word, for the shells' completion (tui/completion).

A shell waits for it at each press of the tab key: it loads no parser, no model and no network; the words of the command
come from words.json, which tui/cli/completion_words.py makes of the parser.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

FILES = ":files"
"""Says that the shell offers files."""
WORDS = Path(__file__).with_name("words.json")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
"""What is offered: a shell takes it as one harmless word."""
Found = list[tuple[str, str]]
"""Words with what they mean."""


def run(words: Sequence[str], environ: Mapping[str, str], folder: Path | None) -> list[str]:
    """The lines for the shell: a word each, with its meaning after a tab. `folder` is None where it was removed."""
    known = json.loads(WORDS.read_text("utf-8"))
    *before, current = words or [""]
    return [f"{word}\t{text}".rstrip("\t") for word, text in complete(known, before, current, Names(environ, folder))]


class Names:
    """The names of the project at hand, each list found out when it is asked for."""

    def __init__(self, environ: Mapping[str, str], folder: Path | None) -> None:
        self.environ = environ
        self.folder = folder
        self.config = ""
        """The file that --config names."""

    def of(self, kind: str, environment: str) -> list[str]:
        """The names of a kind in an environment, or of all environments where it is none. Never raises."""
        try:
            return [name for name in self._of(kind, environment) if _NAME.fullmatch(name)]
        except (OSError, ValueError, AttributeError, TypeError, KeyError, RuntimeError, RecursionError):
            return []  # a turnout.toml with faults, or none: there is nothing to offer

    def _of(self, kind: str, environment: str) -> list[str]:
        import tomllib

        from core.files import read_small

        file = self._file()
        if file is None:
            return []
        table = tomllib.loads(read_small(file).decode("utf-8-sig"))
        environments = table["environments"]
        here = [environment] if environment in environments else list(environments)
        match kind:
            case "environments":
                return list(environments)
            case "servers":
                found = [server["name"] for name in here for server in environments[name]["servers"]]
            case "roles":
                found = [r for name in here for s in environments[name]["servers"] for r in s.get("roles", ())]
            case "tasks" | "logs":
                found = [
                    entry["name"]
                    for entry in table.get(kind, ())
                    if not entry.get("environments") or set(here) & set(entry["environments"])
                ]
            case _:
                found = [tag for name in here for tag in self._tags(file, name)]
        return list(dict.fromkeys(found))

    def _tags(self, file: Path, environment: str) -> list[str]:
        from core.last_known import tags
        from core.settings import Settings

        return tags(Settings(environ=self.environ).cache, file, environment)

    def _file(self) -> Path | None:
        if self.config:
            return (self.folder or Path()) / os.path.expanduser(self.config)
        if self.folder is None:
            return None
        above = (self.folder, *self.folder.parents)
        return next((file for place in above if (file := place / "turnout.toml").is_file()), None)


def complete(known: Mapping[str, Any], before: Sequence[str], current: str, names: Names) -> Found:
    """What may stand in place of `current`, after the words before it. `known` is what words.json has."""
    before = [word for word in before if word != "="]  # bash makes three words of --server=web1
    current = "" if current == "=" else current
    if "--" in before:
        return [(FILES, "")]
    node, placed, pending = known, list[str](), ""
    options: dict[str, Any] = dict(known["options"])
    for word in before:
        if pending:
            names.config = word if pending == "--config" else names.config
            pending = ""
        elif word.startswith("-"):
            name, _, value = word.partition("=")
            names.config = value if name == "--config" and value else names.config
            pending = name if not value and options.get(name, {}).get("takes") else ""
        elif "commands" in node:
            if word not in node["commands"]:
                return []
            node = node["commands"][word]
            options |= node["options"]
        else:
            placed.append(word)
    if pending:
        return _starting(current, _values(options[pending]["takes"], placed, names))
    if current.startswith("-"):
        name, sign, value = current.partition("=")
        if sign:
            found = _values(options.get(name, {}).get("takes", ""), placed, names)
            return [(word if word == FILES else f"{name}={word}", text) for word, text in _starting(value, found)]
        return _starting(current, [(name, option["help"]) for name, option in node["options"].items()])
    if "commands" in node:
        return _starting(current, [(name, command["help"]) for name, command in node["commands"].items()])
    takes = [*node["takes"]]
    if not takes:
        return []
    at = len(placed) if len(placed) < len(takes) else len(takes) - 1 if node["more"] else None
    if at is None:
        return []
    found = _values(takes[at], placed, names)
    if at == 0 and takes[1:] == ["tasks"] and len(found) == 1:  # the only environment may be left out
        found += _values("tasks", placed, names)
    return _starting(current, found)


def _values(kind: str, placed: Sequence[str], names: Names) -> Found:
    """What an option or a place takes: files, one of some words, names of a kind, or what only a person knows."""
    if kind == "files":
        return [(FILES, "")]
    if kind.startswith("="):
        return [(word, "") for word in kind[1:].split(",")]
    if kind in ("", "value"):
        return []
    return [(name, "") for name in names.of(kind, placed[0] if placed else "")]


def _starting(current: str, found: Found) -> Found:
    return list(_chosen(current, found))


def _chosen(current: str, found: Found) -> Iterator[tuple[str, str]]:
    for word, text in found:
        if word == FILES or word.startswith(current):
            yield word, text
