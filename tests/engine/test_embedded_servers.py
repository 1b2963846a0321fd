"""The embedded SSH servers are real servers, closed to everybody but their own key, and leave nothing behind."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest

from tests import REPOSITORY
from tests.processes import descendants, runs
from tests.servers import need
from tests.waiting import until
from tui.demo.servers import SITE_PORT, EmbeddedServer, EmbeddedServers, embedded

GRACE = 0.5
STREAM = random.Random(7).randbytes(24 << 20)
OWNER = """\
import sys
from pathlib import Path
from tui.demo.servers import embedded
with embedded(2, Path(sys.argv[1]), remove=True) as servers:
    print(servers.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServers]:
    """Two servers that do not give commands long to end."""
    with embedded(2, tmp_path_factory.mktemp("embedded"), grace=GRACE) as servers:
        yield servers


def logged_in(servers: EmbeddedServers, server: EmbeddedServer, **other: Any) -> paramiko.SSHClient:
    """A login with the servers' key, or with what `other` says; the host key is checked."""
    client = paramiko.SSHClient()
    client.load_host_keys(str(servers.known_hosts))
    options: dict[str, Any] = {"username": server.user, "key_filename": str(servers.key), **other}
    client.connect(server.host, server.port, look_for_keys=False, allow_agent=False, **options)
    return client


@pytest.fixture
def client(servers: EmbeddedServers) -> Iterator[paramiko.SSHClient]:
    with logged_in(servers, servers[0]) as client:
        yield client


def opened(client: paramiko.SSHClient, command: str) -> paramiko.Channel:
    transport = client.get_transport()
    assert transport is not None
    channel = transport.open_session()
    channel.settimeout(30)
    channel.exec_command(command)
    return channel


def test_the_key_logs_in_and_commands_run_in_the_servers_own_home(
    servers: EmbeddedServers, client: paramiko.SSHClient
) -> None:
    _, output, errors = client.exec_command('pwd; echo "$HOME"; echo "$USER"; echo problem >&2; exit 7')
    assert output.read().decode().splitlines() == [str(servers[0].home)] * 2 + ["deploy"]
    assert errors.read() == b"problem\n"
    assert output.channel.recv_exit_status() == 7


def test_a_command_killed_by_a_signal_has_no_exit_status(client: paramiko.SSHClient) -> None:
    assert opened(client, "kill -9 $$").recv_exit_status() == -1


def test_another_key_another_user_and_a_password_are_refused(servers: EmbeddedServers) -> None:
    for other in (
        {"pkey": paramiko.RSAKey.generate(2048), "key_filename": None},
        {"username": "root"},
        {"password": "deploy", "key_filename": None},
    ):
        with pytest.raises(paramiko.AuthenticationException):
            logged_in(servers, servers[0], **other)


def test_every_server_has_a_host_key_of_its_own(servers: EmbeddedServers) -> None:
    assert servers[0].host_key != servers[1].host_key
    client = paramiko.SSHClient()
    client.get_host_keys().add(
        f"[127.0.0.1]:{servers[0].port}",
        "ssh-ed25519",
        paramiko.Ed25519Key(data=base64.b64decode(servers[1].host_key.split()[1])),
    )
    with pytest.raises(paramiko.BadHostKeyException):
        client.connect("127.0.0.1", servers[0].port, "deploy", key_filename=str(servers.key))


def test_openssh_logs_in_with_the_configuration_that_was_written(servers: EmbeddedServers) -> None:
    for server in servers:
        words = [need("ssh"), "-F", str(servers.ssh_config), "-o", "BatchMode=yes", server.name, "pwd"]
        assert subprocess.check_output(words, text=True).strip() == str(server.home)


