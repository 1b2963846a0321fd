"""`turnout watch`, `turnout unlock` and `--wait`: an operation that somebody else started, met from elsewhere."""

import os
import re
import signal

import pytest

from tests.engine.commands import COMMAND, held, start, turnout, turnout_json, until_held
from tests.engine.driving import live
from tests.terminal import Terminal
from tests.waiting import PATIENCE, until


class Held:
    """A deploy of `one` that waits in its prepare hook until it is let go."""

    def __init__(self, fleet, project, hold) -> None:
        self.fleet, self.project, self.hold = fleet, project, hold
        hold.touch()
        self.deploy = start(project, "deploy", "production", "--tag", "one", "--yes")
        until_held(hold, fleet)

    def let_go(self) -> int:
        """Let the hook end, and with it the deploy; its exit code."""
        self.hold.unlink(missing_ok=True)
        self.deploy.communicate(timeout=PATIENCE)
        return self.deploy.returncode

    def kill(self) -> None:
        self.deploy.kill()
        self.deploy.send_signal(signal.SIGCONT)
        self.let_go()


@pytest.fixture
def at_work(servers, project_factory, tmp_path):
    fleet = servers(2)
    hold = tmp_path / "hold"
    work = Held(fleet, project_factory(fleet, extra=held(hold)), hold)
    yield work
    work.hold.unlink(missing_ok=True)
    if work.deploy.poll() is None:
        work.kill()


def test_watch_says_what_the_operation_says_and_ends_with_its_exit_code(at_work):
    watching = start(at_work.project, "watch", "production", "--json")
    assert watching.stdout is not None
    first = watching.stdout.readline()
    assert '"operation-started"' in first
    assert at_work.let_go() == 0
    out, err = watching.communicate(timeout=PATIENCE)
    assert watching.returncode == 0, err
    assert out.count('"event": "switched"') == 2
    assert '"event": "operation-finished"' in out
    assert out.splitlines()[-1].startswith('{"event": "result"') and '"tag": "one"' in out.splitlines()[-1]


def test_watch_ends_with_1_when_the_operation_fails(at_work):
    watching = start(at_work.project, "watch", "production")
    assert watching.stderr is not None
    assert "deploy" in watching.stderr.readline()
    at_work.deploy.send_signal(signal.SIGINT)
    assert at_work.let_go() == 1
    out, err = watching.communicate(timeout=PATIENCE)
    assert watching.returncode == 1, out + err
    assert "cancelled" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_watching_and_not_the_operation(at_work, number):
    watching = start(at_work.project, "watch", "production")
    assert watching.stderr is not None
    assert "deploy" in watching.stderr.readline()
    watching.send_signal(number)
    out, err = watching.communicate(timeout=PATIENCE)
    assert watching.returncode == 0, err
    assert "stopped watching; the operation goes on" in out + err
    assert at_work.deploy.poll() is None
    assert at_work.let_go() == 0
    assert [live(place) for place in at_work.fleet] == ["one", "one"]


def test_watch_on_a_terminal_has_a_row_for_each_server(at_work):
    with Terminal([*COMMAND, "watch", "production"], at_work.project.folder) as terminal:
        terminal.expect("deploy")
        terminal.expect("web2")
        at_work.let_go()
        assert terminal.end() == 0, terminal.text
        assert "deploy of one by" in terminal.text


def test_watch_with_nothing_to_watch_says_how_the_last_operation_ended(at_work):
    assert at_work.let_go() == 0
    ended = turnout(at_work.project, "watch", "production")
    assert ended.returncode == 0
    assert "nothing is running; the last operation: deploy of one by" in ended.stdout


def test_whoever_looks_is_told_that_an_operation_is_running(at_work):
    ended = turnout(at_work.project, "releases", "production")
    assert "running: " in ended.stderr and "turnout watch production" in ended.stderr
    recover = turnout(at_work.project, "recover", "production")
    assert recover.returncode == 4
    assert "an operation is running" in recover.stderr


