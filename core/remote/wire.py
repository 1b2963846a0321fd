"""What an SSH transport reads from and writes to: a tuned socket, a channel of a gateway, or a proxy's command."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from core.remote.sockets import GREETING

_RTT_AT = 68
"""Where Linux has the round trip in its struct tcp_info, in microseconds."""

BANNER = 400
"""Bytes of a server's first words that are kept, to tell what answers there."""


STALL = 60.0
"""Seconds in which not one byte left before the other side counts as gone; TCP waits for a quarter of an hour."""
_READ = 64 << 10
"""Bytes that are read ahead: paramiko reads a packet in two pieces, and one call is cheaper than two."""


class Wire:
    """What a transport reads from and writes to.

    greeted  the greeting was sent when the connection was made; the transport's own is dropped
    heard    the first bytes that came
    ended    whether the other side has ended it

    A socket acknowledges at once what it receives: sshd leaves Nagle's algorithm on, so that its second small packet
    waits until the first is acknowledged, which Linux puts off for 40 ms. The option does not last, so that it is set
    again after every read.
    """

    def __init__(
        self, sock: Any, process: subprocess.Popen[bytes] | None = None, said: Any = None, *, greeted: bool = False
    ) -> None:
        self._sock = sock
        self._greeted = greeted
        self._process = process
        self._said = said
        self._direct = process is None and isinstance(sock, socket.socket)
        self.heard = b""
        self.ended = False
        self._complaint = ""
        self._closed = False
        self._closing = threading.Lock()
        self._stuck: float | None = None
        self._ahead = memoryview(b"")
        self._gathering: int | None = None
        self._gathered: deque[bytes] = deque()
        self._leaving = memoryview(b"")
        self._sending = threading.Lock()
        self._acknowledge()

    def send(self, raw: bytes) -> int:
        """As a socket's; where this thread gathers, it goes with `flush`, or before what another thread sends."""
        if self._gathering == threading.get_ident():
            self._gathered.append(raw)
            return len(raw)
        if self._greeted:
            self._greeted = False
            if raw.rstrip() == GREETING.encode("ascii"):
                return len(raw)
        with self._sending:
            self._send_gathered()
            return self._send(raw)

    @contextlib.contextmanager
    def gather(self) -> Iterator[None]:
        """Keep what this thread sends meanwhile; nothing in it waits for the other side. `flush` is to come next."""
        self._gathering = threading.get_ident()
        try:
            yield
        finally:
            self._gathering = None

    def flush(self) -> None:
        """Send what was gathered, in one go. OSError or EOFError where the connection is gone."""
        while True:
            try:
                with self._sending:
                    self._send_gathered()
                return
            except TimeoutError:  # paramiko gives its sockets a short one, to look whether it was closed
                if self._closed:
                    raise EOFError("the connection is closed") from None

    def _send_gathered(self) -> None:
        while self._leaving or self._gathered:
            if not self._leaving:
                parts = []
                while self._gathered:
                    parts.append(self._gathered.popleft())
                self._leaving = memoryview(b"".join(parts))
            sent = self._send(self._leaving)
            if not sent:
                raise EOFError("the connection is closed")
            self._leaving = self._leaving[sent:] if sent < len(self._leaving) else memoryview(b"")

    def _send(self, raw: bytes | memoryview) -> int:
        """As a socket's; where nothing has left for STALL seconds, the connection is closed, for all who use it."""
        try:
            sent: int = self._sock.send(raw)
        except TimeoutError:
            now = time.monotonic()
            self._stuck = now if self._stuck is None else self._stuck
            if now - self._stuck >= STALL:
                self.close()
                raise EOFError(f"it accepted no data for {STALL:.0f} s") from None
            raise
        self._stuck = None
        return sent

    def recv(self, size: int) -> bytes:
        if not self._ahead:
            self._ahead = memoryview(self._received())
        piece = bytes(self._ahead[:size])
        self._ahead = self._ahead[size:] if size < len(self._ahead) else memoryview(b"")
        return piece

    def _received(self) -> bytes:
        try:
            received: bytes = self._sock.recv(_READ)
        except ConnectionError:
            self.ended = True
            raise
        self.ended = self.ended or not received
        if len(self.heard) < BANNER:
            self.heard += received[:BANNER]
        self._acknowledge()
        return received

    def close(self) -> None:
        with self._closing:
            self._closed = True
            with contextlib.suppress(EOFError, OSError):  # a gateway's channel, whose connection is gone
                self._sock.close()
            if self._said is not None:
                self._complaint = self.complaint
                self._said.close()
                self._said = None
            if self._process is not None:
                with contextlib.suppress(OSError):
                    os.killpg(self._process.pid, signal.SIGTERM)
                threading.Thread(target=self._process.wait, name="proxy", daemon=True).start()
                self._process = None

    @property
    def complaint(self) -> str:
        """What the proxy's command said on standard error."""
        if self._said is None:
            return self._complaint
        self._said.seek(0)
        return str(self._said.read(2000).decode("utf-8", "backslashreplace").strip())

    def way(self) -> float:
        """Seconds of a round trip as the system has measured it; 0.0 where that is unknown."""
        if not self._direct or not hasattr(socket, "TCP_INFO"):
            return 0.0
        try:
            facts: bytes = self._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RTT_AT + 4)
        except OSError:
            return 0.0
        return int.from_bytes(facts[_RTT_AT:], sys.byteorder) / 1e6

    def _acknowledge(self) -> None:
        if self._direct:
            with contextlib.suppress(AttributeError, OSError):  # Linux only
                self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def through_command(command: str, environ: Mapping[str, str]) -> Wire:
    """A connection through a ProxyCommand, which the person's shell runs. OSError where it cannot be started."""
    ours, theirs = socket.socketpair()
    said = tempfile.TemporaryFile()  # noqa: SIM115  # read when the connection has failed
    shell = environ.get("SHELL") or "/bin/sh"
    with theirs:
        process = subprocess.Popen(
            [shell, "-c", command],
            env=dict(environ),
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=said,
            start_new_session=True,
        )
    return Wire(ours, process, said)
