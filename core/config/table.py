"""A table of turnout.toml as a model that tells all of its faults at once: keys, misspelt keys, rules between keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, ValidationInfo, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from core.config.fault_text import nearest, suggestion, tell

Place = tuple[str | int, ...]
Broken = tuple[Place, str, str]
"""A broken rule: where below the table, the message, the hint."""

FROM_FILE = "from a file"
"""Validation context in which keys that Turnout fills in itself (an environment's name) count as unknown."""


class Table(BaseModel):
    """A table of turnout.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True)

    filled: ClassVar[frozenset[str]] = frozenset()
    """Fields that do not come from the file."""

    coming: ClassVar[Mapping[str, str]] = {}
    """Keys that a later version will have, each with what to say."""

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """The keys that the file may hold, in the order of the model."""
        return tuple(field.alias or name for name, field in cls.model_fields.items() if name not in cls.filled)

    @classmethod
    def rules(cls, table: Mapping[str, Any]) -> Iterator[Broken]:
        """Rules between keys that are broken. The values are the file's own, of any type: nothing is checked yet."""
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _tell_every_fault(cls, table: Any, validate: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        """Pydantic stops before rules between keys where one key is wrong; a person wants to see all faults at once."""
        if not isinstance(table, dict):
            return cls._told(validate, table, {}, [])
        known: tuple[str, ...] = cls.keys() if info.context == FROM_FILE else (*cls.keys(), *cls.filled)
        faults: list[InitErrorDetails] = []
        written: dict[str, str] = {}  # how the file misspells a key
        for key in table:
            if key in cls.coming:
                faults.append(_line((key,), cls.coming[key], ""))
            elif key not in known:
                faults.append(_line((key,), "unknown key", suggestion(key, cls.keys(), "keys")))
                close = nearest(key, known)
                if close and close not in table:
                    written.setdefault(close, key)
        meant = {key: close for close, key in written.items()}
        corrected = {meant.get(key) or key: value for key, value in table.items() if key in known or key in meant}
        unread = {key: table[key] for key in cls.coming if key in table}
        faults += [_line(_as_written(place, written), *words) for place, *words in cls.rules({**corrected, **unread})]
        return cls._told(validate, corrected, written, faults)

    @classmethod
    def _told(
        cls,
        validate: ModelWrapValidatorHandler[Self],
        table: Any,
        written: dict[str, str],
        faults: list[InitErrorDetails],
    ) -> Self:
        """The validated table, or `faults` and all that pydantic finds."""
        try:
            made = validate(table)
        except ValidationError as error:
            for item in error.errors(include_url=False):
                place, facts = item["loc"], item.get("ctx", {})
                if len(place) == 1 and place[0] in written:
                    continue  # a fault of a key that was only guessed does not help
                message, hint = (facts["message"], facts["hint"]) if item["type"] == "fault" else tell(item)
                faults.append(_line(_as_written(place, written), message, hint))
        if faults:
            raise ValidationError.from_exception_data(cls.__name__, faults)
        return made


def _as_written(place: Place, written: Mapping[str, str]) -> Place:
    return (written.get(str(place[0]), place[0]), *place[1:]) if place else ()


def _line(place: Place, message: str, hint: str) -> InitErrorDetails:
    kind = PydanticCustomError("fault", "{message}", {"message": message, "hint": hint})
    return InitErrorDetails(type=kind, loc=place, input=None)


def kind_of(table: Table, kinds: Mapping[str, str]) -> str:
    """The kind by the one key of `kinds` that the table has. ValueError where it has none or several of them."""
    (kind,) = (kind for key, kind in kinds.items() if getattr(table, key) is not None)
    return kind


def exactly_one(table: Mapping[str, Any], *keys: str) -> Iterator[Broken]:
    """The rule that a table has one of these keys, and not two."""
    given = [key for key in table if key in keys]
    if not given:
        *most, last = (f'"{key}"' for key in keys)
        yield (), f"needs {', '.join(most)} or {last}", ""
    for key in given[1:]:
        yield (key,), f'cannot be combined with "{given[0]}"; use one of them', ""
