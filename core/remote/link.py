"""A login to one destination of ssh_config, through its gateways: Fabric's connection, opened our way."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Hashable
from functools import partial
from typing import Any

import fabric
import paramiko

from core.errors import ConnectError
from core.jobs import Ahead
from core.remote import admission, forwarding, login
from core.remote.hostkeys import Judge, NotTrusted, refusal
from core.remote.knownhosts import KnownHosts
from core.remote.sockets import Address, Dialled, Dialler, addresses, connect
from core.remote.transport import BROKEN, Transport
from core.remote.wire import Wire, through_command
from core.sshconfig import Book, Options, Target

BANNER_TIMEOUT = 15.0
AUTH_TIMEOUT = 30.0
CHANNEL_TIMEOUT = 20.0
KEEPALIVE = 15
"""Seconds between keepalives of the transport, so that firewalls keep an idle connection open."""
LONGEST_WAY = 8
"""Gateways one behind the other at most: more are a circle."""

for _name in ("paramiko", "fabric", "invoke"):
    # Without a handler Python itself prints their warnings on standard error; what matters becomes an error of ours.
    logging.getLogger(_name).addHandler(logging.NullHandler())


class _Cut(Exception):
    """The server ended the connection before it had shown its host key; trying again may help."""

    def __init__(self, cause: BaseException, heard: str) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.heard = heard


class Link(fabric.Connection):  # type: ignore[misc]
    """Fabric's connection with host keys checked, also those of gateways, and errors that name who made them.

    options   what ssh_config says of the destination
    where     for people: `user@host:port`, of a gateway with that word before it
    dialler   has a connection to it already, perhaps
    """

    inline_ssh_env: bool | None = None
    """Declared here, or Fabric's assignment would rewrite the configuration while other servers' threads read it."""

    def __init__(
        self,
        options: Options,
        config: fabric.Config,
        gateway: Link | None,
        *,
        is_gateway: bool,
        dialler: Dialler | None = None,
    ) -> None:
        super().__init__(
            options.host,
            user=options.user,
            port=options.port,
            config=config,
            gateway=gateway,
            forward_agent=False,
            connect_timeout=0,
        )
        place = f"{options.user}@{options.host}:{options.port}"
        self._set(
            options=options,
            where=f"the gateway {place}" if is_gateway else place,
            known_hosts=KnownHosts(options),
            users=set(),
            _sharing=threading.Lock(),
            _flight=None,
            _dialler=dialler,
            _dialled=None,
        )

    def derive_shorthand(self, host_string: str) -> dict[str, Any]:
        """The host has been looked up: nothing is read out of its name."""
        return {"user": None, "host": host_string, "port": None}

    def get_gateway(self) -> None:
        """The gateway is given, or there is none."""

    def session(self, seconds: float, *, with_agent: bool) -> paramiko.Channel:
        """A channel for a command, with the variables that ssh_config gives it: one round trip.

        with_agent  a person's command: it may use their SSH agent where ForwardAgent says so
        """
        channel = self.transport.open_session(timeout=seconds)
        environment = self.options.environment()
        if environment:
            channel.update_environment(environment)
        agent = self.options.forwarded_agent if with_agent else ""
        if agent:
            forwarding.forward(channel, agent)
        return channel

    def open(self) -> None:
        """Connect and log in, through the gateways. Raises ConnectError or one of its kinds, with what to do."""
        if self.is_connected:
            return
        self.options.refuse_what_cannot_be()
        if self.gateway is not None:
            self.gateway.open_shared()
        places = self._places()
        gate = admission.gate(self._gate_of(places))
        for tries in range(1, admission.TRIES + 1):
            cut = True
            gate.enter()
            try:
                self._open_once(places)
                cut = False
                return
            except _Cut as error:
                if tries == admission.TRIES:
                    raise self._given_up(error) from None
            except BaseException:
                cut = False
                raise
            finally:
                gate.leave(cut=cut)
            time.sleep(admission.pause(tries))

    def open_shared(self) -> None:
        """`open` for a gateway that many need at the same time: one of them opens it, and all get the same result."""
        with self._sharing:
            if self.is_connected:
                return
            flight: Ahead[None] = self._flight or Ahead(self.open)
            self._set(_flight=flight)
        try:
            flight.get()
        finally:
            with self._sharing:
                if self._flight is flight:
                    self._set(_flight=None)

    def _places(self) -> list[Address]:
        if self.gateway is not None or self.options.proxy_command:
            return []
        dialled: Dialled | None = self._dialler.take(self.options.target) if self._dialler is not None else None
        self._set(_dialler=None, _dialled=dialled)
        try:
            if dialled is None:
                return addresses(self.options)
            if dialled.unresolved is not None:
                raise dialled.unresolved
            return list(dialled.places)
        except OSError as error:
            raise unreachable(error, self.where) from None

    def _gate_of(self, places: list[Address]) -> Hashable:
        if self.gateway is not None:
            return (self.gateway.options.target, self.options.host.lower(), self.options.port)
        # As it is configured, without the server's name: the proxy behind it takes so many logins at a time, too.
        command: str = self.options.get("proxycommand")
        return command or tuple(places[0][1][:2])

    def _open_once(self, places: list[Address]) -> None:
        keys = self.known_hosts.read()
        judge = Judge(self.known_hosts, keys)
        self.client.set_missing_host_key_policy(judge)
        wire: Wire | None = None
        try:
            wire = self._wire(places)
            self.client.connect(
                self.host,
                port=self.port,
                username=self.user,
                sock=wire,
                compress=self.options.yes("compression"),
                banner_timeout=BANNER_TIMEOUT,
                auth_timeout=AUTH_TIMEOUT,
                channel_timeout=CHANNEL_TIMEOUT,
                transport_factory=partial(Transport, known_types=keys.types, options=self.options),
                auth_strategy=login.KeyLogin(self.options),
            )
            self._set(transport=self.client.get_transport())
            interval = self.options.number("serveraliveinterval", 0)
            self.transport.set_keepalive(min(KEEPALIVE, interval) if interval else KEEPALIVE)
        except BaseException as error:
            self.client.close()
            if wire is not None:
                wire.close()
            raise self._told(error, judge, wire) from None

    def _wire(self, places: list[Address]) -> Wire:
        if self.gateway is not None:
            return Wire(self._channel())
        if self.options.proxy_command:
            return through_command(self.options.proxy_command, self.options.environ)
        dialled: Dialled | None = self._dialled
        self._set(_dialled=None)
        sock = dialled.take() if dialled is not None else connect(self.options, places)
        return Wire(sock, greeted=True)

    def _channel(self) -> paramiko.Channel:
        """A TCP connection from the gateway to the destination."""
        try:
            return self.gateway.transport.open_channel(
                "direct-tcpip", (self.host, self.port), ("127.0.0.1", 0), timeout=CHANNEL_TIMEOUT
            )
        except paramiko.ChannelException as error:
            if error.code == 1:  # RFC 4254, 5.1: administratively prohibited
                raise ConnectError(
                    f"{self.gateway.where} forbids connections to {self.host}:{self.port}",
                    detail=str(error),
                    hint="AllowTcpForwarding and PermitOpen in its sshd_config, `restrict` in its authorized_keys",
                ) from None
            raise self._beyond_reach(str(error)) from None
        except BROKEN as error:
            if self.gateway.answers():
                raise self._beyond_reach("the connection timed out") from None
            # It may be half dead: the next one opens it again.
            self.gateway.close()
            raise ConnectError(
                f"{self.gateway.where} did not connect to {self.host}:{self.port}",
                detail=str(error) or "the connection to it was lost",
                hint="try again",
            ) from None

    def _beyond_reach(self, detail: str) -> ConnectError:
        return ConnectError(
            f"{self.gateway.where} cannot reach {self.host}:{self.port}",
            detail=detail,
            hint="is sshd running there? are name and port right as the gateway sees them? is there a firewall?",
        )

    def answers(self) -> bool:
        """Whether the server at the other end still answers; one that opens no session does."""
        try:
            self.transport.open_session(timeout=CHANNEL_TIMEOUT).close()
        except paramiko.ChannelException:
            return True
        except BROKEN:
            return False
        return True

    def _told(self, error: BaseException, judge: Judge, wire: Wire | None) -> BaseException:
        """What went wrong, as an error of ours, or as _Cut where trying again may help."""
        if isinstance(error, ConnectError):
            return error
        if isinstance(error, NotTrusted):
            found = refusal(error)
            if self.where.startswith("the gateway"):
                found.title = f"{self.where}: {found.title}"
            return found
        if isinstance(error, login.Refused):
            return login.told(error, self.where)
        if not isinstance(error, BROKEN):
            return error
        heard = wire.heard.decode("utf-8", "backslashreplace").strip() if wire is not None else ""
        if "Not allowed at this time" in heard:
            return ConnectError(
                f"{self.where} refuses connections from here for a while",
                detail=heard.splitlines()[0],
                hint="its sshd punishes failed logins (PerSourcePenalties): wait, and look why they failed",
            )
        complaint = wire.complaint if wire is not None else ""
        if complaint or (self.options.proxy_command and not heard):
            return ConnectError(
                f"ProxyCommand did not connect to {self.where}",
                detail=complaint or f"it ended: {self.options.proxy_command}",
                hint=f"try `ssh {self.options.target.host}`",
            )
        speaks_ssh = not heard or heard.startswith("SSH-") or "MaxStartups" in heard
        cut = isinstance(error, ConnectionError) and not isinstance(error, ConnectionRefusedError)
        differs = isinstance(error, paramiko.ssh_exception.IncompatiblePeer)
        cut = cut or (wire is not None and wire.ended and not differs)
        if cut and speaks_ssh and not judge.asked:
            return _Cut(error, heard)
        return unreachable(error, self.where, "" if speaks_ssh else f"it says {heard.splitlines()[0][:200]!r}")

    def _given_up(self, error: _Cut) -> ConnectError:
        said = f"; it says {error.heard.splitlines()[0][:200]!r}" if error.heard else ""
        return ConnectError(
            f"{self.where} ended the connection {admission.TRIES} times before the login",
            detail=f"{error}{said}",
            hint="too many logins there at once (MaxStartups in its sshd_config), or a firewall blocks them",
        )


class _Silent(paramiko.SSHConfig):  # type: ignore[misc]
    """No ssh_config: our own answer is in `Options`. Even an empty one of paramiko asks for the user's name."""

    def lookup(self, hostname: str) -> paramiko.SSHConfigDict:
        return paramiko.SSHConfigDict()


