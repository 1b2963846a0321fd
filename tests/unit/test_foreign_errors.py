"""Whatever paramiko raises becomes an error of ours that names the server; none leaves the engine as it is."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import socket
from collections.abc import Iterator

import paramiko
import pytest
from paramiko import ssh_exception

from core.config import Server
from core.errors import ConnectError, TurnoutError
from core.remote.connection import Connection
from core.remote.link import Routes
from core.remote.transport import BROKEN
from core.sshconfig import Book

KEY = paramiko.RSAKey.generate(1024)
NEVER_MET = {
    "NeedRekeyException": "paramiko's own packets: caught where they are read",
    "SFTPError": "Turnout opens no SFTP channel",
}
WORDS = {
    "BadAuthenticationType": ("refused", ["password"]),
    "PartialAuthentication": (["password"],),
    "BadHostKeyException": ("web1", KEY, KEY),
    "ChannelException": (2, "Connect failed"),
    "CouldNotCanonicalize": ("web1",),
    "IncompatiblePeer": ("no common cipher",),
    "NoValidConnectionsError": ({("127.0.0.1", 22): OSError("refused")},),
    "ProxyCommandFailure": ("nc", "refused"),
    "AuthFailure": ([],),
    "UnknownKeyType": ("ssh-dss", b"key"),
    "InvalidHostKey": ("web1 ssh-rsa", ValueError("not base64")),
}


def raised_by_paramiko() -> Iterator[type[Exception]]:
    """Every class of exception that paramiko defines, but for those of its Windows parts."""
    names = set()
    for module in pkgutil.walk_packages(paramiko.__path__, "paramiko."):
        if "win" in module.name.rpartition(".")[2]:
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(value) and issubclass(value, Exception) and value.__module__.startswith("paramiko"):
                names.add(value)
    yield from sorted(names, key=lambda kind: kind.__name__)


KINDS = [kind for kind in raised_by_paramiko() if kind.__name__ not in NEVER_MET]


def made(kind: type[Exception]) -> Exception:
    return kind(*WORDS.get(kind.__name__, ("it says why",)))


@pytest.fixture
def listener() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def connection(listener: int) -> Connection:
    server = Server(name="web1", host="127.0.0.1", port=listener, user="ana", root="/srv/shop")
    return Connection(server, Routes(Book({"PATH": "", "HOME": "/nonexistent"})))


def test_paramiko_is_looked_through_as_a_whole() -> None:
    assert {ssh_exception.SSHException, ssh_exception.ChannelException} <= set(KINDS)
    assert {kind.__name__ for kind in raised_by_paramiko()} >= {*NEVER_MET, *WORDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_exception_of_paramiko_counts_as_a_broken_connection(kind: type[Exception]) -> None:
    assert issubclass(kind, BROKEN)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_login_that_ends_with_it_is_not_a_connection(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise made(kind)

    monkeypatch.setattr(paramiko.SSHClient, "connect", fail)
    with pytest.raises(ConnectError) as caught:
        connection.open()
    assert (caught.value.server, caught.value.phase) == ("web1", "connect")
    assert caught.value.title and (caught.value.detail or caught.value.hint)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_channel_that_cannot_be_opened_for_it_is_one_of_that_server(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise made(kind)

    monkeypatch.setattr(Connection, "is_open", True)
    monkeypatch.setattr(type(connection.link), "session", fail)
    with pytest.raises(TurnoutError) as caught:
        connection.session()
    assert caught.value.server == "web1"
