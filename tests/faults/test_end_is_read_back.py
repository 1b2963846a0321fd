"""Nothing is claimed that was not read: what an operation says in the end is live, whoever switched meanwhile."""

from __future__ import annotations

import os
import signal

import pytest

from core import RecoverRequest
from core.errors import EXIT_PERSON, TurnoutError
from core.events import OperationFinished, PhaseFinished, PhaseStarted, Switched
from core.jobs import Cancel
from core.operations import ending
from core.operations.verify import verify
from core.recovery import interruption
from tests.engine.driving import at_rest, deploy_each, live, record, releases
from tests.processes import stopped
from tests.waiting import until

CHECK = '[[checks]]\nrun = "true"\nattempts = 1\n'


def deployed(engine, project, *tags):
    operator = engine(project)
    deploy_each(operator, project, *tags)
    project.commit({"index.html": "next"})
    return operator


def take_over(other, servers, tag=""):
    """Another operator breaks the locks of these servers, and deploys there."""
    for name in servers:
        session = other.fleet.open(name)
        session.break_lock(session.state().lock.operation)
    if tag:
        other.deploy(tag=tag)


def once(kind, **facts):
    """A test of an event that is true for the first one only."""
    seen = []

    def test(event):
        if isinstance(event, kind) and all(getattr(event, key) == value for key, value in facts.items()):
            seen.append(event)
            return len(seen) == 1
        return False

    return test


def needs_person(operator, work, *words):
    """The operation ends with 5, and says these words; its last event says the same."""
    with pytest.raises(TurnoutError) as caught:
        work()
    finished = operator.said(OperationFinished)[-1]
    assert caught.value.exit_code == EXIT_PERSON
    assert (finished.exit_code, finished.outcome) == (EXIT_PERSON, "needs-person")
    for word in words:
        assert word in str(caught.value), caught.value
    assert "is live on 1" not in finished.summary
    return caught.value


@pytest.mark.parametrize("kind", ["bash", "busybox"])
@pytest.mark.parametrize("extra", ["", CHECK])
def test_somebody_who_took_the_lock_before_the_end_is_named(shell_server, project_factory, engine, extra, kind):
    place = shell_server(kind)
    project = project_factory([place], extra=f'{extra}[[hooks]]\non = "success"\nwhere = "operator"\nrun = "true"\n')
    operator, other = deployed(engine, project, "r1"), engine(project)
    moment = once(PhaseStarted, phase="finish")
    operator.on_event = lambda event: take_over(other, [place.alias], "x3") if moment(event) else None
    needs_person(operator, lambda: operator.deploy(tag="r2"), "r2 is not live on", "current points to releases/x3 now")
    assert live(place) == "x3" and "r1" in releases(place)
    at_rest([place])


def test_of_a_fleet_that_lost_some_locks_each_server_is_reported(fleet, project_factory, engine):
    project = project_factory(fleet, extra='[[hooks]]\non = "success"\nwhere = "operator"\nrun = "true"\n')
    operator = deployed(engine, project, "r1")
    part = engine(project, servers=operator.fleet.servers[:2])
    moment = once(PhaseStarted, phase="finish")
    operator.on_event = lambda event: take_over(part, ["web1", "web2"], "x3") if moment(event) else None
    error = needs_person(operator, lambda: operator.deploy(tag="r2"), "r2 is not live on web1, web2")
    assert "web3" not in error.title
    assert [live(server) for server in fleet] == ["x3", "x3", "r2"]
    at_rest(fleet)


def test_locks_that_are_lost_before_the_end_take_the_others_back(fleet, project_factory, engine):
    """Before success hooks tell anybody, and while all can go back."""
    telling = fleet[0].files.parent / "told"
    hook = f'[[hooks]]\non = "success"\nwhere = "operator"\nrun = "echo $TURNOUT_TAG >> {telling}"\n'
    project = project_factory(fleet, extra=CHECK + hook)
    operator = deployed(engine, project, "r1")
    part = engine(project, servers=operator.fleet.servers[:1])
    moment = once(PhaseFinished, phase="check", server="web1")
    operator.on_event = lambda event: take_over(part, ["web1"], "x3") if moment(event) else None
    needs_person(operator, lambda: operator.deploy(tag="r2"), "not back on its previous release: web1", "releases/x3")
    assert [live(server) for server in fleet] == ["x3", "r1", "r1"]
    assert telling.read_text().split() == ["r1", "x3"]
    at_rest(fleet)


