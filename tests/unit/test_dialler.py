"""TCP connections that are made while the SSH library loads: one for each destination, with the same errors."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import ConnectError
from core.remote.link import Routes
from core.remote.sockets import GREETING, Dialler
from core.sshconfig import Book, Target
from tests.servers import free_port
from tests.waiting import until


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        yield server


def book(folder: Path, port: int, extra: str = "", host: str = "127.0.0.1") -> Book:
    file = folder / "ssh_config"
    file.write_text(f"Host web\n    HostName {host}\n    Port {port}\n    User ana\n{extra}")
    return Book(os.environ, None, str(file))


def accepted(listener: socket.socket) -> int:
    """How many connections wait to be accepted."""
    listener.settimeout(0.05)
    number = 0
    while True:
        try:
            listener.accept()[0].close()
        except TimeoutError:
            return number
        number += 1


def test_a_destination_is_dialled_once_however_many_servers_it_has(tmp_path: Path, listener: socket.socket) -> None:
    dialler = Dialler(book(tmp_path, listener.getsockname()[1]))
    dialler.begin([Target("web")] * 3)
    dialled = dialler.take(Target("web"))
    assert dialled is not None
    with dialled.take() as sock:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert dialler.take(Target("web")) is None, "it is taken once"
    assert accepted(listener) == 1


def test_what_nobody_takes_is_closed(tmp_path: Path, listener: socket.socket) -> None:
    dialler = Dialler(book(tmp_path, listener.getsockname()[1]))
    dialler.begin([Target("web")])
    ours, _ = listener.accept()
    until(lambda: all(call.finished for call in dialler._calls.values()), "the connection is made")
    dialler.close()
    with ours:
        ours.settimeout(10)
        greeting = f"{GREETING}\r\n".encode()
        assert ours.recv(len(greeting), socket.MSG_WAITALL) == greeting
        assert ours.recv(1) == b""
    assert dialler.take(Target("web")) is None


@pytest.mark.parametrize("line", ["ProxyCommand nc %h %p", "ProxyJump bastion", "PubkeyAuthentication no"])
def test_nothing_is_dialled_where_the_way_is_another_or_none(
    tmp_path: Path, listener: socket.socket, line: str
) -> None:
    dialler = Dialler(book(tmp_path, listener.getsockname()[1], f"    {line}\n"))
    dialler.begin([Target("web")])
    assert dialler.take(Target("web")) is None
    assert accepted(listener) == 0


@pytest.mark.parametrize(
    ("host", "title"), [("127.0.0.1", "refused the connection"), ("no-such-host.invalid", "cannot be resolved")]
)
def test_a_login_says_the_same_with_and_without_a_connection_ahead(tmp_path: Path, host: str, title: str) -> None:
    port, said = free_port(), []
    for ahead in (False, True):
        addresses = book(tmp_path, port, host=host)
        dialler = Dialler(addresses)
        dialler.begin([Target("web")] if ahead else [])
        with pytest.raises(ConnectError) as caught:
            routes = Routes(addresses)
            routes.dial(dialler)
            routes.link(Target("web")).open()
        said.append((caught.value.title, caught.value.detail, caught.value.hint))
    assert said[0] == said[1]
    assert title in said[0][0]
