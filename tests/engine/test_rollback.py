"""Rollback on real servers: to which release, with what sent again, and what is said before anything starts."""

from __future__ import annotations

import json
import os
import shutil
import time

import pytest

from core import DeployRequest, RecoverRequest, RollbackRequest
from core.errors import StateChanged, UsageError
from core.events import Note, PlanMade
from core.recovery import Before, interruption
from core.rows.plan import plan_row
from tests.engine.driving import at_rest, deploy_each, live, record, records, releases, snapshot


def everything(place):
    """All there is below the root, once what was removed is gone."""
    at_rest([place])
    return snapshot(place.files)


def test_without_a_tag_it_undoes_the_last_switch_so_twice_is_there_and_back(sshd, project_factory, engine):
    project = project_factory([sshd])
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2", "r3")
    assert operator.rollback().tag == "r2"
    assert record(sshd, "r3").left
    assert operator.rollback().tag == "r3"
    assert operator.rollback().tag == "r2"
    project.commit({"index.html": "4\n"})
    operator.deploy(tag="r4")
    assert operator.rollback().tag == "r2"  # r3 was not live before r4


def test_a_rollback_by_mistake_is_undone_however_many_prunes_came_since(sshd, project_factory, engine):
    project = project_factory([sshd])
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2", "r3", "r4")
    operator.rollback("r1")
    for _ in range(25):  # the journal's last lines tell of nothing else then
        operator.prune()
    plan = operator.plan(RollbackRequest())
    assert (plan.tag, plan.undoes.kind) == ("r4", "rollback")
    assert plan.undoes.until == pytest.approx(time.time(), abs=600)
    assert operator.rollback().tag == "r4"


def test_a_server_that_was_only_checked_does_not_forget_what_was_live_before(servers, project_factory, engine):
    fleet = servers(2)
    project = project_factory(fleet)
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2", "r3")
    part = engine(project, servers=[operator.fleet.server("web2")])
    part.rollback("r1")
    operator.rollback("r3")  # brings web2 back; web1 has it already
    for _ in range(25):
        operator.prune()
    assert [state.stays[0].tag for state in operator.fleet.inspect().states.values()] == ["r2", "r1"]
    plan = operator.plan(RollbackRequest())
    assert [(step.stays, step.tag or plan.tag) for step in plan.steps] == [(True, "r3"), (False, "r1")]


def test_undo_stops_where_somebody_else_switched_since_the_plan(sshd, project_factory, engine):
    project = project_factory([sshd])
    operator, other = engine(project), engine(project)
    deploy_each(operator, project, "r1", "r2", "r3", "r4")
    operator.rollback("r2")
    operator.rollback("r4")
    seen = operator.plan(RollbackRequest())
    assert seen.tag == "r2"
    other.rollback("r1")
    other.rollback("r4")  # all is as it was seen, but for what was live before
    with pytest.raises(StateChanged, match="r1, not r2"):
        operator.run(RollbackRequest(), seen)
    assert live(sshd) == "r4"
    assert operator.rollback().tag == "r1"


def test_a_release_that_failed_its_checks_is_never_the_one_before(sshd, project_factory, engine):
    extra = '[[checks]]\nrun = "! grep -q bad index.html"\nattempts = 1\n'
    project = project_factory([sshd], extra=extra)
    operator = engine(project)
    deploy_each(operator, project, "r1")
    project.commit({"index.html": "bad\n"})
    operator.fails(lambda: operator.deploy(tag="bad"))
    deployed_again = project.commit({"index.html": "2\n"})
    operator.deploy(tag="r2")
    assert deployed_again
    plan = operator.plan(RollbackRequest())
    assert (plan.tag, plan.executable) == ("r1", True)
    assert operator.rollback().tag == "r1"


def test_a_release_that_was_left_can_be_gone_to_by_name_and_is_left_no_more(sshd, project_factory, engine):
    project = project_factory([sshd])
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2")
    operator.rollback()
    operator.rollback("r2")
    assert live(sshd) == "r2" and not record(sshd, "r2").left
    assert operator.rollback().tag == "r1"


def test_there_is_nothing_before_the_first(sshd, project_factory, engine):
    project = project_factory([sshd])
    operator = engine(project)
    with pytest.raises(UsageError, match="no earlier release"):
        operator.rollback()
    deploy_each(operator, project, "r1")
    with pytest.raises(UsageError, match="no earlier release"):
        operator.rollback()
    with pytest.raises(UsageError, match='there is no release "r9" in production'):
        operator.rollback("r9")
    assert live(sshd) == "r1"
    at_rest([sshd])


