"""The end of a command is its exit status, whatever it has left running, and however it has dealt with its streams."""

from __future__ import annotations

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

from core import DeployRequest, RollbackRequest, process
from core.errors import ConnectError
from core.fleet import Fleet
from core.jobs import Cancel
from core.masking import Masking
from core.records import Lock
from core.remote import agent, command
from core.remote.command import run
from core.remote.held import Held
from core.remote.upload import Upload
from core.source import source_of
from tests.processes import command_line_of, descendants, name_of, process_ids, runs
from tests.servers import need, program
from tests.waiting import until

LEFT = "sleep 1000 & echo $! >> left; "
"""Leaves a process that holds both outputs open."""

AFTER_THE_END = """
{ while kill -0 $$; do sleep 0.01; done 2> /dev/null; echo later; exec sleep 1000 > /dev/null 2>&1; } & echo $! >> left
echo now"""
"""Says its last line when the command itself is gone, and then closes the output."""

COMMANDS = {
    "nothing": ("true", 0, []),
    "no newline at the end": ("printf 'no end'; exit 7", 7, ["no end"]),
    "in the background": (LEFT + "echo started; exit 0", 0, ["started"]),
    "in the background, and a failure": (LEFT + "echo no >&2; exit 3", 3, ["no"]),
    "holds standard error alone": ("sleep 1000 > /dev/null & echo $! >> left; exit 4", 4, []),
    "in a session of its own": ("setsid sleep 1000 & echo $! >> left; echo started", 0, ["started"]),
    "output after the end": (AFTER_THE_END, 0, ["now", "later"]),
    "output closed before the end": ("echo now; exec > /dev/null 2>&1; sleep 0.3; exit 5", 5, ["now"]),
    "killed": ("echo now; kill -9 $$", None, ["now"]),
    "killed, with something in the background": (LEFT + "echo now; kill -9 $$", None, ["now"]),
}


@pytest.fixture
def patient(monkeypatch):
    """Makes what is said after a command's end be waited for however busy the machine is: its output then ends."""

    def wait(lines: list[str]) -> None:
        for module in (command, process) if "later" in lines else ():
            monkeypatch.setattr(module, "QUIET", 60.0)
            monkeypatch.setattr(module, "GRACE", 60.0)

    return wait


by_case = pytest.mark.parametrize(("text", "status", "lines"), COMMANDS.values(), ids=COMMANDS)


@pytest.fixture
def end_left(tmp_path):
    """End what a test's commands have left running; gives the ids that they wrote into `left` below the folder."""

    def ids() -> list[int]:
        # Not rglob: it stumbles over a folder that is just being removed.
        files = [Path(folder, "left") for folder, _, names in os.walk(tmp_path) if "left" in names]
        return [int(word) for path in files for word in path.read_text().split()]

    yield ids
    for pid in ids():
        for kill in (os.killpg, os.kill):
            with suppress(OSError):
                kill(pid, signal.SIGKILL)


@pytest.fixture
def session_of(project_factory):
    with closing(Fleets()) as fleets:
        yield lambda place: fleets.session(project_factory([place]), place)


class Fleets:
    """Fleets of one server each, closed together."""

    def __init__(self) -> None:
        self._fleets: list[Fleet] = []

    def session(self, project, place):
        loaded = project.load()
        self._fleets.append(Fleet(loaded, loaded.environment("production")))
        return self._fleets[-1].open(place.alias)

    def close(self) -> None:
        for fleet in self._fleets:
            fleet.close()


def on_server(session, place, text, seconds=20.0, cancel=None):
    said: list[str] = []
    ended = run(session, text, place.root, {}, seconds, said.append, cancel or Cancel(), Masking())
    return ended, said


@by_case
def test_a_command_on_a_server_ends_with_its_status(sshd, session_of, end_left, patient, text, status, lines):
    patient(lines)
    session = session_of(sshd)
    ended, said = on_server(session, sshd, text)
    assert (ended.status, ended.late, said) == (status, False, lines)
    if program("sshd"):  # the embedded server ends what is left
        assert all(map(runs, end_left())), "what it started stays"


