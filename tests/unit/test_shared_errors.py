"""Errors that several servers share: each has its own name, and for people those that say the same are one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.errors import ConnectError, DiskFull, FleetError, ServerError, SourceError, TurnoutError, together
from core.jobs import Ahead
from core.operations.fan_out import FanOut
from core.remote.link import unreachable
from core.tar.compression import PLAIN
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


def test_servers_that_fail_alike_are_one_error_for_people() -> None:
    refused = [
        unreachable(ConnectionRefusedError(111, "refused"), f"ana@10.0.0.{number}:22").at(server=f"web{number}")
        for number in range(1, 51)
    ]
    full = DiskFull("the disk is full", detail="0 kB of 10 kB are free").at(server="db1")
    away = ConnectError("the connection was lost").at(server="db2")
    said = str(FleetError({error.server: error for error in (*refused, full, away)}, phase="connect"))
    assert said.splitlines() == [
        "connect: 52 servers failed",
        "  web1-50, connect: ana@10.0.0.1:22 refused the connection",
        "    [Errno 111] refused",
        "    the other 49 servers: the same, with another address",
        "    -> is sshd running there, and is the port right?",
        "  db1, connect: the disk is full",
        "    0 kB of 10 kB are free",
        "  db2, connect: the connection was lost",
    ]
    assert [error.server for error in refused] == [f"web{number}" for number in range(1, 51)]


def test_servers_that_fail_in_another_way_are_told_apart() -> None:
    lost = [ServerError("not copied", detail=f"{path}: lost").at(server=path) for path in ("a", "b")]
    same = [ServerError("not copied").at(server=name) for name in ("a", "b")]
    assert together(lost) == lost
    assert [str(error) for error in together(same)] == ["a, b: not copied"]
    assert together([ServerError("one"), ServerError("one")])[1:], "they are not of servers"
