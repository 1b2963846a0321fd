"""Blue and green: whoever dies when, what serves goes on, and what is live in the end serves alone."""

from __future__ import annotations

import os
import signal

import pytest

from core import DeployRequest, RecoverRequest
from core.errors import EXIT_DONE
from tests.faults.operators import stops_at
from tests.faults.rolling import seeded
from tests.faults.slots import PHASES, BlueGreen
from tests.processes import kill
from tests.waiting import PATIENCE as LONG

SAMPLE = 4
"""Kills in every run of the tests; the soak has hundreds."""


@pytest.fixture
def blue_green(pair, project_factory, operators, truth):
    return lambda seed: BlueGreen(seed, pair, project_factory, operators, truth)


@pytest.mark.slow
def test_who_dies_in_a_blue_green_deploy_leaves_nothing_to_repair(blue_green):
    seed = seeded()
    print(f"seed {seed}")
    print(dict(blue_green(seed).run(SAMPLE)))


def test_an_agent_that_dies_at_the_end_keeps_no_slot_for_what_was_stopped(blue_green):
    """The lock is taken again, and nobody else was there meanwhile."""
    bed = blue_green(0)
    stop = stops_at(event="hook-finished", on="retire", server="web2")
    bed.operator.start(bed.project, "deploy", "production", "--yes", "--tag", bed.next_tag(), first=stop)
    bed.facts.close()
    bed.operator.await_stop()
    kill([int((bed.servers[1].files / ".turnout/lock/process").read_text().split()[0])])
    bed.operator.go_on()
    assert bed.operator.end() == EXIT_DONE
    bed.whole()


@pytest.mark.parametrize("slots", [2, 3])
def test_who_dies_before_the_slot_of_what_was_stopped_is_free_leaves_nothing_to_repair(blue_green, slots):
    """The retire hook has run, and fails when it runs again."""
    bed = blue_green({2: 0, 3: 1}[slots])
    assert bed.slots == slots
    stop = stops_at(event="hook-finished", on="retire")
    bed.operator.start(bed.project, "deploy", "production", "--yes", "--tag", bed.next_tag(), first=stop)
    bed.facts.close()
    bed.operator.await_stop()
    bed.operator.signal(signal.SIGKILL)
    bed.operator.end()
    bed.facts.do(RecoverRequest("finish"), wait=LONG)
    for _ in range(3):
        bed.facts.do(DeployRequest(tag=bed.next_tag()), wait=LONG)
        bed.whole()


@pytest.mark.soak
def test_soak_hundreds_of_kills_of_blue_green_deploys(blue_green, capsys):
    seed = seeded()
    seen = blue_green(seed).run(int(os.environ.get("FAULTS_KILLS") or 200))
    with capsys.disabled():
        print(f"\nseed {seed}: {seen['kills']} kills of blue/green deploys: {dict(seen)}")
    assert all(seen[phase] for phase in PHASES)
