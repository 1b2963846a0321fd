"""From a turnout.toml to a Project: the file, its TOML, the environment's variables, and all faults at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.config.fault_text import key_text
from core.config.keeper import Keeper
from core.config.models import Project
from core.config.needed_version import UPGRADE, refused
from core.config.table import Place, Wrong
from core.errors import ConfigError, Fault
from core.files import read_small
from core.pending import Pending
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
        text = read_small(path).decode("utf-8-sig")
    except OSError as error:
        raise ConfigError([Fault(str(path), "", f"cannot be read: {error.strerror or error}")]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError([Fault(str(path), "", f"line {line}: not UTF-8 text")]) from None
    return parse(text, path, settings)


def written(path: Path) -> Mapping[str, Any]:
    """The tables of a file that `load` has read, as they are written; an empty one where it is gone since."""
    try:
        return tomllib.loads(read_small(path).decode("utf-8-sig"))
    except (OSError, ValueError):
        return {}


def parse(text: str, path: Path, settings: Settings | None = None) -> Project:
    """The project that a text describes; `path` is its file, which need not exist yet. ConfigError with all faults."""
    try:
        tables = tomllib.loads(text)
    except ValueError as error:
        raise ConfigError([Fault(str(path), "", _syntax(str(error), text))]) from None
    except RecursionError:
        raise ConfigError([Fault(str(path), "", "cannot be read as TOML: it is nested too deeply")]) from None
    if why := refused(tables):  # what else would be said is of keys that only a newer version knows
        raise ConfigError([Fault(str(path), "minimum-version", why, UPGRADE)])
    settings = settings or Settings()
    keeper = Keeper(settings.environ, path.absolute().parent)
    secrets = tables.get("secrets")
    filling = _Filling(keeper, settings.environ, secrets if isinstance(secrets, dict) else {}, str(path))
    table = filling.fill(tables, ())
    found = list(filling.faults)
    unfilled = {place for place, _, _ in found}
    try:
        project = Project.read(table)
    except Wrong as wrong:
        found += [broken for broken in wrong.broken if broken[0] not in unfilled]
    else:
        keeper.secrets = project.secrets
        keeper.mask.show(project.names)
        project = project.replace(path=path.absolute(), keeper=keeper, settings=settings)
        if not found:
            return project
    found.sort(key=lambda fault: _order(fault[0], tables))
    masked = keeper.mask
    raise ConfigError([Fault(str(path), key_text(place), masked(what), masked(hint)) for place, what, hint in found])


_LATE = {
    "hooks": ("run", "webhook", "body"),
    "checks": ("run", "http"),
    "logs": ("run",),
    "notify": ("url",),
    "tasks": ("run",),
}
"""Keys of lists of tables whose texts are completed where they are used: what does not use them does not need them."""


def _is_late(place: Place) -> bool:
    match place:
        case (str(table), int(), str(key)):
            return key in _LATE.get(table, ())
        case ("store", ("key-id" | "key")):
            return True
        case ("source", "build", int()):
            return True
    return False


class _Filling:
    """Fills `${NAME}`, and remembers what is missing.

    In the keys of `_LATE` a name that is not set, or that a command of [secrets] gives, waits until it is used.
    """

    def __init__(self, keeper: Keeper, environ: Mapping[str, str], secrets: Mapping[str, Any], file: str) -> None:
        self.keeper = keeper
        self.environ = environ
        self.secrets = secrets
        self.file = file
        self.faults: list[tuple[Place, str, str]] = []

    def fill(self, value: Any, place: Place) -> Any:
        """The value with every string in it filled; `$${` is a literal `${`."""
        if isinstance(value, dict):
            return {key: self.fill(item, (*place, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item, (*place, index)) for index, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        names = self._names(value, place)
        if _is_late(place) and place[-1] == "body":
            return value  # core.config.body fills it: its JSON stays valid whatever the values hold
        waiting = tuple(name for name in names if name not in self.environ)
        if _is_late(place) and waiting:
            return Pending(value, names, lambda: self._complete(value, place))
        for name in waiting:
            self.faults.append((place, *self._missing(name)))
        return _expanded(value, self._known)

    def _names(self, text: str, place: Place) -> tuple[str, ...]:
        names = []
        for match in _VARIABLE.finditer(text):
            if match[1] is None:
                continue
            if match[2] and _VARIABLE_NAME.fullmatch(match[1]):
                names.append(match[1])
            else:
                self.faults.append((place, f"{match[0]!r} is not ${{NAME}}", "write $${ for a plain ${"))
        return tuple(names)

    def _missing(self, name: str) -> tuple[str, str]:
        if name in self.secrets:
            keys = (
                "source.build, the access key of [store], and the commands and addresses of hooks, checks, logs, "
                "notify and tasks"
            )
            return (
                f"{name} comes from a command in [secrets], which is not asked for this key",
                f"it can be used in {keys}",
            )
        return (
            f"the variable {name} is not set",
            f"export {name}, or write $${{{name}}} for a plain ${{{name}}}",
        )

    def _known(self, name: str) -> str:
        value = self.keeper.known(name)
        return f"${{{name}}}" if value is None else value

    def _complete(self, text: str, place: Place) -> str:
        """The text for use. ConfigError, with the key, where a name has no value."""
        try:
            return _expanded(text, self.keeper.value)
        except LookupError as error:
            raise ConfigError(
                [Fault(self.file, key_text(place), str(error.args[0]), "nothing was done with it")]
            ) from None


def _expanded(text: str, value: Callable[[str], str]) -> str:
    def replaced(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return "${"
        return value(name) if match[2] and _VARIABLE_NAME.fullmatch(name) else match[0]

    return _VARIABLE.sub(replaced, text)


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
