"""Which servers of a plan fetch from the store, and what is put there for them."""

from __future__ import annotations

import pytest

from core.plan import CHANGES, UPLOAD, WHOLE, Plan, Step
from core.planner.stored import Choice, There, choice, through_store
from tests.states import state

SAVES = 4_000_000
TREE = 30_000_000
OLD = "0" * 64
FEATURES = frozenset({"tar", "gzip", "sha256sum", "curl", "comm"})


def plan(*sends: int, patched: bool = False) -> Plan:
    """To as many servers whose deploy-caches hold the same tree, of which so many bytes differ."""
    steps = [
        Step(server=f"web{number}", action=UPLOAD, send_bytes=size, send_files=1, patched=patched)
        for number, size in enumerate(sends)
    ]
    return Plan(kind="deploy", environment="production", tag="r2", steps=tuple(steps))


def chosen(plan: Plan, there: There) -> Choice:
    states = {step.server: state(step.server, cache=OLD, features=FEATURES) for step in plan.steps}
    return choice(plan, states, TREE, there, SAVES)


@pytest.mark.parametrize(
    ("sends", "there", "what", "pushed"),
    [
        ((9_000_000, 9_000_000), There(), CHANGES, 9_000_000),
        ((9_000_000, 9_000_000), There(whole=True), WHOLE, 0),
        ((9_000_000, 9_000_000), There(whole=True, changes=frozenset({OLD})), CHANGES, 0),
        ((5_000_000, 5_000_000), There(whole=True), CHANGES, 5_000_000),
        ((9_000_000,), There(whole=True), WHOLE, 0),
        ((9_000_000,), There(), "", 0),
        ((2_000_000, 1_000_000), There(whole=True), "", 0),
    ],
)
def test_what_is_in_the_store_is_not_put_there_as_changes(sends, there, what, pushed):
    found = chosen(plan(*sends), there)
    assert set(found.fetching.values()) == ({what} if what else set())
    assert found.pushed == pushed


@pytest.mark.parametrize("patched", [False, True])
def test_where_patches_may_travel_in_place_of_a_pack_its_size_is_an_upper_bound(patched):
    planned = plan(9_000_000, 9_000_000, patched=patched)
    said = through_store(planned, [chosen(planned, There())], "s3://releases").store
    assert ("at most 9.0 MB put there first" in said) == patched, said
