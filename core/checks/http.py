"""Checks that ask a URL from the server's side, through the SSH connection."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

import paramiko

from core.checks.expected import Expected, status_fits
from core.config import values
from core.errors import ConnectError
from core.pending import whole
from core.remote.transport import BROKEN
from core.text import clean, count, either

if TYPE_CHECKING:
    from core.checks.subject import Subject
    from core.config import Check
    from core.masking import Masking
    from core.site import ServerSite

BODY_LIMIT = 4 << 20
"""Bytes of an answer that are looked through for `contains`."""


def describe(check: Check) -> str:
    """The URL, and the method where it is not GET."""
    return f"{check.http}" if check.method == "GET" else f"{check.method} {check.http}"


def address(url: SplitResult) -> tuple[str, int]:
    """The host and the port that a URL is asked at."""
    return url.hostname or "", url.port or (443 if url.scheme == "https" else 80)


def attempt(site: ServerSite, check: Check, subject: Subject) -> str:
    """Why the URL does not pass, or "". The connection starts on the server: `127.0.0.1` is the server itself.

    The whole attempt has the check's `timeout`, however slowly an answer drips; a cancel ends it at once.
    """
    assert check.http is not None
    try:
        url = urlsplit(values.url(subject.filled(whole(check.http))))
    except ValueError as error:  # by what was filled in
        return site.mask.line(f"no request: its URL {error}")
    host, port = address(url)
    equals = subject.filled(check.equals) if isinstance(check.equals, str) else check.equals
    wanted = Expected(subject.filled(check.contains), check.json_path, equals)
    try:
        channel = site.tunnel(host, port, check.timeout)
    except paramiko.ChannelException as error:
        if error.code == 1:
            return "sshd forbids forwarding: allow it (AllowTcpForwarding, PermitOpen) or use a check with `run`"
        return site.mask.line(f"no connection to {host}:{port} from the server: {error.text or 'no reason given'}")
    except (ConnectError, *BROKEN) as error:
        return f"no connection: {error}"
    unwatch = site.cancel.on_request(channel.close)
    try:
        exchange = _Exchange(check, channel)
        exchange.run(url, host, port, wanted)
    finally:
        unwatch()
        channel.close()
    return exchange.verdict(wanted, site.mask)


class _Exchange:
    """One request over an open channel, and what came back within the check's timeout."""

    def __init__(self, check: Check, channel: paramiko.Channel) -> None:
        self._check = check
        self._channel = channel
        self._late = threading.Event()
        self._answer: http.client.HTTPResponse | None = None
        self._body = bytearray()
        self._error: Exception | None = None

    def run(self, url: SplitResult, host: str, port: int, wanted: Expected) -> None:
        """Ask, and read the answer as far as it matters."""
        check = self._check
        timer = threading.Timer(check.timeout, self._give_up)
        timer.daemon = True
        timer.start()
        client: _Client | None = None
        name = check.host or url.netloc.rpartition("@")[2]
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        try:
            tls = _Tls(_server_name(name), verify=check.verify_tls) if url.scheme == "https" else None
            client = _Client(host, port, self._channel, check.timeout, tls)
            client.request(check.method, path, headers=_headers(check, name))
            self._answer = client.getresponse()
            _read(self._answer, self._body, wanted)
        except (ValueError, http.client.HTTPException, *BROKEN) as error:
            self._error = error
        finally:
            timer.cancel()
            if client:
                client.sock.close()

    def _give_up(self) -> None:
        self._late.set()
        self._channel.close()

    def verdict(self, wanted: Expected, mask: Masking) -> str:
        """Why it does not pass, or ""."""
        check, answer, body, error = self._check, self._answer, self._body, self._error
        late = self._late.is_set()
        fits = answer is not None and status_fits(answer.status, check.statuses)
        if answer is None or (error and fits):
            if late or isinstance(error, TimeoutError):
                return f"no answer: not complete within {check.timeout:g} s"
            if isinstance(error, ssl.SSLCertVerificationError):
                return mask.line(f"its certificate is not valid: {error.verify_message or error}")
            return mask.line(f"no answer: {str(error) or type(error).__name__}")
        if not error and answer.length and len(body) < BODY_LIMIT and not late:
            return f"no answer: it ended after {count(len(body), 'byte')}, {count(answer.length, 'byte')} short"
        if not fits:
            return f"status {answer.status} instead of {either(check.statuses)}{_beginning(body, mask)}"
        if late:
            return f"no answer: not complete within {check.timeout:g} s"
        problem = wanted.problem(bytes(body), mask)
        return f"{clean(problem)}{_beginning(body, mask)}" if problem else ""


