"""The servers that other tests stand on are what they say: real logins, real login shells, nothing but BusyBox."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import paramiko
import pytest

from tests.logins import GREETING
from tests.processes import name_of
from tests.projects import Link, Script
from tests.servers import SHELLS, Destination, EmbeddedServer, OpenSSHServer, need
from tests.waiting import until

pytestmark = pytest.mark.tidy_login
AWKWARD = 'it\'s "quoted" $HOME `date` \\ * {a,b} ~ # ; & | \t !'


def logged_in(place: Destination, home: Path) -> paramiko.SSHClient:
    """A login as a library makes it, from ~/.ssh/config and known_hosts alone."""
    config = paramiko.SSHConfig.from_path(str(home / ".ssh/config")).lookup(place.alias)
    client = paramiko.SSHClient()
    client.load_host_keys(config["userknownhostsfile"])
    client.connect(
        config["hostname"],
        int(config["port"]),
        config["user"],
        key_filename=config["identityfile"],
        look_for_keys=False,
        allow_agent=False,
    )
    return client


def said(place: Destination, command: str) -> str:
    """What a command prints, after what start-up files print."""
    done = place.server.run(f"echo MARK; {command}")
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().split("MARK\n", 1)[1]


def test_a_library_logs_in_with_the_alias_and_the_host_key_checked(sshd: Destination, home: Path) -> None:
    with logged_in(sshd, home) as client:
        _, output, _ = client.exec_command("echo hello")
        assert output.read() == b"hello\n"


def test_an_unknown_host_key_is_noticed(sshd: Destination, home: Path) -> None:
    (home / ".ssh/known_hosts").write_text("")
    with pytest.raises(paramiko.SSHException, match="not found in known_hosts"):
        logged_in(sshd, home)


def test_the_deploy_root_is_fresh_and_seen_from_both_sides(sshd: Destination) -> None:
    assert list(sshd.files.iterdir()) == []
    assert sshd.server.run(f"echo hello >'{sshd.root}/file'").returncode == 0
    assert (sshd.files / "file").read_text() == "hello\n"


@pytest.mark.parametrize("shell", ["", "dash"])
def test_a_server_runs_in_a_folder_with_a_space_in_its_name(tmp_path: Path, shell: str) -> None:
    with OpenSSHServer(tmp_path / "a folder", shell) as server:
        assert server.run("echo hello").stdout == b"hello\n"


def test_every_separate_server_is_a_process_with_keys_of_its_own(servers: Callable[..., list[Destination]]) -> None:
    places = servers(3, separate=True)
    assert len({place.port for place in places}) == 3
    assert len({place.server.host_key for place in places}) == 3
    assert len({place.root for place in places}) == 3
    assert [place.server.run("echo hello").stdout for place in places] == [b"hello\n"] * 3


@pytest.mark.parametrize("shell", SHELLS)
def test_the_login_shell_runs_the_command_as_it_was_sent(shell: str, shell_server: Callable[..., Destination]) -> None:
    place = shell_server(shell)
    # In every one of the four shells this is one word, given back unchanged.
    quoted = (
        "'" + AWKWARD.replace("\\", "\\\\").replace("'", "'\"'\"'") + "'" if shell == "fish" else sh_quoted(AWKWARD)
    )
    assert said(place, f"printf %s {quoted}") == AWKWARD
    (process,) = said(place, f"cat /proc/${'fish_pid' if shell == 'fish' else '$'}/comm; true").split()
    assert process == shell


def sh_quoted(word: str) -> str:
    return "'" + word.replace("'", "'\"'\"'") + "'"


def test_a_bash_login_prints_what_its_bashrc_prints(shell_server: Callable[..., Destination]) -> None:
    done = shell_server("bash").server.run("echo hello")
    assert done.stdout.startswith(GREETING.encode())
    assert done.stdout.endswith(b"a line without an end: hello\n")
    assert done.stdout.count(GREETING.encode()) == 1
    assert b"not an error" in done.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_that_stands_in_reads_its_start_file_once(shell: str, tmp_path: Path) -> None:
    """Also where the user's own shell is another one, and sshd would never start this one by itself."""
    with OpenSSHServer(tmp_path / "server", shell=shell, noisy=True) as server:
        done = server.run("echo hello")
    assert done.stdout.endswith(b"hello\n")
    # dash reads a start-up file only as a login shell, which a command does not get.
    assert done.stdout.count(GREETING.encode()) == (0 if shell == "dash" else 1)


