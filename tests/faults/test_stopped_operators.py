"""An operator that is stopped at any moment, loses locks meanwhile, and goes on: all servers switch, or none does."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from core import DeployRequest, RollbackRequest
from core.errors import EXIT_DONE, EXIT_PERSON
from tests.faults.operators import A_MOMENT, LONG, stops_at, stops_in_the_switch
from tests.waiting import until

FIRST = "web1-far"
MOMENTS = {
    "the first lock": stops_at(event="phase-finished", phase="begin", server=FIRST),
    "all locks": stops_at(event="plan-made"),
    "the barrier": stops_at(event="phase-started", phase="barrier"),
    "the end of the barrier": stops_at(event="phase-finished", phase="barrier"),
    "the switch": stops_in_the_switch(FIRST),
    "the end": stops_at(event="phase-started", phase="finish"),
}
NAMES = ["web1", "web2", "web3"]
KINDS = {
    "deploy": ["deploy", "production", "--yes", "--tag"],
    "rollback": ["rollback", "production", "--yes"],
    "promote": ["promote", "staging", "production", "--yes"],
    "rolling": ["deploy", "production", "--yes", "--tag"],
}


class Rivals:
    """Three servers; one operator reaches them over networks and is stopped, the other one is quick."""

    def __init__(self, servers, proxy, project_factory, operators, truth, engine, kind: str) -> None:
        *self.servers, stage = servers(4, separate=True)
        self.networks, far = zip(*[proxy(place) for place in self.servers], strict=True)
        staging = f'[environments.staging]\nservers = [{{ name = "s", host = "{stage.alias}", root = "{stage.root}" }}]'
        self.kind = kind
        rolling = {"strategy": "rolling", "batch": 1} if kind == "rolling" else {}
        self.far = project_factory(far, extra=staging, environment_options=rolling)
        self.staging = engine(self.far, environment="staging")
        self.near = project_factory(self.servers)
        self.facts = truth(self.near, self.servers)
        self.quick = self.facts.fleet()
        self.first = engine(self.near, servers=self.quick.servers[:1])
        self.operator = operators()

    def stop(self, moment: str, number: int, first: str = "") -> str:
        """Begin an operation that stops at a moment; the release that it is going to. `first`: see Operators.start."""
        self.facts.deploy(f"old{number}", f"live{number}")
        to = f"old{number}" if self.kind == "rollback" else f"next{number}"
        self.far.commit({"index.html": f"next {number}\n"})
        stop = MOMENTS[moment]
        if self.kind == "rolling" and moment == "the switch":
            stop = stops_at(event="batch-started", number=2)
        if self.kind == "promote":
            self.staging.deploy(tag=to)
        self.operator.start(
            self.far, *KINDS[self.kind], *[to] * (self.kind in ("deploy", "rolling")), first=first + stop
        )
        self.operator.await_stop()
        # What the first server says of its lock comes later than what the others answer.
        self.networks[0].delay = 0.2
        return to

    def break_locks(self, names: list[str]) -> None:
        """Break the locks of servers, which ends the agents that hold them."""
        states = self.quick.inspect().states
        locks = {name: lock for name in names if (lock := states[name].lock)}
        assert not self.quick.break_locks(locks).errors

    def go_on(self) -> int:
        """Let the stopped operation end; its exit status."""
        self.operator.go_on()
        status = self.operator.end()
        self.networks[0].delay = 0.0
        assert not any(event.get("type") == "InternalError" for event in self.operator.events())
        self.facts.at_rest()
        return status


@pytest.fixture
def rivals(servers, proxy, project_factory, operators, truth, engine):
    with ExitStack() as stack:

        def make(kind):
            rivals = Rivals(servers, proxy, project_factory, operators, truth, engine, kind)
            stack.callback(rivals.quick.close)
            return rivals

        yield make


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_somebody_elses_deploy_meanwhile_stays_on_all_servers(rivals, kind):
    rivals = rivals(kind)
    for number, moment in enumerate(MOMENTS):
        rivals.stop(moment, number, A_MOMENT)
        rivals.break_locks(NAMES)
        rivals.facts.do(DeployRequest(tag=f"other{number}"))
        assert rivals.go_on() != EXIT_DONE, moment
        assert rivals.facts.live() == [f"other{number}"] * 3, moment


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["deploy", "rollback", "rolling"])
@pytest.mark.parametrize("lost", [NAMES[:1], NAMES], ids=["one", "all"])
def test_locks_that_are_lost_to_nobody_leave_all_servers_at_one_release(rivals, kind, lost):
    rivals = rivals(kind)
    for number, moment in enumerate(MOMENTS):
        to = rivals.stop(moment, number)
        rivals.break_locks(lost)
        status = rivals.go_on()
        live = rivals.facts.live()
        assert live == [to if status == EXIT_DONE else f"live{number}"] * 3, (moment, status)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["deploy", "rollback", "rolling"])
def test_one_lock_that_was_lost_a_moment_ago_switches_the_others_back(rivals, kind):
    """Too short a time for the question: the switch itself finds it, on that server alone."""
    rivals = rivals(kind)
    for number, moment in enumerate(["the first lock", "all locks", "the end of the barrier"]):
        rivals.stop(moment, number, A_MOMENT)
        rivals.break_locks(NAMES[:1])
        rivals.first.deploy(tag=f"other{number}")
        assert rivals.go_on() != EXIT_DONE, moment
        assert rivals.facts.live() == [f"other{number}", f"live{number}", f"live{number}"], moment


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["deploy", "rollback", "rolling"])
def test_one_server_that_somebody_else_took_keeps_its_release_and_no_other_is_switched(rivals, kind):
    rivals = rivals(kind)
    for number, moment in enumerate(MOMENTS):
        to = rivals.stop(moment, number, LONG)
        rivals.break_locks(NAMES[:1])
        rivals.first.deploy(tag=f"other{number}")
        status = rivals.go_on()
        before = to if moment == "the end" else f"live{number}"  # at the end nothing is put back any more
        assert rivals.facts.live() == [f"other{number}", before, before], moment
        had_switched = moment in ("the switch", "the end")
        assert status == EXIT_PERSON if had_switched else status not in (EXIT_DONE, EXIT_PERSON), moment


@pytest.mark.slow
@pytest.mark.parametrize("way", ["--finish", "--undo"])
def test_a_recovery_that_was_overtaken_leaves_all_servers_as_they_are(rivals, way):
    rivals = rivals("deploy")
    moments = [stop for name, stop in MOMENTS.items() if name in ("the first lock", "all locks", "the end")]
    for number, stop in enumerate([*moments, stops_at(event="phase-started", phase="switch")]):
        to = rivals.stop("the switch", number)
        rivals.operator.signal()
        rivals.operator.end()
        rivals.networks[0].delay = 0.0
        until(rivals.facts.unlocked, "the agents to give their locks back")
        assert rivals.facts.live() == [to, f"live{number}", f"live{number}"]
        rivals.operator.start(rivals.far, "recover", "production", way, "--yes", first=A_MOMENT + stop)
        rivals.operator.await_stop()
        rivals.networks[0].delay = 0.2
        rivals.break_locks(NAMES)
        rivals.facts.do(DeployRequest(tag=f"other{number}"))
        assert rivals.go_on() != EXIT_DONE, number
        assert rivals.facts.live() == [f"other{number}"] * 3, number


@pytest.mark.parametrize("kind", ["deploy", "rollback", "promote"])
def test_a_release_that_somebody_else_finished_is_not_taken_away(rivals, kind):
    """It had switched one server, and another operator brings the same release to all of them."""
    rivals = rivals(kind)
    to = rivals.stop("the switch", 1)
    rivals.break_locks(NAMES)
    if kind == "rollback":
        rivals.facts.do(RollbackRequest(to))
    else:
        rivals.near.commit({"index.html": "next 1\n"})
        rivals.facts.do(DeployRequest(tag=to))
    assert rivals.go_on() == EXIT_PERSON
    assert rivals.facts.live() == [to] * 3
