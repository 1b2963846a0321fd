"""Hooks and checks on servers end with the lock they run under, however their operator went."""

from __future__ import annotations

from contextlib import closing

import pytest

from core import DeployRequest
from core.errors import Cancelled
from core.jobs import Cancel
from core.masking import Masking
from core.protocol.requests import Settles
from core.records import Lock
from core.remote.command import run
from core.remote.held import Held
from tests.processes import kill, runs
from tests.waiting import until

LONG = "echo $$ > hook.pid.$TURNOUT_SERVER; mv hook.pid.$TURNOUT_SERVER {place}; sleep 1000"
HOOK = '[[hooks]]\non = "{on}"\nrun = "test $TURNOUT_TAG = one || {{ {run}; }}"\n'


@pytest.mark.parametrize("on", ["prepare", "before-switch", "after-switch"])
def test_a_hook_ends_with_its_operator(sshd, project_factory, operators, truth, tmp_path, on):
    place = tmp_path / "pid"
    project = project_factory([sshd])
    facts = truth(project, [sshd])
    facts.do(DeployRequest(tag="one"))
    facts.close()
    project.commit({"index.html": "two\n"})
    project.config.write_text(project.config.read_text() + HOOK.format(on=on, run=LONG.format(place=place)))
    operator = operators()
    operator.start(project, "deploy", "production", "--yes", "--tag", "two")
    pid = int(until(lambda: place.exists() and place.read_text(), "the hook"))
    operator.signal()
    operator.end()
    until(lambda: not runs(pid), "the hook to end")
    facts.at_rest()
    assert facts.unlocked()
    assert facts.live() == ["two" if on == "after-switch" else "one"]


def test_whoever_takes_over_from_an_agent_that_was_killed_ends_its_hook(
    sshd, project_factory, operators, truth, tmp_path
):
    place = tmp_path / "pid"
    project = project_factory([sshd])
    facts = truth(project, [sshd])
    facts.do(DeployRequest(tag="one"))
    facts.close()
    config = project.config.read_text()
    project.config.write_text(config + HOOK.format(on="before-switch", run=LONG.format(place=place)))
    project.commit({"index.html": "two\n"})
    operator = operators()
    operator.start(project, "deploy", "production", "--yes", "--tag", "two")
    pid = int(until(lambda: place.exists() and place.read_text(), "the hook"))
    kill(facts.holders())
    operator.signal()
    operator.end()
    project.config.write_text(config)
    facts.project = project.load()
    facts.do(DeployRequest(tag="three"))
    until(lambda: not runs(pid), "the hook to end")
    assert facts.live() == ["three"]


def test_a_cancel_while_a_commands_channel_opens_ends_no_more_than_that(sshd, project_factory, truth):
    """The agent's channel is another one of the same connection, and has its lock to give back."""
    with closing(truth(project_factory([sshd]), [sshd]).fleet()) as fleet:
        session, cancel = fleet.open(sshd.alias), Cancel()
        session.state()
        open_channel = session.connection.session

        def open_and_cancel(**options):
            channel = open_channel(**options)
            cancel.request()
            return channel

        session.connection.session = open_and_cancel
        with pytest.raises(Cancelled):
            run(session, "echo ran > ran", sshd.root, {}, 600.0, lambda line: None, cancel, Masking())
        session.connection.session = open_channel
        ended = run(session, "echo again", sshd.root, {}, 600.0, lambda line: None, Cancel(), Masking())
        assert ended.status == 0
        assert session.usable and not session.state().releases
        assert not (sshd.files / "ran").exists()


def test_a_command_that_arrives_after_its_lock_is_gone_does_not_run(sshd, project_factory, truth):
    with closing(truth(project_factory([sshd]), [sshd]).fleet()) as fleet:
        session = fleet.open(sshd.alias)
        held = Held.take(session, "a" * 32, Lock(kind="deploy", who="ana"))
        mark = sshd.files / "ran"

        def carried_out(token: str) -> tuple[int | None, list[str], bool]:
            said: list[str] = []
            mark.unlink(missing_ok=True)
            ended = run(session, "touch ran", sshd.root, {}, 60.0, said.append, Cancel(), Masking(), token=token)
            return ended.status, said, mark.exists()

        refused = (3, ["not run: this operation no longer holds the lock"], False)
        assert carried_out("b" * 32) == refused
        assert carried_out("a" * 32) == (0, [], True)
        held.finish(Settles.NONE, "{}")
        assert carried_out("a" * 32) == refused
