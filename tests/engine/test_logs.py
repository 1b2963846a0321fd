"""The application's logs, followed live on real servers: dead ones among them, commands, ends, and the command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core.config import LogSource
from core.logs import stream
from core.logs.follow import Following
from tests.engine.test_cli import start, turnout, turnout_json
from tests.engine.test_logins import OtherServer
from tests.processes import command_line_of, process_ids
from tests.waiting import PATIENCE, until

NUMBER = str(10_000_000 + os.getpid())
"""Seconds that commands of these tests sleep, by which they are found."""


def commands_with(text: str, folder: Path = Path("/")) -> list[int]:
    """The processes in whose command line a text is, and whose working directory is in a folder."""
    found = []
    for pid in process_ids():
        try:
            place = Path(f"/proc/{pid}/cwd").readlink()
        except OSError:
            continue
        if text.encode() in command_line_of(pid) and place.is_relative_to(folder) and pid != os.getpid():
            found.append(pid)
    return found


class Collected:
    """What a Following gives, taken all the time."""

    def __init__(self, fleet, *sources: LogSource, lines: int = 10) -> None:
        self.following = Following(fleet, sources, lines=lines).start()
        self.lines = []
        self.dropped: dict[str, int] = {}

    def take(self) -> None:
        taken = self.following.take()
        self.lines += taken.lines
        for server, number in taken.dropped.items():
            self.dropped[server] = self.dropped.get(server, 0) + number

    def texts(self, server: str) -> list[str]:
        self.take()
        return [line.text for line in self.lines if line.server == server]

    def states(self) -> dict[tuple[str, str], str]:
        return {key: standing.state for key, standing in self.following.standings.items()}


@pytest.fixture
def collect():
    begun = []

    def begin(fleet, *sources, lines=10):
        begun.append(Collected(fleet, *sources, lines=lines))
        return begun[-1]

    yield begin
    for one in begun:
        one.following.stop()


def test_files_and_commands_are_followed_beside_each_other_with_a_dead_server_among_them(
    servers, project_factory, proxy, collect, engine
):
    first, second, third = servers(3)
    between, far = proxy(third)
    between.stop()
    fleet = engine(project_factory([first, second, far])).fleet
    (first.files / "app.log").write_text("old\n")
    sources = [
        LogSource(name="app", file=(str(first.files / "app.log"), str(second.files / "app.log"))),
        LogSource(name="ticks", run="n=0; while sleep 0.2; do n=$((n+1)); echo tick $n; done"),
    ]
    logs = collect(fleet, *sources)
    until(lambda: "tick 3" in logs.texts(first.alias) and "tick 3" in logs.texts(second.alias), "both commands")
    until(lambda: logs.states()[far.alias, "app"] == "failed", "the dead server to be known as such")
    with (first.files / "app.log").open("a") as file:
        file.write("new\n")
    until(lambda: "new" in logs.texts(first.alias), "the new line")
    new = {line.text: line.new for line in logs.lines if line.source == "app"}
    assert new["old"] is False and new["new"] is True


def test_what_follows_ends_on_the_server_when_it_is_stopped(sshd, project_factory, collect, engine):
    (sshd.files / "log").mkdir(parents=True)
    fleet = engine(project_factory([sshd])).fleet
    app = LogSource(name="app", file=str(sshd.files / "log/app.log"))
    beside = LogSource(name="beside", run=f"sleep {NUMBER}1 & exec sleep {NUMBER}2")
    logs = collect(fleet, app, beside)
    until(lambda: len(commands_with(NUMBER)) == 2, "both processes of the command")
    until(lambda: logs.states()[sshd.alias, "app"] == "waiting", "the file to be waited for")
    assert logs.following.standings[sshd.alias, "app"].text == f"there is no {app.file[0]} yet", "it is named"
    logs.following.stop()
    until(lambda: not commands_with(NUMBER), "the end of the command and of what it left in the background")


def test_what_comes_faster_than_it_is_read_is_left_out_in_bounded_memory(sshd, project_factory, collect, engine):
    sshd.files.mkdir(parents=True, exist_ok=True)
    fleet = engine(project_factory([sshd])).fleet
    logs = collect(fleet, LogSource(name="flood", run="yes 0123456789012345678901234567890123456789"))
    until(lambda: logs.following._weight > (4 << 20) - 1000, "the queue to be full")
    until(lambda: logs.following._dropped, "lines that are left out")
    with logs.following._lock:  # not in the middle of an addition
        assert logs.following._weight <= 4 << 20
    assert len(logs.following.take(1000).lines) <= 1000
    logs.take()
    until(lambda: logs.following._dropped, "more of them")
    logs.take()
    assert logs.dropped[sshd.alias] > 0 and len(logs.lines) < 25_000
    logs.following.stop()
    until(lambda: not commands_with("0123456789012345678901234567890123456789"), "the end of the command")


def test_a_command_that_fails_says_so_and_is_started_again(sshd, project_factory, collect, engine, tmp_path):
    sshd.files.mkdir(parents=True, exist_ok=True)
    once = tmp_path / "once"
    run = f"if mkdir {once}; then echo first; exit 3; fi; echo again; exec sleep 1000"
    logs = collect(engine(project_factory([sshd])).fleet, LogSource(name="job", run=run))
    until(lambda: "again" in logs.texts(sshd.alias), "the second start")
    assert logs.texts(sshd.alias)[:1] == ["first"]
    done = collect(engine(project_factory([sshd])).fleet, LogSource(name="job", run="echo done"))
    until(lambda: done.states()[sshd.alias, "job"] == "ended", "the end of a command that is through")
    assert done.texts(sshd.alias) == ["done"]


def test_a_command_whose_status_comes_after_its_output_is_not_started_again(
    sshd, project_factory, collect, engine, monkeypatch
):
    monkeypatch.setattr(stream, "BEAT", 3.0)
    sshd.files.mkdir(parents=True, exist_ok=True)
    late = "echo done; exec >/dev/null 2>&1; sleep 1"  # sshd reports the end of the output a second before the status
    done = collect(engine(project_factory([sshd])).fleet, LogSource(name="job", run=late))
    until(lambda: done.states()[sshd.alias, "job"] == "ended", "the end of the command")
    assert done.texts(sshd.alias) == ["done"]


def test_binary_endless_and_secret_lines_are_harmless(sshd, project_factory, collect, engine, monkeypatch):
    log = sshd.files / "app.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("TOKEN", "s3cr3t-value")
    project = project_factory([sshd], extra='[[logs]]\nname = "app"\nrun = "true ${TOKEN}"\n')
    log.write_bytes(b"\x1b[31mred\x07\x00\xff\n" + b"x" * 100_000 + b"\nuses s3cr3t-value here\n")
    logs = collect(engine(project).fleet, LogSource(name="log", file=str(log)))
    until(lambda: len(logs.texts(sshd.alias)) == 3, "three lines")
    red, long, secret = logs.texts(sshd.alias)
    assert red == "red\\xff" and len(long) < 5000 and long.endswith("(100 kB)") and secret == "uses *** here"


# The command line.


def test_a_server_that_falls_silent_is_named_and_goes_on_where_it_was(
    sshd, project_factory, proxy, collect, engine, monkeypatch
):
    monkeypatch.setattr(stream, "BEAT", 0.7)
    monkeypatch.setattr(stream, "SILENT_AFTER", 3.0)
    between, far = proxy(sshd)
    sshd.files.mkdir(parents=True, exist_ok=True)
    log = sshd.files / "app.log"
    log.write_text("first\n")
    sources = [LogSource(name="app", file=str(log)), LogSource(name="job", run=f"exec sleep {NUMBER}")]
    logs = collect(engine(project_factory([far])).fleet, *sources)
    until(lambda: set(logs.states().values()) == {"following"}, "both to be followed")
    between.freeze()
    with log.open("a") as file:
        file.write("second\n")
    until(lambda: set(logs.states().values()) == {"silent"}, "the silence to be noticed")
    assert "missing here" in logs.following.standings[far.alias, "app"].text
    between.thaw()
    until(lambda: set(logs.states().values()) == {"following"}, "its answers")
    until(lambda: logs.texts(far.alias) == ["first", "second"], "the line that was missing")


@pytest.fixture
def logged(servers, project_factory):
    """A project with two servers, of which each has a log; their files."""
    fleet = servers(2)
    extra = f"""
