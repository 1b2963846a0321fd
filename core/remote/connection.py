"""One SSH connection: Fabric over a tuned paramiko transport, host keys checked, every foreign error mapped."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Protocol

import fabric
import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.common import MSG_CHANNEL_REQUEST, cMSG_CHANNEL_REQUEST
from paramiko.message import Message

from core.errors import AuthenticationFailed, ConnectError, HostKeyUnknown, NoChannel
from core.remote.ending import hear_request
from core.remote.hostkeys import Judge, NotTrusted, refusal
from core.remote.sshconfig import KnownHosts, fingerprint, read_ssh_config

CONNECT_TIMEOUT = 10.0
"""Seconds for the TCP connection."""
BANNER_TIMEOUT = 15.0
AUTH_TIMEOUT = 30.0
CHANNEL_TIMEOUT = 20.0
KEEPALIVE = 15
"""Seconds between keepalives of the transport, so that firewalls keep an idle connection open."""


class Destination(Protocol):
    """What a connection needs to know of a server; core.config.Server has it."""

    @property
    def name(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int | None: ...
    @property
    def user(self) -> str | None: ...
    @property
    def gateway(self) -> str | None: ...
    @property
    def identity(self) -> str | None: ...


@dataclass(frozen=True)
class TrustedKey:
    """A host key that was compared with known_hosts and found right; `host` is the name that known_hosts uses."""

    host: str
    key_type: str
    fingerprint: str


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


class _Transport(paramiko.Transport):  # type: ignore[misc]
    """aes128-gcm first: 553 MB/s against 384 with paramiko's own first choice (DESIGN.md, section 3).

    known_types  of host keys: the server is asked for one of these first, as OpenSSH does
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

    def __init__(self, *arguments: Any, known_types: Collection[str] = (), **options: Any) -> None:
        super().__init__(*arguments, **options)
        security = self.get_security_options()
        security.key_types = sorted(security.key_types, key=lambda name: _key_type(name) not in known_types)

    def auth_publickey(self, username: str, key: paramiko.PKey, event: Any = None) -> list[str]:
        if event is not None or not (self.active and self.initial_kex_done):
            return super().auth_publickey(username, key, event)  # type: ignore[no-any-return]
        answered = threading.Event()
        self.auth_handler = _Login(self)
        self.auth_handler.auth_publickey(username, key, answered)
        return self.auth_handler.wait_for_response(answered)  # type: ignore[no-any-return]


def _key_type(algorithm: str) -> str:
    """The type of the keys that an algorithm of host keys is for."""
    return "ssh-rsa" if algorithm.startswith("rsa-sha2-") else algorithm


class _Link(fabric.Connection):  # type: ignore[misc]
    """Fabric's connection with host keys checked, also those of gateways, and Nagle's algorithm off."""

    inline_ssh_env: bool | None = None
    """Declared here, or Fabric's assignment would rewrite the configuration while other servers' threads read it."""

    def __init__(self, host: str, **options: Any) -> None:
        super().__init__(host, **options)
        self._set(known_hosts=KnownHosts(self.ssh_config, self.host, self.port))

    def get_gateway(self) -> Any:
        """ProxyJump in OpenSSH's order: each hop is reached through the one named before it."""
        if "proxyjump" not in self.ssh_config:
            return self.ssh_config.get("proxycommand")
        gateway: _Link | None = None
        for hop in self.ssh_config["proxyjump"].split(","):
            if hop.strip().lower() == "none" or self.derive_shorthand(hop)["host"] == self.original_host:
                return None
            gateway = _Link(hop.strip(), config=self.config, gateway=gateway, connect_kwargs=_connect_options())
        return gateway

    def open(self) -> Any:
        if self.is_connected:
            return None
        keys = self.known_hosts.read()
        self.client.set_missing_host_key_policy(Judge(self.known_hosts, keys))
        self.connect_kwargs["transport_factory"] = partial(_Transport, known_types=keys.types)
        if not self.gateway:
            self.connect_kwargs["sock"] = _connect(self.host, self.port, self.connect_timeout or CONNECT_TIMEOUT)
        try:
            return super().open()
        except BaseException:
            self.client.close()
            raise
        finally:
            self.connect_kwargs.pop("sock", None)


