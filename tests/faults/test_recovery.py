"""Operations that were interrupted: what is known of them afterwards, from any machine, and the way out."""

from __future__ import annotations

import time

import pytest

from core import DeployRequest, RecoverRequest
from core.errors import FleetError
from core.jobs import Cancel
from core.operations.follow import watch
from core.operations.verify import verify
from core.recovery import interruption
from tests.waiting import until


def interruption_on(facts):
    fleet = facts.fleet()
    try:
        return interruption(fleet.inspect().states.values())
    finally:
        fleet.close()


def test_the_journals_say_what_an_interrupted_deploy_did_where(half_switched):
    seen = interruption_on(half_switched)
    assert seen is not None
    assert (seen.kind, seen.tag, tuple(seen.switched), len(seen.waiting)) == ("deploy", "two", ("web1", "web2"), 1)
    assert "switched" in seen.describe(time.time())


@pytest.mark.parametrize(("way", "live"), [("finish", "two"), ("undo", "one")])
def test_recover_switches_all_servers_to_the_same_release(half_switched, way, live):
    half_switched.do(RecoverRequest(way))
    assert set(half_switched.live()) == {live}
    assert interruption_on(half_switched) is None
    until(half_switched.swept, "the trash to be empty")
    again = half_switched.do(DeployRequest(tag="three"))
    assert set(half_switched.live()) == {again.tag}


def test_a_plain_deploy_is_a_way_out_too(half_switched):
    half_switched.do(DeployRequest(tag="three"))
    assert set(half_switched.live()) == {"three"}
    assert interruption_on(half_switched) is None


def test_an_operation_is_watched_from_elsewhere_to_its_end(servers, project_factory, operator, truth):
    web = servers(2)
    hook = '[[hooks]]\non = "prepare"\nrun = "for n in 1 2 3; do echo line $n; sleep 0.5; done"\n'
    project = project_factory(web, extra=hook)
    facts = truth(project, web)
    deploy = operator(project, "deploy", "production", "--yes", "--tag", "one")
    deploy.await_event("hook-started")
    fleet = facts.fleet()
    events = []
    ended = watch(fleet, events.append, Cancel())
    fleet.close()
    assert deploy.end() == 0
    assert ended.exit_code == 0
    names = [event.name for event in events]
    assert names.count("hook-output") == 6
    assert "switched" in names
    assert names[-1] == "operation-finished"


def test_drift_is_reported_by_checksum(sshd, project_factory, truth):
    project = project_factory([sshd], files={"a": "a\n", "b": "b\n", "odd\nname": "c\n"}, deploy={"shared": ["log/"]})
    facts = truth(project, [sshd])
    facts.do(DeployRequest(tag="one"))
    fleet = facts.fleet()
    assert verify(fleet, None, Cancel()).drifts["web"].none
    (sshd.files / "current/a").write_text("x\n")
    (sshd.files / "current/b").unlink()
    (sshd.files / "current/new").write_text("new\n")
    (sshd.files / "current/log/today").write_text("a line\n")
    drift = verify(fleet, "one", Cancel()).drifts["web"]
    fleet.close()
    assert (drift.changed, drift.removed, drift.added) == ((b"a",), (b"b",), (b"new",))


def test_a_cache_that_was_tampered_with_is_noticed_and_rebuilt(sshd, project_factory, truth):
    project = project_factory([sshd], files={"a": "a\n", "b": "b\n"})
    facts = truth(project, [sshd])
    facts.do(DeployRequest(tag="one"))
    time.sleep(0.05)  # the kernel's clock for files has steps of some milliseconds
    (sshd.files / "deploy-cache/a").write_text("evil\n")
    result = facts.do(DeployRequest(tag="two"))
    assert not result.plan.steps[0].exact
    assert (sshd.files / "current/a").read_text() == "a\n"


@pytest.mark.slow
def test_a_silent_network_does_not_keep_the_lock(sshd, proxy, project_factory, operator, truth, monkeypatch):
    network, slow = proxy(sshd)
    hook = '[[hooks]]\non = "before-switch"\nrun = "sleep 1000"\n'
    project = project_factory([slow], extra=hook)
    facts = truth(project, [sshd])
    deploy = operator(project, "deploy", "production", "--yes", "--tag", "one")
    deploy.await_event("hook-started")
    network.freeze()
    until(facts.unlocked, "the watchdog to give the lock back")
    deploy.kill()
    until(facts.swept, "the agent to sweep")


def test_undoing_one_of_two_deploys_that_were_killed_forgets_not_the_other(sshd, project_factory, operator, truth):
    """What the first left live is on all servers then, and has passed no check."""
    project = project_factory([sshd])
    truth(project, [sshd]).do(DeployRequest(tag="one"))
    plain = project.config.read_text()
    project.config.write_text(f'{plain}[[hooks]]\non = "after-switch"\nwhere = "operator"\nrun = "kill -9 $PPID"\n')
    facts = truth(project, [sshd])
    for tag in ("two", "three"):
        project.commit({"index.html": tag})
        operator(project, "deploy", "production", "--yes", "--tag", tag).process.wait(60)
        until(facts.unlocked, "the agent to give its lock back")
    project.config.write_text(plain)
    facts = truth(project, [sshd])
    assert facts.live() == ["three"]
    assert "another interrupted operation remains: recover again" in facts.do(RecoverRequest("undo")).summary
    assert (facts.live(), interruption_on(facts).tag) == (["two"], "two")
    facts.do(RecoverRequest("undo"))
    assert (facts.live(), interruption_on(facts)) == (["one"], None)


def test_finishing_a_deploy_that_was_killed_while_it_was_checked_runs_the_checks(
    sshd, tmp_path, project_factory, operator, truth
):
    sign = tmp_path / "healthy"
    sign.touch()
    check = f'[[checks]]\nrun = "test -e {sign}"\nattempts = 1000\ninterval = "50ms"\n'
    project = project_factory([sshd], extra=check)
    truth(project, [sshd]).do(DeployRequest(tag="one"))
    sign.unlink()
    deploy = operator(project, "deploy", "production", "--yes", "--tag", "two")
    deploy.await_event("check-attempted")
    deploy.kill()
    project.config.write_text(project.config.read_text().replace("attempts = 1000", "attempts = 1"))
    facts = truth(project, [sshd])
    until(facts.unlocked, "the agent to give its lock back")
    with pytest.raises(FleetError):
        facts.do(RecoverRequest("finish"))
    assert interruption_on(facts) is not None
    sign.touch()
    facts.do(RecoverRequest("finish"))
    assert facts.live() == ["two"]
    assert interruption_on(facts) is None