@by_case
def test_a_command_on_this_machine_ends_with_its_status(tmp_path, end_left, patient, text, status, lines):
    patient(lines)
    said: list[str] = []
    ended = process.run(text, tmp_path, dict(os.environ), 20.0, said.append, Cancel(), Masking())
    assert (ended.status, ended.late, said) == (-9 if status is None else status, False, lines)
    assert all(map(runs, end_left())), "what it started stays"


def test_a_command_on_dropbear_ends_with_its_status(shell_server, session_of):
    place = shell_server("busybox")
    session = session_of(place)
    for text, status, lines in (
        ("sleep 30 & echo started; exit 6", 6, ["started"]),
        ("sleep 30 & echo now; kill -9 $$", None, ["now"]),
        ("printf 'no end'", 0, ["no end"]),
    ):
        ended, said = on_server(session, place, text)
        assert (ended.status, ended.late, said) == (status, False, lines)


def test_what_a_command_left_running_is_not_listened_to_for_ever(sshd, session_of, tmp_path, end_left, monkeypatch):
    need("sshd")  # the embedded server tells of the end when the output has ended
    for module in (command, process):
        monkeypatch.setattr(module, "GRACE", 0.5)
    talks = "while :; do echo on; sleep 0.1; done & echo $! >> left; exit 0"
    ended, said = on_server(session_of(sshd), sshd, talks)
    assert (ended.status, ended.left, set(said)) == (0, bool(program("sshd")), {"on"})
    said.clear()
    ended = process.run(talks, tmp_path, dict(os.environ), 20.0, said.append, Cancel(), Masking())
    assert (ended.status, ended.late, set(said)) == (0, False, {"on"})


def test_a_command_that_takes_too_long_ends_with_all_that_it_started(sshd, session_of, end_left):
    ended, _ = on_server(session_of(sshd), sshd, LEFT + "sleep 1000", seconds=0.5)
    assert (ended.status, ended.late) == (None, True)
    until(lambda: not any(map(runs, end_left())), "the process in the background to end")


def test_a_connection_that_is_cut_ends_the_wait(sshd, session_of, tmp_path, end_left):
    session = session_of(sshd)
    cut = []

    def cut_it(line: str) -> None:
        cut.append(line)
        session.connection.transport.close()

    with pytest.raises(ConnectError, match="the connection to the server was lost"):
        run(session, LEFT + "echo now; sleep 1000", sshd.root, {}, 600.0, cut_it, Cancel(), Masking())
    assert cut == ["now"]


TOKEN = "a" * 32


def children_of(pid: int) -> list[int]:
    return until(lambda: descendants(pid), "a process to start others")


@pytest.mark.tidy_login  # what is printed beside an upload counts as its complaint
def test_an_upload_ends_with_its_program_though_a_tar_of_it_lives_on(sshd, session_of):
    need("sshd")  # the embedded server tells of the end when the output has ended
    session = session_of(sshd)
    held = Held.take(session, TOKEN, Lock(kind="deploy", who="ana"))
    upload = Upload(session.connection)
    upload.begin(held.root, held.token, "plain", [], False)
    line = until(lambda: named(sshd.files / ".turnout/lock/upload"), "the upload to begin")
    shell = int(line.split()[0])
    below = children_of(shell)
    for pid in below:
        os.kill(pid, signal.SIGSTOP)
    os.kill(shell, signal.SIGKILL)
    try:
        with pytest.raises(ConnectError, match="the upload broke off"):
            upload.finish()
        assert all(map(runs, below)), "it was not the end of its output that ended the wait"
    finally:
        for pid in below:
            os.kill(pid, signal.SIGKILL)


