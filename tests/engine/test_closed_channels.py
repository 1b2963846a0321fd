"""A channel that one thread closes while another sends on it: its connection lives, and so does the next channel."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator

import paramiko
import pytest

from core.config import Server
from core.errors import ConnectError
from core.jobs import Cancel
from core.remote import transport
from core.remote.agent import Agent
from core.remote.connection import Connection, start
from core.remote.download import Download
from core.remote.link import Routes
from core.remote.upload import Upload
from core.sshconfig import Book
from tests.servers import Destination
from tests.waiting import PATIENCE, until

MUCH = 1_000_000
"""Bytes that come: of a tenth of a channel's window paramiko tells the server that they were taken."""
LATE: dict[str, tuple[str, Callable[[paramiko.Channel], object]]] = {
    "data": ("cat", lambda channel: channel.send(b"late\n")),
    "end": ("cat", lambda channel: channel.shutdown_write()),
    "command": ("", lambda channel: start(channel, "true")),
    "window": (f"head -c {MUCH} /dev/zero; cat", lambda channel: channel.recv(MUCH)),
}


@pytest.fixture(params=["own", "dropbear"])
def place(request: pytest.FixtureRequest, sshd: Destination, shell_server) -> Destination:
    return sshd if request.param == "own" else shell_server("busybox")


@pytest.fixture
def connection(place: Destination) -> Iterator[Connection]:
    made = Connection(Server(name=place.alias, host=place.alias, root=place.root), Routes(Book(os.environ)))
    made.open()
    yield made
    made.close()


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[], object]], Callable[[], None]]]:
    """Runs something up to where its message was made and has not left; gives what lets it go on to its end."""
    go_on = threading.Event()
    made = threading.Event()
    send = transport.Transport._send_user_message

    def send_late(way: transport.Transport, message: paramiko.Message) -> None:
        if threading.current_thread().name == "late":
            made.set()
            assert go_on.wait(PATIENCE)
        send(way, message)

    monkeypatch.setattr(transport.Transport, "_send_user_message", send_late)

    def begin(work: Callable[[], object]) -> Callable[[], None]:
        thread = threading.Thread(target=work, name="late")
        thread.start()
        assert made.wait(PATIENCE)

        def leave() -> None:
            go_on.set()
            thread.join(PATIENCE)

        return leave

    yield begin
    go_on.set()


@pytest.mark.tidy_login  # the commands are sent bare
@pytest.mark.parametrize("next_one", [False, True], ids=["alone", "beside the next"])
@pytest.mark.parametrize("what", LATE)
def test_what_was_made_before_a_channel_was_closed_does_not_leave_after_it(
    connection: Connection, late, what: str, next_one: bool
) -> None:
    command, work = LATE[what]
    channel = connection.session()
    if command:
        start(channel, command)
    if what == "window":
        until(lambda: len(channel.in_buffer) == MUCH, "what it prints")
    leave = late(lambda: work(channel))
    channel.close()
    until(lambda: connection.transport._channels.get(channel.chanid) is None, "the server to close it too")
    if next_one:
        following = cat(connection)
        leave()
    else:
        leave()
        following = cat(connection)
    following.sendall(b"two\n")
    following.shutdown_write()
    assert following.makefile("r").read() == b"two\n" and following.recv_exit_status() == 0
    assert connection.is_open


def cat(connection: Connection) -> paramiko.Channel:
    """A channel whose program gives back what it gets, and has begun to."""
    channel = connection.session()
    start(channel, "cat")
    channel.sendall(b"one\n")
    assert channel.recv(100) == b"one\n"
    return channel


def gone(*_message: object) -> None:
    raise EOFError


@pytest.mark.tidy_login
def test_who_reads_or_closes_gets_what_arrived_where_nothing_can_be_sent(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, ended, closed = (connection.session() for _ in range(3))
    start(read, f"head -c {MUCH} /dev/zero; cat")
    until(lambda: len(read.in_buffer) == MUCH, "what it prints")
    monkeypatch.setattr(paramiko.Transport, "_send_message", gone)
    assert len(read.recv(MUCH)) == MUCH
    ended.shutdown_write()
    closed.close()
    assert closed.closed
    with pytest.raises(EOFError):
        start(ended, "true")


BEGUN: dict[str, Callable[[Connection, str], object]] = {
    "agent": lambda connection, root: Agent(connection, root).requests([("ping", ())]),
    "upload": lambda connection, root: Upload(connection),
    "download": lambda connection, root: Download(connection, root, "releases", [b"index.html"], Cancel()),
}


@pytest.mark.parametrize("what", BEGUN)
def test_a_connection_that_breaks_before_a_command_is_sent_is_named(
    connection: Connection, place: Destination, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    session = Connection.session

    def lost(one: Connection, **how: bool) -> paramiko.Channel:
        channel = session(one, **how)
        place.server.kill_sessions()
        until(lambda: channel.closed, "the loss to be noticed")
        return channel

    monkeypatch.setattr(Connection, "session", lost)
    with pytest.raises(ConnectError, match="the connection to the server was lost"):
        BEGUN[what](connection, place.root)