[[logs]]
name = "app"
file = "{fleet[0].files.parent}/*/app.log"
[[logs]]
name = "jobs"
run = "echo job ERROR one; echo job two; exec sleep {NUMBER}"
roles = ["worker"]
"""
    for place in fleet:
        place.files.mkdir(parents=True, exist_ok=True)
        (place.files / "releases/one").mkdir(parents=True)
        (place.files / "current").symlink_to("releases/one")
        (place.files / "app.log").write_text(f"a of {place.alias}\nb of {place.alias}\n")
    project = project_factory(fleet, extra=extra.replace('roles = ["worker"]', ""))
    return project, fleet


def test_logs_are_printed_behind_their_servers_and_end_without_follow(logged):
    project, fleet = logged
    ended = turnout(project, "logs", "production", "jobs", "--no-follow", "--grep", "error")
    assert ended.returncode == 0, ended.stderr
    assert sorted(ended.stdout.splitlines()) == [f"{place.alias}  job ERROR one" for place in fleet]
    until(lambda: not commands_with(NUMBER), "the end of the command on the servers")


def test_logs_as_json_keep_their_shape(logged):
    project, fleet = logged
    code, lines = turnout_json(
        project, "logs", "production", "app", "--no-follow", "--lines", "1", "--server", fleet[1].alias
    )
    assert code == 0
    said = [line for line in lines if line["event"] == "log"]
    assert {line["line"] for line in said} == {f"b of {place.alias}" for place in fleet}, "both files match there"
    assert {line["server"] for line in said} == {fleet[1].alias} and not any(line["new"] for line in said)


def test_unknown_logs_roles_and_expressions_are_bad_usage(logged):
    project, _ = logged
    for words, said in (
        (("nope",), 'there is no log "nope" in production'),
        (("--role", "web"), 'there is no role "web" in production'),
        (("--grep", "("), "is not a regular expression"),
    ):
        ended = turnout(project, "logs", "production", *words)
        assert ended.returncode == 2 and said in ended.stderr, ended.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_following_with_0_and_leaves_nothing_behind(logged, number):
    project, _ = logged
    following = start(project, "logs", "production")
    assert following.stdout is not None
    following.stdout.readline()
    until(lambda: len(commands_with(NUMBER)) >= 2, "the commands")
    following.send_signal(number)
    following.communicate(timeout=PATIENCE)
    assert following.returncode == 0
    until(lambda: not commands_with(NUMBER), "the end of the commands on the servers")


def test_a_killed_operator_leaves_nothing_behind(logged):
    project, fleet = logged
    following = start(project, "logs", "production")
    until(lambda: len(commands_with(NUMBER)) >= 2, "the commands")
    until(lambda: commands_with("turnout-follow", fleet[0].files), "what follows the files")
    following.kill()
    following.communicate(timeout=PATIENCE)
    until(lambda: not commands_with(NUMBER), "the end of the commands on the servers")
    until(lambda: not commands_with("turnout-follow", fleet[0].files), "the end of what follows the files")


def test_a_reader_that_goes_away_ends_the_command(logged):
    project, _ = logged
    command = f"{sys.executable} -m tui.cli logs production | head -n 1"
    ended = subprocess.run(
        ["bash", "-c", f"{command}; echo ${{PIPESTATUS[0]}}"],
        cwd=project.folder, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert ended.stdout.splitlines()[-1] == "0", ended


def test_without_logs_the_command_says_how_to_describe_one(servers, project_factory):
    ended = turnout(project_factory(servers(1)), "logs", "production")
    assert ended.returncode == 2 and "[[logs]]" in ended.stderr


def test_an_operation_takes_channels_back_where_the_server_opens_no_more(
    tmp_path, home, announce, project_factory, collect, engine, monkeypatch
):
    monkeypatch.setattr("core.logs.stream.TAKEN_BACK", 1.0)
    with OtherServer(tmp_path / "server", "MaxSessions 3\n") as server:
        place = announce(server.place(tmp_path / "roots", "web"))
        place.files.mkdir(parents=True, exist_ok=True)
        operator = engine(project_factory([place]))
        operator.fleet.inspect()
        sources = [
            LogSource(name="app", file=str(place.files / "app.log")),
            LogSource(name="job", run=f"exec sleep {NUMBER}3"),
        ]
        logs = collect(operator.fleet, *sources)
        until(lambda: set(logs.states().values()) == {"waiting", "following"}, "both logs, in all channels there are")
        operator.deploy(tag="one")
        assert (place.files / "current").is_symlink()
        until(lambda: set(logs.states().values()) == {"waiting", "following"}, "both logs again")
