"""Clocks that are wrong, that jump back or forward: what is decided does not follow them."""

from __future__ import annotations

import os
import time

import pytest

from core import DeployRequest, RollbackRequest
from core.operations.kinds import deploy
from core.records import fleet_releases
from tests.waiting import until

HOUR = 3600.0


@pytest.fixture
def facts(shell_server, project_factory, truth, request):
    place = shell_server(getattr(request, "param", "dash"))
    project = project_factory([place], files={"a": "a\n", "b": "b\n"})
    facts = truth(project, [place])
    facts.do(DeployRequest(tag="one"))
    until(facts.swept, "the agent to sweep")
    return facts


@pytest.mark.parametrize("facts", ["dash", "busybox"], indirect=True)
@pytest.mark.parametrize("ahead", [HOUR, 60 * 365 * 24 * HOUR])
def test_a_cache_that_was_changed_after_the_clock_was_set_back_is_not_trusted(facts, ahead):
    """The manifest was made by a clock that was ahead: whatever was changed later looks older."""
    root = facts.destinations[0].files
    later = time.time() + ahead
    for name in ("cache.manifest", "cache.digest"):
        os.utime(root / ".turnout" / name, (later, later))
    (root / "deploy-cache/a").write_text("x\n")
    result = facts.do(DeployRequest(tag="two"))
    assert not result.plan.steps[0].exact
    assert (root / "current/a").read_text() == "a\n"
    facts.complete()


def replaced(cache):
    (cache / "new").write_text("x\n")
    (cache / "new").rename(cache / "a")


def swapped(cache):
    (cache / "a").rename(cache / "c")
    (cache / "b").rename(cache / "a")
    (cache / "c").rename(cache / "b")


def written(cache):
    facts = (cache / "a").stat()
    (cache / "a").write_text("x\n")
    os.utime(cache / "a", ns=(facts.st_atime_ns, facts.st_mtime_ns))


def removed(cache):
    (cache / "a").unlink()


def other_mode(cache):
    (cache / "a").chmod(0o755)


@pytest.mark.parametrize("change", [replaced, swapped, written, removed, other_mode])
def test_whatever_touches_the_cache_is_noticed(facts, change):
    root = facts.destinations[0].files
    change(root / "deploy-cache")
    assert not facts.do(DeployRequest(tag="two")).plan.steps[0].exact
    facts.complete()


@pytest.mark.parametrize("facts", ["dash", "busybox"], indirect=True)
def test_a_cache_that_nobody_touched_is_trusted_whatever_its_times_are(facts):
    root = facts.destinations[0].files
    os.utime(root / ".turnout/cache.manifest", (1.0, 1.0))
    (root / "deploy-cache/a").read_text()
    facts.sample.commit({"b": "2\n"})
    assert facts.do(DeployRequest(tag="two")).plan.steps[0].exact
    facts.sample.commit({"b": "3\n"})
    assert facts.do(DeployRequest(tag="three")).plan.steps[0].exact
    facts.complete()


def test_with_hard_links_what_releases_do_to_the_cache_is_not_a_change_of_it(sshd, project_factory, truth):
    project = project_factory([sshd], files={"a": "a\n"}, deploy={"copy": "hardlink", "keep": 1})
    facts = truth(project, [sshd])
    for number in range(4):
        project.commit({"b": f"{number}\n"})
        step = facts.do(DeployRequest(tag=f"r{number}")).plan.steps[0]
        assert step.exact
        until(facts.swept, "what was pruned to be gone")


def test_releases_are_ordered_by_their_numbers_whatever_the_operators_clocks_say(facts, monkeypatch):
    class Clock:
        now = time.time()

        def time(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(deploy, "time", clock)
    for tag, now in (("two", 0.0), ("three", clock.now + HOUR), ("four", clock.now - HOUR)):
        clock.now = now
        facts.sample.commit({"a": tag})
        facts.do(DeployRequest(tag=tag))
    releases = fleet_releases(facts.kept.inspect().states.values())
    assert [row.tag for row in releases] == ["four", "three", "two", "one"]
    assert facts.do(RollbackRequest()).tag == "three"
    assert facts.do(RollbackRequest()).tag == "four"
