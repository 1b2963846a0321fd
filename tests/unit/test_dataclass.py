"""core.dataclass beside Python's own: what both give of the same classes."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from dataclasses import field
from typing import Any

import pytest

from core.dataclass import dataclass


def made(decorator: Any) -> tuple[Any, Any, Any]:
    """A frozen class, one that inherits from it, and one that is not frozen."""

    @decorator(frozen=True)
    class Place:
        host: str
        port: int = 22
        notes: tuple[str, ...] = field(default=(), compare=False, repr=False)

        @property
        def text(self) -> str:
            return f"{self.host}:{self.port}"

    @decorator(frozen=True, kw_only=True)
    class Named(Place):
        name: str
        roles: list[str] = field(default_factory=list)

        def __post_init__(self) -> None:
            object.__setattr__(self, "host", self.host.lower())

    @decorator
    class Open:
        first: int
        last: int = 0

        def __repr__(self) -> str:
            return "open"

    return Place, Named, Open


OURS, THEIRS = made(dataclass), made(dataclasses.dataclass)


def outcome(work: Callable[[], Any]) -> tuple[str, str]:
    """What comes out, as a text, or the error."""
    try:
        return "value", repr(work())
    except Exception as error:
        return type(error).__name__, str(error)


@pytest.mark.parametrize(
    "work",
    [
        lambda place, named, open: place("a"),
        lambda place, named, open: named(host="A", name="n").text,
        lambda place, named, open: named("A", 1, name="n", roles=["x"]),
        lambda place, named, open: [place("a") == place("a", notes=("x",)), place("a") == place("b"), place("a") == 1],
        lambda place, named, open: place("a", 1) == named("a", 1, name="n"),
        lambda place, named, open: len({place("a"), place("a", 22), place("b")}),
        lambda place, named, open: hash(open(1)),
        lambda place, named, open: [open(1), open(1) == open(1, 0), open(1) == open(2)],
        lambda place, named, open: dataclasses.replace(named("a", name="n"), name="m"),
        lambda place, named, open: dataclasses.asdict(named("a", name="n")),
        lambda place, named, open: [each.name for each in dataclasses.fields(named)],
        lambda place, named, open: (place.port, place.__match_args__, named.__match_args__),
        lambda place, named, open: place(),
        lambda place, named, open: named("a"),
        lambda place, named, open: named("a", 1, (), "n"),
        lambda place, named, open: setattr(place("a"), "port", 1),
        lambda place, named, open: setattr(named("a", name="n"), "new", 1),
        lambda place, named, open: delattr(place("a"), "port"),
        lambda place, named, open: named("a", name="n").roles is not named("a", name="n").roles,
    ],
)
def test_it_does_what_pythons_own_does(work: Callable[..., Any]) -> None:
    ours, theirs = outcome(lambda: work(*OURS)), outcome(lambda: work(*THEIRS))
    assert ours == theirs
    assert outcome(lambda: work(*OURS)) == theirs, "also after the first instance"


def test_a_repr_that_holds_itself_ends() -> None:
    _, named, _ = made(dataclass)
    instance = named("a", name="n")
    instance.roles.append(instance)
    assert repr(instance).endswith("roles=[...])")


def test_threads_that_make_the_first_instance_together_get_whole_ones() -> None:
    for _ in range(20):
        place, _, _ = made(dataclass)
        found: list[str] = []
        begin = threading.Barrier(8)

        def make(place: Any = place, begin: threading.Barrier = begin, found: list[str] = found) -> None:
            begin.wait()
            found.append(place("a", 5).text)

        threads = [threading.Thread(target=make) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == ["a:5"] * 8
