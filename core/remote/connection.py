"""One SSH connection to a server of turnout.toml: its way there, channels, tunnels."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque

import paramiko
from msgspec import Struct
from paramiko.common import cMSG_CHANNEL_REQUEST
from paramiko.message import Message

from core.errors import ConnectError, HostKeyUnknown, NoChannel
from core.remote.knownhosts import fingerprint
from core.remote.link import CHANNEL_TIMEOUT, Link, Routes
from core.remote.transport import BROKEN
from core.sshconfig import Destination, target

TAKEN_BACK_WITHIN = 5.0
"""Seconds for a server to notice that a channel is closed, and to end what ran there."""


class TrustedKey(Struct, frozen=True):
    """A host key that was compared with known_hosts and found right; `host` is the name that known_hosts uses."""

    host: str
    key_type: str
    fingerprint: str


class Connection:
    """An SSH connection to one server. `rtt`: the shortest round trip seen, in seconds; 0.0 before the first."""

    def __init__(self, server: Destination, routes: Routes) -> None:
        self.server = server
        self.rtt = 0.0
        self._routes = routes
        self._link: Link | None = None
        self._silent = False
        self._lent: list[paramiko.Channel] = []
        self._taken: list[paramiko.Channel] = []
        self._opened: deque[paramiko.Channel] = deque(maxlen=16)

    @property
    def link(self) -> Link:
        """The way to the server, as ssh_config has it. Raises ConnectError where that cannot be used."""
        if self._link is None:
            self._link = self._routes.link(target(self.server))
        return self._link

    @property
    def login(self) -> str:
        """The user who logs in, as ssh_config has it. Raises ConnectError where that cannot be used."""
        user: str = self.link.options.user
        return user

    @property
    def is_open(self) -> bool:
        return not self._silent and self._link is not None and bool(self._link.is_connected)

    @property
    def transport(self) -> paramiko.Transport:
        transport = self._link.transport if self._link is not None else None
        if transport is None or not transport.is_active():
            raise ConnectError("the connection is closed", server=self.server.name)
        return transport

    def open(self) -> None:
        """Connect and log in. Raises ConnectError or one of its kinds, with what to do."""
        try:
            for gateway in self._hops()[:-1]:
                gateway.users.add(self)
            self.link.open()
        except ConnectError as error:
            self._routes.forget(target(self.server))
            raise error.at(server=self.server.name, phase="connect") from None
        except OSError as error:
            place = f": {error.filename}" if error.filename else ""
            raise ConnectError(
                f"this machine cannot connect: {error.strerror or error}{place}",
                server=self.server.name,
                phase="connect",
            ) from error

    def _hops(self) -> list[Link]:
        """The links on the way to the server, the outermost gateway first."""
        hops = [self.link]
        while hops[-1].gateway is not None:
            hops.append(hops[-1].gateway)
        return hops[::-1]

    @property
    def host_keys(self) -> tuple[TrustedKey, ...]:
        """The keys that known_hosts had for what is connected: gateways first, then the server itself."""
        try:
            hops = [hop for hop in self._hops() if hop.is_connected]
            keys = [(hop.known_hosts.name, hop.transport.get_remote_server_key()) for hop in hops]
        except (ConnectError, *BROKEN):
            return ()
        return tuple(TrustedKey(host, key.get_name(), fingerprint(key)) for host, key in keys)

    def accept(self, error: HostKeyUnknown) -> None:
        """Write an unknown key that a person accepted into known_hosts. ConnectError where it cannot be written."""
        owner = next((hop for hop in self._hops() if hop.known_hosts.name == error.host), self.link)
        owner.known_hosts.add(error.key_line)

    def lend(self) -> paramiko.Channel:
        """A channel for what only looks on: an operation takes it back where the server opens no more of them."""
        channel = self._session()
        self._lent.append(channel)
        return channel

    def took_back(self, channel: paramiko.Channel) -> bool:
        """Whether a lent channel was closed because an operation needed it."""
        return channel in self._taken

    def session(self, *, with_agent: bool = False) -> paramiko.Channel:
        """A new channel: exactly one round trip, which is measured. `with_agent`: as Link.session has it.

        Where the server opens no more (MaxSessions), those that were lent are taken back: a log must not stop a deploy.
        What has just been closed may count there until its process has ended, and is waited for.
        """
        try:
            return self._session(with_agent=with_agent)
        except NoChannel:
            lent, self._lent = [channel for channel in self._lent if not channel.closed], []
            ended = [channel for channel in self._opened if channel.closed]
            for channel in ended:
                self._opened.remove(channel)
            if not lent and not ended:
                raise
            self._taken = lent
            for channel in lent:
                channel.close()
        until = time.monotonic() + TAKEN_BACK_WITHIN
        while True:
            time.sleep(0.1)
            try:
                return self._session(with_agent=with_agent)
            except NoChannel:
                if time.monotonic() >= until:
                    raise

    def _session(self, *, with_agent: bool = False) -> paramiko.Channel:
        began = time.monotonic()
        try:
            if not self.is_open:
                raise ConnectError("the connection is closed", server=self.server.name)
            channel = self.link.session(CHANNEL_TIMEOUT, with_agent=with_agent)
            self._opened.append(channel)
            self.rtt = min(self.rtt or 3600.0, time.monotonic() - began)
            return channel
        except paramiko.ChannelException as error:
            raise no_channel(error, self.server.name) from None
        except BROKEN as error:
            raise ConnectError(
                "the connection to the server was lost",
                detail=f"while a channel was opened: {error or type(error).__name__}",
                server=self.server.name,
            ) from None

    def tunnel(self, host: str, port: int, seconds: float) -> paramiko.Channel:
        """A TCP connection from the server to `host`, as a channel. paramiko.ChannelException where it refuses."""
        return self.transport.open_channel("direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=seconds)

    def give_up(self) -> None:
        """Close the connection, because the server is silent: it counts as closed at once, and nobody waits for it."""
        self._silent = True
        threading.Thread(target=self.close, name="silent connection ends", daemon=True).start()

    def close(self) -> None:
        """Close the connection, and gateways that no other connection uses."""
        if self._link is None:
            return
        for hop in self._hops()[::-1]:
            hop.users.discard(self)
            if not hop.users:
                with contextlib.suppress(Exception):  # it is being thrown away, in whatever state it is
                    hop.close()


def no_channel(error: paramiko.ChannelException, server: str) -> NoChannel:
    """The server refused a channel over a connection that goes on."""
    return NoChannel(
        "the server opened no channel",
        detail=f"{error.text} (reason {error.code})",
        hint="sshd's MaxSessions may be too low: `turnout doctor` tests how many channels it allows at the same time",
        server=server,
    )


def start(channel: paramiko.Channel, command: str) -> None:
    """Start a command without waiting for the server's consent: what is sent next travels with it.

    Channel.exec_command waits a round trip for the answer; where a command is refused the channel just ends.
    OSError where the channel was closed meanwhile.
    """
    if channel.closed:
        raise OSError("the channel is closed")
    message = Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string("exec")
    message.add_boolean(False)
    message.add_string(command.encode("utf-8", "surrogateescape"))
    channel.transport._send_user_message(message)
