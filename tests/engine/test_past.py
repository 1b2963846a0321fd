"""History, stored events, blocks and freezes on real servers."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from core import BlockRequest, DeployRequest, FreezeRequest, PruneRequest, RollbackRequest
from core.errors import NeedsPerson, UsageError
from core.events import OperationStarted, PlanMade, Switched
from core.operations.past import read_history, read_log
from tests.engine.commands import turnout, turnout_json
from tests.engine.driving import at_rest, deploy_each, live, record
from tests.waiting import until
from tui.view.fleet import FleetView, ServerView
from tui.view.lived import LINES_READ, OlderLines


def test_each_operation_is_told_once_with_why_and_its_events_are_kept(servers, project_factory, engine):
    fleet = servers(2)
    project = project_factory(fleet)
    operator = engine(project)
    deploy_each(operator, project, "r1")
    project.commit({"index.html": "2\n"})
    operator.run(DeployRequest(tag="r2", reason="cart\nempty"))
    took = operator.rollback().seconds
    operator.fails(lambda: operator.rollback("r9"), UsageError)
    found = read_history(operator.fleet, 50)
    assert [(entry.kind, entry.outcome) for entry in found.entries] == [
        ("rollback", "done"),
        ("deploy", "done"),
        ("deploy", "done"),
    ]
    assert found.entries[0].seconds == pytest.approx(took, abs=0.001), "the operator was told the same"
    assert [(life.tag, life.until is None) for life in found.lives] == [("r1", False), ("r2", False), ("r1", True)]
    deploy = found.entries[1]
    assert (deploy.tag, deploy.previous, deploy.reason) == ("r2", "r1", "cart empty")
    assert deploy.servers == ("web1", "web2") and deploy.undone_by == found.entries[0].operation
    assert deploy.sent_files == 2 and deploy.batches == 1 and {"upload", "switch"} <= set(deploy.phases)
    assert record(fleet[0], "r2").reason == "cart empty"
    events = read_log(operator.fleet, deploy)
    assert isinstance(events[0], OperationStarted) and events[0].reason == "cart empty"
    assert sum(isinstance(event, Switched) for event in events) == 2
    (plan,) = [event.plan for event in events if isinstance(event, PlanMade)]
    assert plan["reason"] == "cart empty"
    with pytest.raises(UsageError, match="no server keeps"):
        read_log(operator.fleet, replace(deploy, operation="ffffffffffff"))
    # One server is gone for good: the other knows it all, and that the first was there.
    (fleet[0].files / ".turnout/journal.jsonl").unlink()
    alone = read_history(operator.fleet, 1)
    assert alone.entries[0].operation == found.entries[0].operation
    at_rest(fleet)


def test_how_long_releases_lived_is_known_however_much_was_done_since(sshd, project_factory, engine):
    project = project_factory([sshd])
    operator = engine(project)
    for tag in ("r1", "r2"):
        deploy_each(operator, project, tag)
        done = time.time()
        until(lambda done=done: time.time() > done + 0.2, "a later time in the journal, which has tenths of seconds")
    operator.rollback()
    own = sshd.files / ".turnout"
    switched = [
        line
        for text in (own / "journal.jsonl").read_text().splitlines()
        if (line := json.loads(text))["what"] == "switch"
    ]
    task = {
        "what": "end",
        "operation": "f",
        "kind": "run",
        "who": "bo@desk",
        "time": switched[-1]["time"],
        "outcome": "done",
    }
    with (own / "journal.jsonl").open("a") as file:
        file.writelines(f"{json.dumps(task)}\n" for _ in range(LINES_READ))
    state = operator.fleet.inspect_one(sshd.alias)
    assert not any(line.what == "switch" for line in state.journal), "a look reads too little"
    lines, whole = operator.fleet.open(sshd.alias).switches(50)
    assert operator.fleet.open(sshd.alias).switches(3) == (lines, True)
    assert operator.fleet.open(sshd.alias).switches(2) == (lines[1:], False)
    view = FleetView.of("shop", "production", [ServerView(sshd.alias, state=state, at=1.0)])
    lives = replace(view, older={sshd.alias: OlderLines(lines, whole=whole)}).lives
    first, second, back = (line["time"] for line in switched)
    assert lives["r1"].seconds(back + 60) == pytest.approx(second - first + 60)
    assert lives["r2"].seconds(back + 60) == pytest.approx(back - second)
    assert (lives["r1"].since, lives["r1"].first) == (back, first)


def test_history_and_log_of_the_command(sshd, project_factory, engine):
    project = project_factory([sshd])
    deploy_each(engine(project), project, "r1")
    ended = turnout(project, "deploy", "production", "--yes", "--json", "-m", "why not")
    assert ended.returncode == 0
    listed = turnout(project, "history", "production")
    assert listed.returncode == 0 and "why not" in listed.stdout and listed.stdout.count("deploy") == 2
    _, rows = turnout_json(project, "history", "production", "--limit", "1")
    assert [row["event"] for row in rows] == ["history", "result"] and rows[0]["reason"] == "why not"
    log = turnout(project, "log", "production", rows[0]["operation"][:6])
    assert log.returncode == 0 and "live now:" in log.stdout
    assert turnout(project, "log", "production", "last", "--json").stdout.count('"switched"') == 1
    newest = turnout(project, "log", "production")
    assert newest.returncode == 0 and newest.stdout == log.stdout, "without an operation, the last one"
    assert turnout(project, "log", rows[0]["operation"][:8]).stdout == log.stdout, "there is one environment only"
    missing = turnout(project, "log", "production", "zz")
    assert missing.returncode == 2 and "turnout history production" in missing.stderr
    assert 'there is no operation "zz" in production' in missing.stderr


def test_a_blocked_release_is_not_gone_back_to_unless_it_is_named(sshd, project_factory, engine):
    project = project_factory([sshd])
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2", "r3")
    operator.run(BlockRequest("r2", reason="loses orders"))
    plan = operator.plan(RollbackRequest())
    assert plan.tag == "r1" and any("loses orders" in warning for warning in plan.warnings)
    named = operator.plan(RollbackRequest("r2"))
    assert named.executable and any("r2 is blocked by" in warning for warning in named.warnings)
    assert operator.run(BlockRequest("r2", reason="again")).outcome == "nothing-to-do"
    operator.run(BlockRequest("r2", blocked=False))
    assert operator.plan(RollbackRequest()).tag == "r2"
    operator.fails(lambda: operator.run(BlockRequest("r9", reason="x")), UsageError, 'no release "r9" in production')
    for request in (BlockRequest("r2"), FreezeRequest()):
        operator.fails(lambda request=request: operator.run(request), UsageError, "give the reason")


def test_a_freeze_stops_changes_by_everybody_until_it_is_lifted(servers, project_factory, engine):
    fleet = servers(2)
    project = project_factory(fleet)
    operator, other = engine(project), engine(project)
    deploy_each(operator, project, "r1", "r2")
    engine(project, servers=[operator.fleet.server("web2")]).run(FreezeRequest(reason="audit"))
    assert "production is frozen by" in turnout(project, "releases", "production").stderr
    for request in (DeployRequest(tag="r3"), RollbackRequest(), PruneRequest(keep=1)):
        operator.fails(lambda request=request: other.run(request), NeedsPerson, "audit")
        assert not other.plan(request).executable
    assert [live(server) for server in fleet] == ["r2", "r2"]
    operator.fails(lambda: other.run(RollbackRequest(despite_freeze=True)), UsageError, "give the reason")
    assert other.run(RollbackRequest(despite_freeze=True, reason="orders are lost")).tag == "r1"
    assert read_history(other.fleet, 5).entries[0].despite_freeze
    other.run(BlockRequest("r2", reason="loses orders"))
    other.run(FreezeRequest(frozen=False))
    assert other.run(RollbackRequest("r2")).tag == "r2"


def test_a_freeze_by_the_calendar_stops_changes(sshd, project_factory, engine):
    began, ends = (f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d %H:%M}" for days in (-2, 2))
    project = project_factory([sshd], environment_options={"freeze": [f"{began} - {ends} UTC"]})
    ended = turnout(project, "deploy", "production", "--yes")
    assert ended.returncode == 5 and "by the calendar until" in ended.stderr
    assert "--despite-freeze" in ended.stderr and "thaw" not in ended.stderr
    ended = turnout(project, "deploy", "production", "--yes", "--despite-freeze", "-m", "fix")
    assert ended.returncode == 0
