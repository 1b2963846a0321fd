"""An operation that somebody else runs, as the dashboard takes it in."""

from __future__ import annotations

from typing import Any

import pytest

from core.events import Event, OperationFinished, OperationStarted, PhaseStarted, Switched, UploadProgress
from core.records import Lock
from tests.tui.recorded import NOW, WEB, RecordedFleet, project
from tui.model.operation import OthersOperation
from tui.view.log_lines import log_lines

LOCK = Lock(operation="0a", kind="deploy", who="bo@ci", since=NOW - 60, age=60, phase="upload")


def others_operation(lock: Lock = LOCK) -> OthersOperation:
    shop = project()
    fleet: Any = RecordedFleet(shop, shop.environment("production"), {}, {})
    return OthersOperation(fleet, lock, NOW)


def test_it_is_not_ours_and_began_when_the_lock_says() -> None:
    operation = others_operation()
    assert (operation.ours, operation.id, operation.progress.by) == (False, "0a", "bo@ci")
    assert operation.progress.seconds(NOW) == 60
    assert tuple(operation.progress.servers) == WEB


@pytest.mark.parametrize(
    "event",
    [
        UploadProgress(server="nobody", sent=1, total=2),
        Switched(server="\n", tag="x", previous=""),
        PhaseStarted(server="web1", phase="mining"),
        PhaseStarted(phase=""),
    ],
)
def test_unknown_servers_and_phases_are_not_shown(event: Event) -> None:
    assert others_operation().taken(event) is None


def test_a_start_names_only_servers_of_the_environment() -> None:
    event = others_operation().taken(
        OperationStarted(kind="deploy", environment="else", servers=("web1", "evil"), time=NOW)
    )
    assert isinstance(event, OperationStarted)
    assert (event.servers, event.environment) == (("web1",), "production")


def test_only_servers_of_the_operation_are_shown() -> None:
    operation = others_operation()
    event = operation.taken(OperationStarted(kind="deploy", environment="production", servers=("web3",), time=NOW))
    assert event is not None
    operation.progress.apply(event)
    assert tuple(operation.progress.servers) == ("web3",)
    shop = project()
    fleet: Any = RecordedFleet(shop, shop.environment("production"), {}, {})
    assert tuple(OthersOperation(fleet, LOCK, NOW, ("web2", "evil")).progress.servers) == ("web2",)
    assert tuple(OthersOperation(fleet, LOCK, NOW, ("evil",)).progress.servers) == WEB


def test_times_of_a_clock_that_goes_wrong_are_put_right() -> None:
    ahead = others_operation(Lock(operation="0a", kind="deploy", who="bo", since=NOW - 60 + 3600, age=60))
    event = ahead.taken(PhaseStarted(server="web1", phase="upload", time=NOW - 5 + 3600))
    assert event is not None and event.time == NOW - 5
    same = others_operation().taken(PhaseStarted(server="web1", phase="upload", time=NOW - 5))
    assert same is not None and same.time == NOW - 5


@pytest.mark.parametrize(
    ("since", "age"), [(0, 0), (9e10, 60), (NOW, float("inf")), (NOW, float("nan")), (NOW, -1e12), (0, 1e10)]
)
def test_times_that_are_nonsense_are_passed_over(since: float, age: float) -> None:
    operation = others_operation(Lock(operation="0a", kind="deploy", since=since, age=age))
    event = operation.taken(PhaseStarted(server="web1", phase="upload", time=NOW))
    assert event is not None and event.time == NOW
    assert operation.progress.seconds(NOW) == 0 or age == 60
    assert [line.written(4) for line in log_lines(event)]


def test_an_end_that_nobody_told_lasted_as_long_as_the_lock() -> None:
    end = OperationFinished(kind="deploy", outcome="needs-person", exit_code=5, seconds=0, summary="?", time=NOW + 10)
    event = others_operation().taken(end)
    assert isinstance(event, OperationFinished) and event.seconds == 70