def test_the_busybox_server_has_nothing_but_busybox(shell_server: Callable[..., Destination], home: Path) -> None:
    place = shell_server("busybox")
    with logged_in(place, home) as client:
        _, output, _ = client.exec_command(
            "for f in /proc/$$/exe $(which sh tar mv cp stat sha256sum); do readlink -f $f; done"
        )
        assert output.read().decode().split() == ["/bin/busybox"] * 7
    programs = said(place, "find / -xdev -path /proc -prune -o -type f -perm -100 -print").split()
    assert {program for program in programs if "/lib" not in program and not program.startswith("/srv/")} == {
        "/bin/busybox",
        "/usr/sbin/dropbear",
    }
    assert said(place, "command -v bash python3 perl; ls / >/dev/null && cat /etc/passwd").startswith("root:x:0:0")
    assert said(place, f"echo hello >{place.root}/file") == ""
    assert (place.files / "file").read_text() == "hello\n"


@pytest.mark.parametrize("kind", ["bash", "dash", "busybox"])
def test_killed_sessions_end_the_connection_and_the_commands_input(
    kind: str, shell_server: Callable[..., Destination], home: Path
) -> None:
    place = shell_server(kind)
    with logged_in(place, home) as client:
        input, output, _ = client.exec_command(f"cat; echo ended >{place.root}/ended; sleep 600")
        until(lambda: "cat" in {name_of(pid) for pid in place.server.session_processes()}, "the command is seen")
        assert place.server.kill_sessions() != []
        until((place.files / "ended").exists, "the command found the end of its input")
        assert output.channel.recv_exit_status() == -1
        del input
    place.server.run("echo hello").check_returncode()


def test_a_stopped_server_leaves_no_process_behind(tmp_path: Path, home: Path) -> None:
    server = OpenSSHServer(tmp_path / "server")
    words = [need("ssh"), "-F", str(tmp_path / "server/ssh_config"), "server", "setsid sh -c 'sleep 600 & echo $!'"]
    asked = subprocess.Popen([*words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert asked.stdout is not None
    left_behind = int(asked.stdout.readline())
    assert left_behind in server.session_processes()
    server.kill_sessions()
    until(lambda: left_behind in server.session_processes(), "it is found without its parents")
    server.stop()
    until(lambda: name_of(left_behind) == "", "it ended with the server")
    asked.communicate()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((server.host, server.port))


def test_the_embedded_server_serves_the_same_interface(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "server") as server:
        place = server.place(tmp_path / "roots", "web")
        done = server.run(f"cat >{place.root}/file", b"hello\n")
        assert done.returncode == 0, done.stderr
        assert (place.files / "file").read_bytes() == b"hello\n"


def test_a_program_that_is_missing_fails_the_test_only_where_all_must_be_tested(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TURNOUT_TEST_STRICT", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program is not installed"):
        need("no-such-program")
    monkeypatch.setenv("TURNOUT_TEST_STRICT", "1")
    with pytest.raises(pytest.fail.Exception, match="no-such-program is not installed"):
        need("no-such-program")


def test_a_sample_project_holds_what_the_test_named(
    servers: Callable[..., list[Destination]], project_factory: Callable[..., object]
) -> None:
    project = project_factory(
        servers(2), {"a/b.txt": "text", b"\xff\n": b"\0", "link": Link("a"), "run": Script("#!/bin/sh\n")}
    )
    assert project.git("ls-files", "-z", "-s").count("\0") == 4
    assert os.path.exists(os.fsencode(project.tree) + b"/\xff\n")
    assert os.access(project.tree / "run", os.X_OK)
    revision = project.commit({"link": None, "c": "new"}, "Second")
    assert project.git("log", "--format=%H %s").splitlines()[0] == f"{revision} Second"
    assert not os.path.lexists(project.tree / "link")
    assert [server.name for server in project.load().environment("production").servers] == ["web1", "web2"]
