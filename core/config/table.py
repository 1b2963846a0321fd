"""A table of turnout.toml as a model that tells all of its faults at once: keys, misspelt keys, rules between keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, ClassVar, Self, dataclass_transform

import msgspec

from core.config import values
from core.config.fault_text import nearest, suggestion
from core.config.readers import Broken, Place, Reader, Wrong, collected, reader_of
from core.text import either

__all__ = ["Broken", "Field", "Place", "Table", "Wrong", "exactly_one", "kind_of"]


class Field(msgspec.Struct, frozen=True):
    """A key of a table.

    name      of the attribute; mostly the key itself
    kind      its type, with what Annotated says of it
    default   what it is where the file has no such key; `msgspec.NODEFAULT` where there is none
    required  whether the file must have it
    read      gives the value of the file in its one form; Wrong or another ValueError says what is wrong with it
    """

    key: str
    name: str
    kind: Any
    default: Any
    required: bool
    read: Reader


class _Checked(msgspec.StructMeta):
    """Makes tables frozen, with fields that are named when one is made, and has those made in code hold to the rules.

    An instance made in code goes through the checks as the file does; Wrong has all that is wrong with it.
    """

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], *, frozen: bool = True) -> Any:
        return super().__new__(mcls, name, bases, namespace, frozen=frozen, kw_only=True, dict=True)

    def __call__(cls, /, **given: Any) -> Any:
        table: Any = cls
        keys = {field.name: field.key for field in table.fields()}
        return table.checked({keys.get(name, name): value for name, value in given.items() if value is not None})

    def unchecked(cls, /, **made: Any) -> Any:
        """An instance with these values, by the names of the fields; they are right already."""
        return super().__call__(**made)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Table(msgspec.Struct, metaclass=_Checked, frozen=True):
    """A table of turnout.toml. A key is a field: its type (core.config.types), its default, a docstring of one line."""

    filled: ClassVar[frozenset[str]] = frozenset()
    """Fields that do not come from the file."""

    repeats: ClassVar[frozenset[str]] = frozenset()
    """Keys whose lists may have a text twice, or have a rule of their own for that."""

    hidden: ClassVar[frozenset[str]] = frozenset()
    """Fields that `repr` leaves out, because they may hold secrets."""

    @classmethod
    def fields(cls) -> tuple[Field, ...]:
        """All fields, in the order of the model."""
        return _fields(cls)

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """The keys that the file may hold, in the order of the model."""
        return tuple(field.key for field in cls.fields() if field.name not in cls.filled)

    @classmethod
    def rules(cls, table: Mapping[str, Any]) -> Iterator[Broken]:
        """Rules between keys that are broken. The values are the file's own, of any type: nothing is checked yet."""
        yield from ()

    @classmethod
    def completed(cls, table: Mapping[str, Any]) -> Mapping[str, Any]:
        """The table with what it leaves out and its other keys decide. The values are the file's own, of any type."""
        return table

    @classmethod
    def read(cls, table: Any) -> Self:
        """The model of a table of the file. Wrong with every fault of it."""
        if isinstance(table, cls):
            return table
        if not isinstance(table, dict):
            raise ValueError(f"must be a table, not {values.kind(table)}")
        known = cls.keys()
        broken: list[Broken] = []
        written: dict[str, str] = {}  # how the file misspells a key
        for key in table:
            if key not in known:
                broken.append(((key,), "unknown key", suggestion(key, known, "keys")))
                close = nearest(key, known)
                if close and close not in table:
                    written.setdefault(close, key)
        meant = {key: close for close, key in written.items()}
        corrected = {meant.get(key) or key: value for key, value in table.items() if key in known or key in meant}
        broken += [_as_written(rule, written) for rule in cls.rules(corrected)]
        made, wrong = cls._values(corrected)
        for fault in wrong:
            place = fault[0]
            if len(place) > 1 or place[0] not in written:  # a fault of a key that was only guessed does not help
                broken.append(_as_written(fault, written))
        return cls._made(made, broken)

    @classmethod
    def checked(cls, table: Mapping[str, Any]) -> Self:
        """The model of a table that was made in code, and so may have the fields that the file does not fill."""
        known = {field.key for field in cls.fields()}
        unknown: list[Broken] = [((key,), "unknown key", "") for key in table if key not in known]
        made, wrong = cls._values(table)
        return cls._made(made, [*unknown, *cls.rules(table), *wrong])

    @classmethod
    def _made(cls, values: Mapping[str, Any], broken: list[Broken]) -> Self:
        if broken:
            raise Wrong(broken)
        made: Self = cls.unchecked(**values)
        return made

    @classmethod
    def _values(cls, table: Mapping[str, Any]) -> tuple[dict[str, Any], list[Broken]]:
        """By name of a field: its value, where the table has it; and all that is wrong with single keys."""
        made: dict[str, Any] = {}
        broken: list[Broken] = []
        table = cls.completed(table)
        for field in cls.fields():
            if field.key in table:
                made[field.name] = collected(broken, field.key, field.read, table[field.key])
                if field.key not in cls.repeats:
                    broken += _twice(field.key, made[field.name])
            elif field.required:
                broken.append(((field.key,), "is missing", ""))
        return made, broken

    def replace(self, **changes: Any) -> Self:
        """The same with other values, by the names of the fields; they are right already."""
        return msgspec.structs.replace(self, **changes)

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name not in self.hidden]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


@cache
def _fields(table: type[Table]) -> tuple[Field, ...]:
    """The fields of a table: its own, then those that it shares with other tables."""
    own = vars(table).get("__annotations__", {})
    return tuple(
        Field(
            key=item.encode_name,
            name=item.name,
            kind=item.type,
            default=item.default,
            required=item.required,
            read=reader_of(item.type, item.encode_name),
        )
        for item in sorted(msgspec.structs.fields(table), key=lambda item: item.name not in own)
    )


def _twice(key: str, value: Any) -> Iterator[Broken]:
    """What a list has twice, if it is one of texts: a slip, where it does nothing, and each time one more to change."""
    seen: set[str] = set()
    for index, text in enumerate(value if isinstance(value, tuple) else ()):
        if isinstance(text, str):
            if text in seen:
                yield (key, index), f"{values.shown(text)} is listed twice", "leave one of them out"
            seen.add(text)


def _as_written(fault: Broken, written: Mapping[str, str]) -> Broken:
    """A fault at the key as the file spells it."""
    place, message, hint = fault
    return ((written.get(str(place[0]), place[0]), *place[1:]), message, hint) if place else fault


def kind_of(table: Table, kinds: Mapping[str, str]) -> str:
    """The kind by the one key of `kinds` that the table has. ValueError where it has none or several of them."""
    (kind,) = (kind for key, kind in kinds.items() if getattr(table, key) is not None)
    return kind


def exactly_one(table: Mapping[str, Any], *keys: str) -> Iterator[Broken]:
    """The rule that a table has one of these keys, and not two."""
    given = [key for key in table if key in keys]
    if not given:
        named = either([f'"{key}"' for key in keys])
        yield (), f"needs {named}", ""
    for key in given[1:]:
        yield (key,), f'cannot be combined with "{given[0]}"; use one of them', ""
