"""What many servers say within a second comes as few lines, and is read as it was said."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import condensed
from core.events import (
    BatchStarted,
    Event,
    HookFinished,
    HookOutput,
    PhaseFinished,
    PhaseStarted,
    Switched,
    UploadProgress,
)
from core.operations.heartbeat import AT_ONCE, EVENTS_EVERY, FLEET, Heartbeat
from core.remote.held import Held

servers = st.sampled_from([f"web{n}" for n in range(1, 13)])
times = st.integers(0, 1000).map(lambda number: 1_764_170_000 + number / 1000)
prepare = st.just("prepare")
own = {"server": servers, "time": times, "operation": st.just("o")}
fleet = {"time": times, "operation": st.just("o")}
events = st.one_of(
    st.builds(PhaseStarted, phase=st.sampled_from(["upload", "stage"]), **own),
    st.builds(PhaseFinished, phase=st.just("stage"), seconds=st.integers(0, 99).map(lambda n: n / 8), **own),
    st.builds(UploadProgress, sent=st.integers(0, 9), total=st.just(9), files=st.just(3), **own),
    st.builds(HookOutput, on=prepare, line=st.text('aé"{ ', max_size=3), **own),
    st.builds(
        HookFinished,
        on=st.just("prepare"),
        run=st.just("x"),
        status=st.sampled_from([0, None]),
        seconds=st.just(1.0),
        **own,
    ),
    st.builds(Switched, tag=st.just("two"), previous=st.sampled_from(["", "one"]), **own),
    st.builds(
        BatchStarted,
        number=st.just(1),
        batches=st.just(2),
        servers=st.just(("web1",)),
        time=times,
        operation=st.just("o"),
    ),
)


def of(server: str, said: list[Event]) -> list[Event]:
    return [event for event in said if event.server == server]


def rounded(event: Event) -> dict[str, object]:
    """An event with the time that is kept of it."""
    return {**event.to_json(), "time": round(event.time, 3)}


@settings(max_examples=50)
@given(st.lists(events, max_size=60), st.sampled_from([200, 1000, AT_ONCE]))
def test_what_is_said_is_read(said: list[Event], longest: int) -> None:
    read: list[Event] = []
    for layer in condensed.layers(said):
        assert len({isinstance(event, HookOutput) for event in layer}) == 1, "output alone can be left out"
        found = list(condensed.lines(layer, longest))
        assert sum(number for _, number in found) == len(layer)
        for line, number in found:
            assert "\n" not in line and (number == 1 or len(line) <= longest)
            read += condensed.events_of(line)
    assert len(read) == len(said)
    for server in {event.server for event in said}:
        assert list(map(rounded, of(server, read))) == list(map(rounded, of(server, said)))
    of_all = [number for number, event in enumerate(said) if not event.server]
    assert [number for number, event in enumerate(read) if not event.server] == of_all


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[" * 100_000,
        "[]",
        '{"event": "several"}',
        '{"event": "several", "time": 1, "of": [1, {"event": "note"}, {"at": 3}]}',
        '{"event": "several", "time": "x", "of": [{"event": "phase-started", "phase": "x", "at": [0], "time": [0]}]}',
        '{"event": "several", "time": Infinity, "of": [{"event": "note", "text": "", "at": [0], "time": [0]}]}',
        '{"event": "several", "time": 1, "of": [{"event": "phase-started", "phase": 1, "at": [0], "time": [0]}]}',
        '{"event": "several", "time": 1, "of": [{"event": "phase-started", "phase": "x", "at": ["0"], "time": [0]}]}',
        '{"event": "several", "time": 1, "of": [{"event": "phase-started", "phase": "x", "at": [[]], "time": [[]]}]}',
        '{"event": "several", "time": 1, "of": [{"event": "phase-started", "phase": "x", "at": [0, 1], "time": []}]}',
    ],
)
def test_a_line_that_nobody_wrote_is_passed_over(line: str) -> None:
    assert condensed.events_of(line) == []


class Server(Held):
    """A server that a heartbeat delivers to, without a connection."""

    name = ""

    def __init__(self, name: str) -> None:
        self.name = name
        self.received: list[str] = []

    def sign_of_life(self, events: str = "") -> None:
        self.received += events.splitlines()


class Clock:
    now = 100.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr("core.operations.heartbeat.time.monotonic", lambda: Clock.now)
    return Clock()


def deploy(size: int, clock: Clock) -> list[list[str]]:
    """The lines that each server of a fleet gets of a deploy that takes ten seconds."""
    beats = Heartbeat("o")
    fleet = [Server(f"web{n}") for n in range(size)]
    beats._beating = dict.fromkeys((server.name for server in fleet), 1)
    for second in range(10):
        for server in fleet:
            beats.add(PhaseStarted(operation="o", server=server.name, phase=f"phase{second}"))
            beats.add(UploadProgress(operation="o", server=server.name, sent=second, total=10))
            beats.add(PhaseFinished(operation="o", server=server.name, phase=f"phase{second}", seconds=0.123))
        type(clock).now += EVENTS_EVERY
        for server in fleet:
            while beats.deliver(server):
                pass
    for server in fleet:
        beats.deliver_all(server)
    return [server.received for server in fleet]


def test_every_server_of_a_fleet_gets_the_whole_story_in_few_bytes(clock: Clock) -> None:
    for size in (FLEET - 1, 50):
        received = deploy(size, clock)
        assert all(lines == received[0] for lines in received)
        said = [event for line in received[0] for event in condensed.events_of(line)]
        assert len(said) == size * 30
        phases = [(type(event), getattr(event, "phase", "")) for event in said if event.server == "web3"]
        assert phases[:4] == [
            *((PhaseStarted, "phase0"), (UploadProgress, ""), (PhaseFinished, "phase0"), (PhaseStarted, "phase1"))
        ]
    each = len("\n".join(received[0])) / len(said)
    plain = sum(len(json.dumps(event.to_json())) for event in said) / len(said)
    assert each < plain / 4


def test_what_concerns_all_is_delivered_at_once(clock: Clock) -> None:
    beats, server = Heartbeat("o"), Server("web1")
    beats._beating = {f"web{n}": 1 for n in range(FLEET)}
    beats.deliver(server)
    beats.add(PhaseStarted(operation="o", server="web1", phase="switch"))
    assert not beats.deliver(server)
    beats.add(BatchStarted(operation="o", number=1, batches=1, servers=("web1",)))
    assert beats.deliver(server) and len(server.received) == 2
    beats.add(Switched(operation="o", server="web2", tag="two", previous="one"))
    beats.add(PhaseStarted(operation="o", server="web1", phase="finish"))
    beats.deliver_all(server)
    assert [type(event) for line in server.received[2:] for event in condensed.events_of(line)] == [
        *(Switched, PhaseStarted)
    ]
