"""Kill -9 of the operator at random moments of deploys and rollbacks on three servers."""

from __future__ import annotations

import os

import pytest

from tests.faults.breaking import Breaking, seeded


def kill(broken: Breaking) -> str:
    """Kill the operator; what it had sent arrives everywhere, or is lost on the way to some."""
    broken.operator.signal()
    lost = [network for network in broken.networks if broken.choose.random() < 0.4]
    for network in lost:
        network.cut()
    return "killed, and the rest was lost" if lost else "killed"


@pytest.mark.slow
def test_forty_operators_killed_at_random_leave_nothing_to_repair(servers, proxy, project_factory, operators, truth):
    seed = seeded()
    print(f"seed {seed}")
    seen = Breaking(seed, servers, proxy, project_factory, operators, truth, kill).run(40)
    print(dict(seen))
    assert seen["interrupted"] > 0


@pytest.mark.soak
def test_soak_five_hundred_operators_killed_at_random(servers, proxy, project_factory, operators, truth, capsys):
    seed = seeded()
    kills = int(os.environ.get("FAULTS_KILLS") or 500)
    seen = Breaking(seed, servers, proxy, project_factory, operators, truth, kill).run(kills)
    with capsys.disabled():
        print(f"\nseed {seed}: {seen['kills']} kills: {dict(seen)}")
    assert seen["half switched"] > 0