def test_a_lock_that_is_lost_to_nobody_is_taken_again_and_the_end_is_whole(sshd, project_factory, engine):
    project = project_factory([sshd], extra='[[hooks]]\non = "success"\nwhere = "operator"\nrun = "true"\n')
    operator, other = deployed(engine, project, "r1"), engine(project)
    moment = once(PhaseStarted, phase="finish")
    operator.on_event = lambda event: take_over(other, [sshd.alias]) if moment(event) else None
    assert operator.deploy(tag="r2").summary.startswith("r2 is live on 1 server")
    assert live(sshd) == "r2"
    assert interruption(other.fleet.inspect().states.values()) is None
    at_rest([sshd])


SWITCHES = 'ln -s releases/{0} "$TURNOUT_ROOT/n" && mv -T "$TURNOUT_ROOT/n" "$TURNOUT_ROOT/current"'


@pytest.mark.parametrize(("moment", "to"), [("after-switch", "r0"), ("after-switch", "r1"), ("success", "r0")])
def test_a_hook_that_switches_by_itself_is_not_overlooked(sshd, project_factory, engine, moment, to):
    project = project_factory([sshd])
    operator = deployed(engine, project, "r0", "r1")
    run = SWITCHES.format(to) + f" # {moment}"
    project.config.write_text(f"{project.config.read_text()}[[hooks]]\non = '{moment}'\nrun = '{run}'\n")
    operator = engine(project)
    needs_person(operator, lambda: operator.deploy(tag="r2"), f"current points to releases/{to} now")
    assert live(sshd) == to
    at_rest([sshd])


def test_a_hook_that_removes_the_release_is_not_overlooked(sshd, project_factory, engine):
    operator = deployed(engine, project_factory([sshd]), "r1")
    project = project_factory([sshd], extra='[[hooks]]\non = "success"\nrun = "rm -rf ../r2"\n')
    operator = engine(project)
    needs_person(operator, lambda: operator.deploy(tag="r2"), "r2 is not live on web", "(now r2, which is gone)")


@pytest.mark.parametrize("where", ["server", "operator"])
def test_what_a_failure_hook_switches_is_not_overlooked(sshd, project_factory, engine, where):
    """It runs when the lock is given back, so that it may call turnout itself."""
    project = project_factory([sshd])
    deployed(engine, project, "r0", "r1")
    run = f"TURNOUT_ROOT={sshd.root}; {SWITCHES.format('r0')}"
    hooks = (
        f"[[hooks]]\non = 'failure'\nwhere = '{where}'\nrun = '{run}'\n[[hooks]]\non = 'after-switch'\nrun = 'false'\n"
    )
    project.config.write_text(f"{project.config.read_text()}{hooks}")
    operator = engine(project)
    words = ("not back on its previous release: web (now r0)", "first failure", "the after-switch hook failed")
    needs_person(operator, lambda: operator.deploy(tag="r2"), *words)
    assert live(sshd) == "r0"
    at_rest([sshd])


def test_a_check_that_switches_in_a_rollback_is_not_overlooked(sshd, project_factory, engine):
    project = project_factory([sshd])
    deployed(engine, project, "r0", "r1", "r2")
    text = f"{project.config.read_text()}[[hooks]]\non = 'after-rollback'\nrun = '{SWITCHES.format('r0')}'\n"
    project.config.write_text(text)
    operator = engine(project)
    needs_person(operator, lambda: operator.rollback("r1"), "r1 is not live on web", "releases/r0")
    assert live(sshd) == "r0"
    # Nothing of an end that did not come is in the records.
    assert not record(sshd, "r2").left


