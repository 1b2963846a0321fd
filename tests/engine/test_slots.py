"""Slots on a server: who has one is written down, and what is not known to be stopped keeps it."""

from __future__ import annotations

import socket

import pytest

from core import DeployRequest
from core.errors import CheckFailed, ServerError, UsageError
from core.events import CheckAttempted
from core.operations import slot_taking
from core.operations.check import check
from core.operations.kinds.prune import PruneRequest
from core.operations.kinds.rollback import RollbackRequest
from core.operations.kinds.task import RunRequest, TaskRequest
from tests.engine.driving import at_rest, live, record
from tests.projects import hook
from tests.servers import free_port

SAID = 'echo "$TURNOUT_TAG $TURNOUT_SLOT $TURNOUT_PORT" >> "$TURNOUT_ROOT/{}"'
HOOKS = "".join(
    hook(on, SAID.format(name))
    for on, name in (("before-switch", "started"), ("after-switch", "turned"), ("failure", "failed"))
)
HOOKS += hook("retire", f'test ! -e "$TURNOUT_ROOT/stuck.$TURNOUT_TAG" && {SAID.format("stopped")}')
CHECK = '\n[[checks]]\nrun = "test $TURNOUT_TAG != bad"\nattempts = 1\n'
TASK = f"\n[[tasks]]\nname = \"where\"\nrun = '''{SAID.format('asked')}'''\n"


@pytest.fixture
def shop(sshd, project_factory, engine, monkeypatch):
    """A server and a project; gives what makes an engine for the project with these slots and more TOML."""
    monkeypatch.setattr(slot_taking, "STOPS_WITHIN", 1.0)

    def configured(slots, extra=HOOKS + CHECK + TASK):
        options = {"slots": slots} if slots else {}
        return engine(project_factory([sshd], files={"a": "1"}, environment_options=options, extra=extra))

    return configured


def lines(place, name):
    file = place.files / name
    return file.read_text().splitlines() if file.exists() else []


def slots(place):
    return lines(place, ".turnout/slots")


def test_a_slot_is_used_from_the_start_of_a_release_to_its_stop(sshd, shop):
    blue, green = free_port(), free_port()
    operator = shop({"blue": blue, "green": green})
    operator.deploy(tag="r1")
    operator.run(TaskRequest("where"))
    operator.run(RunRequest(f"{SAID.format('asked')}"))
    assert lines(sshd, "asked") == [f"r1 blue {blue}"] * 2
    with socket.create_server(("127.0.0.1", green)):
        said = f"web: something listens at port {green} of the slot green: unless it stops, nothing is started there"
        assert said in operator.plan(DeployRequest(tag="r2")).warnings
        error = operator.fails(lambda: operator.deploy(tag="r2"), ServerError)
    assert f"port {green} of slot green is in use" in error.title
    assert (lines(sshd, "started"), live(sshd)) == ([f"r1 blue {blue}"], "r1"), "nothing was started there"
    assert not lines(sshd, "failed"), "no hook that may kill what listens at a port got the port of others"
    assert not any("listens" in text for text in operator.plan(DeployRequest(tag="r2")).warnings)
    operator.deploy(tag="r2")
    assert (record(sshd, "r2").slot, record(sshd, "r2").port) == ("green", green)
    back = RollbackRequest("r1", no_hooks=True)
    said = "no hook starts r1, so it gets the slot green, where r2 goes on running"
    assert said in " ".join(operator.plan(back).warnings)
    operator.run(back)
    assert slots(sshd) == [f"green {green} r1 used"], "the process that runs is that of the slot green"
    operator.fails(lambda: operator.deploy(tag="bad"), CheckFailed)
    assert lines(sshd, "turned")[-1] == f"r1 green {green}" and lines(sshd, "stopped")[-1] == f"bad blue {blue}"
    operator.deploy(tag="r3")
    assert lines(sshd, "started")[-1] == f"r3 blue {blue}" and lines(sshd, "stopped")[-1] == f"r1 green {green}"
    assert slots(sshd) == [f"blue {blue} r3 used"]
    at_rest([sshd])


