"""From the type of a key to the function that reads its value, and says all that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from msgspec import Meta, Struct

from core.config import values
from core.config.fault_text import key_text, meant
from core.pending import Pending

Place = tuple[str | int, ...]
Broken = tuple[Place, str, str]
"""A broken rule: where below the value, the message, the hint."""

Reader = Callable[[Any], Any]
"""Gives a value of the file in its one form. ValueError says what is wrong with it; Wrong says several things."""

_PLAIN: Mapping[type, str] = {str: "text in quotes", int: "a whole number", bool: "true or false", float: "a number"}


class Wrong(ValueError):
    """All that is wrong with a value."""

    def __init__(self, broken: list[Broken]) -> None:
        lines = (f"{key_text(place)}: {message}" if place else message for place, message, _ in broken)
        super().__init__("\n".join(lines))
        self.broken = broken


class Check(Struct, frozen=True):
    """In Annotated: what a value of the type goes through. It gives the value in its one form, or a ValueError."""

    function: Reader


class Reads(Struct, frozen=True):
    """In Annotated: what reads any value of the file, in place of the type's own rule, such as a duration's text."""

    function: Reader


def reader_of(kind: Any, key: str) -> Reader:
    """What reads a value of a type; `key` is the key that has it."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _annotated(parts[0], parts[1:], key)
    if origin is Literal:
        return _word(parts)
    if origin is tuple:
        return _list(parts[0], key)
    if origin is dict:
        return _by_name(reader_of(parts[1], key))
    if origin in (Union, UnionType):
        (known,) = (part for part in parts if part is not type(None))
        return reader_of(known, key)
    read_table: Reader | None = getattr(kind, "read", None)
    return read_table or _plain(origin or kind)


def collected(broken: list[Broken], part: str | int, read: Reader, value: Any) -> Any:
    """The value that is read, or None: then what is wrong is added to `broken`, below `part`."""
    try:
        return read(value)
    except Wrong as wrong:
        broken += [((part, *place), message, hint) for place, message, hint in wrong.broken]
    except ValueError as error:
        broken.append(((part,), str(error), ""))
    return None


def _annotated(kind: Any, said: tuple[Any, ...], key: str) -> Reader:
    steps = [_bounds(item) if isinstance(item, Meta) else item.function for item in said]
    if not any(isinstance(item, Reads) for item in said):
        steps.insert(0, reader_of(kind, key))

    def read(value: Any) -> Any:
        if isinstance(value, Pending):
            return value  # checked where it is used
        for step in steps:
            value = step(value)
        return value

    return read


def _bounds(meta: Meta) -> Reader:
    """Holds to the bounds of a number; what else a JSON Schema says of a value is its check's to say in words."""
    least, most = meta.ge, meta.le

    def read(value: Any) -> Any:
        if least is not None and value < least:
            raise ValueError(f"must be {least} or more, not {value}")
        if most is not None and value > most:
            raise ValueError(f"must be {most} or less, not {value}")
        return value

    return read


def _plain(kind: type) -> Reader:
    accepted = (int, float) if kind is float else (kind,)

    def read(value: Any) -> Any:
        if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"must be {_PLAIN.get(kind, kind.__name__)}, not {values.kind(value)}")
        return value

    return read


def _word(words: tuple[str, ...]) -> Reader:
    def read(value: Any) -> Any:
        if isinstance(value, str) and value in words:
            return value
        given = values.shown(value) if isinstance(value, str) else values.kind(value)
        hint = meant(value, words) if isinstance(value, str) else ""
        raise Wrong([((), f"must be one of {', '.join(filter(None, words))}; {given} is not", hint)])

    return read


def _list(kind: Any, key: str) -> Reader:
    read_item, tables = reader_of(kind, key), hasattr(kind, "read")

    def read(value: Any) -> tuple[Any, ...]:
        if isinstance(value, dict) and tables:
            raise Wrong([((), "must be a list of tables", f"[[{key}]]")])
        if not isinstance(value, list | tuple):
            raise ValueError(f'must be a list, such as ["one", "two"], not {values.kind(value)}')
        broken: list[Broken] = []
        items = tuple(collected(broken, index, read_item, item) for index, item in enumerate(value))
        if broken:
            raise Wrong(broken)
        return items

    return read


def _by_name(read_item: Reader) -> Reader:
    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError(f"must be a table, not {values.kind(value)}")
        broken: list[Broken] = []
        items = {name: collected(broken, name, read_item, item) for name, item in value.items()}
        if broken:
            raise Wrong(broken)
        return items

    return read