def _connect_options() -> dict[str, Any]:
    return {
        "banner_timeout": BANNER_TIMEOUT,
        "auth_timeout": AUTH_TIMEOUT,
        "channel_timeout": CHANNEL_TIMEOUT,
    }


class _Prompt:
    """A socket that acknowledges at once what it receives.

    sshd leaves Nagle's algorithm on: its second small packet waits until the first is acknowledged, which Linux puts
    off for 40 ms. The option does not last, so that it is set again after every read.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._acknowledge()

    def recv(self, size: int) -> bytes:
        received = self._sock.recv(size)
        self._acknowledge()
        return received

    def _acknowledge(self) -> None:
        with contextlib.suppress(AttributeError, OSError):  # Linux only
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def _connect(host: str, port: int, seconds: float) -> _Prompt:
    """A TCP connection without Nagle's algorithm and without delayed acknowledgements."""
    sock = socket.create_connection((host, port), timeout=seconds)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return _Prompt(sock)


def ssh_settings(environ: Mapping[str, str] | None = None) -> fabric.Config:
    """Fabric's settings with the person's ssh_config in it; one serves all connections of a fleet.

    `lazy`: Fabric's own files (~/.fabric.yaml, ~/.fabric.py, /etc/fabric.*) and variables are not read. They would
    change users and keys behind ssh_config's back, and one of them is a program.
    """
    return fabric.Config(lazy=True, ssh_config=read_ssh_config(os.environ if environ is None else environ))


