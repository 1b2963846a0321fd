"""A yes counts where a person pressed it after reading; no held, pasted or early key does."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from textual import events
from textual._xterm_parser import XTermParser

from tui.model.keystrokes import ALONE, MANY, READ, UP, Keystrokes, why_no_yes
from tui.widgets.key_order import OF_TEXT, mark_texts

START = 1000.0


def agrees(presses: list[tuple[str, float]], shown: float | None) -> list[float]:
    """The times at which these presses (key, time) agree to what is shown since then, as a dialog decides it."""
    keystrokes = Keystrokes()
    out = []
    for place, (key, at) in enumerate(presses):
        keystrokes.press(key, at)
        follows = presses[place + 1][1] - at if place + 1 < len(presses) else ALONE
        if key == "y" and not why_no_yes(keystrokes, shown) and follows >= ALONE:
            out.append(at)
    return out


def held(start: float, delay: float, rate: float, seconds: float) -> list[tuple[str, float]]:
    """A key that is held, as a terminal sends it."""
    repeats = int(max(seconds - delay, 0) * rate)
    return [("y", start), *(("y", start + delay + number / rate) for number in range(repeats))]


DELAY = st.floats(0.2, 1.0)
RATE = st.floats(10, 40)


@given(shown=st.floats(0, 5), delay=DELAY, rate=RATE, begun=st.floats(-5, READ - 0.001))
@example(shown=0.0, delay=0.5, rate=30.0, begun=0.45)
@example(shown=2.0, delay=1.0, rate=10.0, begun=-0.4)
def test_a_key_held_since_before_the_plan_could_be_read_never_agrees(shown, delay, rate, begun):
    assert agrees(held(START + shown + begun, delay, rate, 12), START + shown) == []


@given(delay=DELAY, rate=RATE, begun=st.floats(READ, 5))
def test_a_key_that_is_pressed_after_reading_and_then_held_agrees_once(delay, rate, begun):
    assert len(agrees(held(START + begun, delay, rate, 5), START)) == 1


@given(rate=RATE, stall=st.floats(0.3, 5), at=st.floats(0, 4))
def test_a_held_key_over_a_connection_that_stalls_never_agrees(rate, stall, at):
    """What was sent while the connection stood still comes at once, and at least two of a key that is held."""
    sent = held(START - 3, 0.5, rate, 12)
    arrived = [(key, START + at + stall if START + at <= time < START + at + stall else time) for key, time in sent]
    assert agrees(arrived, START) == []


@given(texts=st.lists(st.sampled_from("abyDP\n"), min_size=MANY, max_size=40), shown=st.floats(0.6, 9))
def test_pasted_text_never_agrees(texts, shown):
    gaps = accumulate([0.0, *[0.0004] * (len(texts) - 1)])
    presses = [(key, START + gap) for key, gap in zip(texts, gaps, strict=True)]
    assert [at for at in agrees(presses, START - shown) if at != presses[-1][1]] == []
    keystrokes = Keystrokes()
    for key, at in presses:
        keystrokes.press(key, at)
    assert keystrokes.pasted


@given(
    before=st.lists(st.tuples(st.sampled_from("yjkD"), st.floats(0.02, 3)), max_size=12),
    rest=st.floats(UP, 20),
    read=st.floats(READ, 20),
)
def test_a_person_who_reads_and_presses_once_is_always_heard(before, rest, read):
    times = list(accumulate((gap for _, gap in before), initial=START))[1:]
    presses = [(key, at) for (key, _), at in zip(before, times, strict=True)]
    last = times[-1] if times else START
    at = last + max(rest, read)
    assert at in agrees([*presses, ("y", at)], at - read)


@pytest.mark.parametrize(
    ("presses", "why"),
    [
        ([("y", 0.3)], "read it first"),
        ([("y", 0.3), ("y", 0.8)], "let go of the key"),
        ([("y", 0.3), ("y", 1.5)], ""),
        ([("a", 0.9), ("b", 0.901), ("y", 0.902)], "many keys"),
        ([("j", 0.9), ("y", 0.99)], ""),
    ],
)
def test_the_reason_is_said(presses, why):
    keystrokes = Keystrokes()
    for key, at in presses:
        keystrokes.press(key, START + at)
    said = why_no_yes(keystrokes, START)
    assert said.startswith(why) and bool(said) == bool(why)


def test_a_plan_that_is_not_on_the_screen_takes_nothing():
    keystrokes = Keystrokes()
    keystrokes.press("y", START)
    assert why_no_yes(keystrokes, None)


def test_a_click_counts_once_the_plan_was_read():
    keystrokes = Keystrokes()
    for early in (True, False):
        keystrokes.point(START + (0.1 if early else READ))
        assert bool(why_no_yes(keystrokes, START)) == early


def test_one_key_that_comes_many_times_at_once_is_held_and_no_text():
    keystrokes = Keystrokes()
    for place, key in enumerate("jjjjjjjjkc"):
        keystrokes.press(key, START + place * 0.001)
        assert keystrokes.text == (key == "c") and keystrokes.pasted == (place >= MANY - 1)


def test_what_a_slow_connection_delivers_at_once_is_no_text():
    keystrokes = Keystrokes()
    for place, key in enumerate("2Gc/a"):
        keystrokes.press(key, START + place * 0.001)
        assert not keystrokes.text


@pytest.mark.parametrize(
    ("typed", "text"),
    [("Deploy to production\r", True), ("/etc/nginx", True), ("jjjjjjjjjkkkk", False), ("2Gc/a", False)],
)
def test_a_text_that_is_read_in_one_piece_is_known_by_its_first_key(typed, text):
    read = list(XTermParser().feed(f"{typed}\x1b[<0;3;4M"))
    mark_texts(read)
    keys = [event for event in read if isinstance(event, events.Key)]
    assert len(keys) == len(typed)
    assert [hasattr(event, OF_TEXT) for event in keys] == [text] * len(keys)