def test_wait_waits_for_the_lock_and_says_for_whom(at_work):
    second = start(at_work.project, "deploy", "production", "--tag", "two", "--yes", "--wait", "2m")
    assert second.stderr is not None
    said = []
    until(lambda: said.append(second.stderr.readline()) or "waiting: locked by" in said[-1], "the note about the wait")
    assert "FAILED" not in "".join(said)
    assert at_work.let_go() == 0
    out, err = second.communicate(timeout=PATIENCE)
    assert second.returncode == 0, out + err
    assert [live(place) for place in at_work.fleet] == ["two", "two"]


def test_a_signal_ends_the_wait_and_nothing_was_changed(at_work):
    second = start(at_work.project, "deploy", "production", "--tag", "two", "--yes", "--wait", "1h")
    assert second.stderr is not None
    until(lambda: "waiting: locked by" in second.stderr.readline(), "the note about the wait")
    second.send_signal(signal.SIGTERM)
    out, err = second.communicate(timeout=PATIENCE)
    assert second.returncode == 1, out + err
    assert at_work.let_go() == 0
    assert [live(place) for place in at_work.fleet] == ["one", "one"]


def test_a_wait_that_is_too_short_ends_with_4(at_work):
    ended = turnout(at_work.project, "rollback", "production", "--yes", "--wait", "1s")
    assert ended.returncode == 4
    assert "locked by" in ended.stderr


def test_unlock_shows_the_lock_and_breaks_nothing_by_itself(at_work):
    ended = turnout(at_work.project, "unlock", "production")
    assert ended.returncode == 4
    assert (
        len(re.findall(r"deploy since .* in stage; last heartbeat .* ago; operation [0-9a-f]{12}", ended.stdout)) == 2
    )
    assert "--break" in ended.stderr
    wrong = turnout(at_work.project, "unlock", "production", "--break", "0123456789ab")
    assert wrong.returncode == 2
    assert at_work.let_go() == 0


def test_unlock_breaks_the_one_operation_that_is_named(at_work):
    at_work.deploy.send_signal(signal.SIGSTOP)
    try:
        code, lines = turnout_json(at_work.project, "unlock", "production")
        assert code == 4
        assert [line["alive"] for line in lines if line["event"] == "lock"] == [True, True]
        ended = turnout(at_work.project, "unlock", "production", "--break", lines[0]["operation"])
        assert ended.returncode == 0, ended.stderr
        assert "2 locks broken" in ended.stdout
        assert not any((place.files / ".turnout/lock").exists() for place in at_work.fleet)
    finally:
        at_work.kill()
    assert turnout(at_work.project, "deploy", "production", "--tag", "two", "--yes").returncode == 0
    assert [live(place) for place in at_work.fleet] == ["two", "two"]


@pytest.mark.parametrize(("typed", "code"), [("y", 1), ("production", 0)])
def test_on_a_terminal_a_lock_is_broken_only_when_the_name_is_typed(at_work, typed, code):
    at_work.deploy.send_signal(signal.SIGSTOP)
    try:
        with Terminal([*COMMAND, "unlock", "production"], at_work.project.folder) as terminal:
            terminal.expect("Type production to do it:")
            terminal.type(typed)
            assert terminal.end() == code, terminal.text
        assert any((place.files / ".turnout/lock").exists() for place in at_work.fleet) == bool(code)
    finally:
        at_work.kill()


def test_a_lock_whose_process_is_gone_is_left_to_the_next_operation(at_work):
    pids = [int((place.files / ".turnout/lock/process").read_text().split()[0]) for place in at_work.fleet]
    at_work.deploy.send_signal(signal.SIGSTOP)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    at_work.kill()
    ended = turnout(at_work.project, "unlock", "production")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("its process has died; the next operation takes over the lock") == 2
    assert "nothing to break" in ended.stdout
    assert turnout(at_work.project, "deploy", "production", "--tag", "two", "--yes").returncode == 0


def test_unlock_where_nothing_is_locked_says_so(at_work):
    assert at_work.let_go() == 0
    ended = turnout(at_work.project, "unlock", "production")
    assert ended.returncode == 0
    assert ended.stdout.count("not locked") == 2
