"""Two operators at once, operators that vanish, and cancels: who wins, what the loser is told, what is left."""

from __future__ import annotations

import os
import subprocess
import threading

import pytest

from core import DeployRequest, RollbackRequest, execute
from core.errors import EXIT_LOCKED, Cancelled, ConnectError, FleetError, LockedError, TurnoutError
from core.events import (
    CheckAttempted,
    HookFinished,
    HookOutput,
    HookStarted,
    OperationFinished,
    PhaseStarted,
    PlanMade,
    Switched,
    UploadProgress,
)
from core.jobs import Job
from core.protocol.requests import Settles
from core.records import Lock
from core.remote.held import Held
from tests.engine.driving import at_rest, live, record, records, releases
from tests.processes import environ_of, process_ids
from tests.waiting import PATIENCE, until

WAIT = """
[[hooks]]
on = "before-switch"
run = "echo waiting; i=0; while [ ! -e $TURNOUT_ROOT/go ] && [ $i -lt 1200 ]; do sleep 0.05; i=$((i+1)); done"
"""


def start(operator, request):
    """Run a request on the engine's own thread, as the dashboard does."""
    job = Job("test", lambda emit, controls: execute(operator.fleet, request, None, emit, controls))
    job.subscribe(operator.hear)
    return job.start()


def seen(operator, kind, **wanted):
    until(lambda: operator.said(kind, **wanted), f"{kind.__name__} {wanted}")


def test_the_second_operator_is_told_who_runs_an_operation_since_when_and_in_which_phase(
    sshd, project_factory, engine, monkeypatch
):
    monkeypatch.setenv("TURNOUT_USER", "ana")
    project = project_factory([sshd], extra=WAIT)
    ana = engine(project)
    job = start(ana, DeployRequest(tag="ana"))
    seen(ana, HookStarted)
    monkeypatch.setenv("TURNOUT_USER", "ben")
    ben = engine(project)
    before = records(sshd)
    error = ben.fails(lambda: ben.deploy(tag="ben"), LockedError)
    assert error.exit_code == EXIT_LOCKED
    assert "ana@" in error.title and "deploy since " in error.title and "now in stage" in error.title
    assert ben.said(OperationFinished)[-1].exit_code == EXIT_LOCKED
    assert records(sshd) == before and live(sshd) == ""
    assert ben.fleet.inspect().states[sshd.alias].lock.who.startswith("ana@")
    (sshd.files / "go").touch()
    job.result()
    assert live(sshd) == "ana"
    assert ben.deploy(tag="ben").tag == "ben"
    at_rest([sshd])


