"""The connection below SSH's channels: a tuned socket, the proxy's command, and paramiko's transport, tuned."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.ber import BERException
from paramiko.common import MSG_CHANNEL_REQUEST
from paramiko.hostkeys import InvalidHostKey
from paramiko.message import Message
from paramiko.pkey import UnknownKeyType

from core.errors import ConnectError
from core.remote.ending import hear_request
from core.sshconfig import Options
from core.sshconfig.options import pick

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
    _channel_handler_table: ClassVar = {
        **paramiko.Transport._channel_handler_table,
        MSG_CHANNEL_REQUEST: hear_request,
    }

    def __init__(
        self, *arguments: Any, known_types: Collection[str] = (), options: Options | None = None, **others: Any
    ) -> None:
        super().__init__(*arguments, **others)
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

    def auth_publickey(self, username: str, key: paramiko.PKey, event: Any = None) -> list[str]:
        if event is not None or not (self.active and self.initial_kex_done):
            return super().auth_publickey(username, key, event)  # type: ignore[no-any-return]
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

    heard   the first bytes that came
    ended   whether the other side has ended it

    A socket acknowledges at once what it receives: sshd leaves Nagle's algorithm on, so that its second small packet
    waits until the first is acknowledged, which Linux puts off for 40 ms. The option does not last, so that it is set
    again after every read.
    """

    def __init__(self, sock: Any, process: subprocess.Popen[bytes] | None = None, said: Any = None) -> None:
        self._sock = sock
        self._process = process
        self._said = said
        self._direct = process is None and isinstance(sock, socket.socket)
        self.heard = b""
        self.ended = False
        self._complaint = ""
        self._acknowledge()

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
