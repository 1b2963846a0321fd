"""An error that several servers share says to each of them its own name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.errors import SourceError, TurnoutError
from core.jobs import Ahead
from core.operations.fan_out import PLAIN, FanOut
from core.tar.writer import Chunk

NAMES = ["web1", "web2"]


def broken() -> Iterator[Chunk]:
    yield Chunk(b"x", 1, 1)
    raise SourceError("a file was changed", detail="a.txt")


def placed(work, name: str) -> TurnoutError:
    with pytest.raises(SourceError) as raised:
        work()
    return raised.value.at(server=name, phase="upload")


def test_each_taker_of_a_stream_has_its_own_error() -> None:
    fan_out = FanOut(broken, NAMES, lambda cancel: PLAIN, 0.0)
    errors = [placed(lambda name=name: list(fan_out.chunks(name)), name) for name in NAMES]
    assert [error.server for error in errors] == NAMES
    assert {(error.title, error.detail) for error in errors} == {("a file was changed", "a.txt")}


def test_each_who_waits_for_a_result_has_its_own_error() -> None:
    ahead = Ahead(lambda: list(broken()))
    assert [placed(ahead.get, name).server for name in NAMES] == NAMES
