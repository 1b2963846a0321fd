"""An upload that broke goes on from what arrived."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from core import DeployRequest
from core.errors import DiskFull, FleetError, TurnoutError
from tests.waiting import until


def cut_off(facts, network, server, count, arrives):
    """Begin a deploy whose network breaks after so many bytes, once `arrives` files are there; its agent has left."""
    network.freeze_after(count)
    with ThreadPoolExecutor() as pool:
        deploy = pool.submit(facts.do, DeployRequest(tag="one"))
        until(lambda: network.frozen, "so many bytes to pass")
        until(
            lambda: len(list((server.files / "deploy-cache").glob("f*"))) >= arrives, "what was let through to arrive"
        )
        network.cut()
        network.thaw()
        with pytest.raises(TurnoutError):
            deploy.result()
    until(facts.unlocked, "the agent to give the lock back")
    until(facts.swept, "the agent to sweep")


def test_an_upload_that_broke_at_80_percent_sends_the_rest_only(sshd, proxy, project_factory, truth):
    network, far = proxy(sshd)
    files = {f"f{number:03}": os.urandom(50_000) for number in range(200)}
    facts = truth(project_factory([far], files=files, source="directory"), [sshd])
    cut_off(facts, network, sshd, 8_000_000, 150)
    arrived = len(os.listdir(sshd.files / "deploy-cache"))
    assert not (sshd.files / ".turnout/cache.manifest").exists(), "a cache that is half made must not be trusted"
    before = network.up
    facts.do(DeployRequest(tag="one"))
    sent = network.up - before
    assert sent < 10_000_000 - (arrived - 1) * 50_000 + 500_000
    facts.complete()


def test_what_arrived_before_the_operator_was_killed_is_not_sent_again(sshd, proxy, project_factory, operators, truth):
    network, far = proxy(sshd)
    files = {f"f{number:03}": os.urandom(50_000) for number in range(200)}
    project = project_factory([far], files=files, source="directory")
    facts = truth(project, [sshd])
    killed = operators()
    killed.start(project, "deploy", "production", "--yes", "--tag", "one")
    until(lambda: len(list((sshd.files / "deploy-cache").glob("f*"))) > 50, "a quarter of the files")
    network.freeze()
    killed.signal()
    killed.end()
    network.cut()
    network.thaw()
    until(facts.unlocked, "the agent to give the lock back")
    arrived = len(os.listdir(sshd.files / "deploy-cache"))
    before = network.up
    facts.do(DeployRequest(tag="one"))
    assert network.up - before < (200 - arrived + 1) * 50_000 + 500_000
    facts.complete()


def test_what_arrived_is_not_counted_as_room_that_is_needed_again(disk, proxy, project_factory, truth):
    place = disk("100m")
    network, far = proxy(place)
    files = {f"f{number:03}": os.urandom(500_000) for number in range(80)}
    facts = truth(project_factory([far], files=files, source="directory"), [place])
    cut_off(facts, network, place, 32_000_000, 60)
    before = network.up
    facts.do(DeployRequest(tag="one"))
    assert network.up - before < 12_000_000
    facts.complete()


@pytest.fixture
def other_cache(disk, project_factory, truth):
    """A disk of 100 MB whose deploy-cache holds 40 MB that no manifest tells of, and a tree of 40 MB to deploy."""
    place = disk("100m", 1000)
    project = project_factory([place], source="directory")
    facts = truth(project, [place])
    facts.do(DeployRequest(tag="one"))
    facts.close()
    (place.files / ".turnout/cache.manifest").unlink()
    (place.files / "deploy-cache/other").write_bytes(bytes(40_000_000))
    project.write({f"f{number}": os.urandom(5_000_000) for number in range(8)})
    return place, facts


def test_what_turns_out_not_to_fit_is_refused_before_the_first_byte_is_sent(other_cache):
    place, facts = other_cache
    with pytest.raises(FleetError) as raised:
        facts.do(DeployRequest(tag="two"))
    error = raised.value.errors[place.alias]
    assert isinstance(error, DiskFull), error
    assert error.server == place.alias
    assert error.detail.startswith("not enough space: 80 MB needed, plus 17 MB to keep free; only ")
    assert sorted(os.listdir(place.files / "deploy-cache")) == ["index.html", "other"]
    assert facts.live() == ["one"]
    assert facts.unlocked()
    until(facts.swept, "the agent to sweep")
    facts.complete()


def test_what_is_emptied_first_gives_its_room_back(other_cache):
    place, facts = other_cache
    os.mkfifo(place.files / "deploy-cache/pipe")
    facts.do(DeployRequest(tag="two"))
    assert facts.live() == ["two"]
    facts.complete()


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_a_server_says_what_an_unknown_cache_occupies(shell_server, project_factory, truth, shell):
    place = shell_server(shell)
    files = {f"folder/f{number}": os.urandom(10_000) for number in range(9)}
    facts = truth(project_factory([place], files=files, source="directory"), [place])
    facts.do(DeployRequest(tag="one"))
    fleet = facts.fleet()
    try:
        (state,) = fleet.inspect().states.values()
        (place.files / ".turnout/cache.manifest").unlink()
        (unknown,) = fleet.inspect().states.values()
    finally:
        fleet.close()
    assert (state.cache_bytes, state.cache_entries) == (0, 0)
    assert (unknown.cache, unknown.cache_empty) == ("", False)
    assert unknown.cache_entries == 10
    assert 90_000 <= unknown.cache_bytes <= 90_000 + 12 * 4096
    assert unknown.block == os.statvfs(place.files).f_frsize