def test_undo_takes_each_server_back_to_what_it_had_and_a_named_release_brings_all_to_one(
    servers, project_factory, engine
):
    fleet = servers(3)
    project = project_factory(fleet, {"index.html": "0\n", "same": "x" * 1000})
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2")
    web3 = engine(project, servers=[operator.fleet.server("web3")])
    web3.rollback("r1")
    others = engine(project, servers=[operator.fleet.server("web1"), operator.fleet.server("web2")])
    others.rollback("r1")
    others.rollback("r2")
    deploy_each(operator, project, "r3")
    shutil.rmtree(fleet[2].files / "releases/r1")  # what undo goes back to there
    plan = operator.plan(RollbackRequest())
    assert [(step.tag or plan.tag, step.action) for step in plan.steps] == [
        ("r2", "switch"), ("r2", "switch"), ("r1", "upload"),
    ]  # fmt: skip
    assert plan.steps[2].send_files == 1 and plan.title == "Roll production back to what was live before"
    ended = operator.run(RollbackRequest(), plan)
    assert [live(server) for server in fleet] == ["r2", "r2", "r1"]
    assert [(server.files / "current/index.html").read_text() for server in fleet] == ["2\n", "2\n", "1\n"]
    assert ended.summary.startswith("r2 is live on web1, web2; r1 is live on web3: sent ")
    operator.rollback()
    assert [live(server) for server in fleet] == ["r3"] * 3, "there and back again"
    web3.deploy(tag="r4")
    plan = operator.plan(RollbackRequest())
    assert [step.stays for step in plan.steps] == [True, True, False], "web1 and web2 were not on that switch"
    operator.rollback()
    operator.rollback()
    assert [live(server) for server in fleet] == ["r3", "r3", "r4"]
    operator.rollback("r2")
    assert [live(server) for server in fleet] == ["r2"] * 3
    at_rest(fleet)


def test_an_undo_that_broke_off_is_finished_or_undone_on_each_server(servers, project_factory, engine):
    fleet = servers(2)
    project = project_factory(fleet)
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2")
    engine(project, servers=[operator.fleet.server("web2")]).rollback("r1")
    deploy_each(operator, project, "r3")
    operator.rollback()
    assert [live(server) for server in fleet] == ["r2", "r1"]
    for place, server in enumerate(fleet):  # as if it had died after its switch on web1 and before that on web2
        path = server.files / ".turnout/transitions.jsonl"
        lines = path.read_text().splitlines(keepends=True)
        ended = next(n for n, line in enumerate(lines) if json.loads(line)["what"] == ("end", "switch")[place])
        path.write_text("".join(lines[:ended]))
    (fleet[1].files / "current").unlink()
    os.symlink("releases/r3", fleet[1].files / "current")
    found = interruption(operator.fleet.inspect().states.values())
    assert (dict(found.switched), found.waiting, found.conflict) == (
        {"web1": Before(tag="r3", target="releases/r3")}, ("web2",), "",
    )  # fmt: skip
    assert [step.tag or found.tag for step in operator.plan(RecoverRequest("undo")).steps] == ["r2", "r1"]
    operator.run(RecoverRequest("finish"))
    assert [live(server) for server in fleet] == ["r2", "r1"]
    operator.rollback()
    assert [live(server) for server in fleet] == ["r3", "r3"], "the operation and its rest count as one"
    at_rest(fleet)


def test_files_that_were_pruned_on_some_servers_are_sent_again_from_the_revision(servers, project_factory, engine):
    fleet = servers(3)
    project = project_factory(fleet, {"index.html": "0\n", "same": "x" * 1000})
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2", "r3", "r4")
    part = engine(project, servers=[operator.fleet.server("web2")])
    part.prune("r1")
    plan = operator.plan(RollbackRequest("r1"))
    assert [step.action for step in plan.steps] == ["switch", "upload", "switch"]
    assert plan.steps[1].send_files == 1
    operator.run(RollbackRequest("r1"), plan)
    assert [(server.files / "current/index.html").read_text() for server in fleet] == ["1\n"] * 3
    assert snapshot(fleet[1].files / "releases/r1") == snapshot(fleet[0].files / "releases/r1")
    at_rest(fleet)