def test_nothing_listens_beyond_loopback(servers: EmbeddedServers) -> None:
    own = {os.readlink(fd) for fd in Path(f"/proc/{servers.pid}/fd").iterdir()}
    listening = {}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{servers.pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in own:
                address, port = words[1].split(":")
                listening[int(port, 16)] = address
    ports = {server.port for server in servers} | {server.http_port for server in servers}
    assert listening == dict.fromkeys(ports, "0100007F")


def test_an_interactive_shell_answers_line_by_line(client: paramiko.SSHClient) -> None:
    channel = opened(client, 'while read -r line; do echo "got $line"; done; echo end')
    answers = channel.makefile("r")
    for number in range(50):
        channel.sendall(f"{number}\n".encode())
        assert answers.readline() == f"got {number}\n"
    channel.shutdown_write()
    assert answers.read() == b"end\n"


def test_a_shell_reads_its_program_from_standard_input(client: paramiko.SSHClient) -> None:
    transport = client.get_transport()
    assert transport is not None
    channel = transport.open_session()
    channel.invoke_shell()
    channel.sendall(b"echo $((6 * 7))\nexit 3\n")
    assert channel.makefile("rb").read() == b"42\n"
    assert channel.recv_exit_status() == 3


@pytest.mark.parametrize("slow", [False, True], ids=["direct", "through a limited link"])
def test_a_big_stream_arrives_byte_for_byte_in_both_directions(
    servers: EmbeddedServers, tmp_path: Path, slow: bool
) -> None:
    if slow:
        with embedded(1, tmp_path, bandwidth=1e6, latency=0.002) as limited:
            limited.set_bandwidth(None)
            echo(limited)
    else:
        echo(servers)


def echo(servers: EmbeddedServers) -> None:
    """Send the stream through a slow reader and compare what comes back."""
    with logged_in(servers, servers[0]) as client:
        channel = opened(client, "tee copy | cat; sha256sum <copy >&2")
        sender = threading.Thread(target=lambda: (send(channel), channel.shutdown_write()))
        sender.start()
        received = channel.makefile("rb").read()
        sender.join()
        assert received == STREAM
        assert channel.makefile_stderr("rb").read().split()[0].decode() == hashlib.sha256(STREAM).hexdigest()


def send(channel: paramiko.Channel) -> None:
    for start in range(0, len(STREAM), 1 << 17):
        channel.sendall(STREAM[start : start + (1 << 17)])


def test_when_the_connection_closes_the_process_group_is_killed(
    servers: EmbeddedServers, client: paramiko.SSHClient
) -> None:
    channel = opened(client, "trap '' HUP; sleep 1000 & echo $! $$; sleep 1000")
    processes = [int(word) for word in channel.makefile("r").readline().split()]
    assert all(runs(pid) for pid in processes)
    client.close()
    until(lambda: not any(runs(pid) for pid in processes), "the process group has ended")


def test_when_the_connection_closes_a_shell_may_clean_up(servers: EmbeddedServers, client: paramiko.SSHClient) -> None:
    channel = opened(client, "echo ready; while read -r line; do :; done; echo done >cleaned")
    assert channel.makefile("r").readline() == "ready\n"
    client.close()
    cleaned = servers[0].home / "cleaned"
    until(lambda: cleaned.exists() and cleaned.read_text() == "done\n", "the shell noticed the end of its input")


def test_the_child_and_its_commands_end_when_the_parent_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "servers"
    folder.mkdir()
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    child = int(owner.stdout.readline())
    ssh = subprocess.Popen(
        [need("ssh"), "-F", str(folder / "ssh_config"), "-o", "BatchMode=yes", "web1", "echo $$; exec sleep 1000"],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )
    assert ssh.stdout is not None
    command = int(ssh.stdout.readline())
    assert command in descendants(child)

    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    until(lambda: not runs(child) and not runs(command), "the servers and their command have ended")
    assert not folder.exists()
    ssh.communicate()


def test_closing_ends_the_child_and_its_commands(tmp_path: Path) -> None:
    with embedded(1, tmp_path) as servers:
        with logged_in(servers, servers[0]) as client:
            command = int(opened(client, "echo $$; exec sleep 1000").makefile("r").readline())
            servers.close()
            assert not runs(servers.pid)
            until(lambda: not runs(command), "the command has ended")


def test_forwarding_to_the_sites_port_reaches_the_servers_own_website(servers: EmbeddedServers) -> None:
    for server in servers:
        release = server.root / "releases" / "one"
        release.mkdir(parents=True)
        (release / "REVISION").write_text(f"revision of {server.name}\n")
        (server.root / "current").symlink_to("releases/one")
        with logged_in(servers, server) as client:
            transport = client.get_transport()
            assert transport is not None
            channel = transport.open_channel("direct-tcpip", ("127.0.0.1", SITE_PORT), ("127.0.0.1", 1))
            channel.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            assert channel.makefile("rb").read().endswith(f"revision of {server.name}\n".encode())


def test_forwarding_elsewhere_is_refused(client: paramiko.SSHClient) -> None:
    transport = client.get_transport()
    assert transport is not None
    for address in ("192.0.2.1", "0.0.0.0", "::1", "example.com"):
        with pytest.raises(paramiko.ChannelException) as refused:
            transport.open_channel("direct-tcpip", (address, 80), ("127.0.0.1", 1))
        assert refused.value.code == paramiko.common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED  # type: ignore[attr-defined]


def asked(server: EmbeddedServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.http_port}{path}") as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_the_website_serves_what_current_points_to_and_says_whether_it_is_whole(tmp_path: Path) -> None:
    with embedded(1, tmp_path) as servers:
        server = servers[0]
        assert asked(server, "/healthz")[0] == 404
        for name, script in (("one", "one.js"), ("two", "two.js")):
            release = server.root / "releases" / name
            release.mkdir(parents=True)
            (release / "REVISION").write_text(f"{name}\n")
            (release / "index.html").write_text(f'<a href="https://example.com/"></a><script src="{script}"></script>')
            (release / "one.js").write_text(f"// {name}\n")
        current = server.root / "current"
        current.symlink_to("releases/one")
        assert asked(server, "/healthz") == (200, "one\n")
        assert asked(server, "/one.js") == (200, "// one\n")
        (server.root / "next").symlink_to("releases/two")
        (server.root / "next").replace(current)
        assert asked(server, "/one.js") == (200, "// two\n")
        status, text = asked(server, "/healthz")
        assert (status, "two.js" in text) == (503, True)
        assert asked(server, "/../../../id_ed25519")[0] == 404
