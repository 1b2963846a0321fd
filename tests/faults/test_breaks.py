"""The same with everything else that can break: sessions, agents, networks, signals."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from core import DeployRequest, RecoverRequest
from core.errors import EXIT_CONNECT, EXIT_PERSON, TurnoutError
from core.manifest import parse
from core.operations import ending, putback
from core.remote import command, link
from tests.faults.breaking import Breaking, seeded, stopped
from tests.faults.conftest import entries_of
from tests.processes import command_line_of, kill
from tests.projects import holding_hook, hook
from tests.waiting import until

SLOW = '[[hooks]]\non = "{}"\nrun = "test $TURNOUT_TAG = one || sleep 1000"\n'


def session_killed(broken: Breaking) -> str:
    """Kill sshd's processes for the connections of one server."""
    broken.choose.choice(broken.servers).server.kill_sessions()
    return "session killed"


def agents_of(place) -> list[int]:
    """The agents on a server, each before its children."""
    return [pid for pid in place.server.session_processes() if b"\0turnout-agent\0" in command_line_of(pid)]


def agent_killed(broken: Breaking) -> str:
    """Kill -9 of the agents on one server, or of the newest one's request as well."""
    agents = agents_of(broken.choose.choice(broken.servers))
    kill(agents if broken.choose.random() < 0.3 else agents[:1])
    return "agent killed"


def network_cut(broken: Breaking) -> str:
    broken.choose.choice(broken.networks).cut()
    return "network cut"


def network_silent(broken: Breaking) -> str:
    """Nothing gets through any more, and nobody is told; what was held arrives when the operator has gone."""
    broken.choose.choice(broken.networks).freeze()
    return "network silent"


def signalled(broken: Breaking) -> str:
    """SIGTERM, SIGHUP or SIGINT, once or twice."""
    number = broken.choose.choice([signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
    for _ in range(broken.choose.choice([1, 2])):
        broken.operator.signal(number)
    return number.name


KINDS = (session_killed, agent_killed, network_cut, signalled, stopped)


def each_in_turn(broken: Breaking) -> str:
    """Every kind as often as the others, whatever the seed; once in a while a network that falls silent."""
    broken.facts.close()  # only the operator's connections are there to be broken
    number = broken.seen["kills"]
    return network_silent(broken) if number % 20 == 19 else KINDS[number % len(KINDS)](broken)


@pytest.mark.slow
def test_whatever_breaks_at_random_moments_leaves_one_release_or_says_so(
    servers, proxy, project_factory, operators, truth, mounts
):
    seed = seeded()
    print(f"seed {seed}")
    seen = Breaking(seed, servers, proxy, project_factory, operators, truth, mounts, each_in_turn).run(2 * len(KINDS))
    print(dict(seen))
    for kind in ("session killed", "agent killed", "network cut", "stopped"):
        assert any(broken.startswith(kind) for broken in seen), kind


@pytest.mark.soak
def test_soak_whatever_breaks(servers, proxy, project_factory, operators, truth, mounts, capsys):
    seed = seeded()
    count = int(os.environ.get("FAULTS_BREAKS") or 200)
    seen = Breaking(seed, servers, proxy, project_factory, operators, truth, mounts, each_in_turn).run(count)
    with capsys.disabled():
        print(f"\nseed {seed}: {seen['kills']} broken: {dict(seen)}")


@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGHUP], [signal.SIGINT, signal.SIGINT]])
@pytest.mark.parametrize("moment", ["before-switch", "after-switch"])
def test_a_signal_puts_everything_back_and_a_second_one_spoils_nothing(
    servers, project_factory, operators, truth, moment, signals
):
    fleet = servers(2)
    project = project_factory(fleet)
    facts = truth(project, fleet)
    facts.do(DeployRequest(tag="one"))
    project.commit({"index.html": "two\n"})
    project.config.write_text(project.config.read_text() + SLOW.format(moment))
    operator = operators()
    operator.start(project, "deploy", "production", "--yes", "--tag", "two")
    operator.await_event("hook-started")
    for number in signals:
        operator.signal(number)
    assert operator.end() == 1
    assert operator.events()[-1]["outcome"] == "cancelled"
    assert facts.live() == ["one", "one"]
    assert facts.unlocked()
    facts.complete()
    until(facts.swept, "the agents to sweep")
    assert not facts.interrupted()


def test_an_agent_that_was_killed_is_missed_at_once_and_not_after_a_silence(sshd, project_factory, operators, truth):
    """Nothing that it leaves behind, the watchdog above all, may keep its channel open."""
    project = project_factory([sshd])
    facts = truth(project, [sshd])
    facts.do(DeployRequest(tag="one"))
    facts.close()
    others = agents_of(sshd)  # of tests before, whose connections are still open
    project.commit({"index.html": "two\n"})
    config = project.config.read_text()
    project.config.write_text(config + holding_hook("before-switch"))
    operator = operators()
    operator.start(project, "deploy", "production", "--yes", "--tag", "two")
    until(lambda: (project.folder / "holding").exists(), "the hook")
    kill([pid for pid in agents_of(sshd) if pid not in others][:1])
    (project.folder / "holding").unlink()
    assert operator.end() == EXIT_CONNECT
    assert "no heartbeat" not in operator.said.read_text()
    assert facts.live() == ["one"]
    facts.complete()
    project.config.write_text(config)
    facts.project = project.load()
    facts.do(DeployRequest(tag="three"))
    assert facts.live() == ["three"]
    facts.complete()