class Routes:
    """The ways to a fleet's servers: address book, Fabric's configuration, and gateways, which connections share."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._dialler: Dialler | None = None
        # Fabric's own files (~/.fabric.yaml, ~/.fabric.py, /etc/fabric.*) and variables are not read: they would change
        # users and keys behind ssh_config's back, and one of them is a program. It reads no ssh_config either.
        self._config = fabric.Config(lazy=True, ssh_config=_Silent())
        self._gateways: dict[Target, Link] = {}
        self._lock = threading.Lock()

    def dial(self, dialler: Dialler) -> None:
        """Links made from now on use the connections that it makes; of those before, what nobody took is closed."""
        before, self._dialler = self._dialler, dialler
        if before is not None:
            before.close()

    def link(self, target: Target) -> Link:
        """The way to a destination; not opened. Gateways that it goes through are shared. Raises ConnectError."""
        return self._link(target, ())

    def _link(self, target: Target, behind: tuple[Target, ...]) -> Link:
        if len(behind) > LONGEST_WAY:
            way = " <- ".join(dict.fromkeys(one.host for one in behind))
            raise ConnectError("the gateways of the ssh_config go in a circle", detail=way, hint="look at ProxyJump")
        options = self.book.look_up(target)
        hop = self.book.hops(options)
        gateway = self._link(hop, (*behind, target)) if hop else None
        if not behind:
            return Link(options, self._config, gateway, is_gateway=False, dialler=self._dialler)
        with self._lock:
            if target not in self._gateways:
                self._gateways[target] = Link(options, self._config, gateway, is_gateway=True)
            return self._gateways[target]

    def forget(self, target: Target) -> None:
        """A login failed: ssh_config is read again before the next one, also for the gateways."""
        self.book.forget(target)
        with self._lock:
            idle = [one for one, gateway in self._gateways.items() if not gateway.is_connected]
            for one in idle:
                del self._gateways[one]
        for one in idle:
            self.book.forget(one)

    def close(self) -> None:
        """Close the gateways, and connections that nobody wanted."""
        if self._dialler is not None:
            self._dialler.close()
        with self._lock:
            gateways = list(self._gateways.values())
        for gateway in gateways:
            with contextlib.suppress(Exception):  # it is being thrown away, in whatever state it is
                gateway.close()


def unreachable(error: BaseException, where: str, detail: str = "") -> ConnectError:
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
            hint="is the server up? is the address right? is there a firewall?",
        )
    if isinstance(error, ConnectionRefusedError):
        return ConnectError(
            f"{where} refused the connection",
            detail=str(error),
            hint="is sshd running there, and is the port right?",
        )
    return ConnectError(
        f"no SSH connection to {where}",
        detail=detail or str(error) or type(error).__name__,
        hint=f"try `ssh {where.removeprefix('the gateway ').rpartition(':')[0]}`",
    )