def named(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_an_answer_ends_with_its_agent_though_what_it_started_lives_on(sshd, session_of, monkeypatch):
    need("sshd")
    monkeypatch.setattr(agent, "BEAT", 0.3)
    session = session_of(sshd)
    session.begin(TOKEN, Lock(kind="deploy", who="ana"))
    pid = int(until(lambda: named(sshd.files / ".turnout/lock/process"), "the lock").split()[0])
    with ThreadPoolExecutor() as pool:
        endless = "verb_endless() { mkfifo .turnout/pipe && cat .turnout/pipe; }"
        request = ("with", (f"cd '{sshd.root}'; {endless}", "endless"))
        asked = pool.submit(session.agent.requests, [request])
        below = until(lambda: [child for child in descendants(pid) if name_of(child) == "cat"], "the request to begin")
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(ConnectError, match="the connection to the server was lost"):
            asked.result(25)
    assert all(map(runs, below))
    for child in below:
        os.kill(child, signal.SIGKILL)


def test_git_ends_with_its_status_though_something_holds_its_output(sshd, project_factory, tmp_path, end_left):
    project = project_factory([sshd])
    monitor = tmp_path / "monitor"
    monitor.write_text(f"#!/bin/sh\nsleep 1000 > /dev/null & echo $! >> {tmp_path}/left\nprintf '/\\0'\n")
    monitor.chmod(0o755)
    subprocess.run(["git", "-C", str(project.tree), "config", "core.fsmonitor", str(monitor)], check=True)
    assert source_of(project.load()).not_deployed(None) == []
    assert end_left() and all(map(runs, end_left()))


def test_ssh_ends_with_its_status_though_a_match_left_something_running(sshd, session_of, home, tmp_path, end_left):
    need("sshd")
    need("ssh")
    config = home / ".ssh/config"
    match = f'Match exec "{tmp_path}/match"\n  Compression no\n'
    (tmp_path / "match").write_text(f"#!/bin/sh\nsleep 1000 & echo $! >> {tmp_path}/left\n")
    (tmp_path / "match").chmod(0o755)
    config.write_text(match + config.read_text())
    ended, said = on_server(session_of(sshd), sshd, "echo reached")
    assert (ended.status, said) == (0, ["reached"])
    assert end_left() and all(map(runs, end_left()))


HOOK = """
[[hooks]]
on = "after-switch"
run = "sleep 1000 & echo $! >> left; echo started"
"""


def test_a_daemon_that_a_hook_started_outlives_the_operation_and_the_next_ones(sshd, project_factory, truth, end_left):
    need("sshd")
    project = project_factory([sshd], extra=HOOK)
    facts = truth(project, [sshd])
    facts.do(DeployRequest(tag="one"))
    project.commit({"index.html": "two\n"})
    facts.do(DeployRequest(tag="two"))
    facts.do(RollbackRequest("one"))
    assert len(end_left()) == 3 and all(map(runs, end_left()))
    stored = "".join(log.read_text() for log in (sshd.files / ".turnout/logs").iterdir())
    assert "a process that the after-switch hook left running" in stored


SECRET = "s3cr3t-value-4711"


def command_lines() -> str:
    return "\n".join(command_line_of(pid).decode("utf-8", "replace") for pid in process_ids())


def test_a_secret_in_a_command_is_on_no_command_line(sshd, session_of, tmp_path):
    seen = []
    look = f"X='{SECRET}'; echo now; cat; test -n \"$X\" && sleep 0.2"
    ended = run(
        session_of(sshd),
        look,
        sshd.root,
        {"TOLD": f"{SECRET}-too"},
        20.0,
        lambda line: seen.append((line, SECRET in command_lines())),
        Cancel(),
        Masking(),
    )
    assert (ended.status, seen) == (0, [("now", False)])
    seen.clear()
    ended = process.run(
        look,
        tmp_path,
        dict(os.environ),
        20.0,
        lambda line: seen.append((line, SECRET in command_lines())),
        Cancel(),
        Masking(),
    )
    assert (ended.status, seen) == (0, [("now", False)])


ODD = r"""printf '%s\n' "it's" 'a "b"' back\\slash "$0" "$#" "${TOLD-}" "${p-}${l-}${token-}${lock-}${held-}"
#end
printf '%s\n' 'two
lines	é'
cat"""


@pytest.mark.tidy_login  # a hostile one has variables of these names
@pytest.mark.parametrize("shell", ["bash", "dash", "zsh", "fish", "busybox"])
def test_a_command_arrives_as_it_is_written(shell_server, session_of, shell):
    place = shell_server(shell)
    session = session_of(place)
    said: list[str] = []
    ended = run(session, ODD, place.root, {"TOLD": "x 'y' \\z"}, 20.0, said.append, Cancel(), Masking())
    assert said == ["it's", 'a "b"', "back\\slash", "sh", "0", "x 'y' \\z", "", "two", "lines\té"]
    assert ended.status == 0
    assert on_server(session, place, "if")[0].status not in (0, None)
    long = f": {'x' * 200_000}; echo done"
    ended, said = on_server(session, place, long)
    assert (ended.status, said) == (0, ["done"])