@pytest.mark.slow
def test_an_upload_that_was_held_up_never_writes_into_the_next_operations_cache(
    sshd, proxy, project_factory, operators, truth
):
    """The network falls silent in the middle of an upload; the server gives the lock to the next one after 30 s."""
    network, far = proxy(sshd)
    files = {f"f{number:03}": f"slow {number}\n" * 5000 for number in range(200)}
    slow = project_factory([far], files=files, source="directory")
    fast = project_factory([sshd], files=dict.fromkeys(files, "fast\n"), source="directory")
    facts = truth(fast, [sshd])
    operator = operators()
    network.delay = 0.05
    operator.start(slow, "deploy", "production", "--yes", "--tag", "slow")
    until(lambda: len(list((sshd.files / "deploy-cache").glob("f*"))) > 10, "the upload to begin")
    network.freeze()
    until(facts.unlocked, "the watchdog to give the lock back")
    facts.do(DeployRequest(tag="fast"))
    network.thaw()
    status = operator.end()
    assert status not in (0, EXIT_PERSON)
    manifest = parse((sshd.files / ".turnout/cache.manifest").read_text())
    assert entries_of(sshd.files / "deploy-cache") == manifest.entries
    facts.do(DeployRequest(tag="again"))
    facts.complete()


@pytest.mark.soak
@pytest.mark.parametrize("way", ["finish", "undo"])
def test_soak_a_network_that_falls_silent_in_the_switch_is_said_and_recovered(
    servers, proxy, project_factory, operators, truth, way
):
    fleet = servers(3, separate=True)
    network, far = proxy(fleet[2])
    project = project_factory([fleet[0], fleet[1], far])
    facts = truth(project, fleet)
    facts.do(DeployRequest(tag="one"))
    project.commit({"index.html": "two\n"})
    project.config.write_text(project.config.read_text() + holding_hook("before-switch"))
    operator = operators()
    operator.start(project, "deploy", "production", "--yes", "--tag", "two")
    until(lambda: (project.folder / "holding").exists(), "the hook")
    network.freeze()
    (project.folder / "holding").unlink()
    assert operator.end() == EXIT_PERSON
    network.thaw()
    until(facts.unlocked, "the agents to give their locks back")
    facts.complete()
    if facts.interrupted():
        facts.do(RecoverRequest(way))
    assert len(set(facts.live())) == 1
    facts.complete()


@pytest.mark.slow
@pytest.mark.parametrize("on", ["prepare", "after-switch"])
def test_a_network_that_falls_silent_while_a_hook_runs_is_noticed_before_the_hooks_time_is_up(
    servers, proxy, project_factory, truth, monkeypatch, on
):
    """The server ends the hook, and gives its lock back, as soon as it has heard nothing for a while. It is asked again
    and again only where something was switched.
    """
    monkeypatch.setattr(command, "SILENT_AFTER", 3.0)
    monkeypatch.setattr(command, "_ASK_EVERY", 1.0)
    monkeypatch.setattr(link, "BANNER_TIMEOUT", 1.0)
    monkeypatch.setattr(ending, "REVIVALS", 2)
    monkeypatch.setattr(ending, "REVIVAL_PAUSE", 0.0)
    monkeypatch.setattr(putback, "TIDYING", 0.0)
    fleet = servers(2, separate=True)
    network, far = proxy(fleet[1])
    project = project_factory([fleet[0], far])
    facts = truth(project, fleet)
    facts.do(DeployRequest(tag="one"))
    facts.close()
    project.commit({"index.html": "two\n"})
    began = project.folder / "began"
    config = project.config.read_text()
    run = f"test $TURNOUT_SERVER = {fleet[0].alias} || {{ : > {began}; sleep 1000; }}"
    project.config.write_text(config + hook(on, run, timeout="1h"))
    facts.project = project.load()

    def freeze() -> None:
        until(began.exists, "the hook")
        network.freeze()
        before.append(network.connections)

    before: list[int] = []
    threading.Thread(target=freeze, daemon=True).start()
    with pytest.raises(TurnoutError) as raised:
        facts.do(DeployRequest(tag="two"))
    assert raised.value.exit_code == (EXIT_PERSON if on == "after-switch" else EXIT_CONNECT)
    assert "nothing came from it for" in str(raised.value)
    attempts = network.connections - before[0]
    assert attempts == (2 if on == "after-switch" else 1)
    network.thaw()
    facts.close()
    until(facts.unlocked, "the agents to give their locks back")
    facts.complete()
    project.config.write_text(config)
    facts.project = project.load()
    if facts.interrupted():
        facts.do(RecoverRequest("undo"))
    assert facts.live() == ["one", "one"]
    facts.complete()
