"""The bridge: what the engine says on its threads reaches the screen's thread in order, sampled, and complete."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from core.errors import TurnoutError
from core.events import Event, Note, UploadProgress
from core.jobs import Controls, Job
from tests.waiting import PATIENCE
from tui.model.bridge import MOST_EVENTS, Bridge

Emit = Callable[[Event], None]


class Listener:
    """Collects what a bridge hands over, and on which thread."""

    def __init__(self) -> None:
        self.batches: list[list[Event]] = []
        self.ended: list[Job[Any]] = []
        self.threads: set[int] = set()

    def events(self, events: list[Event]) -> None:
        self.threads.add(threading.get_ident())
        self.batches.append(events)

    def end(self, job: Job[Any]) -> None:
        self.threads.add(threading.get_ident())
        self.ended.append(job)

    @property
    def all(self) -> list[Event]:
        return [event for batch in self.batches for event in batch]


def run(work: Callable[[Emit, Controls], Any], bridge: Bridge, listener: Listener) -> Job[Any]:
    job: Job[Any] = Job("test", work)
    bridge.follow(job, listener.end, listener.events)
    job.start()
    assert job.wait(PATIENCE)
    return job


def test_events_come_in_order_and_the_end_comes_last() -> None:
    bridge, listener = Bridge(), Listener()

    def work(emit: Emit, controls: Controls) -> int:
        for number in range(100):
            emit(Note(text=str(number)))
        return 7

    job = run(work, bridge, listener)
    assert not listener.all and not listener.ended, "nothing crosses before a tick"
    bridge.tick()
    assert [event.text for event in listener.all if isinstance(event, Note)] == [str(number) for number in range(100)]
    assert listener.ended == [job] and job.outcome == 7
    assert not bridge.busy


def test_everything_is_handed_over_on_the_thread_that_ticks() -> None:
    bridge, listener = Bridge(), Listener()
    run(lambda emit, controls: emit(Note(text="x")), bridge, listener)
    bridge.tick()
    assert listener.threads == {threading.get_ident()}


def test_of_an_upload_only_the_newest_figure_of_each_server_crosses() -> None:
    bridge, listener = Bridge(), Listener()

    def work(emit: Emit, controls: Controls) -> None:
        for sent in range(50_000):
            emit(UploadProgress(server=f"web{sent % 3}", sent=sent, total=50_000))

    run(work, bridge, listener)
    bridge.tick()
    figures = {event.server: event.sent for event in listener.all if isinstance(event, UploadProgress)}
    assert len(listener.all) == 3
    assert figures == {"web0": 49_998, "web1": 49_999, "web2": 49_997}


def test_a_flood_is_spread_over_ticks_without_losing_a_line_and_the_end_waits() -> None:
    bridge, listener = Bridge(), Listener()
    count = MOST_EVENTS * 2 + 5

    def work(emit: Emit, controls: Controls) -> None:
        for number in range(count):
            emit(Note(text=str(number)))

    run(work, bridge, listener)
    bridge.tick()
    assert len(listener.all) == MOST_EVENTS and not listener.ended
    bridge.tick()
    bridge.tick()
    assert len(listener.all) == count and len(listener.ended) == 1


def test_a_job_that_raises_ends_like_any_other() -> None:
    bridge, listener = Bridge(), Listener()

    def work(emit: Emit, controls: Controls) -> None:
        raise TurnoutError("broken")

    run(work, bridge, listener)
    bridge.tick()
    assert listener.ended[0].error is not None and listener.ended[0].error.title == "broken"


def test_a_job_that_is_followed_late_is_reported_from_its_beginning() -> None:
    bridge, listener = Bridge(), Listener()
    job: Job[None] = Job("test", lambda emit, controls: emit(Note(text="early")))
    job.start()
    assert job.wait(PATIENCE)
    bridge.follow(job, listener.end, listener.events)
    bridge.tick()
    assert len(listener.all) == 1 and len(listener.ended) == 1


def test_a_listener_hears_every_tick_until_it_leaves() -> None:
    bridge, heard = Bridge(), []
    go_on = threading.Event()
    job: Job[None] = Job("test", lambda emit, controls: go_on.wait(PATIENCE) and None)
    bridge.follow(job, lambda job: None)
    job.start()
    leave = bridge.on_tick(lambda: heard.append(1))
    bridge.tick()
    leave()
    bridge.tick()
    go_on.set()
    assert heard == [1]
