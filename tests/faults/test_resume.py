"""An upload that broke goes on from what arrived."""

from __future__ import annotations

import os

import pytest

from core.errors import TurnoutError
from core.operations import DeployRequest
from tests.waiting import until


def test_an_upload_that_broke_at_80_percent_sends_the_rest_only(sshd, proxy, project_factory, truth):
    network, far = proxy(sshd)
    files = {f"f{number:03}": os.urandom(50_000) for number in range(200)}
    facts = truth(project_factory([far], files=files, source="directory"), [sshd])
    network.cut_after(8_000_000)
    with pytest.raises(TurnoutError):
        facts.do(DeployRequest(tag="one"))
    until(facts.unlocked, "the agent to give the lock back")
    until(facts.swept, "the agent to sweep")
    arrived = len(os.listdir(sshd.files / "deploy-cache"))
    assert arrived >= 100
    assert not (sshd.files / ".turnout/cache.manifest").exists(), "a cache that is half made must not be trusted"
    before = network.up
    facts.do(DeployRequest(tag="one"))
    sent = network.up - before
    assert sent < 10_000_000 - (arrived - 1) * 50_000 + 500_000
    assert sent < 5_000_000
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
