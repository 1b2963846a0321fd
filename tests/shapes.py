"""The shapes of JSON objects that docs/json.md promises, and whether an object has one of them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "json.md"
HEAD = {"event": "text", "format": "whole number"}
EVERY_EVENT = "Events of an operation"

Shape = dict[str, str]
"""By key: its type, in the words of the page; `, optional` where it may be missing."""


@cache
def promised() -> dict[str, Shape]:
    """By the heading of each table of docs/json.md: its keys. The table of all events is under EVERY_EVENT."""
    shapes: dict[str, Shape] = {}
    heading = ""
    for line in PAGE.read_text("utf-8").splitlines():
        if match := re.fullmatch(r"##+ `?(.+?)`?", line):
            heading = match[1]
        elif heading and (match := re.fullmatch(r"\| `(\w+)` \| ([^|]+) \|.*", line)):
            shapes.setdefault(heading, {})[match[1]] = match[2]
    return shapes


def shape_of(event: str) -> Shape:
    """The keys of the objects of this name, with those that every object or every event has."""
    page = PAGE.read_text("utf-8")
    common = promised()[EVERY_EVENT] if page.index(f"### `{event}`") > page.index(f"## {EVERY_EVENT}") else {}
    return {**HEAD, **common, **promised()[event]}


def has_type(value: Any, type_name: str) -> bool:
    """Whether a value that was read from JSON is of a type of the page."""
    if type_name.endswith(" or null"):
        return value is None or has_type(value, type_name.removesuffix(" or null"))
    match type_name:
        case "text":
            return isinstance(value, str)
        case "true or false":
            return isinstance(value, bool)
        case "whole number":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "list of texts":
            return isinstance(value, list) and all(isinstance(item, str) for item in value)
        case "list of lists":
            return isinstance(value, list) and all(has_type(item, "list of texts") for item in value)
        case "texts by name":
            return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
        case "numbers by name":
            return isinstance(value, dict) and all(has_type(item, "whole number") for item in value.values())
        case "seconds by name":
            return isinstance(value, dict) and all(has_type(item, "number") for item in value.values())
        case "list of steps":
            return isinstance(value, list) and not any(faults(item, promised()["step"]) for item in value)
        case "list of commits":
            return isinstance(value, list) and not any(faults(item, promised()["commit-name"]) for item in value)
        case "list of choices" | "list of answers":
            one = promised()[type_name.removeprefix("list of ").removesuffix("s")]
            return isinstance(value, list) and not any(faults(item, one) for item in value)
        case "question" | "plan" | "record" | "changes" | "undoes":
            return not faults(value, promised()[type_name])
    raise ValueError(f"docs/json.md has a type that this test does not know: {type_name}")


def faults(row: Any, shape: Shape) -> list[str]:
    """What tells an object from its shape; nothing where it has it."""
    if not isinstance(row, dict):
        return [f"{row!r} is not an object"]
    out = [f"{key} is not on the page" for key in row if key not in shape]
    for key, type_name in shape.items():
        if key in row:
            wanted = type_name.removesuffix(", optional")
            out += [] if has_type(row[key], wanted) else [f"{key} is not {wanted}: {row[key]!r}"]
        elif not type_name.endswith(", optional"):
            out.append(f"{key} is missing")
    return out


def keeps_its_shape(row: dict[str, Any]) -> None:
    """Assert that an object is as docs/json.md has it."""
    assert row["format"] == 1
    assert faults(row, shape_of(row["event"])) == [], row
