"""Two operators at once: one wins everywhere, or both one after the other; never both."""

from __future__ import annotations

import os
import random

import pytest

from core import DeployRequest
from tests.waiting import until


class Races:
    def __init__(self, servers, project_factory, operators, truth) -> None:
        self.fleet = servers(3, separate=True)
        self.project = project_factory(self.fleet, files={f"f{n}": f"{n}\n" for n in range(10)})
        self.facts = truth(self.project, self.fleet)
        self.contenders = [operators("ana"), operators("ben")]
        self.facts.do(DeployRequest(tag="first"))

    def run(self, number: int, *words: str) -> list[tuple[int, dict]]:
        """Start both at once; each one's exit code and last word."""
        for name, operator in zip(("ana", "ben"), self.contenders, strict=True):
            operator.start(self.project, "deploy", "production", "--yes", "--tag", f"{name}{number}", *words)
        ended = [(operator.end(), operator.events()) for operator in self.contenders]
        until(self.facts.unlocked, "the agents to give their locks back")
        self.facts.complete()
        assert len(set(self.facts.live())) == 1
        assert not self.facts.interrupted()
        until(self.facts.swept, "the agents to sweep")
        return [(status, events) for status, events in ended]

    def refused(self, number: int) -> int:
        """A race without waiting; the number of losers."""
        ended = self.run(number)
        won = [name for name, (status, _) in zip(("ana", "ben"), ended, strict=True) if status == 0]
        assert won, [events[-1] for _, events in ended]
        for status, events in ended:
            if status != 0:
                assert status == 4, events[-1]
                error = next(e for e in events if e["event"] == "error")
                assert "locked by" in error["title"] and "deploy" in error["title"], error
                assert not [e for e in events if e["event"] == "switched"]
        assert self.facts.live()[0] in [f"{name}{number}" for name in won]
        return len(ended) - len(won)

    def waited(self, number: int) -> None:
        """A race in which both wait for each other: both are done, one after the other."""
        ended = self.run(number, "--wait", "2m")
        assert [status for status, _ in ended] == [0, 0], [events[-1] for _, events in ended]
        times = sorted(
            (
                min(e["time"] for e in events if e["event"] == "plan-made"),
                max(e["time"] for e in events if e["event"] == "switched"),
            )
            for _, events in ended
        )
        assert times[0][1] < times[1][0], "one planned before the other had switched"


@pytest.fixture
def races(servers, project_factory, operators, truth):
    return Races(servers, project_factory, operators, truth)


def test_of_two_operators_one_wins_everywhere_and_the_other_is_told_who(races):
    assert sum(races.refused(number) for number in range(8)) > 0


def test_two_operators_that_wait_come_one_after_the_other(races):
    for number in range(2):
        races.waited(number)


@pytest.mark.soak
def test_soak_fifty_races(races, capsys):
    count = int(os.environ.get("FAULTS_RACES") or 50)
    losers = waits = 0
    for number in range(count):
        if random.random() < 0.2:
            races.waited(number)
            waits += 1
        else:
            losers += races.refused(number)
    assert losers > 0
    with capsys.disabled():
        print(f"\n{count} races: {losers} losers refused, {waits} races with --wait")