def test_a_changed_table_of_slots_keeps_what_runs_apart_from_what_comes(sshd, shop):
    one, two, three = free_port(), free_port(), free_port()
    shop({"blue": one, "green": two}).deploy(tag="r1")
    swapped = shop({"blue": two, "green": one})
    swapped.fails(lambda: swapped.deploy(tag="r2"), UsageError, "no slot is free for r2")
    renumbered = shop({"blue": three, "green": two})
    renumbered.deploy(tag="r2")
    assert lines(sshd, "started")[-1] == f"r2 green {two}" and lines(sshd, "stopped")[-1] == f"r1 blue {one}"


def test_a_release_from_before_there_were_slots_gets_no_hook_or_check_that_needs_one(sshd, shop):
    shop({}, extra="").deploy(tag="r1")
    blue, green = free_port(), free_port()
    url = '\n[[checks]]\nhttp = "http://127.0.0.1:{port}/"\nattempts = 1\n'
    operator = shop({"blue": blue, "green": green}, extra=HOOKS + CHECK + url)
    assert operator.plan(RollbackRequest("r1")).needless
    assert "r1 is live without a slot" in " ".join(operator.plan(DeployRequest(tag="bad")).warnings)
    (tried,) = check(operator.fleet).tried["web"][1:]
    assert "r1 has no slot there" in tried.why
    operator.fails(lambda: operator.deploy(tag="bad"), CheckFailed)
    asked = {event.check for event in operator.said(CheckAttempted)}
    assert asked <= {"test $TURNOUT_TAG != bad", f"http://127.0.0.1:{blue}/"}
    assert lines(sshd, "turned") == [f"bad blue {blue}"] and not lines(sshd, "stopped")
    assert slots(sshd) == [f"blue {blue} bad unsure"], "nothing has turned requests away from it"
    shop({"blue": blue, "green": green}).deploy(tag="r2")
    assert lines(sshd, "stopped") == [f"bad blue {blue}"] and slots(sshd) == [f"green {green} r2 used"]


def test_what_is_live_without_a_slot_may_have_the_port_of_one(sshd, shop):
    shop({}, extra="").deploy(tag="r1")
    blue, green = free_port(), free_port()
    operator = shop({"blue": blue, "green": green})
    with socket.create_server(("127.0.0.1", blue)):
        said = " ".join(operator.plan(DeployRequest(tag="r2")).warnings)
        assert f"port {blue} of the slot blue: unless it stops, r2 gets green (port {green})" in said
        operator.deploy(tag="r2")
        assert lines(sshd, "started") == [f"r2 green {green}"] and slots(sshd) == [f"green {green} r2 used"]
        assert (record(sshd, "r2").slot, record(sshd, "r2").port) == ("green", green)


def test_what_its_retire_hook_did_not_stop_keeps_its_slot_and_its_files(sshd, shop):
    ports = {"blue": free_port(), "green": free_port(), "red": free_port()}
    operator, stuck = shop(ports), sshd.files / "stuck.r1"
    operator.deploy(tag="r1")
    stuck.touch()
    operator.deploy(tag="r2")
    operator.deploy(tag="r3")
    kept = [f"blue {ports['blue']} r1 used", f"red {ports['red']} r3 used"]
    assert slots(sshd) == kept, "it was tried twice, and runs"
    with socket.create_server(("127.0.0.1", ports["green"])):
        with socket.create_server(("127.0.0.1", ports["blue"])):
            error = operator.fails(lambda: operator.deploy(tag="r4"), ServerError)
        assert f"r1 has the slot blue (port {ports['blue']})" in error.detail and slots(sshd) == kept
        operator.fails(lambda: operator.run(PruneRequest(tags=("r1",))), UsageError, "r1 has the slot blue")
        operator.run(PruneRequest(tags=("r1",), force=True))
        stuck.unlink()
        operator.deploy(tag="r4")
    assert lines(sshd, "started")[-1] == f"r4 blue {ports['blue']}", "what others use is passed over"
    assert f"r1 blue {ports['blue']}" in lines(sshd, "stopped"), "also without its folder"
    # A hook that runs a program of its own reads them from its environment.
    without = shop({}, extra=hook("retire", 'printenv TURNOUT_TAG TURNOUT_PORT >> "$TURNOUT_ROOT/stopped"'))
    assert "r4 has the slot blue" in " ".join(without.plan(DeployRequest(tag="r5")).warnings)
    without.deploy(tag="r5")
    assert lines(sshd, "stopped")[-2:] == ["r4", str(ports["blue"])] and not slots(sshd)
    at_rest([sshd])