def test_of_two_fleets_over_overlapping_servers_exactly_one_wins(servers, project_factory, engine):
    fleet = servers(3)
    project = project_factory(fleet)
    fleets = [engine(project), engine(project)]
    every = fleets[0].fleet.servers
    turned = engine(project, servers=list(reversed(every)))
    part = engine(project, servers=list(every[1:]))
    contenders = [*fleets, turned, part]
    for contender in contenders:
        assert not contender.fleet.inspect().errors
    for number in range(5):
        line = threading.Barrier(len(contenders))
        outcomes = {}

        def race(index, contender, line=line, outcomes=outcomes, number=number):
            line.wait()
            try:
                outcomes[index] = contender.deploy(tag=f"n{number}-{index}")
            except TurnoutError as lost:
                outcomes[index] = lost

        threads = [threading.Thread(target=race, args=item) for item in enumerate(contenders)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for outcome in outcomes.values():
            if isinstance(outcome, FleetError):
                assert all(isinstance(contender, LockedError) for contender in outcome.errors.values()), outcome
                assert outcome.exit_code == EXIT_LOCKED
        # Who won did so everywhere; who lost left nothing.
        won = {outcome.tag for outcome in outcomes.values() if not isinstance(outcome, Exception)}
        there = {tag for server in fleet for tag in releases(server) if tag.startswith(f"n{number}-")}
        assert there == won
        at_rest(fleet)
    assert live(fleet[1]) == live(fleet[2])


def test_a_lock_whose_agent_lives_is_never_taken_over(sshd, project_factory, engine):
    project = project_factory([sshd])
    operator, other = engine(project), engine(project)
    held = Held.take(operator.fleet.open(sshd.alias), "a" * 32, Lock(kind="deploy", who="ana"))
    for _ in range(3):
        other.fails(other.deploy, LockedError, "ana")
    held.finish(Settles.NONE, "{}")
    other.deploy()


def test_a_wrong_token_changes_nothing(sshd, project_factory, engine):
    project = project_factory([sshd])
    operator = engine(project)
    operator.deploy(tag="r1")
    project.commit({"index.html": "2\n"})
    operator.deploy(tag="r2")
    session = operator.fleet.open(sshd.alias)
    held = Held.take(session, "a" * 32, Lock(kind="deploy", who="ana"))
    wrong = Held(session, "b" * 32, held.state)
    for work in (
        lambda: wrong.switch("r1", "releases/r2", "{}"),
        lambda: wrong.restore("releases/r1", "{}"),
        lambda: wrong.remove(["r1"], force=True),
        lambda: wrong.clear(),
        lambda: wrong.withdraw("r1", None),
        lambda: wrong.record(record(sshd, "r1")),
        lambda: wrong.finish(Settles.NONE, "{}", ["r1"]),
    ):
        with pytest.raises(TurnoutError, match=r"."):
            work()
    assert live(sshd) == "r2" and releases(sshd) == ["r1", "r2"] == records(sshd)
    assert list((sshd.files / "deploy-cache").iterdir())
    held.finish(Settles.NONE, "{}")


@pytest.mark.parametrize("phase", ["upload", "before-switch", "after-switch"])
@pytest.mark.parametrize("kind", ["bash", "busybox"])
def test_a_connection_that_dies_leaves_nothing_locked_and_nothing_half_made(
    shell_server, project_factory, engine, phase, kind
):
    place = shell_server(kind)
    wait = WAIT.replace("before-switch", phase) if phase != "upload" else ""
    project = project_factory([place], extra=wait)
    operator = engine(project)
    (place.files / "go").touch()
    operator.deploy(tag="r1")
    (place.files / "go").unlink()
    project.commit({f"f{n}": os.urandom(1 << 20) for n in range(12)})
    killed = threading.Event()

    def watch(event):
        moment = (
            isinstance(event, UploadProgress) and event.sent > 1 << 20
            if phase == "upload"
            else isinstance(event, HookOutput)
        )
        if moment and not killed.is_set():
            killed.set()
            place.server.kill_sessions()
            (place.files / "go").touch()

    operator.on_event = watch
    error = operator.fails(lambda: operator.deploy(tag="r2"), ConnectError)
    assert error.exit_code in (3, 5)
    until(lambda: not (place.files / ".turnout/lock").exists(), "the agent gives its lock back")
    assert live(place) == "r1"
    operator.on_event = lambda event: None
    result = operator.deploy(tag="r3")
    assert live(place) == result.tag == "r3"
    at_rest([place])


def test_an_operator_that_vanishes_leaves_nothing_locked(sshd, project_factory, engine):
    """The connections end and nobody comes back: the agent alone puts things right."""
    project = project_factory([sshd], extra=WAIT)
    operator = engine(project)
    job = start(operator, DeployRequest(tag="r1"))
    seen(operator, HookStarted)
    assert (sshd.files / ".turnout/lock").exists()
    operator.fleet.close()
    until(lambda: not (sshd.files / ".turnout/lock").exists(), "the lock is given back")
    (sshd.files / "go").touch()
    job.wait(PATIENCE)
    assert live(sshd) == ""
    other = engine(project)
    other.deploy(tag="r2")
    assert live(sshd) == "r2"


@pytest.mark.parametrize(
    "moment",
    [
        lambda event: isinstance(event, PhaseStarted) and event.phase == "connect",
        lambda event: isinstance(event, PhaseStarted) and event.phase == "begin" and event.server == "web2",
        lambda event: isinstance(event, UploadProgress) and event.sent > 100_000,
        lambda event: isinstance(event, PhaseStarted) and event.phase == "stage",
        lambda event: isinstance(event, PhaseStarted) and event.phase == "barrier",
        lambda event: isinstance(event, HookOutput) and event.on == "prepare",
        lambda event: isinstance(event, HookOutput) and event.on == "before-switch",
    ],
    ids=["connect", "begin", "upload", "stage", "barrier", "prepare-hook", "before-switch-hook"],
)
def test_a_cancel_before_the_switch_changes_nothing(fleet, project_factory, engine, moment, request):
    slow = "\n[[hooks]]\non = '{0}'\nrun = 'echo here; test ! -e $TURNOUT_ROOT/{0}-hook || sleep 500'\n"
    extra = slow.format("prepare") + slow.format("before-switch")
    name = request.node.callspec.id
    project = project_factory(fleet, extra=extra)
    operator = engine(project)
    operator.deploy(tag="r1")
    for server in fleet:
        (server.files / name).touch()
    project.commit({"index.html": "2\n", "big": os.urandom(4 << 20)})
    second_operator = engine(project)
    second_operator.on_event = lambda event: second_operator.controls.cancel.request() if moment(event) else None
    second_operator.fails(lambda: second_operator.deploy(tag="r2"), Cancelled)
    finished = second_operator.said(OperationFinished)[-1]
    assert finished.outcome == "cancelled" and second_operator.events[-1] is finished
    assert not second_operator.said(Switched)
    for server in fleet:
        until(lambda server=server: not (server.files / ".turnout/lock").exists(), "unlocked")
        assert live(server) == "r1" and releases(server) == ["r1"] == records(server)
    at_rest(fleet)
    until(lambda: not hooks_left(fleet), "the hooks' processes are gone")
    for server in fleet:
        (server.files / name).unlink()
    engine(project).deploy(tag="r3")
    assert [live(server) for server in fleet] == ["r3"] * 3


def hooks_left(places):
    roots = {f"TURNOUT_ROOT={place.root}".encode() for place in places}
    return [pid for pid in process_ids() if roots & set(environ_of(pid))]


@pytest.mark.parametrize("moment", ["switched", "after-switch-hook", "check"])
def test_a_cancel_after_the_switch_switches_everything_back(fleet, project_factory, engine, moment):
    extra = """
[[hooks]]
on = "after-switch"
run = "echo here; test $TURNOUT_TAG = r1 || test ! -e ../../slow || sleep 500"
[[checks]]
run = "test $TURNOUT_TAG = r1"
attempts = 1000
interval = "50ms"
"""
    project = project_factory(fleet, extra=extra)
    operator = engine(project)
    operator.deploy(tag="r1")
    if moment != "check":
        for server in fleet:
            (server.files / "slow").touch()
    project.commit({"index.html": "2\n"})
    second_operator = engine(project)

    def watch(event):
        when = {
            "switched": isinstance(event, Switched) and not event.back,
            "after-switch-hook": isinstance(event, HookOutput) and len(second_operator.said(Switched)) == 3,
            "check": isinstance(event, CheckAttempted) and event.attempt == 3,
        }
        if when[moment]:
            second_operator.controls.cancel.request()

    second_operator.on_event = watch
    second_operator.fails(lambda: second_operator.deploy(tag="r2"), Cancelled)
    assert second_operator.said(OperationFinished)[-1].outcome == "cancelled"
    assert [live(server) for server in fleet] == ["r1"] * 3
    assert {event.server for event in second_operator.said(Switched, back=True)} == {"web1", "web2", "web3"}
    at_rest(fleet)
    until(lambda: not hooks_left(fleet), "the hooks' processes are gone")


def test_a_cancel_that_comes_too_late_does_not_undo_what_is_done(sshd, project_factory, engine):
    extra = "\n[[hooks]]\non = 'success'\nrun = 'echo here'\n"
    operator = engine(project_factory([sshd], extra=extra))
    operator.on_event = lambda event: operator.controls.cancel.request() if isinstance(event, HookStarted) else None
    result = operator.deploy(tag="r1")
    assert result.outcome == "done" and live(sshd) == "r1"
    assert operator.said(HookFinished)[0].status == 0
    at_rest([sshd])


def test_the_agents_own_processes_end_with_the_connection(sshd, project_factory, engine):
    others = set(sshd.server.session_processes())
    operator = engine(project_factory([sshd]))
    operator.deploy()
    ours = set(sshd.server.session_processes()) - others
    assert ours
    operator.fleet.close()
    until(lambda: not ours & set(sshd.server.session_processes()), "every process of ours on the server is gone")


def test_a_rollback_waits_for_nobody_and_is_refused_while_a_deploy_runs(sshd, project_factory, engine):
    project = project_factory([sshd], extra=WAIT)
    ana, ben = engine(project), engine(project)
    (sshd.files / "go").touch()
    for number in (1, 2):
        project.commit({"index.html": f"{number}\n"})
        ana.deploy(tag=f"r{number}")
    (sshd.files / "go").unlink()
    project.commit({"index.html": "3\n"})
    job = start(ana, DeployRequest(tag="r3"))
    until(lambda: len(ana.said(HookStarted)) == 3, "the third deploy's hook")
    for work in (lambda: ben.run(RollbackRequest()), lambda: ben.prune(keep=1)):
        ben.fails(work, LockedError)
    assert live(sshd) == "r2" and releases(sshd) == ["r1", "r2", "r3"]
    (sshd.files / "go").touch()
    job.result()
    assert live(sshd) == "r3"


def test_no_process_is_left_that_holds_the_lock_folder(sshd, project_factory, engine):
    operator = engine(project_factory([sshd]))
    for number in range(3):
        operator.deploy(tag=f"r{number}")
    own = sshd.files / ".turnout"
    until(lambda: not list(own.glob("lock*")) and not list(own.glob("trash.*")), "all is swept")
    listed = subprocess.run(["ls", "-A", str(own)], capture_output=True, text=True, check=True).stdout.split()
    assert set(listed) <= {
        "cache.manifest",
        "cache.digest",
        "cache.ours",
        "records",
        "manifests",
        "journal.jsonl",
        "transitions.jsonl",
        "logs",
        "claim",
        "incoming",
        "trash",
    }


@pytest.mark.parametrize("kind", [PlanMade, PhaseStarted, UploadProgress, Switched])
def test_a_fault_of_our_own_leaves_nothing_locked_and_nothing_switched(servers, project_factory, engine, kind):
    fleet = servers(2)
    project = project_factory(fleet)
    engine(project).deploy(tag="r1")
    project.commit({"index.html": "2\n"})
    operator = engine(project)
    faults = iter([ValueError("a fault")])

    def watch(event):
        begun = isinstance(event, kind) and getattr(event, "phase", "barrier") == "barrier"
        if begun and (fault := next(faults, None)):
            raise fault

    operator.on_event = watch
    operator.fails(lambda: operator.deploy(tag="r2"), TurnoutError, "a fault")
    assert isinstance(operator.events[-1], OperationFinished)
    assert [live(server) for server in fleet] == ["r1", "r1"]
    at_rest(fleet)
    engine(project).deploy(tag="r3")
