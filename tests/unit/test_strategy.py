"""The batches in which servers are switched."""

from __future__ import annotations

from typing import get_args

from core.config import Environment
from core.plan import DEPLOY, NONE, SWITCH, UPLOAD, Plan, Step
from core.strategy import ALL_AT_ONCE, STRATEGIES, batches


def test_all_at_once_is_one_batch_in_the_order_of_the_servers() -> None:
    assert batches(["web2", "web1", "web3"], ALL_AT_ONCE) == (("web2", "web1", "web3"),)


def test_no_servers_are_no_batch() -> None:
    assert batches([], ALL_AT_ONCE) == ()


def test_the_configuration_knows_every_strategy_and_takes_one_that_is_carried_out_by_default() -> None:
    (field,) = (field for field in Environment.fields() if field.key == "strategy")
    assert STRATEGIES.keys() <= set(get_args(field.kind))
    assert field.default in STRATEGIES


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