class Connection:
    """An SSH connection to one server. `rtt`: the shortest round trip seen, in seconds; 0.0 before the first."""

    def __init__(self, server: Destination, settings: fabric.Config) -> None:
        self.server = server
        self.rtt = 0.0
        options = _connect_options()
        if server.identity:
            options["key_filename"] = [os.path.expanduser(server.identity)]
        gateway = _Link(server.gateway, config=settings, connect_kwargs=_connect_options()) if server.gateway else None
        self.link = _Link(
            server.host,
            user=server.user,
            port=server.port,
            config=settings,
            gateway=gateway,
            connect_timeout=int(CONNECT_TIMEOUT),
            connect_kwargs=options,
        )
        if str(self.link.ssh_config.get("identitiesonly", "no")).lower() == "yes" and self.link.connect_kwargs.get(
            "key_filename"
        ):
            self.link.connect_kwargs.update(look_for_keys=False, allow_agent=False)

    @property
    def is_open(self) -> bool:
        return bool(self.link.is_connected)

    @property
    def transport(self) -> paramiko.Transport:
        transport = self.link.transport
        if transport is None or not transport.is_active():
            raise ConnectError("the connection is closed", server=self.server.name)
        return transport

    def open(self) -> None:
        """Connect and log in. Raises ConnectError or one of its kinds, with what to do."""
        try:
            self._log_in()
        except ConnectError as error:
            raise error.at(server=self.server.name, phase="connect") from None

    def _log_in(self) -> None:
        where = f"{self.link.user}@{self.link.host}:{self.link.port}"
        try:
            self.link.open()
            self.transport.set_keepalive(KEEPALIVE)
        except ConnectError:
            raise
        except NotTrusted as error:
            raise refusal(error) from None
        except paramiko.PasswordRequiredException as error:
            raise AuthenticationFailed(
                f"the private key for {where} needs a passphrase",
                detail=str(error),
                hint="load it into the agent: ssh-add",
            ) from None
        except paramiko.AuthenticationException as error:
            raise AuthenticationFailed(
                f"{where} refused the login",
                detail=str(error),
                hint=f"try `ssh {self.server.host}`: is your public key in its authorized_keys, your key in the agent?",
            ) from None
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise _unreachable(error, where) from None

    def _hops(self) -> list[_Link]:
        """The links on the way to the server, the outermost gateway first."""
        hops = [self.link]
        while isinstance(hops[-1].gateway, _Link):
            hops.append(hops[-1].gateway)
        return hops[::-1]

    @property
    def host_keys(self) -> tuple[TrustedKey, ...]:
        """The keys that known_hosts had for what is connected: gateways first, then the server itself."""
        keys = [
            (hop.known_hosts.name, hop.transport.get_remote_server_key()) for hop in self._hops() if hop.is_connected
        ]
        return tuple(TrustedKey(host, key.get_name(), fingerprint(key)) for host, key in keys)

    def accept(self, error: HostKeyUnknown) -> None:
        """Write an unknown key that a person accepted into known_hosts. ConnectError where it cannot be written."""
        owner = next((hop for hop in self._hops() if hop.known_hosts.name == error.host), self.link)
        owner.known_hosts.add(error.key_line)

    def session(self) -> paramiko.Channel:
        """A new channel: exactly one round trip, which is measured."""
        began = time.monotonic()
        try:
            channel = self.transport.open_session(timeout=CHANNEL_TIMEOUT)
            self.rtt = min(self.rtt or 3600.0, time.monotonic() - began)
            return channel
        except paramiko.ChannelException as error:
            raise no_channel(error, self.server.name) from None
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise ConnectError(
                "the connection to the server was lost",
                detail=f"while a channel was opened: {error or type(error).__name__}",
                server=self.server.name,
            ) from None

    def tunnel(self, host: str, port: int, seconds: float) -> paramiko.Channel:
        """A TCP connection from the server to `host`, as a channel. paramiko.ChannelException where it refuses."""
        return self.transport.open_channel("direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=seconds)

    def close(self) -> None:
        with contextlib.suppress(Exception):  # it is being thrown away, in whatever state it is
            self.link.close()
        if isinstance(self.link.gateway, _Link):
            with contextlib.suppress(Exception):
                self.link.gateway.close()


def no_channel(error: paramiko.ChannelException, server: str) -> NoChannel:
    """The server refused a channel over a connection that goes on."""
    return NoChannel(
        "the server opened no channel",
        detail=f"{error.text} (reason {error.code})",
        hint="sshd's MaxSessions may be too low: `turnout doctor` tries how many channels it opens at the same time",
        server=server,
    )


def start(channel: paramiko.Channel, command: str) -> None:
    """Start a command without waiting for the server's consent: what is sent next travels with it.

    Channel.exec_command waits a round trip for the answer; where a command is refused the channel just ends.
    """
    message = Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string("exec")
    message.add_boolean(False)
    message.add_string(command.encode("utf-8", "surrogateescape"))
    channel.transport._send_user_message(message)


def _unreachable(error: BaseException, where: str) -> ConnectError:
    """What a failed connection means, in words."""
    if isinstance(error, socket.gaierror):
        return ConnectError(
            f"the name of {where} cannot be resolved",
            detail=str(error),
            hint="check `host` in turnout.toml and ~/.ssh/config",
        )
    if isinstance(error, TimeoutError):
        return ConnectError(
            f"{where} does not answer",
            detail="the connection timed out",
            hint="is the server up, the address right, a firewall between?",
        )
    if isinstance(error, ConnectionRefusedError) or "Unable to connect to port" in str(error):
        return ConnectError(
            f"{where} refused the connection",
            detail=str(error),
            hint="is sshd running there, and is the port right?",
        )
    return ConnectError(
        f"no SSH connection to {where}",
        detail=str(error) or type(error).__name__,
        hint=f"try `ssh {where.rpartition(':')[0]}`",
    )
