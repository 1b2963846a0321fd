"""Releases that are never pruned: pinned on every server, whatever becomes of their files and records."""

from __future__ import annotations

import json

import pytest

from core import PinRequest
from core.errors import ServerError, UsageError
from core.protocol.requests import Settles
from core.records import Lock, Pin
from core.remote.held import Held
from tests.engine.commands import turnout
from tests.engine.driving import at_rest, deploy_each, live, record, releases


@pytest.mark.parametrize("kind", ["dash", "busybox"])
def test_a_pinned_release_stays_until_it_is_unpinned(shell_server, project_factory, engine, kind):
    place = shell_server(kind)
    project = project_factory([place], deploy={"keep": 1})
    operator = engine(project)
    deploy_each(operator, project, "r1")
    result = operator.run(PinRequest("r1", reason="the last one with the old schema"))
    assert result.summary == "pinned r1 on 1 server"
    deploy_each(operator, project, "r2", "r3", "r4")
    assert releases(place) == ["r1", "r3", "r4"]
    error = operator.fails(lambda: operator.prune("r1"), UsageError)
    assert f"r1 is pinned on {place.alias} (the last one with the old schema)" in str(error)
    operator.prune(keep=1)
    assert releases(place) == ["r1", "r3", "r4"]
    assert operator.run(PinRequest("r1")).outcome == "nothing-to-do"
    assert operator.run(PinRequest("r1", pinned=False)).summary == "unpinned r1 on 1 server"
    assert operator.prune("r1").summary.startswith("pruned 1 release")
    ends = [json.loads(line) for line in (place.files / ".turnout/journal.jsonl").read_text().splitlines()]
    assert [line["tag"] for line in ends if line["kind"] in ("pin", "unpin") and line["outcome"] == "done"] == [
        "r1",
        "r1",
    ]
    at_rest([place])


def test_a_pin_is_on_every_server_also_where_the_files_come_later(servers, project_factory, engine):
    fleet = servers(2)
    project = project_factory(fleet, deploy={"keep": 1})
    part = engine(project, servers=engine(project).fleet.servers[:1])
    deploy_each(part, project, "r1")
    operator = engine(project)
    operator.run(PinRequest("r1"))
    assert [list(state.pins) for state in operator.fleet.inspect().states.values()] == [["r1"], ["r1"]]
    deploy_each(operator, project, "r2", "r3")
    operator.rollback("r1")
    assert [live(server) for server in fleet] == ["r1", "r1"]
    deploy_each(operator, project, "r4", "r5")
    assert [releases(server) for server in fleet] == [["r1", "r4", "r5"]] * 2


def test_a_pin_survives_a_record_that_is_written_again_and_one_that_is_lost(sshd, project_factory, engine):
    project = project_factory([sshd], deploy={"keep": 1})
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2")
    operator.run(PinRequest("r1"))
    operator.rollback("r1")
    operator.rollback("r2")
    (sshd.files / ".turnout/records/r1.toml").unlink()
    deploy_each(operator, project, "r3", "r4", "r5")
    assert releases(sshd) == ["r1", "r4", "r5"]


def test_a_release_of_another_tool_is_pinned_as_well(sshd, project_factory, engine):
    project = project_factory([sshd], deploy={"keep": 1})
    for name in ("20250101", "20250102"):
        (sshd.files / "releases" / name).mkdir(parents=True)
    operator = engine(project)
    operator.run(PinRequest("20250101"))
    deploy_each(operator, project, "r1", "r2")
    operator.prune(keep=1)
    assert releases(sshd) == ["20250101", "20250102", "r1", "r2"], "nothing can make it again"
    operator.prune(keep=1, for_ever=True)
    assert releases(sshd) == ["20250101", "r1", "r2"]


def test_a_pin_that_its_record_has_ends_with_unpin(sshd, project_factory, engine):
    project = project_factory([sshd])
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2", "r3")
    path = sshd.files / ".turnout/records/r1.toml"
    path.write_text(path.read_text().replace("pinned = false", "pinned = true"))
    operator.fails(lambda: operator.prune("r1"), UsageError, "is pinned")
    operator.run(PinRequest("r1", pinned=False))
    assert not record(sshd, "r1").pinned
    operator.prune("r1")
    assert releases(sshd) == ["r2", "r3"]


@pytest.mark.parametrize("text", ["", "\x00\xff not json", "[" * 5000, '{"by": 7, "why": "\\u001b[31m"}'])
def test_a_pin_that_cannot_be_read_is_one_all_the_same(sshd, project_factory, engine, text):
    operator = engine(project_factory([sshd]))
    operator.deploy(tag="r1")
    (sshd.files / ".turnout/records/r1.pinned").write_text(text, errors="surrogateescape", encoding="latin-1")
    pin = operator.fleet.inspect().states["web"].releases["r1"].pin
    assert pin is not None and "\x1b" not in pin.why


def test_what_was_pinned_after_the_plan_is_kept_by_the_server_itself(sshd, project_factory, engine):
    project = project_factory([sshd])
    operator = engine(project)
    deploy_each(operator, project, "r1", "r2", "r3")
    session = operator.fleet.open("web")
    held = Held.take(session, "a" * 32, Lock(kind="prune", who="ana"))
    held.pin("r1", Pin(by="ana", why=""))
    assert held.remove(["r1"], force=True).kept == ("r1",)
    with pytest.raises(ServerError):
        Held(session, "b" * 32, held.state).pin("r2", Pin())
    held.finish(Settles.NONE, "{}", ["r1"])
    assert releases(sshd) == ["r1", "r2", "r3"]


def test_an_unknown_release_cannot_be_pinned(sshd, project_factory, engine):
    operator = engine(project_factory([sshd]))
    operator.deploy(tag="r1")
    operator.fails(lambda: operator.run(PinRequest("r9")), UsageError, 'there is no release "r9" in production')
    operator.fails(lambda: operator.run(PinRequest("../r1")), UsageError)


def test_the_commands_pin_and_unpin(sshd, project_factory):
    project = project_factory([sshd])
    assert turnout(project, "deploy", "production", "--tag", "r1", "--yes").returncode == 0
    planned = turnout(project, "pin", "production", "r1", "--dry-run")
    assert planned.returncode == 0 and "Pin r1 on production" in planned.stdout
    assert turnout(project, "pin", "production", "r1").returncode == 2, "there is nobody to ask"
    done = turnout(project, "pin", "production", "r1", "-m", "for the audit", "--yes", "--json")
    result = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, result["outcome"], result["kind"]) == (0, "done", "pin")
    assert "pinned: " in turnout(project, "releases", "production").stdout
    rows = [json.loads(line) for line in turnout(project, "releases", "production", "--json").stdout.splitlines()]
    (row,) = [row for row in rows if row["event"] == "release"]
    assert (row["pinned"], row["pinned_why"]) == (True, "for the audit")
    assert turnout(project, "pin", "production", "r9", "--yes").returncode == 2
    assert turnout(project, "unpin", "production", "r1", "--yes").returncode == 0
    assert "pinned" not in turnout(project, "releases", "production").stdout
