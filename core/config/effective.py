"""What holds for one environment of turnout.toml, key by key, and from where each value comes (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, get_args

from msgspec import Meta

from core.config.fault_text import key_text
from core.config.models import Environment, Project
from core.config.placing import listed
from core.config.table import Field, Place, Table

From = Literal["file", "environment", "option", "variable", "default"]
"""The file's own key; the environment's in its place; --read-only; a variable in place of a secret's command."""

HIDDEN = "***"
_OVERRIDES = {"ref": "source", "exclude": "source", "keep": "deploy", "shared": "deploy"}
"""Keys of an environment that take the place of a key of the project, by the table that has it."""
_SHOWN_ELSEWHERE = {*_OVERRIDES, "variables", "servers"}
_ONLY_A_VARIABLE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_VARIABLE = re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Setting(NamedTuple):
    """A key that has a value. `value` is TOML; what may be a secret is not in it.

    table      the header of its table, as in the file: `[deploy]`, `[[hooks]]`
    number     of the table among those of the same header, from 0
    source     from where it comes     place   its key in the file, `variables` of it filled in; "" for a default
    """

    table: str
    number: int
    key: str
    value: str
    source: From
    place: str
    variables: tuple[str, ...] = ()


def settings(project: Project, environment: Environment, written: Mapping[str, Any]) -> list[Setting]:
    """Every key that has a value in this environment, in the order of the models.

    written   the file's own tables, with nothing filled in: what is written there is shown as it is written
    """
    return list(_settings(project, environment, written))


def _settings(project: Project, environment: Environment, written: Mapping[str, Any]) -> Iterator[Setting]:
    here = project.in_environment(environment)
    place = ("environments", environment.name)
    own = _at(written, place)
    for field in project.fields():
        if field.key in ("project", "minimum-version") and (found := _one("", 0, field, here, written, ())):
            yield found
    parts: tuple[tuple[str, Table], ...] = (("source", here.source), ("deploy", here.deploy))
    for key, part in parts:
        over = {name: value for name, value in own.items() if _OVERRIDES.get(name) == key}
        for field in part.fields():
            source = (own, place) if field.key in over else (_at(written, (key,)), (key,))
            if found := _one(f"[{key}]", 0, field, part, *source):
                yield found._replace(source="environment") if field.key in over else found
    if here.store:
        for field in here.store.fields():
            if found := _one("[store]", 0, field, here.store, _at(written, ("store",)), ("store",)):
                yield found
    yield from _variables("[variables]", 0, [((), written), (place, own)])
    header = f"[{key_text(place)}]"
    for field in environment.fields():
        if field.name in environment.filled or field.key in _SHOWN_ELSEWHERE:
            continue
        if field.key == "read-only" and environment.read_only and own.get("read-only") is not True:
            yield Setting(header, 0, "read-only", "true", "option", "")
        elif found := _one(header, 0, field, environment, own, place):
            yield found
    for number, server in enumerate(environment.servers):
        yield from _listed(f"[[{key_text(place)}.servers]]", number, server, own, (*place, "servers", number))
    placed: tuple[tuple[str, Iterable[Table], Iterable[Table]], ...] = (
        ("hooks", project.hooks, here.hooks),
        ("checks", project.checks, here.checks),
        ("logs", project.logs, project.logs_of(environment)),
        ("tasks", project.tasks, project.tasks_of(environment)),
        ("notify", project.notify, [entry for entry in project.notify if entry.applies_in(environment.name)]),
    )
    for key, all_of, chosen in placed:
        ids = {id(table) for table in chosen}
        for number, table in enumerate(all_of):
            if id(table) in ids:
                yield from _listed(f"[[{key}]]", number, table, written, (key, number))
    for name in project.secrets:
        known = project.settings.environ.get(name) is not None
        yield Setting(
            "[secrets]", 0, name, _toml(HIDDEN), "variable" if known else "file", name if known else f"secrets.{name}"
        )


def _listed(header: str, number: int, table: Table, above: Mapping[str, Any], place: Place) -> Iterator[Setting]:
    """The keys of a table of a list; `above` is the table with that list."""
    entries = listed(above, str(place[-2]))
    entry = entries[number] if number < len(entries) and isinstance(entries[number], dict) else {}
    for field in table.fields():
        if field.key != "variables" and (found := _one(header, number, field, table, entry, place)):
            yield found
    yield from _variables(header, number, [(place, entry)], prefix="variables.")


def _variables(
    header: str, number: int, levels: Iterable[tuple[Place, Mapping[str, Any]]], prefix: str = ""
) -> Iterator[Setting]:
    """Each of `variables` from the last table that sets it."""
    found: dict[str, Setting] = {}
    for level, (place, table) in enumerate(levels):
        for name, value in _at(table, ("variables",)).items():
            at = key_text((*place, "variables", name))
            names = tuple(_VARIABLE.findall(value)) if isinstance(value, str) else ()
            found[name] = Setting(
                header, number, f"{prefix}{name}", _toml(value), "environment" if level else "file", at, names
            )
    yield from found.values()


def _one(
    header: str, number: int, field: Field, table: Table, written: Mapping[str, Any], place: Place
) -> Setting | None:
    """A key with its value; None where it has none, or where it is for another kind of table."""
    value = getattr(table, field.name)
    if field.key not in written:
        if value is None or value in ("", (), {}) or isinstance(value, Table):
            return None
        if any(place[:1] == (field.key,) for place, _, _ in table.rules({**written, field.key: value})):
            return None
        return Setting(header, number, field.key, _toml(_as_written(field, value)), "default", "")
    raw = written[field.key]
    text = _toml(raw)
    names = tuple(dict.fromkeys(_VARIABLE.findall(text)))
    if field.name in table.hidden and not (isinstance(raw, str) and _ONLY_A_VARIABLE.fullmatch(raw)):
        text = _toml(HIDDEN)
    return Setting(header, number, field.key, text, "file", key_text((*place, field.key)), names)


def _as_written(field: Field, default: Any) -> Any:
    """A default as the file would have it."""
    notes = [note.extra_json_schema or {} for note in get_args(field.kind) if isinstance(note, Meta)]
    return next((note["default"] for note in notes if "default" in note), default)


def _at(table: Mapping[str, Any], place: Place) -> Mapping[str, Any]:
    """A table of the file; an empty one where it has none."""
    for part in place:
        below = table.get(str(part))
        table = below if isinstance(below, dict) else {}
    return table


def _toml(value: Any) -> str:
    """A value as TOML, on one line."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key_text((name,))} = {_toml(item)}' for name, item in value.items())} }}"
    return str(int(value)) if isinstance(value, int) else str(value)
