"""Deploy, rollback and prune on real servers: what is true there afterwards."""

from __future__ import annotations

import os

import pytest

from core import DeployRequest, PruneRequest, RollbackRequest
from core.errors import TurnoutError
from core.remote import agent, upload
from tests.engine.driving import current
from tests.projects import Link


def test_a_first_deploy_makes_everything_and_switches(sshd, project_factory, engine):
    project = project_factory(
        [sshd], files={"index.html": "one\n", "bin/run": "#!/bin/sh\n", "link": Link("index.html")}
    )
    operator = engine(project)
    result = operator.deploy()
    assert current(sshd) == f"releases/{result.tag}"
    assert (sshd.files / "current/index.html").read_text() == "one\n"
    assert os.readlink(sshd.files / "current/link") == "index.html"
    assert (sshd.files / ".turnout/records" / f"{result.tag}.toml").exists()
    assert not list((sshd.files / ".turnout/incoming").iterdir())
    assert not (sshd.files / ".turnout/lock").exists()


def test_only_what_changed_travels_and_nothing_when_nothing_did(sshd, project_factory, engine):
    project = project_factory([sshd], files={f"f{n}": f"{n}\n" for n in range(50)})
    operator = engine(project)
    operator.deploy()
    project.commit({"f7": "seven\n", "f8": None})
    result = operator.deploy()
    step = result.plan.steps[0]
    assert (step.send_files, step.remove_entries) == (1, 1)
    assert (sshd.files / "current/f7").read_text() == "seven\n"
    assert not (sshd.files / "current/f8").exists()
    again = operator.deploy()
    assert again.plan.steps[0].send_bytes == 0


def test_rollback_and_back(sshd, project_factory, engine):
    project = project_factory([sshd])
    operator = engine(project)
    first = operator.deploy()
    project.commit({"index.html": "two\n"})
    second = operator.deploy()
    back = operator.run(RollbackRequest())
    assert back.tag == first.tag
    assert current(sshd) == f"releases/{first.tag}"
    assert operator.run(RollbackRequest()).tag == second.tag
    operator.run(RollbackRequest(first.tag))
    operator.run(RollbackRequest(second.tag))
    assert (sshd.files / "current/index.html").read_text() == "two\n"


def test_a_pruned_release_is_sent_again(sshd, project_factory, engine):
    project = project_factory([sshd])
    operator = engine(project)
    tags = []
    for number in range(4):
        project.commit({"index.html": f"{number}\n"})
        tags.append(operator.deploy(tag=f"r{number}").tag)
    plan = operator.plan(PruneRequest(tags=("r0", "r1")))
    assert plan.executable and plan.frees > 0
    operator.run(PruneRequest(tags=("r0", "r1")), plan)
    assert sorted(p.name for p in (sshd.files / "releases").iterdir()) == ["r2", "r3"]
    result = operator.run(RollbackRequest("r0"))
    assert result.plan.steps[0].action == "upload"
    assert (sshd.files / "current/index.html").read_text() == "0\n"


def test_a_failing_server_keeps_all_where_they_are(servers, project_factory, engine):
    fleet = servers(3)
    project = project_factory(fleet)
    operator = engine(project)
    first = operator.deploy()
    project.commit({"index.html": "two\n"})
    (fleet[1].files / "deploy-cache").rename(fleet[1].files / "gone")
    (fleet[1].files / "deploy-cache").write_text("in the way")
    with pytest.raises(TurnoutError):
        operator.deploy()
    assert {current(server) for server in fleet} == {f"releases/{first.tag}"}
    for server in fleet:
        assert not (server.files / ".turnout/lock").exists()
        assert [p.name for p in (server.files / "releases").iterdir()] == [first.tag]


def test_a_change_of_one_percent_takes_at_most_eight_round_trips(sshd, proxy, project_factory, engine):
    """Counted where they are waited for: requests, channels that are opened then, and the end of the upload."""
    project = project_factory([sshd], files={f"d{n % 10}/f{n}": f"{n}\n" for n in range(500)})
    operator = engine(project)
    operator.deploy()
    project.commit({"d1/f11": "eleven\n", "d2/f12": None, "d3/new": "new\n", "d4/f14": "fourteen\n"})
    other = engine(project)
    other.fleet.inspect()
    before = other.fleet.session("web").round_trips
    result = other.deploy()
    step = result.plan.steps[0]
    assert (step.send_files, step.remove_entries) == (3, 1)
    assert result.round_trips["web"] - before <= 8


def test_the_agent_is_on_its_way_before_the_channel_of_an_upload(sshd, project_factory, engine, monkeypatch):
    """Of two channels that are opened at once sshd answers the second a round trip later."""
    started = []
    for module in (agent, upload):
        name, begin = module.__name__.rpartition(".")[2], module.start
        monkeypatch.setattr(
            module, "start", lambda *words, name=name, begin=begin: (started.append(name), begin(*words))
        )
    engine(project_factory([sshd])).deploy()
    assert started == ["agent", "upload"]


def test_a_plan_warns_of_patterns_that_begin_with_the_published_folder(sshd, project_factory, engine):
    project = project_factory(
        [sshd], source_options={"publish": "dist", "exclude": ["/dist/maps", "dist-old", "*.map"]}
    )
    project.commit({"dist/index.html": "new\n", "dist/maps/a": "a\n", "dist/b.map": "b\n"})
    (warning,) = engine(project).plan(DeployRequest()).warnings
    assert 'exclude "/dist/maps" is looked for below publish = "dist"' in warning


def test_a_plan_warns_of_what_is_not_committed_and_a_deploy_leaves_it_out(sshd, project_factory, engine):
    project = project_factory([sshd])
    operator = engine(project)
    assert operator.plan(DeployRequest()).warnings == ()
    before = (project.tree / "index.html").read_bytes()
    (project.tree / "index.html").write_text("half done\n")
    plan = operator.plan(DeployRequest())
    assert plan.warnings == ("not committed, so not deployed: changes in 1 file (index.html)",)
    operator.run(DeployRequest(), plan)
    assert (sshd.files / "current/index.html").read_bytes() == before