def test_what_the_caches_hold_is_looked_at_only_where_a_rollback_sends_files(servers, project_factory, engine):
    fleet = servers(2)
    project = project_factory(fleet, {"index.html": "0\n", "same": "x" * 1000})
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2", "r3")
    engine(project, servers=[operator.fleet.server("web2")]).prune("r1")
    (fleet[1].files / "deploy-cache/same").write_text("y" * 1000)
    result = operator.rollback("r1")
    assert [(step.action, step.send_files) for step in result.plan.steps] == [("switch", 0), ("upload", 2)]
    assert snapshot(fleet[1].files / "releases/r1") == snapshot(fleet[0].files / "releases/r1")
    (fleet[1].files / "deploy-cache/same").write_text("z" * 1000)
    assert [step.action for step in operator.rollback("r2").plan.steps] == ["switch", "switch"]
    at_rest(fleet)


def test_a_revision_that_is_gone_from_the_repository_is_said_before_anything_starts(
    sshd, project_factory, engine, home
):
    project = project_factory([sshd])
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2", "r3")
    operator.prune("r1")
    before = everything(sshd)
    shutil.rmtree(project.tree / ".git")
    shutil.rmtree(home / "cache")
    project.git("init", "--quiet")
    project.commit({}, "history was rewritten")
    plan = operator.plan(RollbackRequest("r1"))
    assert not plan.executable
    assert everything(sshd) == before
    second_operator = engine(project)
    with pytest.raises(UsageError):
        second_operator.rollback("r1")
    assert live(sshd) == "r3" and releases(sshd) == ["r2", "r3"]
    at_rest([sshd])


def test_a_folder_whose_content_is_gone_is_said_in_the_plan(sshd, project_factory, engine):
    project = project_factory([sshd], source="directory")
    operator = engine(project)
    for number in range(1, 4):
        project.write({"index.html": f"{number}\n"})
        operator.deploy(tag=f"r{number}")
    operator.prune("r1")
    before = everything(sshd)
    plan = operator.plan(RollbackRequest("r1"))
    assert not plan.executable and plan.steps[0].refusal
    assert everything(sshd) == before
    # Where the folder holds that content again, it can be sent.
    project.write({"index.html": "1\n"})
    assert operator.plan(RollbackRequest("r1")).executable
    operator.rollback("r1")
    assert (sshd.files / "current/index.html").read_text() == "1\n"


def test_a_release_of_another_tool_can_be_gone_back_to(sshd, project_factory, engine):
    old = sshd.files / "releases/20200101000000"
    old.mkdir(parents=True)
    (old / "index.html").write_text("old\n")
    os.symlink("releases/20200101000000", sshd.files / "current")
    project = project_factory([sshd])
    operator = engine(project)
    deploy_each(operator, project, "r1")
    assert operator.rollback().tag == "20200101000000"
    assert (sshd.files / "current/index.html").read_text() == "old\n"
    assert records(sshd) == ["r1"]


def test_an_absolute_or_untidy_link_counts_as_the_release_it_points_to(sshd, project_factory, engine):
    project = project_factory([sshd])
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2")
    for target in (f"{sshd.root}/releases/r2", "./releases//r2/", "releases/../releases/r2"):
        (sshd.files / "current").unlink()
        os.symlink(target, sshd.files / "current")
        assert operator.plan(RollbackRequest()).live == "r2"
    operator.rollback()
    assert os.readlink(sshd.files / "current") == "releases/r1"
    (sshd.files / "current").unlink()
    os.symlink(f"{sshd.root}/releases/r1", sshd.files / "current")
    operator.rollback("r2")
    assert os.readlink(sshd.files / "current") == f"{sshd.root}/releases/r2", "what was absolute stays so"


@pytest.mark.parametrize("target", ["releases/gone", "/etc", "no\nwhere \N{SNOWMAN} 'x'"])
def test_a_link_to_nowhere_or_elsewhere_is_warned_of_and_replaced(sshd, project_factory, engine, target):
    os.symlink(target, sshd.files / "current")
    project = project_factory([sshd])
    operator = engine(project)
    plan = operator.plan(DeployRequest(tag="r1"))
    assert plan.warnings and plan.executable
    operator.run(DeployRequest(tag="r1"), plan)
    assert live(sshd) == "r1"


def test_a_link_to_elsewhere_comes_back_when_the_deploy_fails(sshd, project_factory, engine, tmp_path):
    elsewhere = tmp_path / "else \N{SNOWMAN}\nwhere"
    elsewhere.mkdir()
    os.symlink(elsewhere, sshd.files / "current")
    operator = engine(project_factory([sshd], extra='[[checks]]\nrun = "false"\nattempts = 1\n'))
    operator.fails(lambda: operator.deploy(tag="r1"))
    assert os.readlink(sshd.files / "current") == str(elsewhere)
    at_rest([sshd])


