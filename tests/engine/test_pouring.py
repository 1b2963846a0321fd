"""Files over several connections at once, while the agents are heard and keys are exchanged anew."""

from __future__ import annotations

import hashlib
import os
import threading

import pytest
from paramiko.packet import Packetizer

from core.config import Server
from core.remote import transport
from core.remote.connection import Connection, start
from core.remote.link import Routes
from core.sshconfig import Book
from tests.servers import need

CONTENT = os.urandom(1 << 20)
TIMES = 24


@pytest.fixture
def exchanges(monkeypatch):
    """Whenever new keys came into force: the number of times. New ones are asked for after 2 MB."""
    need("sshd")  # the embedded server asks for no new keys
    monkeypatch.setattr(Packetizer, "REKEY_BYTES", 2 << 20)
    times = []
    activate = transport.Transport._activate_outbound
    monkeypatch.setattr(
        transport.Transport, "_activate_outbound", lambda self: [times.append(self), activate(self)][-1]
    )
    return times


@pytest.fixture(params=[0.0, 60.0], ids=["compressed", "plain"])
def connections(request, exchanges, servers, home, monkeypatch):
    """Three open connections to one sshd."""
    monkeypatch.setattr(transport, "NEAR", request.param)
    routes = Routes(Book(os.environ))
    made = [Connection(Server(name=place.alias, host=place.alias, root=place.root), routes) for place in servers(3)]
    for connection in made:
        connection.open()
    yield made
    for connection in made:
        connection.close()


def poured(connection: Connection, sums: list[str]) -> None:
    """Send all of it, and note the sum that the server has of it."""
    channel = connection.session()
    start(channel, "sha256sum")
    for _ in range(TIMES):
        connection.transport.pour(channel, CONTENT)
    channel.shutdown_write()
    sums.append(channel.makefile("r").read().split()[0].decode())


def hear(connection: Connection, stop: threading.Event, heard: list[bytes]) -> None:
    """Lines there and back over the same connection, beside the files."""
    channel = connection.session()
    start(channel, "cat")
    while not stop.is_set():
        channel.sendall(b"beat\n")
        heard.append(channel.recv(100))
    channel.close()


@pytest.mark.tidy_login  # the commands are sent bare
def test_files_arrive_whole_while_others_speak_and_keys_change(connections, exchanges):
    sums: list[str] = []
    heard: list[bytes] = []
    stop = threading.Event()
    beats = [threading.Thread(target=hear, args=(connection, stop, heard)) for connection in connections]
    files = [threading.Thread(target=poured, args=(connection, sums)) for connection in connections]
    for thread in beats + files:
        thread.start()
    for thread in files:
        thread.join(120)
    stop.set()
    for thread in beats:
        thread.join(20)
    assert sums == [hashlib.sha256(CONTENT * TIMES).hexdigest()] * 3
    assert b"".join(heard).replace(b"beat\n", b"") == b"" and len(heard) >= 3
    assert len(exchanges) >= 3 * 4


@pytest.mark.tidy_login
def test_programs_that_end_early_leave_the_connection_open(connections):
    """sshd ends a connection where a byte comes for a channel that was closed: also the agent's, which is on it."""
    connection = connections[0]
    for _ in range(8):
        ended = [threading.Thread(target=poured_in_vain, args=(connection,)) for _ in range(3)]
        for thread in ended:
            thread.start()
        for thread in ended:
            thread.join(60)
    assert connection.is_open
    sums: list[str] = []
    poured(connection, sums)
    assert sums == [hashlib.sha256(CONTENT * TIMES).hexdigest()]


def poured_in_vain(connection: Connection) -> None:
    """Send to a program that takes a part of it."""
    channel = connection.session()
    start(channel, "head -c 3000000 > /dev/null")
    with pytest.raises(OSError, match="closed"):
        for _ in range(TIMES):
            connection.transport.pour(channel, CONTENT)


@pytest.mark.tidy_login
def test_commands_that_end_while_keys_change_hold_nothing_up(connections, exchanges):
    connection, stop = connections[0], threading.Event()
    ended: list[int] = []

    def others() -> None:
        while not stop.is_set():
            channel = connection.session()
            start(channel, "true")
            ended.append(channel.recv_exit_status())

    threads = [threading.Thread(target=others) for _ in range(2)]
    for thread in threads:
        thread.start()
    sums: list[str] = []
    poured(connection, sums)
    stop.set()
    for thread in threads:
        thread.join(60)
    assert sums == [hashlib.sha256(CONTENT * TIMES).hexdigest()] and len(exchanges) > 4
    assert connection.is_open and set(ended) == {0}
