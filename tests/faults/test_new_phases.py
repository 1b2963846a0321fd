"""An operator who dies in a finalize hook, while checks bake, or in a retire hook: all servers reach the same end."""

from __future__ import annotations

import pytest

from core import DeployRequest, RecoverRequest
from core.errors import FleetError
from tests.projects import hook
from tests.waiting import until

SLOTS = {"slots": {"blue": 8001, "green": 8002}}
SAID = 'echo "$TURNOUT_TAG $TURNOUT_SLOT" >> "$TURNOUT_ROOT/{name}"'
HOOKS = hook("before-switch", SAID.format(name="started")) + hook("after-switch", SAID.format(name="turned"))


def lines(place, name):
    file = place.files / name
    return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def interrupted(pair, project_factory, operator, truth):
    """Two servers with r1 live; gives what kills the operator of a deploy of r2 at an event, with more TOML."""

    def kill(extra, event, **facts):
        project = project_factory(pair, environment_options=SLOTS, extra=HOOKS + extra)
        known = truth(project, pair)
        known.do(DeployRequest(tag="r1"))
        project.config.write_text(project.config.read_text().replace(SHORT, LONG))
        project.commit({"index.html": "two\n"})
        for server in pair:
            (server.files / "go").touch()
        deploy = operator(project, "deploy", "production", "--yes", "--tag", "r2")
        deploy.await_event(event, **facts)
        deploy.kill()
        until(known.unlocked, "the agents have given their locks back")
        return known

    return kill


SHORT, LONG = 'bake = "1s"', 'bake = "60s"'
BAKE = f'\n[[checks]]\nrun = "true"\n{SHORT}\n'


@pytest.mark.parametrize(("way", "tag"), [("finish", "r2"), ("undo", "r1")])
def test_killed_while_checks_bake(interrupted, pair, way, tag):
    retire = hook("retire", SAID.format(name="retired"))
    known = interrupted(retire + BAKE, "asked")
    assert known.live() == ["r2", "r2"]
    known.do(RecoverRequest(way))
    assert known.live() == [tag, tag]
    left = "r1 blue" if way == "finish" else "r2 green"
    for server in pair:
        assert lines(server, "retired")[-1:] == [left]
        assert lines(server, "turned")[-1] == ("r2 green" if way == "finish" else "r1 blue")
    known.do(DeployRequest(tag="r3"))
    assert lines(pair[0], "started")[-1] == ("r3 blue" if way == "finish" else "r3 green")


@pytest.mark.parametrize("fleet", ["both", "one"])
def test_what_an_operator_who_died_after_the_switch_left_undone_is_done_by_finish(interrupted, pair, fleet):
    late = f"[ ! -e $TURNOUT_ROOT/go ] || sleep 60; {SAID.format(name='late')}"
    known = interrupted(hook("after-switch", late) + hook("retire", SAID.format(name="retired")), "switched")
    for server in pair:
        (server.files / "go").unlink(missing_ok=True)
    if fleet == "one" and known.live() == ["r2", "r2"]:
        link = pair[1].files / "current"
        link.unlink()
        link.symlink_to("releases/r1")
    known.do(RecoverRequest("finish"))
    assert known.live() == ["r2", "r2"]
    for server in pair:
        assert lines(server, "turned")[-1] == "r2 green", "what serves was turned to it before the old one was retired"
        assert lines(server, "late")[-1] == "r2 green" and lines(server, "retired")[-1:] == ["r1 blue"]


def test_nothing_is_retired_where_the_hooks_after_the_switch_back_failed(pair, project_factory, truth):
    turn = hook(
        "after-switch", f'{SAID.format(name="turned")}; [ "$TURNOUT_TAG" = r2 ] || [ ! -e $TURNOUT_ROOT/stuck ]'
    )
    rest = hook("retire", SAID.format(name="retired")) + '\n[[checks]]\nrun = "[ ! -e ../../stuck ]"\n'
    known = truth(project := project_factory(pair, environment_options=SLOTS, extra=turn + rest), pair)
    known.do(DeployRequest(tag="r1"))
    project.commit({"index.html": "two\n"})
    (pair[0].files / "stuck").touch()
    with pytest.raises(FleetError):
        known.do(DeployRequest(tag="r2"))
    assert known.live() == ["r1", "r1"]
    assert [lines(server, "turned")[-1] for server in pair] == ["r1 blue", "r1 blue"]
    assert [lines(server, "retired") for server in pair] == [[], []], "r2 may still serve"