def _read(answer: http.client.HTTPResponse, body: bytearray, expected: Expected) -> None:
    """Read an answer to its end, or as far as it matters.

    One whose length is not known may stay open as long as the application pleases (a stream of events): it is read
    until it has what is wanted. One that says its length is read as a whole, because half of it is a failure.
    """
    wanted = expected.contains.encode()
    while len(body) < BODY_LIMIT:
        if answer.length is None and not expected.whole and wanted in body and (wanted or not answer.chunked):
            return
        piece = answer.read1(BODY_LIMIT - len(body))
        if not piece:
            return
        body += piece


def _headers(check: Check, host: str) -> dict[str, str]:
    """The headers of a request: the check's own, where it says so also in place of the usual User-Agent."""
    named = any(name.lower() == "user-agent" for name in check.headers)
    return {**({} if named else {"User-Agent": "turnout"}), **check.headers, "Host": host, "Connection": "close"}


def _server_name(site: str) -> str:
    """The name that TLS asks a site by (SNI): that of the Host header, without its port. ValueError."""
    name = urlsplit(f"//{site}").hostname
    if not name:
        raise ValueError(f"{site!r} has no host name")
    name.encode("idna")  # as TLS will
    return name.removesuffix(".")


def _beginning(body: bytes | bytearray, mask: Masking) -> str:
    """The first line of an answer, for the reason: applications often say there what is wrong."""
    text = body[: 2000 + 4 * mask.longest].decode("utf-8", "replace")
    shown = mask.line(text[: mask.cut(text, 2000)]).strip()
    return f": {shown.splitlines()[0][:200]}" if shown else " (it is empty)"


class _Tls(NamedTuple):
    """The name of the site that TLS asks by (SNI), and whether its certificate has to be valid for that name."""

    site: str
    verify: bool


class _Client(http.client.HTTPConnection):
    """HTTP over a channel that is already open, with TLS on top where that is asked for."""

    def __init__(self, host: str, port: int, channel: paramiko.Channel, seconds: float, tls: _Tls | None) -> None:
        super().__init__(host, port, timeout=seconds)
        channel.settimeout(seconds)
        self.sock = _secured(channel, tls, seconds) if tls else _Plain(channel)

    def connect(self) -> None:
        """It is connected from the start."""

    def close(self) -> None:
        """The caller closes the channel. http.client does as soon as it knows that no second answer will come, which
        leaves a socket open for who still reads from it, but not a channel: the body would be lost."""


class _Plain:
    """A channel as http.client needs its socket: paramiko's own file has no `read1`."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self.sendall = channel.sendall
        self.close = channel.close
        self._channel = channel

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Received(self._channel))


class _Received(io.RawIOBase):
    """What arrives on a channel."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        received = self._channel.recv(len(buffer))
        buffer[: len(received)] = received
        return len(received)


def _secured(channel: paramiko.Channel, tls: _Tls, seconds: float) -> ssl.SSLSocket:
    """TLS needs a real socket: a pair of them, and two threads that carry bytes between one and the channel.

    The request names the site, by which a server of many sites chooses one and its certificate. The certificate is
    verified only where the check says so: the connection comes from the server itself, often to an address that the
    certificate does not name. Authorities are those that this machine trusts.
    """
    ours, theirs = socket.socketpair()
    ours.settimeout(seconds)

    def carry(receive: paramiko.Channel | socket.socket, send: paramiko.Channel | socket.socket) -> None:
        try:
            while piece := receive.recv(65536):
                send.sendall(piece)
        except BROKEN:
            pass
        finally:
            theirs.close()
            channel.close()

    for pair in ((channel, theirs), (theirs, channel)):
        threading.Thread(target=carry, args=pair, name="check", daemon=True).start()
    context = ssl.create_default_context()
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(ours, server_hostname=tls.site)
