"""One stream for many takers: each gets all of it, and none waits for one that is slow."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator

import pytest

from core.errors import SourceError
from core.operations import passes
from core.operations.fan_out import MOST_PASSES, FanOut
from core.operations.passes import DEPTH, START, Pass, is_too_slow
from core.tar.compression import GZIP, PLAIN, ZSTD, has_zstd
from core.tar.writer import Chunk
from tests.waiting import PATIENCE, until

PACKINGS = [PLAIN, GZIP, *([ZSTD] if has_zstd() else [])]
CHUNKS = 6 * DEPTH
NOISE = [random.Random(number).randbytes(140_000) for number in range(CHUNKS)]  # the same each time


def stream() -> Iterator[Chunk]:
    for number, raw in enumerate(NOISE):
        yield Chunk(raw, len(raw), number % 2)


def fan_out(names: list[str], packing: str = PLAIN, make: Callable[[], Iterator[Chunk]] = stream) -> FanOut:
    made = FanOut(make, names, lambda cancel: packing, 0.0)
    assert made.unpack(None) == packing  # type: ignore[arg-type]  # nothing is asked
    return made


def whole(packing: str) -> list[Chunk]:
    return list(fan_out(["alone"], packing).chunks("alone"))


class Taker(threading.Thread):
    """Takes all chunks, and waits at each number of `halts` until it is let go."""

    def __init__(self, stream: FanOut, name: str, halts: dict[int, threading.Event]) -> None:
        super().__init__(name=name, daemon=True)
        self.got: list[Chunk] = []
        self.error: SourceError | None = None
        self._stream = stream
        self._halts = halts
        self.start()

    def run(self) -> None:
        try:
            for chunk in self._stream.chunks(self.name):
                self.got.append(chunk)
                if halt := self._halts.get(len(self.got)):
                    halt.wait(PATIENCE)
        except SourceError as error:
            self.error = error

    def ended(self) -> bool:
        self.join(PATIENCE)
        return not self.is_alive()


@pytest.fixture
def impatient(monkeypatch) -> None:
    monkeypatch.setattr(passes, "PATIENCE", 0.02)
    monkeypatch.setattr(passes, "SHARE", 0.0)


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("at", [1, CHUNKS // 2, CHUNKS - DEPTH - 3])
def test_who_stands_still_holds_nobody_up_and_gets_the_same(packing: str, at: int, impatient) -> None:
    names = ["web1", "web2", "web3"]
    go_on = threading.Event()
    made = fan_out(names, packing)
    takers = [Taker(made, name, {at: go_on} if name == "web2" else {}) for name in names]
    assert takers[0].ended() and takers[2].ended()
    assert takers[1].is_alive() and len(takers[1].got) == at
    go_on.set()
    assert takers[1].ended()
    wanted = whole(packing)
    assert not [taker.error for taker in takers if taker.error]
    assert [len(taker.got) for taker in takers] == [len(wanted)] * len(takers)
    assert all(taker.got == wanted for taker in takers)


def test_who_never_comes_holds_nobody_up(impatient) -> None:
    made = fan_out(["web1", "web2"])
    assert list(made.chunks("web1")) == list(made.chunks("web2")) == whole(PLAIN)


@pytest.mark.parametrize("packing", PACKINGS)
def test_all_get_the_same_however_they_take_turns(packing: str, monkeypatch) -> None:
    """The one after the other is left behind; also more of them than there may be passes."""
    monkeypatch.setattr(passes, "PATIENCE", 0.0)
    monkeypatch.setattr(passes, "SHARE", 0.0)
    names = [f"web{number}" for number in range(3 * MOST_PASSES)]
    made = fan_out(names, packing)
    wanted = whole(packing)
    halts = {name: {(CHUNKS * number) // len(names) + 1: threading.Event()} for number, name in enumerate(names)}
    takers = [Taker(made, name, halts[name]) for name in names]
    for name in reversed(names):
        for halt in halts[name].values():
            halt.set()
    assert all(taker.ended() for taker in takers)
    assert not [taker.error for taker in takers if taker.error]
    assert all(taker.got == wanted for taker in takers)


def test_one_that_was_left_behind_may_leave(impatient) -> None:
    made = fan_out(["web1", "web2"])
    slow = made.chunks("web2")
    next(slow)
    assert list(made.chunks("web1")) == whole(PLAIN)
    slow.close()
    made.leave("web2")
    until(lambda: not any(thread.name == "pass" for thread in threading.enumerate()), "the end of all passes")


def test_nobody_joins_a_pass_that_gives_no_more() -> None:
    """It would end there for who does, and look like the end of the stream."""
    chunk, place = next(stream()), START.behind(next(stream()))
    alone = Pass([], {"web1": START}, lambda: True)
    alone.leave("web1")
    assert not alone._hand_out(chunk) and not alone.join("web2", place)
    goes_on = Pass([], {"web1": START}, lambda: True)
    assert goes_on._hand_out(chunk) and goes_on.join("web2", place)


@pytest.mark.parametrize("other", ["another byte", "shorter"])
def test_a_source_that_changes_meanwhile_is_noticed(other: str, impatient) -> None:
    """What one got that was left behind is not the beginning of what the next pass makes."""
    made_before = threading.Event()

    def make() -> Iterator[Chunk]:
        again = made_before.is_set()
        made_before.set()
        for number, chunk in enumerate(stream()):
            if again and other == "shorter" and number == 3:
                return
            yield Chunk(b"?" + chunk.raw[1:], *chunk[1:]) if again and number == 3 else chunk

    made = fan_out(["web1", "web2"], make=make)
    slow = made.chunks("web2")
    got = [next(slow) for _ in range(5)]
    assert list(made.chunks("web1")) == whole(PLAIN)
    with pytest.raises(SourceError, match="changed while it was sent"):
        got.extend(slow)
    assert got == whole(PLAIN)[: len(got)]


def test_little_waits_for_who_is_slow(impatient) -> None:
    """However far the others are: memory does not grow."""
    handed = 0

    def make() -> Iterator[Chunk]:
        nonlocal handed
        for chunk in stream():
            handed += 1
            yield chunk

    made = fan_out(["web1"], GZIP, make)
    slow = made.chunks("web1")
    next(slow)
    until(lambda: handed > DEPTH, "a full queue")
    assert handed < 2 * DEPTH + 3
    slow.close()


def test_nothing_is_kept_for_those_that_were_left_behind(impatient) -> None:
    """Of many, each would keep its own: memory would grow with the fleet."""
    names = [f"web{number}" for number in range(20)]
    made = fan_out(["quick", *names])
    slow = [made.chunks(name) for name in names]
    for number, chunks in enumerate(slow):
        assert len([next(chunks) for _ in range(number % 10 + 1)]) == number % 10 + 1
    assert list(made.chunks("quick")) == whole(PLAIN)
    [one] = made._passes or [made._first]
    assert one is not None and not any(line.waiting for line in one._lines.values())
    takers = [threading.Thread(target=list, args=[chunks], daemon=True) for chunks in slow]
    for taker in takers:
        taker.start()
    until(lambda: not any(taker.is_alive() for taker in takers), "the end of all")


def test_who_was_left_behind_does_not_come_back_to_the_same_pass() -> None:
    """Also where nothing was handed out since: what waited for it there is gone."""
    one = Pass(iter(()), {"web1": START, "web2": START}, lambda: True)
    assert not one.join("web1", START) and one.join("web3", START)


@pytest.mark.parametrize(
    ("held_up", "elapsed", "slow"),
    [
        (1.9, 2.0, False),  # a moment is nothing
        (2.0, 2.0, True),
        (3.0, 10.0, True),
        (3.0, 20.0, False),  # others are the last as often
        (0.0, 0.0, False),
    ],
)
def test_who_is_left_behind(held_up: float, elapsed: float, slow: bool) -> None:
    assert is_too_slow(held_up, elapsed) is slow