def test_killed_in_a_finalize_hook(interrupted, pair):
    known = interrupted(hook("finalize", "[ ! -e $TURNOUT_ROOT/go ] || sleep 60"), "hook-started", on="finalize")
    assert known.live() == ["r1", "r1"]
    for server in pair:
        (server.files / "go").unlink(missing_ok=True)
        assert not (server.files / "releases/r2").exists()
        assert not list((server.files / ".turnout/manifests").glob("*.unfinished"))
        assert not (server.files / ".turnout/records/r2.toml").exists()
    known.do(DeployRequest(tag="r2"))
    assert known.live() == ["r2", "r2"]


def test_killed_in_a_retire_hook_and_finished(interrupted, pair):
    retire = hook("retire", f"{SAID.format(name='retired')}; [ ! -e $TURNOUT_ROOT/go ] || sleep 60")
    known = interrupted(retire, "hook-started", on="retire")
    assert known.live() == ["r2", "r2"]
    for server in pair:
        (server.files / "go").unlink(missing_ok=True)
    known.do(RecoverRequest("finish"))
    assert known.live() == ["r2", "r2"]
    for server in pair:
        assert lines(server, "retired")[-1] == "r1 blue"


def test_killed_in_a_retire_hook_and_undone(interrupted, pair):
    """What had begun to stop is stopped, started again and asked before anything is switched to it."""
    retire = hook("retire", f"{SAID.format(name='retired')}; [ ! -e $TURNOUT_ROOT/go ] || sleep 60")
    staged = '\n[[checks]]\nwhen = "staged"\nattempts = 1\nrun = "[ $TURNOUT_TAG = r2 ] || [ ! -e ../../broken ]"\n'
    known = interrupted(retire + staged, "hook-started", on="retire")
    assert known.live() == ["r2", "r2"]
    for server in pair:
        (server.files / "go").unlink(missing_ok=True)
    (pair[1].files / "broken").touch()
    with pytest.raises(FleetError) as raised:
        known.do(RecoverRequest("undo"))
    assert "turnout recover production --finish" in str(raised.value)
    assert (known.live(), known.interrupted()) == (["r2", "r2"], True), "it can still be finished"
    (pair[1].files / "broken").unlink()
    known.do(RecoverRequest("undo"))
    assert known.live() == ["r1", "r1"]
    for server in pair:
        assert lines(server, "started") == ["r1 blue", "r2 green", "r1 blue", "r1 blue"]
        assert lines(server, "retired")[-2:] == ["r1 blue", "r2 green"], "what was half stopped is stopped first"
        assert lines(server, "turned")[-1] == "r1 blue"
    known.do(DeployRequest(tag="r3"))
    assert lines(pair[0], "started")[-1] == "r3 green"


def test_what_was_started_on_a_server_that_is_left_out_is_stopped_there(pair, project_factory, truth):
    start = hook("before-switch", f"{SAID.format(name='started')}; [ ! -e $TURNOUT_ROOT/broken ]")
    stop = hook("failure", SAID.format(name="failed"))
    options = SLOTS | {"allow-failed": 1}
    known = truth(project := project_factory(pair, environment_options=options, extra=start + stop), pair)
    known.do(DeployRequest(tag="r1"))
    project.commit({"index.html": "two\n"})
    (pair[1].files / "broken").touch()
    known.do(DeployRequest(tag="r2"))
    assert known.live() == ["r2", "r1"]
    assert [lines(server, "failed") for server in pair] == [[], ["r2 green"]]
    assert [lines(server, ".turnout/slots") for server in pair] == [["green 8002 r2 used"], ["blue 8001 r1 used"]]
