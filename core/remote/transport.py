"""The connection below SSH's channels: a tuned socket, the proxy's command, and paramiko's transport, tuned."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.ber import BERException
from paramiko.common import MSG_CHANNEL_REQUEST, cMSG_KEXINIT
from paramiko.hostkeys import InvalidHostKey
from paramiko.message import Message
from paramiko.pkey import UnknownKeyType

from core.errors import ConnectError
from core.remote.ending import hear_request
from core.remote.shrinking import DELAYED, Shrinking, one_way
from core.remote.sockets import GREETING
from core.sshconfig import Options
from core.sshconfig.options import pick

_PADDING = 14_000
"""Bytes that mean nothing, sent ahead of the first login over a long way. TCP begins with ten packets for each round
trip (RFC 6928), and goes on with more only after it had more than half of them on the way: without this the agent's
program needs one round trip more, and a small upload another one.
"""
FAR = 0.02
"""Seconds of a round trip from which that pays."""

_RTT_AT = 68
"""Where Linux has the round trip in its struct tcp_info, in microseconds."""

BANNER = 400
"""Bytes of a server's first words that are kept, to tell what answers there."""

BROKEN = (
    OSError,
    EOFError,
    paramiko.SSHException,
    UnknownKeyType,
    InvalidHostKey,
    BERException,
)
"""What paramiko raises where a connection or a channel breaks, or the other side breaks the protocol: each becomes an
error of core.errors where it is caught."""


class _Login(AuthHandler):  # type: ignore[misc]  # paramiko has no types
    """Asks for the service and logs in at once, where paramiko waits a round trip between the two.

    RFC 4253, section 10, lets a client do so where the server has shown its host key, as it has here. RSA keys wait:
    which signatures the server takes may come with its answer.
    """

    def _request_auth(self) -> None:
        # Before it is sent: the answer comes on another thread.
        self._early = self.auth_method == "publickey" and "rsa" not in self.private_key.get_name()
        super()._request_auth()
        if self._early:
            super()._parse_service_accept(_userauth())

    def _parse_service_accept(self, message: Message) -> None:
        if not self._early:
            super()._parse_service_accept(message)


def _userauth() -> Message:
    """What follows the number of the server's answer to a request for the service."""
    message = Message()
    message.add_string("ssh-userauth")
    return Message(message.asbytes())


class Transport(paramiko.Transport):  # type: ignore[misc]
    """aes128-gcm first: 553 MB/s against 384 with paramiko's own first choice.

    known_types  of host keys: the server is asked for one of these first, as OpenSSH does
    options      algorithms that the person configured go before that, and no others are offered
    """

    _preferred_ciphers = (
        "aes128-gcm@openssh.com",
        "aes256-gcm@openssh.com",
        *(name for name in paramiko.Transport._preferred_ciphers if "gcm" not in name and "cbc" not in name),
    )
    _shrinks = False
    _channel_handler_table: ClassVar = {
        **paramiko.Transport._channel_handler_table,
        MSG_CHANNEL_REQUEST: hear_request,
    }

    def __init__(
        self, *arguments: Any, known_types: Collection[str] = (), options: Options | None = None, **others: Any
    ) -> None:
        super().__init__(*arguments, **others)
        self.local_version = GREETING
        self._padded = False
        security = self.get_security_options()
        if options is not None:
            security.ciphers = _chosen(options, "ciphers", "Ciphers", security.ciphers, paramiko.Transport._cipher_info)
            security.digests = _chosen(options, "macs", "MACs", security.digests, paramiko.Transport._mac_info)
            security.kex = _chosen(
                options, "kexalgorithms", "KexAlgorithms", security.kex, paramiko.Transport._kex_info
            )
            security.key_types = _chosen(
                options, "hostkeyalgorithms", "HostKeyAlgorithms", security.key_types, paramiko.Transport._key_info
            )
        security.key_types = sorted(security.key_types, key=lambda name: key_type(name) not in known_types)
        accepted = options.chosen("pubkeyacceptedalgorithms") if options is not None else ()
        if accepted:
            self._preferred_pubkeys: tuple[str, ...] = pick(accepted, paramiko.Transport._preferred_pubkeys)

    def use_compression(self, compress: bool = True) -> None:
        """All of it, both ways, where ssh_config says so; else what is short, to the server."""
        super().use_compression(compress)
        self._shrinks = not compress
        if self._shrinks:
            self._preferred_compression = (DELAYED, "none")
            self._compression_info = {
                **paramiko.Transport._compression_info,
                DELAYED: (Shrinking, paramiko.Transport._compression_info[DELAYED][1]),
            }

    def _send_message(self, data: Message) -> None:
        if self._shrinks and self.in_kex and data.asbytes()[:1] == cMSG_KEXINIT:
            data = Message(one_way(data.asbytes()))
            self.local_kex_init = self._latest_kex_init = data.asbytes()
        super()._send_message(data)

    def _parse_kex_init(self, message: Message) -> None:
        super()._parse_kex_init(message)
        if self._shrinks:
            self.remote_compression = "none"

    def auth_publickey(self, username: str, key: paramiko.PKey, event: Any = None) -> list[str]:
        if event is not None or not (self.active and self.initial_kex_done):
            return super().auth_publickey(username, key, event)  # type: ignore[no-any-return]
        if self._shrinks and not self._padded and isinstance(self.sock, Wire) and self.sock.way() >= FAR:
            # Before the login: what comes after it is compressed.
            self.send_ignore(_PADDING)
            self._padded = True
        answered = threading.Event()
        self.auth_handler = _Login(self)
        self.auth_handler.auth_publickey(username, key, answered)
        return self.auth_handler.wait_for_response(answered)  # type: ignore[no-any-return]


def _chosen(options: Options, name: str, keyword: str, ours: Sequence[str], known: Collection[str]) -> Sequence[str]:
    """The algorithms to offer: those configured that paramiko has, in that order; `ours` where none are configured."""
    wanted = options.chosen(name)
    if not wanted:
        return ours
    offered = pick(wanted, tuple(known))
    if not offered:
        raise ConnectError(
            f"Turnout supports none of the {keyword} that the ssh_config names for {options.target.host}",
            detail=f"wanted: {','.join(wanted)}\nTurnout supports: {','.join(ours)}",
            hint=f"add one of these to {keyword}, for this host at least",
        )
    return offered


def key_type(algorithm: str) -> str:
    """The type of the keys that an algorithm of host keys is for."""
    return "ssh-rsa" if algorithm.startswith("rsa-sha2-") else algorithm


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
        self._acknowledge()

    def send(self, raw: bytes) -> int:
        if self._greeted:
            self._greeted = False
            if raw.rstrip() == GREETING.encode("ascii"):
                return len(raw)
        sent: int = self._sock.send(raw)
        return sent

    def recv(self, size: int) -> bytes:
        try:
            received: bytes = self._sock.recv(size)
        except ConnectionError:
            self.ended = True
            raise
        self.ended = self.ended or not received
        if len(self.heard) < BANNER:
            self.heard += received[:BANNER]
        self._acknowledge()
        return received

    def close(self) -> None:
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
