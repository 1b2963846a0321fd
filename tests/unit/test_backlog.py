"""What waits for someone slower is bounded, and what is left out is said; nothing but lines of output ever is."""

from __future__ import annotations

import json

import pytest

from core.backlog import BESIDES, History, Valve, weight
from core.events import HookFinished, HookOutput, Note, PhaseStarted, UploadProgress
from core.masking import Masking
from core.operations import heartbeat
from core.operations.heartbeat import AT_ONCE, Heartbeat
from core.output import LAST_LINES, MOST_CHARACTERS, MOST_LINES, Output
from tui.model.bridge import Bridge


def line(number: int, text: str = "") -> HookOutput:
    return HookOutput(operation="o", server="web", on="prepare", line=text or f"line {number}")


def numbers(events) -> list[int]:
    """The lines by number; what was left out as a negative count; anything else as 0."""
    by_number = []
    for event in events:
        if isinstance(event, HookOutput):
            by_number.append(int(event.line.split()[1]))
        elif isinstance(event, Note):
            assert event.operation == "o"
            by_number.append(-int(event.text.split()[0].replace(",", "")))
        else:
            by_number.append(0)
    return by_number


def test_a_queue_takes_output_only_while_its_reader_keeps_up():
    valve = Valve(most=3 * (BESIDES + 6))
    queue = [event for number in range(1, 11) for event in valve.admit(line(number))]
    assert numbers(queue) == [1, 2, 3]
    queue += valve.admit(PhaseStarted(operation="o", phase="switch"))
    assert numbers(queue) == [1, 2, 3, -7, 0]
    valve.taken(queue)
    assert numbers(valve.admit(line(11))) == [11]


def test_figures_of_uploads_do_not_pile_up():
    valve = Valve()
    queue = [event for sent in range(100_000) for event in valve.admit(UploadProgress(sent=sent, total=100_000))]
    assert len(queue) == 1000
    valve.taken(queue)
    assert valve.admit(UploadProgress(sent=1, total=1))


def test_a_job_keeps_the_newest_output_and_everything_else():
    history = History(most=10 * (BESIDES + 8))
    for number in range(1, 1001):
        history.add(line(number))
        if number % 100 == 0:
            history.add(PhaseStarted(operation="o", phase="switch"))
    kept = numbers(history)
    assert kept.count(0) == 10
    shown = [number for number in kept if number > 0]
    (missing,) = [number for number in kept if number < 0]
    assert shown == list(range(-missing + 1, 1001)) and 4 <= len(shown) <= 10
    assert sum(map(weight, history)) <= 10 * (BESIDES + 8)


class Deaf:
    """A server's session that keeps what it receives."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.deliveries: list[str] = []

    def sign_of_life(self, events: str = "") -> None:
        self.deliveries.append(events)

    @property
    def received(self):
        return [json.loads(text) for delivery in self.deliveries for text in delivery.splitlines()]


def read(received) -> list[int]:
    """As `numbers`, of what was delivered."""
    kinds = {"hook-output": HookOutput, "note": Note}
    return numbers(
        [
            kinds[event["event"]](**{key: value for key, value in event.items() if key not in ("event", "time")})
            if event["event"] in kinds
            else event
            for event in received
        ]
    )


def test_who_watches_gets_the_newest_output_and_everything_else_before_the_end(monkeypatch):
    monkeypatch.setattr(heartbeat, "MOST_WAITING", 4000)
    keeps_up, other, late = Deaf("one"), Deaf("other"), Deaf("late")
    beats = Heartbeat("o")
    for number in range(1, 1001):
        beats.add(line(number))
        if number % 300 == 0:
            beats.add(PhaseStarted(operation="o", phase="switch"))
        if number % 7 == 0:
            beats.deliver(keeps_up)
    beats.add(HookFinished(operation="o", on="prepare", run="x", status=0, seconds=1.0))
    for session in (keeps_up, other, late):
        beats.deliver_all(session)
        beats.deliver_all(session)
        assert all(len(delivery) <= AT_ONCE for delivery in session.deliveries)
        seen = read(session.received)
        assert seen.count(0) == 4 and seen[-1] == 0
        accounted = sum(1 if number > 0 else -number for number in seen)
        assert accounted == 1000, "each line was delivered, or counted as left out"
        assert [number for number in seen if number > 0] == sorted(number for number in seen if number > 0)
    assert [number for number in read(keeps_up.received) if number > 0] == list(range(1, 1001)), "it kept up"
    assert len(read(other.received)) < 60


def test_an_event_that_is_larger_than_a_delivery_holds_no_other_back():
    session = Deaf("one")
    beats = Heartbeat("o")
    beats.add(line(1))
    beats.add(PhaseStarted(operation="o", phase="x" * AT_ONCE))
    beats.add(line(2))
    while beats.deliver(session) or len(session.deliveries) < 2:
        pass
    assert read(session.received) == [1, 2]


class Collected:
    """A job whose events the dashboard's bridge collects."""

    finished = True

    def subscribe(self, subscriber):
        self.say = subscriber


