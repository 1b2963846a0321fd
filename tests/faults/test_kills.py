"""Kill -9, or a long stop, of the operator at random moments of deploys and rollbacks on three servers."""

from __future__ import annotations

import os

import pytest

from tests.faults.breaking import LAYOUTS, Breaking, seeded, stopped

SAMPLE = 20
"""Kills in every run of the tests; the soak has hundreds."""


def kill(broken: Breaking) -> str:
    """Kill the operator; what it had sent arrives everywhere, or is lost on the way to some. One in ten is only stopped
    for so long that somebody else deploys."""
    if broken.choose.random() < 0.1:
        return stopped(broken)
    broken.operator.signal()
    lost = [network for network in broken.networks if broken.choose.random() < 0.4]
    for network in lost:
        network.cut()
    return "killed, and the rest was lost" if lost else "killed"


@pytest.mark.slow
def test_operators_killed_at_random_leave_nothing_to_repair(servers, proxy, project_factory, operators, truth, mounts):
    seed = seeded()
    print(f"seed {seed}")
    seen = Breaking(seed, servers, proxy, project_factory, operators, truth, mounts, kill).run(SAMPLE)
    print(dict(seen))
    assert seen["interrupted"] > 0


@pytest.mark.soak
@pytest.mark.parametrize("layout", LAYOUTS)
def test_soak_hundreds_of_operators_killed_at_random(
    servers, proxy, project_factory, operators, truth, mounts, capsys, layout
):
    seed = seeded()
    kills = int(os.environ.get("FAULTS_KILLS") or 500) // len(LAYOUTS) + 1
    seen = Breaking(seed, servers, proxy, project_factory, operators, truth, mounts, kill, layout).run(kills)
    with capsys.disabled():
        print(f"\nseed {seed}, {layout}: {seen['kills']} kills: {dict(seen)}")
    assert seen["half switched"] > 0
