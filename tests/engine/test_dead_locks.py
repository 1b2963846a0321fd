"""Locks whose owner was killed without a chance to clean up: taken over by exactly one, by nobody while it lives."""

from __future__ import annotations

import threading

from core.errors import LockedError, TurnoutError
from core.protocol.requests import Settles
from core.records import Lock
from core.remote.held import Held
from tests.engine.driving import at_rest, live
from tests.processes import identity


def dead_lock(place, token="f" * 32):
    """A lock as an agent leaves it that was killed without a chance to clean up."""
    folder = place.files / ".turnout/lock"
    folder.mkdir(parents=True)
    (folder / "token").write_text(f"{token}\n")
    (folder / "process").write_text("999999 12345-gone\n")
    (folder / "owner").write_text("operation x\nkind deploy\nwho eve@desk\nsince 1000000000\nserver-since 1000000000\n")
    (folder / "phase").write_text("upload\n")


def test_the_lock_of_a_dead_agent_is_taken_over(servers, project_factory, engine):
    fleet = servers(2)
    operator = engine(project_factory(fleet))
    operator.deploy(tag="r1")
    at_rest(fleet)
    dead_lock(fleet[0])
    (fleet[0].files / ".turnout/incoming/half").mkdir(parents=True)
    assert operator.fleet.inspect().states["web1"].lock.alive is False
    operator.deploy(tag="r2")
    assert [live(server) for server in fleet] == ["r2", "r2"]
    at_rest(fleet)


def test_a_taker_that_was_killed_while_it_took_a_dead_lock_bars_nobody(sshd, project_factory, engine):
    operator = engine(project_factory([sshd]))
    operator.deploy(tag="r1")
    at_rest([sshd])
    dead_lock(sshd)
    for turn in (1, 2):
        (sshd.files / f".turnout/lock/taking.{turn}").symlink_to("999999999-12345-boot")
    operator.deploy(tag="r2")
    assert live(sshd) == "r2"
    at_rest([sshd])


def test_a_dead_lock_that_somebody_is_taking_over_is_left_to_them(sshd, project_factory, engine):
    operator = engine(project_factory([sshd]))
    operator.deploy(tag="r1")
    at_rest([sshd])
    dead_lock(sshd)
    taking = sshd.files / ".turnout/lock/taking.1"
    taking.symlink_to(identity().replace(" ", "-"))
    operator.fails(operator.deploy, LockedError, "")
    assert taking.is_symlink()
    assert live(sshd) == "r1"


def test_of_many_that_find_a_dead_lock_exactly_one_takes_it(sshd, project_factory, engine):
    project = project_factory([sshd])
    contenders = [engine(project) for _ in range(6)]
    for contender in contenders:
        contender.fleet.open(sshd.alias)
        assert not contender.fleet.inspect().errors
    for number in range(6):
        dead_lock(sshd)
        line = threading.Barrier(len(contenders))
        got, refused = [], []

        def race(index, contender, line=line, got=got, refused=refused, number=number):
            line.wait()
            token = f"{number}{index}" * 8
            try:
                got.append(Held.take(contender.fleet.session(sshd.alias), token, Lock(kind="deploy", who=f"n{index}")))
            except TurnoutError as lost:
                refused.append(lost)

        threads = [threading.Thread(target=race, args=item) for item in enumerate(contenders)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(got) == 1, (got, refused)
        assert [type(error) for error in refused] == [LockedError] * (len(contenders) - 1), refused
        assert all(f"by n{got[0].token[1]}:" in error.title for error in refused), refused
        got[0].finish(Settles.NONE, "{}")
        at_rest([sshd])
