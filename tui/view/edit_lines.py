"""The form for turnout.toml: its rows, the fields of each kind of table, and what a person types as a value (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from msgspec import Struct

from core.config import Environment, Hook, Project, Server
from core.config.fault_text import key_text
from core.config.table import Place, Table
from core.errors import ConfigError
from core.text import clean, count
from tui.view.formats import listing
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, crop, line, one_line, short, wrap

ENVIRONMENT, SERVER, HOOK = "environment", "server", "hook"
NEW_ENVIRONMENT, NEW_SERVER, NEW_HOOK = "new environment", "new server", "new hook"

_MODELS: Mapping[str, type[Table]] = {ENVIRONMENT: Environment, SERVER: Server, HOOK: Hook}
_APART = {"servers", "shared", "slots", "variables"}
"""Keys that have rows of their own, or tables as their values: these are written in the file itself."""

NAME = "environment"
"""The field for an environment's name, which is no key of its table."""

FIRST = "server "
"""What the fields of a new environment's first server begin with."""

YES, NO = "yes", "no"


class Row(Struct, frozen=True):
    """A row of the form: a table of the file, or the wish for another one. `text`: what it is, in a few words."""

    kind: str
    place: Place
    text: str
    depth: int = 0

    @property
    def key(self) -> str:
        return f"{self.kind} {'/'.join(map(str, self.place))}"


class Field(Struct, frozen=True):
    """A key of a table. form: text, number, switch or list; choices   what it may be, where that is a few words."""

    key: str
    form: str = "text"
    choices: tuple[str, ...] = ()


def rows_of(project: Project) -> list[Row]:
    """Every environment, its servers, and the hooks, in the order of the file."""
    out: list[Row] = []
    for name, environment in project.environments.items():
        place: Place = ("environments", name)
        marks = ", protected" if environment.protected else ""
        out.append(Row(ENVIRONMENT, place, f"{name}: {count(len(environment.servers), 'server')}{marks}"))
        for index, server in enumerate(environment.servers):
            text = project.mask(f"{server.name}  {server.host}:{server.root}")
            out.append(Row(SERVER, (*place, "servers", index), text, 1))
        out.append(Row(NEW_SERVER, (*place, "servers"), f"add a server to {name}", 1))
    out.append(Row(NEW_ENVIRONMENT, ("environments",), "add an environment"))
    for index, hook in enumerate(project.hooks):
        what = hook.run or "a webhook"
        out.append(Row(HOOK, ("hooks", index), f"hook {hook.on}: {one_line(project.mask(what))}"))
    out.append(Row(NEW_HOOK, ("hooks",), "add a hook"))
    return out


def row_line(row: Row, cells: int, glyphs: Glyphs) -> Line:
    """A row, below the one that it belongs to."""
    new = row.kind.startswith("new")
    sign = "+ " if new else ""
    role = "dim" if new else "strong" if not row.depth else ""
    return crop(line("  " * row.depth, (f"{sign}{row.text}", role)), cells, glyphs.more)


def fields_of(kind: str) -> tuple[Field, ...]:
    """What can be filled in for a table: the keys of its model. An environment has a name, a new one a first server."""
    if kind == NEW_ENVIRONMENT:
        first = tuple(Field(f"{FIRST}{field.key}", field.form) for field in fields_of(SERVER)[:3])
        return (*fields_of(ENVIRONMENT), *first)
    model = _MODELS[kind.removeprefix("new ")]
    out = []
    for item in model.fields():
        if item.name in model.filled or item.key in _APART:
            continue
        said = str(item.kind)
        words = tuple(word for word in get_args(item.kind) if isinstance(word, str))
        form = "switch" if "bool" in said else "list" if "tuple" in said else "number" if _is_number(said) else "text"
        out.append(Field(item.key, form, words or ((YES, NO) if form == "switch" else ())))
    return (Field(NAME), *out) if kind == ENVIRONMENT else tuple(out)


def explanations(kind: str) -> dict[str, str]:
    """By field: what it means, a sentence. It is read from the models' source files: not on the interface's thread."""
    from core.config.schema import descriptions

    if kind == NEW_ENVIRONMENT:
        first = {f"{FIRST}{key}": text for key, text in explanations(SERVER).items()}
        return {**explanations(ENVIRONMENT), **first}
    model = _MODELS[kind.removeprefix("new ")]
    said = descriptions(model)
    name = {NAME: "The environment's name: on screens, and in every command."} if kind == ENVIRONMENT else {}
    return name | {item.key: said[item.name] for item in model.fields() if item.name in said}


