"""Ways to switch: batches, what may be left out, and the way back of batches."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.plan import DEPLOY, NONE, SWITCH, UPLOAD, Plan, Step
from core.strategy import ALL_AT_ONCE, ROLLING, STRATEGIES, Strategy, WayBack, part_of, ways_back

SHARES = st.one_of(st.integers(1, 12), st.integers(1, 100).map(lambda part: f"{part}%"))
STRATEGY = st.builds(
    Strategy,
    name=st.sampled_from(sorted(STRATEGIES)),
    canary=st.one_of(st.none(), SHARES),
    batch=SHARES,
    allow_failed=st.one_of(st.just(0), SHARES),
)
FLEET = st.integers(0, 40).map(lambda number: tuple(f"web{n}" for n in range(1, number + 1)))
SIX = ("web1", "web2", "web3", "web4", "web5", "web6")


def rolling(**keys: Any) -> Strategy:
    return Strategy(name=ROLLING, **keys)


def test_all_at_once_is_one_batch_in_the_order_of_the_servers() -> None:
    assert Strategy().batches(["web2", "web1", "web3"]) == (("web2", "web1", "web3"),)


def test_no_servers_are_no_batch() -> None:
    assert Strategy().batches([]) == () == rolling(canary=1).batches([])


@pytest.mark.parametrize(
    ("strategy", "sizes"),
    [
        (rolling(), [1, 1, 1, 1, 1, 1]),
        (rolling(batch=2), [2, 2, 2]),
        (rolling(batch=4), [4, 2]),
        (rolling(batch="50%"), [3, 3]),
        (rolling(batch="25%"), [1, 1, 1, 1, 1, 1]),
        (rolling(canary=1, batch="50%"), [1, 2, 2, 1]),
        (rolling(canary=1, batch="100%"), [1, 5]),
        (rolling(canary="10%", batch=3), [1, 3, 2]),
        (rolling(canary="50%", batch=9), [3, 3]),
        (rolling(canary=6), [6]),
    ],
)
def test_batches_come_in_order_and_are_never_larger_than_was_written(strategy: Strategy, sizes: list[int]) -> None:
    found = strategy.batches(SIX)
    assert [len(batch) for batch in found] == sizes
    assert [name for batch in found for name in batch] == list(SIX)


@given(STRATEGY, FLEET, st.integers(0, 3))
def test_every_server_is_in_one_batch(strategy: Strategy, moving: tuple[str, ...], settled: int) -> None:
    there = tuple(f"old{n}" for n in range(settled))
    found = strategy.batches(moving, there)
    assert sorted(name for batch in found for name in batch) == sorted((*moving, *there))
    assert all(found) and set(there) <= set(found[0] if found else ())
    if strategy.name == ALL_AT_ONCE:
        assert len(found) <= 1


@given(STRATEGY, FLEET)
def test_somebody_always_takes_part(strategy: Strategy, fleet: tuple[str, ...]) -> None:
    assert 0 <= strategy.may_lack(len(fleet)) <= max(len(fleet) - 1, 0)


@given(SHARES, st.integers(0, 1000))
def test_a_share_is_never_more_than_was_written(share: int | str, servers: int) -> None:
    part = part_of(share, servers)
    assert part <= servers
    assert part * 100 <= int(share[:-1]) * servers if isinstance(share, str) else part <= share
    assert part_of(share, servers, 1) == min(max(part, 1), servers)


def test_a_small_share_of_few_servers_leaves_out_none() -> None:
    assert [rolling(allow_failed="5%").may_lack(number) for number in (6, 19, 20, 100)] == [0, 0, 1, 5]


def test_at_once_forgets_batches_and_keeps_what_may_fail() -> None:
    strategy = rolling(canary=1, batch=2, pause=60.0, hold=True, allow_failed=1, ask=True)
    assert strategy.at_once() == Strategy(allow_failed=1, ask=True)


def test_the_last_batch_goes_back_first_and_what_is_drained_is_not_drained_again() -> None:
    batches = (("web1", "web2"), ("web3", "web4"), ("web5", "web6"))
    # web3 has switched and is not back in service yet, web4 was only drained; nothing has happened to the third batch.
    assert ways_back(batches, {"web1", "web2", "web3"}, {"web3", "web4"}) == (
        WayBack(number=2, drain=(), switch=("web3",), back=("web3", "web4")),
        WayBack(number=1, drain=("web1", "web2"), switch=("web1", "web2"), back=("web1", "web2")),
    )


@given(STRATEGY, FLEET, st.data())
def test_the_way_back_reaches_every_server_once_and_each_returns(
    strategy: Strategy, fleet: tuple[str, ...], data: st.DataObject
) -> None:
    chosen = st.sets(st.sampled_from(fleet)) if fleet else st.just(set[str]())
    switched, drained = data.draw(chosen), data.draw(chosen)
    batches = strategy.batches(fleet[: data.draw(st.integers(0, len(fleet)))])
    ways = ways_back(batches, switched, drained)
    assert sorted(name for way in ways for name in way.switch) == sorted(switched)
    assert sorted(name for way in ways for name in way.back) == sorted(switched | drained)
    assert {name for way in ways for name in way.drain} == switched - drained
    places = {name: place for place, batch in enumerate(batches) for name in batch}
    told = [places[name] for way in ways for name in way.back if name in places]
    assert told == sorted(told, reverse=True)


def test_a_server_that_has_the_release_is_in_a_batch_and_one_that_takes_no_part_is_not() -> None:
    steps = (
        Step(server="web1", action=UPLOAD, current="r1"),
        Step(server="web2", action=NONE, current="r2"),
        Step(server="web3", action=NONE, current="r1"),
        Step(server="web4", action=SWITCH, current="r1"),
    )
    plan = Plan(kind=DEPLOY, environment="production", tag="r2", steps=steps)
    assert plan.batches == (("web1", "web2", "web4"),)
    assert plan.moving == ("web1", "web4")
    one_by_one = Plan(kind=DEPLOY, environment="production", tag="r2", steps=steps, strategy=rolling())
    assert one_by_one.batches == (("web1", "web2"), ("web4",))