def test_the_dashboard_is_told_what_it_could_not_be_shown():
    job, shown = Collected(), []
    bridge = Bridge()
    bridge.follow(job, lambda job: None, shown.extend)
    for _ in range(100):
        job.say(line(1, "line 1" + "x" * 1_000_000))
    job.say(PhaseStarted(operation="o", phase="switch"))
    bridge.tick()
    assert [type(event).__name__ for event in shown] == ["HookOutput"] * 16 + ["Note", "PhaseStarted"]
    assert shown[-2].text.startswith("84 lines of output left out")


def output_of(pieces) -> list[str]:
    said: list[str] = []
    output = Output(said.append, Masking(["s3cret-value"]))
    for piece in pieces:
        output.take(piece)
    output.finish()
    return said


@pytest.mark.parametrize("size", [1 << 16, 1 << 12, 999])
def test_of_endless_output_the_first_and_the_last_lines_are_shown_and_the_others_counted(size):
    text = b"".join(b"line %d\n" % number for number in range(1, 200_001))
    said = output_of(text[place : place + size] for place in range(0, len(text), size))
    first, last = said[:MOST_LINES], said[MOST_LINES + 2 :]
    assert first == [f"line {number}" for number in range(1, MOST_LINES + 1)]
    assert said[MOST_LINES].startswith("[turnout: output limit reached")
    assert said[MOST_LINES + 1].startswith(f"[turnout: {200_000 - MOST_LINES - LAST_LINES:,} lines left out")
    assert last == [f"line {number}" for number in range(200_001 - LAST_LINES, 200_001)]


def test_long_lines_and_no_lines_at_all_are_bounded_too():
    said = output_of([b"x" * 65536] * 200)
    assert sum(map(len, said)) <= MOST_CHARACTERS + 70_000
    assert "left out" in said[-1]
    said = output_of([b"y" * 100_000, b"\n"] * 100 + [b"the end"])
    assert said[-1] == "the end" and sum(map(len, said)) <= MOST_CHARACTERS + 2_500_000


def test_no_part_of_a_secret_is_shown_where_output_was_left_out():
    piece = b"s3cret-value " * 5000
    said = [Masking(["s3cret-value"])(line) for line in output_of([piece] * 100 + [b"\nlast s3cret-value"])]
    assert said[-1] == "last ***"
    assert not any(part in line for line in said for part in ("s3c", "lue", "ret"))


def test_output_within_the_bounds_is_shown_as_it_is():
    assert output_of([b"one\ntw", b"o\r\n\xc3", b"\xa4\nno end"]) == ["one", "two", "ä", "no end"]
    assert output_of([b"10 %\r50 %\r100 %\n"]) == ["100 %"]
    assert output_of([]) == []
