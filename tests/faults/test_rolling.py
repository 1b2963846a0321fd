"""Rolling deploys that fail, or whose operator, connection or agent is killed, in every phase of every batch."""

from __future__ import annotations

import os

import pytest

from core import DeployRequest
from core.errors import FleetError
from tests.engine.driving import at_rest
from tests.faults.rolling import PHASES, Rolling, seeded
from tests.waiting import until

SAMPLE = 12
"""Kills in every run of the tests; the soak has hundreds."""
STEPS = ("drain", "switch", "after-switch", "check", "return")


@pytest.fixture
def rolling(servers, proxy, project_factory, operators, truth):
    return lambda seed: Rolling(seed, servers, proxy, project_factory, operators, truth)


@pytest.mark.slow
def test_what_fails_in_any_phase_of_any_batch_leaves_every_server_where_it_was(rolling):
    bed = rolling(0)
    for batch in range(3):
        for step in STEPS:
            tag, place = bed.next_tag(), bed.servers[2 * batch + 1]
            broken = place.files / f"fails-{step}-{tag}"
            broken.touch()
            if step == "switch":  # the release is gone when `current` is to point to it
                bed.project.config.write_text(
                    bed.plain + f"[[hooks]]\non = 'drain'\nrun = '''! test -e $TURNOUT_ROOT/{broken.name} || "
                    "rm -rf $TURNOUT_RELEASE_PATH'''\n"
                )
                bed.facts.close()
                bed.facts.project = bed.project.load()
            with pytest.raises(FleetError):
                bed.facts.do(DeployRequest(tag=tag))
            assert (set(bed.facts.live()), bed.drained()) == ({"r0"}, []), (step, batch)
            broken.unlink()
            bed.configure()
    at_rest(bed.servers)
    assert not bed.facts.interrupted()
    bed.facts.do(DeployRequest(tag="last"))
    assert set(bed.facts.live()) == {"last"}


@pytest.mark.slow
def test_operators_connections_and_agents_killed_in_every_phase_leave_nothing_to_repair(rolling):
    seed = seeded()
    print(f"seed {seed}")
    seen = rolling(seed).run(SAMPLE)
    print(dict(seen))
    assert seen["interrupted"] > 0


def test_a_server_that_was_left_drained_is_brought_back_also_where_all_switch_at_once(rolling):
    bed = rolling(0)
    bed.project.config.write_text(bed.plain.replace("sleep 0.03; test ! -e $TURNOUT_ROOT/fails-drain", "sleep 9 #"))
    bed.operator.start(bed.project, "deploy", "production", "--yes", "--tag", bed.next_tag())
    bed.facts.close()
    until(lambda: bed.drained() == ["web1", "web2"], "the first batch to be drained")
    bed.operator.signal()
    bed.operator.end()
    bed.configure()
    bed.facts.at_rest()
    assert bed.facts.interrupted() and bed.drained() == ["web1", "web2"]
    bed.facts.do(DeployRequest(tag="at-once", at_once=True))
    assert (set(bed.facts.live()), bed.drained()) == ({"at-once"}, [])


@pytest.mark.soak
def test_soak_hundreds_of_kills_in_batches(rolling, capsys):
    seed = seeded()
    seen = rolling(seed).run(int(os.environ.get("FAULTS_KILLS") or 200))
    with capsys.disabled():
        print(f"\nseed {seed}: {seen['kills']} kills in batches: {dict(seen)}")
    assert all(seen[phase] for phase in PHASES) and seen["half switched"] > 0 and seen["drained"] > 0
