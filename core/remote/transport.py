"""The connection below SSH's channels: paramiko's transport, tuned."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from typing import Any, ClassVar

import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.ber import BERException
from paramiko.common import MSG_CHANNEL_REQUEST, cMSG_CHANNEL_DATA, cMSG_KEXINIT
from paramiko.hostkeys import InvalidHostKey
from paramiko.message import Message
from paramiko.pkey import UnknownKeyType

from core.errors import ConnectError
from core.remote.ending import Sender, guard, hear_request
from core.remote.shrinking import DELAYED, Shrinking, one_way
from core.remote.sockets import GREETING
from core.remote.wire import Wire
from core.sshconfig import Options
from core.sshconfig.options import pick

_PADDING = 14_000
"""Bytes that mean nothing, sent ahead of the first login over a long way. TCP begins with ten packets for each round
trip (RFC 6928), and goes on with more only after it had more than half of them on the way: without this the agent's
program needs one round trip more, and a small upload another one.
"""
FAR = 0.02
"""Seconds of a round trip from which that pays."""
NEAR = 0.005
"""Seconds of a round trip up to which nothing is compressed here: it saves two round trips, and costs sshd a quarter
more for each byte of a file."""

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


class Turns:
    """One thread at a time, as far as that costs no time.

    Ten threads that send over ten connections hand the interpreter to one another several times in every packet, and
    that took as much processor time as all the rest (docs/performance.md, "Fleets").

    patience  seconds that a thread may have its turn before others go on without; 128 kB take less than 1 ms
    """

    def __init__(self, patience: float = 0.02) -> None:
        self._patience = patience
        self._lock = threading.Lock()
        self._since = 0.0

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the turn; where the one who has it got stuck, go on without."""
        mine = self._lock.acquire(blocking=False)
        while not mine and time.monotonic() < self._since + self._patience:
            mine = self._lock.acquire(timeout=self._patience)
        try:
            if mine:
                self._since = time.monotonic()
            yield
        finally:
            if mine:
                self._lock.release()


_turns = Turns()


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
        self._put_off: list[Message] = []
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
        """All of it, both ways, where ssh_config says so; else what is short, to a server that is not near."""
        super().use_compression(compress)
        way = self.sock.way() if isinstance(self.sock, Wire) else 0.0
        self._shrinks = not compress and not 0.0 < way < NEAR
        if self._shrinks:
            self._preferred_compression = (DELAYED, "none")
            self._compression_info = {
                **paramiko.Transport._compression_info,
                DELAYED: (Shrinking, paramiko.Transport._compression_info[DELAYED][1]),
            }

    def open_channel(self, *arguments: Any, **others: Any) -> paramiko.Channel:
        return guard(super().open_channel(*arguments, **others))

    def _send_message(self, data: Message) -> None:
        sender: Sender | None = getattr(data, "sender", None)
        if sender is not None and not sender.lets(data):
            return
        if self._shrinks and self.in_kex and data.asbytes()[:1] == cMSG_KEXINIT:
            data = Message(one_way(data.asbytes()))
            self.local_kex_init = self._latest_kex_init = data.asbytes()
        super()._send_message(data)

    def _parse_kex_init(self, message: Message) -> None:
        super()._parse_kex_init(message)
        if self._shrinks:
            self.remote_compression = "none"

    def pour(self, channel: paramiko.Channel, raw: bytes) -> None:
        """Channel.sendall for a piece of a file: what the server's window takes is encrypted and sent in one go.

        OSError where the channel is closed, TimeoutError where its window stays shut for as long as it may.
        """
        while raw:
            raw = raw[self._pour(channel, raw) :]

    def _pour(self, channel: paramiko.Channel, raw: bytes) -> int:
        """The bytes that left, at least one."""
        messages: list[Message] = []
        place = 0
        with channel.lock:
            while place < len(raw) and (not messages or channel.out_window_size > 0):
                size = channel._wait_for_send_window(len(raw) - place)  # waits for the first one only
                if not size:
                    raise _ended()
                message = Message()
                message.add_byte(cMSG_CHANNEL_DATA)
                message.add_int(channel.remote_chanid)
                message.add_string(raw[place : place + size])
                messages.append(message)
                place += size
        until = time.monotonic() + self.clear_to_send_timeout
        while not self._send_together(channel, messages):
            if time.monotonic() > until:
                raise paramiko.SSHException("the exchange of new keys did not end")
            self.clear_to_send.wait(0.1)
        return place

    def _send_together(self, channel: paramiko.Channel, messages: Sequence[Message]) -> bool:
        """Send these in one go; False while keys are exchanged."""
        wire = self.sock
        with self.clear_to_send_lock:
            # Asked here: a channel is closed before it says so, and sshd ends a connection where data comes after that.
            if channel.closed or not self.active:
                raise _ended()
            if not self.clear_to_send.is_set():
                return False
            with _turns.turn(), wire.gather():
                for message in messages:
                    self._send_message(message)
        wire.flush()
        return True

    def _send_user_message(self, data: Message) -> None:
        # While keys are exchanged paramiko waits here for the new ones. On its own thread, which brings them, it would
        # wait in vain: for half a minute, and then the connection would end.
        if threading.current_thread() is self and self.initial_kex_done and not self.clear_to_send.is_set():
            self._put_off.append(data)
            return
        super()._send_user_message(data)

    def _parse_newkeys(self, message: Message) -> None:
        super()._parse_newkeys(message)
        put_off, self._put_off = self._put_off, []
        for data in put_off:
            self._send_user_message(data)

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


def _ended() -> OSError:
    return OSError("the channel is closed")


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