def test_an_undo_that_somebody_overtook_does_not_claim_to_have_gone_back(half_switched, project_factory, engine):
    facts = half_switched
    operator, other = engine(facts.sample), engine(facts.sample)
    moment = once(PhaseFinished, phase="switch", server="web1")
    text = facts.sample.config.read_text()
    facts.sample.config.write_text(f"{text}[[hooks]]\non = 'after-rollback'\nwhere = 'operator'\nrun = 'true'\n")
    operator = engine(facts.sample)

    def overtaken(event):
        if moment(event):
            os.unlink(facts.destinations[0].files / "current")
            os.symlink("releases/two", facts.destinations[0].files / "current")

    operator.on_event = overtaken
    needs_person(
        operator, lambda: operator.run(RecoverRequest("undo")), "not back on its previous release: web1", "releases/two"
    )
    assert other.fleet.inspect().states["web1"].current == "two"


def test_nothing_to_do_is_read_again_as_well(sshd, project_factory, engine):
    project = project_factory([sshd])
    operator, other = deployed(engine, project, "r1"), engine(project)
    other.deploy(tag="r2")
    moment = once(PhaseFinished, phase="begin")
    operator.on_event = lambda event: take_over(other, [sshd.alias], "x3") if moment(event) else None
    needs_person(operator, lambda: operator.deploy(tag="r2"), "current points to releases/x3 now")


def test_what_was_put_back_is_read_again_as_well(fleet, project_factory, engine):
    extra = '[[checks]]\nrun = "test $TURNOUT_TAG != r2"\nattempts = 1\n'
    project = project_factory(fleet, extra=extra)
    operator = deployed(engine, project, "r1")
    part = engine(project, servers=operator.fleet.servers[1:2])
    moment = once(Switched, server="web2", back=True)
    operator.on_event = lambda event: take_over(part, ["web2"], "x3") if moment(event) else None
    needs_person(
        operator,
        lambda: operator.deploy(tag="r2"),
        "not back on its previous release: web2",
        "first failure",
        "releases/x3",
    )
    assert [live(server) for server in fleet] == ["r1", "x3", "r1"]


def test_what_was_true_a_while_ago_is_not_claimed(sshd, project_factory, engine, monkeypatch):
    """The end came in one breath with the switch; the process was stopped before it said so."""
    project = project_factory([sshd])
    operator, other = deployed(engine, project, "r1"), engine(project)
    monkeypatch.setattr(ending, "FRESH", -1.0)
    moment = once(Switched, tag="r2")
    operator.on_event = lambda event: other.deploy(tag="x3") if moment(event) else None
    needs_person(operator, lambda: operator.deploy(tag="r2"), "r2 is not live on web", "releases/x3")
    operator.on_event = lambda event: None
    assert operator.deploy(tag="r4").summary.startswith("r4 is live")


def test_an_operator_that_was_stopped_after_its_switch_says_what_is_live(
    sshd, project_factory, engine, operator, tmp_path
):
    """A real stop: the hook stops its own operator; meanwhile the lock is broken, and somebody else deploys."""
    project = project_factory([sshd])
    deployed(engine, project, "r1")
    other = engine(project)
    text = project.config.read_text()
    project.config.write_text(f"{text}[[hooks]]\non = 'after-switch'\nwhere = 'operator'\nrun = 'kill -STOP $PPID'\n")
    deploy = operator(project, "deploy", "production", "--yes", "--tag", "r2")
    until(lambda: stopped(deploy.process.pid), "the operator to stop")
    take_over(other, [sshd.alias], "x3")
    deploy.process.send_signal(signal.SIGCONT)
    assert deploy.end() == 5
    (result,) = deploy.said("result")
    assert result["exit_code"] == 5 and result["outcome"] == "needs-person"
    assert "(now x3)" in result["summary"]
    assert live(sshd) == "x3"


def test_a_verification_during_which_somebody_switches_says_so(sshd, project_factory, engine, monkeypatch):
    project = project_factory([sshd])
    operator, other = deployed(engine, project, "r1"), engine(project)
    session = operator.fleet.open(sshd.alias)
    tree = session.tree

    def slow(tag, cancel):
        held = tree(tag, cancel)
        other.deploy(tag="x3")
        return held

    monkeypatch.setattr(session, "tree", slow)
    verification = verify(operator.fleet, None, Cancel())
    assert verification.astray == {"web": "was switched meanwhile: current points to releases/x3 now"}