def test_a_plan_that_somebody_overtook_is_not_carried_out(servers, project_factory, engine):
    fleet = servers(2)
    project = project_factory(fleet)
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2", "r3")
    plan = operator.plan(RollbackRequest("r1"))
    other = engine(project, servers=[operator.fleet.server("web2")])
    other.rollback("r2")
    with pytest.raises(StateChanged, match="web2 changed"):
        operator.run(RollbackRequest("r1"), plan)
    assert [live(server) for server in fleet] == ["r3", "r2"]
    at_rest(fleet)


def test_a_plan_is_carried_out_as_it_was_shown(sshd, project_factory, engine):
    project = project_factory([sshd])
    operator = engine(project)
    plan = operator.plan(DeployRequest())
    result = operator.run(DeployRequest(), plan)
    assert result.tag == plan.tag and live(sshd) == plan.tag
    assert record(sshd, plan.tag).created == int(plan.record.created)
    made = operator.said(PlanMade)[-1].plan
    assert made["tag"] == plan.tag and made["steps"] == plan_row(plan)["steps"]


def test_a_source_that_changed_since_the_plan_is_refused(sshd, project_factory, engine):
    project = project_factory([sshd])
    operator = engine(project)
    plan = operator.plan(DeployRequest())
    project.commit({"index.html": "something else\n"})
    operator.fails(lambda: operator.run(DeployRequest(), plan), match="the source changed since the plan was made")
    assert live(sshd) == "" and releases(sshd) == []
    at_rest([sshd])


def test_the_same_tag_with_other_content_is_refused_everywhere(servers, project_factory, engine):
    fleet = servers(2)
    project = project_factory(fleet)
    operator = engine(project)
    operator.deploy(tag="r1")
    project.commit({"index.html": "other\n"})
    operator.fails(lambda: operator.deploy(tag="r1"), UsageError, "other content")
    assert [(server.files / "current/index.html").read_text() for server in fleet] == ["one\n"] * 2
    at_rest(fleet)


def test_a_git_tag_is_not_called_a_release(sshd, project_factory, engine):
    project = project_factory([sshd])
    project.git("tag", "v1")
    operator = engine(project)
    operator.deploy(ref="v1", tag="r1")
    project.commit({"index.html": "two\n"})
    project.git("tag", "v2")
    error = operator.fails(lambda: operator.plan(RollbackRequest("v2")), UsageError, 'there is no release "v2"')
    assert error.hint == (
        "v2 is a git tag, and no release was made from it: `turnout deploy production --ref v2` deploys it"
    )
    error = operator.fails(lambda: operator.plan(RollbackRequest("v1")), UsageError)
    assert error.hint == "v1 is a git tag: `turnout rollback production r1` goes to the release made from it"
    error = operator.fails(lambda: operator.plan(RollbackRequest("r9")), UsageError, 'there is no release "r9"')
    assert (error.detail, error.hint) == ("known: r1", "`turnout releases production` lists them")
    operator.fails(lambda: operator.rollback("main"), UsageError, "main is a git branch")


def test_a_name_that_is_tag_and_branch_is_in_the_plan_and_in_the_events(sshd, project_factory, engine):
    project = project_factory([sshd])
    project.git("tag", "main")
    operator = engine(project)
    assert any("main is both a tag" in text for text in operator.plan(DeployRequest(ref="main")).warnings)
    operator.deploy(ref="main", tag="r1")
    assert any("write tags/main or heads/main" in event.text for event in operator.said(Note, level="warning"))


def test_a_current_that_was_moved_by_hand_is_said_and_undo_goes_back_to_what_was_live_before_that(
    servers, project_factory, engine
):
    fleet = servers(2)
    project = project_factory(fleet)
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2", "r3")
    for place in fleet:
        (place.files / "current").unlink()
        (place.files / "current").symlink_to("releases/r2")
    said = "web1, web2: current was moved by hand: r2 is live, the journal says r3"
    plan = operator.plan(RollbackRequest())
    assert plan.tag == "r3" and said in plan.warnings
    project.commit({"index.html": "4\n"})
    assert said in operator.plan(DeployRequest(tag="r4")).warnings
    operator.deploy(tag="r4")
    assert not any("by hand" in text for text in operator.plan(RollbackRequest()).warnings)
    (fleet[1].files / "current").unlink()
    gone = "web2: current was removed by hand: the journal says r4"
    assert gone in operator.plan(DeployRequest(tag="r4")).warnings
    operator.deploy(tag="r4")
    assert [live(place) for place in fleet] == ["r4", "r4"]
