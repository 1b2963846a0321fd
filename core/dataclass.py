"""`dataclass` as Python has it, without making a function from a text for each method of each class.

That is what takes the time: 0.3 ms for a class, and a short command loads a hundred. Here the methods are the same for
all classes, and only `__init__` is made from a text, with the first instance. A class and its bases have the same kind:
Python's own frozen dataclasses do not mix with these.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Sequence
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

_making = threading.Lock()

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(
        cls: type | None = None, /, *, frozen: bool = False, kw_only: bool = False, eq: bool = True, repr: bool = True
    ) -> Any:
        """Python's decorator, with and without parentheses, with those of its options that are used."""

        def made(cls: type) -> type:
            own = dict(vars(cls))
            dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=kw_only)(cls)
            cls.__init__ = _first_init(cls, frozen=frozen)
            for name, method in _methods(cls, frozen=frozen, eq=eq, repr=repr).items():
                # Python itself sets __hash__ to None beside an __eq__.
                if name not in own or (name == "__hash__" and own[name] is None):
                    setattr(cls, name, method)
            return cls

        return made if cls is None else made(cls)


def _first_init(cls: type, *, frozen: bool) -> Callable[..., None]:
    """An `__init__` that makes the real one, and puts it in its own place."""

    def __init__(self: Any, *values: Any, **named: Any) -> None:
        with _making:
            if cls.__init__ is __init__:  # type: ignore[misc]
                cls.__init__ = _init(cls, frozen=frozen)  # type: ignore[misc]
        cls.__init__(self, *values, **named)  # type: ignore[misc]

    return __init__


def _init(cls: type, *, frozen: bool) -> Any:
    """The `__init__` that Python gives a class with these fields."""
    fields = dataclasses.fields(cls)
    names: dict[str, Any] = {field.name: field for field in fields}
    names["__annotations__"] = {field.name: field.type for field in fields}
    names["__module__"] = cls.__module__
    if hasattr(cls, "__post_init__"):
        names["__post_init__"] = None
    made: Any = type(cls.__name__, (), names)
    init = dataclasses.dataclass(repr=False, eq=False, frozen=frozen)(made).__init__
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


def _methods(cls: type, *, frozen: bool, eq: bool, repr: bool) -> dict[str, Any]:
    """All others, by name: what Python's own ones do."""
    fields = dataclasses.fields(cls)
    methods: dict[str, Any] = {}
    if eq:
        compared = _values([field.name for field in fields if field.compare])
        hashed = _values([field.name for field in fields if (field.compare if field.hash is None else field.hash)])

        def __eq__(self: Any, other: object) -> Any:
            return compared(self) == compared(other) if other.__class__ is self.__class__ else NotImplemented

        def __hash__(self: Any) -> int:
            return hash(hashed(self))

        methods |= {"__eq__": __eq__, "__hash__": __hash__ if frozen else None}
    if repr:
        shown = [field.name for field in fields if field.repr]

        @recursive_repr()
        def __repr__(self: Any) -> str:
            return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

        methods["__repr__"] = __repr__
    if frozen:
        names = frozenset(field.name for field in fields)

        def __setattr__(self: Any, name: str, value: object) -> None:
            if type(self) is cls or name in names:
                raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
            super(cls, self).__setattr__(name, value)  # type: ignore[arg-type]

        def __delattr__(self: Any, name: str) -> None:
            if type(self) is cls or name in names:
                raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
            super(cls, self).__delattr__(name)  # type: ignore[arg-type]

        methods |= {"__setattr__": __setattr__, "__delattr__": __delattr__}
    return methods


def _values(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """The values of these attributes, as a tuple."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda self: tuple(getattr(self, name) for name in names)