def explained(key: str, text: str, cells: int, rows: int, glyphs: Glyphs) -> list[Line]:
    """What a field means, on so many rows in any case; `text` "" where that is not known."""
    parts = wrap(one_line(f"{key}: {text}"), cells) if text else []
    if len(parts) > rows:
        parts = [*parts[: rows - 1], short(" ".join(parts[rows - 1 :]), cells, glyphs.more)]
    return [line((part, "dim")) for part in [*parts, *[""] * rows][:rows]]


def _is_number(said: str) -> bool:
    return "int" in said or "float" in said


def typed(field: Field, text: str) -> Any:
    """The value of what a person typed; None for nothing. Whether it is right, the file's own rules say."""
    text = text.strip()
    if not text:
        return None
    if field.form == "switch":
        return {YES: True, NO: False}.get(text.lower(), text)
    if field.form == "list":
        return [part.strip() for part in text.split(",") if part.strip()]
    if field.form == "number" and text.isdecimal():
        return int(text)
    return text


def written(field: Field, table: Mapping[str, Any]) -> str:
    """A value of the file as a person types it."""
    value = table.get(field.key)
    if value is None:
        return ""
    if isinstance(value, bool):
        return YES if value else NO
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def places_of(row: Row, fields: Sequence[Field], name: str, number: int) -> dict[str, str]:
    """By field: the way to its value in the file, as faults name it.

    name     as it was typed, of an environment      number   how many tables of its kind there are
    """
    if row.kind in (ENVIRONMENT, NEW_ENVIRONMENT):
        base: Place = ("environments", name)
    else:
        base = (*row.place, number) if row.kind.startswith("new") else row.place
    out = {}
    for field in fields:
        within: Place = ("servers", 0, field.key.removeprefix(FIRST)) if field.key.startswith(FIRST) else (field.key,)
        out[field.key] = key_text(base if field.key == NAME else (*base, *within))
    return out


def faults_by_field(error: ConfigError, places: Mapping[str, str]) -> dict[str, list[str]]:
    """What is wrong with the values of each field; with others, under "", as the command line says it."""
    out: dict[str, list[str]] = {}
    for fault in error.faults:
        about = [
            field
            for field, place in places.items()
            if fault.key == place or (field != NAME and fault.key.startswith((f"{place}.", f"{place}[")))
        ]
        text = f"{fault.message}; {fault.hint}" if fault.hint else fault.message
        if not about and fault.key:
            text = f"{fault.key}: {text}"
        out.setdefault(about[0] if about else "", []).append(one_line(text))
    return out


def fault_lines(texts: Sequence[str], cells: int, indent: int = 0) -> list[Line]:
    """What is wrong, in as many lines as that takes; below a field, behind its label."""
    return [line(" " * indent, (part, "bad")) for text in texts for part in wrap(text, cells - indent)]


def left_lines(before: Project, after: Project, cells: int, glyphs: Glyphs) -> list[Line]:
    """What goes on on servers that the file names no more: nothing there is stopped or removed."""
    known = {place for environment in after.environments.values() for place in _places(environment).values()}
    out: list[Line] = []
    for name, environment in before.environments.items():
        gone = [server for server, place in _places(environment).items() if place not in known]
        if not gone:
            continue
        whole = f"{name} ({listing(gone, 3)})" if len(gone) == len(environment.servers) else ""
        who = whole or f"{listing(gone, 3)} of {name}"
        text = (
            f"{who}: only this file forgets it. What is live there stays live, and nothing there is stopped or removed"
        )
        first, *rest = wrap(one_line(text), cells - 2)
        out.append(line((f"{glyphs.alert} {first}", "warn")))
        out += [line((f"  {part}", "warn")) for part in rest]
    return out


def _places(environment: Environment) -> dict[str, tuple[str, int | None, str]]:
    """By server: the machine and the root, as far as the file tells them apart."""
    return {each.name: (each.host.rpartition("@")[2], each.port, each.root) for each in environment.servers}


def difference_lines(difference: Sequence[str], cells: int, glyphs: Glyphs) -> list[Line]:
    """The difference between the file and the draft, one line each."""
    roles = {"+": "ok", "-": "bad", "@": "dim"}
    return [crop(line((clean(text.expandtabs(4)), roles.get(text[:1], ""))), cells, glyphs.more) for text in difference]
