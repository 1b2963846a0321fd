"""From a turnout.toml to a Project: the file, its TOML, the environment's variables, and all faults at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.config.fault_text import key_text
from core.config.models import Project
from core.config.table import Place, Wrong
from core.errors import ConfigError, Fault
from core.masking import Masking
from core.settings import Settings

FILE_NAME = "turnout.toml"

_VARIABLE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SYNTAX = re.compile(r"(.*) \(at (?:line ([0-9]+), column ([0-9]+)|end of document)\)", re.DOTALL)


def find(start: Path) -> Path | None:
    """The absolute path of the turnout.toml in `start` or the nearest folder above it; None where there is none."""
    folder = start.absolute()
    return next((path for place in (folder, *folder.parents) if (path := place / FILE_NAME).is_file()), None)


def load(path: Path, settings: Settings | None = None) -> Project:
    """The project that a file describes. ConfigError with all of its faults, also where it cannot be read.

    settings   what the engine uses on this machine while it works on the project; those of the process by default
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError([Fault(str(path), "", f"cannot be read: {error.strerror or error}")]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError([Fault(str(path), "", f"line {line}: not UTF-8 text")]) from None
    return parse(text, path, settings)


def parse(text: str, path: Path, settings: Settings | None = None) -> Project:
    """The project that a text describes; `path` is its file, which need not exist yet. ConfigError with all faults."""
    try:
        written = tomllib.loads(text)
    except ValueError as error:
        raise ConfigError([Fault(str(path), "", _syntax(str(error), text))]) from None
    except RecursionError:
        raise ConfigError([Fault(str(path), "", "cannot be read as TOML: it is nested too deeply")]) from None
    settings = settings or Settings()
    filling = _Filling(settings.environ)
    table = filling.fill(written, ())
    found = list(filling.faults)
    unfilled = {place for place, _, _ in found}
    try:
        project = Project.read(table)
    except Wrong as wrong:
        found += [broken for broken in wrong.broken if broken[0] not in unfilled]
    else:
        project = project.replace(path=path.absolute(), secrets=frozenset(filling.secrets), settings=settings)
        if not found:
            return project
    found.sort(key=lambda fault: _order(fault[0], written))
    masked = Masking(frozenset(filling.secrets))
    raise ConfigError([Fault(str(path), key_text(place), masked(what), masked(hint)) for place, what, hint in found])


class _Filling:
    """Fills `${NAME}` from the environment's variables, and remembers what was filled in and what is missing."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.secrets: set[str] = set()
        self.faults: list[tuple[Place, str, str]] = []

    def fill(self, value: Any, place: Place) -> Any:
        """The value with every string in it filled; `$${` is a literal `${`."""
        if isinstance(value, dict):
            return {key: self.fill(item, (*place, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item, (*place, index)) for index, item in enumerate(value)]
        if isinstance(value, str):
            return _VARIABLE.sub(lambda match: self._value(match, place), value)
        return value

    def _value(self, match: re.Match[str], place: Place) -> str:
        name = match[1]
        if name is None:
            return "${"
        if not match[2] or not _VARIABLE_NAME.fullmatch(name):
            self.faults.append((place, f"{match[0]!r} is not ${{NAME}}", "write $${ for a plain ${"))
        elif name not in self.environ:
            hint = f"export {name}, or write $${{{name}}} for a plain ${{{name}}}"
            self.faults.append((place, f"the variable {name} is not set", hint))
        else:
            self.secrets |= {self.environ[name]} - {""}
            return self.environ[name]
        return match[0]


def _syntax(message: str, text: str) -> str:
    """tomllib's message with line and column in front."""
    match = _SYNTAX.fullmatch(message)
    if not match:
        return f"not TOML: {message}"
    lines = text.splitlines() or [""]
    line, column = (match[2], match[3]) if match[2] else (str(len(lines)), str(len(lines[-1]) + 1))
    return f"line {line}, column {column}: {match[1]}"


def _order(place: Place, table: Any) -> tuple[int, ...]:
    """The place of a key in the file: missing keys come after the others of their table."""
    order = []
    for part in place:
        if isinstance(table, dict) and part in table:
            order.append(list(table).index(part))
            table = table[part]
        elif isinstance(table, list) and isinstance(part, int):
            order.append(part)
            table = table[part]
        else:
            order.append(len(table) if isinstance(table, dict) else 0)
            table = None
    return tuple(order)
