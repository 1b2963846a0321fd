"""The JSON Schema of turnout.toml, made from its models: editors complete and check the file with it."""

from __future__ import annotations

import ast
import inspect
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from core.config import values
from core.config.models import Project
from core.config.readers import Reads
from core.config.table import Field, Table

DIALECT = "http://json-schema.org/draft-07/schema#"
"""The one that editors know best: Taplo (Even Better TOML, Helix, Zed), IntelliJ."""
VARIABLE = r"\$\{"
"""In a text: it is completed from `${NAME}`, and nothing more can be said of it."""

_TYPES: dict[Any, str] = {
    str: "string",
    int: "integer",
    values.Bytes: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


def schema() -> dict[str, Any]:
    """The JSON Schema of the whole file. Rules between keys and tables are not in it."""
    return {"$schema": DIALECT, "title": "turnout.toml", **_table(Project)}


def _table(model: type[Table]) -> dict[str, Any]:
    said = descriptions(model)
    fields = [field for field in model.fields() if field.name not in model.filled]
    made: dict[str, Any] = {"type": "object", "description": inspect.getdoc(model) or ""}
    made["properties"] = {field.key: _field(field, said.get(field.name, "")) for field in fields}
    made["additionalProperties"] = False
    if required := [field.key for field in fields if field.required]:
        made["required"] = required
    if kinds := getattr(model, "kinds", None):
        made["oneOf"] = [{"required": [key]} for key in kinds]
    return made


def _field(field: Field, description: str) -> dict[str, Any]:
    made = _value(field.kind)
    made["description"] = description or made.get("description", "")
    default = field.default
    if default is msgspec.NODEFAULT or default is None or default in ("", (), {}) or isinstance(default, Table):
        return made
    made.setdefault("default", int(default) if isinstance(default, values.Bytes) else default)
    if isinstance(default, tuple):
        made["default"] = list(default)
    return made


def _value(kind: Any) -> dict[str, Any]:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _annotated(parts[0], parts[1:])
    if origin is Literal:
        return {"type": "string", "enum": list(parts)}
    if origin is tuple:
        return {"type": "array", "items": _value(parts[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _value(parts[1])}
    if parts:
        return _one_of([_value(part) for part in parts if part is not type(None)])
    return _table(kind) if issubclass(kind, Table) else {"type": _TYPES[kind]}


def _annotated(kind: Any, notes: tuple[Any, ...]) -> dict[str, Any]:
    made = _value(kind)
    for note in notes:
        if isinstance(note, Meta):
            if note.pattern is not None:
                made["pattern"] = f"{note.pattern}|{VARIABLE}"
            bounds = {"minimum": note.ge, "maximum": note.le, "minLength": note.min_length}
            made |= {name: bound for name, bound in bounds.items() if bound is not None}
            made |= note.extra_json_schema or {}
        elif isinstance(note, Reads) and made.get("type") == "object":
            made["type"] = ["string", "object"]  # a text is short for the table
    return made


def _one_of(choices: list[dict[str, Any]]) -> dict[str, Any]:
    """One of several types; simple ones are a list of names, which editors show better."""
    if len(choices) == 1:
        return choices[0]
    if all(choice.keys() == {"type"} for choice in choices):
        return {"type": [choice["type"] for choice in choices]}
    return {"anyOf": choices}


def descriptions(model: type[Table]) -> dict[str, str]:
    """The texts under the fields of a model, by name. Python drops them, so that they are read from the source file.

    Nothing where there is none, as in a program that was frozen without it.
    """
    said: dict[str, str] = {}
    for table in reversed([table for table in model.__mro__ if issubclass(table, Table) and table is not Table]):
        try:
            (tree,) = ast.parse(inspect.getsource(table)).body
        except (OSError, SyntaxError):
            continue
        assert isinstance(tree, ast.ClassDef)
        for field, text in zip(tree.body, tree.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and _is_text(text):
                said[field.target.id] = inspect.cleandoc(ast.literal_eval(text.value))  # type: ignore[attr-defined]
    return said


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
