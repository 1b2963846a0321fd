"""How long a store may take to acknowledge what is sent: long over a slow uplink, not for ever over a fast one."""

from __future__ import annotations

import pytest

from core.errors import StoreError
from core.store.sending import SILENT, Sending

PIECE = 8 << 20


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def late_after(sending: Sending, clock: Clock) -> float:
    """Seconds from now on."""
    began = clock.now
    while not sending.late:
        clock.now += 0.5
    return clock.now - began


def send(sending: Sending, clock: Clock, pieces: int, seconds: float) -> None:
    for _ in range(pieces):
        sending.asked()
        sending.give(PIECE)
        clock.now += seconds


def test_a_small_object_is_late_soon_and_a_large_one_when_no_uplink_is_that_slow(clock):
    assert SILENT < late_after(Sending(1000, clock), clock) < SILENT + 2
    assert 4 * PIECE / (128 << 10) < late_after(Sending(4 * PIECE, clock), clock) < 300


def test_an_uplink_that_was_fast_is_missed_sooner(clock):
    sending = Sending(4 * PIECE, clock)
    send(sending, clock, 20, 0.5)
    assert SILENT < late_after(sending, clock) < SILENT + 10


def test_a_slow_uplink_is_waited_for(clock):
    sending = Sending(4 * PIECE, clock)
    send(sending, clock, 20, 70.0)
    assert not sending.late
    assert late_after(sending, clock) > 4 * 70.0


def test_what_takes_long_to_make_is_not_the_stores_fault(clock):
    sending = Sending(4 * PIECE, clock)
    send(sending, clock, 2, 1.0)
    sending.asked()
    clock.now += 10_000
    assert not sending.late
    sending.give(PIECE)
    assert not sending.late


def test_no_piece_is_made_for_a_store_that_was_given_up(clock):
    sending = Sending(4 * PIECE, clock)
    sending.asked()
    sending.end()
    with pytest.raises(StoreError):
        sending.asked()
