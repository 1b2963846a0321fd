"""TCP connections as ssh_config has them; loads no SSH library, so that they are made while that is loaded."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from msgspec import Struct

from core.errors import ConnectError
from core.jobs import Ahead
from core.sshconfig import Book, Options, Target
from core.version import VERSION

GREETING = f"SSH-2.0-Turnout_{VERSION.replace('-', '_')}"
"""How the client names itself (RFC 4253, section 4.2)."""
CONNECT_TIMEOUT = 10.0
"""Seconds for the TCP connection, where ConnectTimeout says nothing else."""
MOST_EARLY = 16
"""Connections that are made ahead at most: each takes a thread."""

Address = tuple[int, Any]
"""A family and the address that connect(2) needs for it."""


def addresses(options: Options) -> list[Address]:
    """Where a host is, as AddressFamily lets it be. OSError where its name cannot be resolved."""
    family = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}.get(options.get("addressfamily"), socket.AF_UNSPEC)
    found = socket.getaddrinfo(options.host, options.port, family, socket.SOCK_STREAM)
    return [(entry[0], entry[4]) for entry in found]


def connect(options: Options, places: Sequence[Address]) -> socket.socket:
    """A TCP connection to the first of the addresses that takes one, without Nagle's algorithm. OSError for none.

    The greeting is sent at once: the server's algorithms come a round trip after that, while the SSH library is loaded.
    """
    seconds = float(options.number("connecttimeout", int(CONNECT_TIMEOUT)) or CONNECT_TIMEOUT)
    trouble: OSError = OSError("no address")
    for _ in range(max(1, options.number("connectionattempts", 1))):
        for family, address in places:
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(seconds)
                _bind(sock, family, options)
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with suppress(OSError):  # the login hears why
                    sock.sendall(f"{GREETING}\r\n".encode("ascii"))
                return sock
            except OSError as error:
                trouble = error
                sock.close()
    raise trouble


def _bind(sock: socket.socket, family: int, options: Options) -> None:
    """BindAddress and BindInterface."""
    interface, address = options.get("bindinterface"), options.get("bindaddress")
    if interface:
        if not hasattr(socket, "SO_BINDTODEVICE"):
            raise OSError(f"BindInterface {interface}: this system has no such option")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
    if address:
        sock.bind(socket.getaddrinfo(address, 0, family, socket.SOCK_STREAM)[0][4])


class Dialled(Struct):
    """How a connection that was made ahead came out: its addresses and socket, or what either of them raised."""

    places: Sequence[Address] = ()
    sock: socket.socket | None = None
    unresolved: OSError | None = None
    problem: OSError | None = None

    def take(self) -> socket.socket:
        """The socket. Raises the OSError that `connect` raised."""
        if self.problem is not None:
            raise self.problem
        assert self.sock is not None
        return self.sock


class Dialler:
    """Connects to servers while the SSH library is loaded; what went wrong comes out where the login asks for it.

    One connection for each destination, however many servers it has: sshd lets only so many connections wait for their
    login, and core.remote.admission counts all others. Those behind gateways and proxies are left alone.
    """

    def __init__(self, book: Book) -> None:
        self._book = book
        self._lock = threading.Lock()
        self._calls: dict[Target, Ahead[Dialled | None]] = {}

    def begin(self, targets: Iterable[Target]) -> None:
        """Begin to connect; each is looked up first."""
        for target in list(dict.fromkeys(targets))[:MOST_EARLY]:
            self._calls[target] = Ahead(partial(self._dial, target))

    def take(self, target: Target) -> Dialled | None:
        """What was begun for a destination, once; waits for it. None where nothing was."""
        with self._lock:
            call = self._calls.pop(target, None)
        return call.get() if call is not None else None

    def close(self) -> None:
        """Close what nobody has taken."""
        with self._lock:
            calls, self._calls = self._calls, {}
        for call in calls.values():
            if call.finished and (dialled := call.get()) and dialled.sock is not None:
                dialled.sock.close()

    def _dial(self, target: Target) -> Dialled | None:
        try:
            options = self._book.look_up(target)
            options.refuse_what_cannot_be()
        except ConnectError:
            return None  # the login says it
        if options.jump or options.proxy_command:
            return None
        try:
            places = addresses(options)
        except OSError as error:
            return Dialled(unresolved=error)
        try:
            return Dialled(places, connect(options, places))
        except OSError as error:
            return Dialled(places, problem=error)
