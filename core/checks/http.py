"""Checks that ask a URL from the server's side, through the SSH connection."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import paramiko

from core.errors import ConnectError

if TYPE_CHECKING:
    from core.config import Check
    from core.masking import Masking
    from core.site import ServerSite

BODY_LIMIT = 4 << 20
"""Bytes of an answer that are looked through for `contains`."""


def describe(check: Check) -> str:
    """The URL."""
    return check.http or ""


def attempt(site: ServerSite, check: Check, folder: str, variables: Mapping[str, str]) -> str:
    """Why the URL does not pass, or "". The connection starts on the server: `127.0.0.1` is the server itself.

    The whole attempt has the check's `timeout`, however slowly an answer drips; a cancel ends it at once.
    """
    assert check.http is not None
    mask = site.mask
    wanted = check.contains.replace("{revision}", variables["TURNOUT_REVISION"])
    wanted = wanted.replace("{tag}", variables["TURNOUT_TAG"])
    url = urlsplit(check.http)
    secure = url.scheme == "https"
    port = url.port or (443 if secure else 80)
    host = url.hostname or ""
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    try:
        channel = site.tunnel(host, port, check.timeout)
    except paramiko.ChannelException as error:
        if error.code == 1:
            return "sshd forbids forwarding: allow it (AllowTcpForwarding, PermitOpen) or use a check with `run`"
        return mask.line(f"no connection to {host}:{port} from the server: {error.text or 'it says no reason'}")
    except (ConnectError, OSError, EOFError, paramiko.SSHException) as error:
        return f"no connection: {error}"
    client: _Client | None = None
    late = threading.Event()

    def give_up() -> None:
        late.set()
        channel.close()

    timer = threading.Timer(check.timeout, give_up)
    timer.daemon = True
    timer.start()
    unwatch = site.cancel.on_request(channel.close)
    answer: http.client.HTTPResponse | None = None
    body = bytearray()
    name = check.host or url.netloc.rpartition("@")[2]
    try:
        client = _Client(host, port, channel, check.timeout, _server_name(name) if secure else None)
        client.request("GET", path, headers={"Host": name, "User-Agent": "turnout", "Connection": "close"})
        answer = client.getresponse()
        _read(answer, body, wanted.encode())
        if answer.length and len(body) < BODY_LIMIT and not late.is_set():
            return f"no answer: it ended after {len(body)} bytes, {answer.length} too early"
    except (OSError, EOFError, ValueError, http.client.HTTPException, paramiko.SSHException) as error:
        if answer is None or answer.status == check.status:
            if late.is_set() or isinstance(error, TimeoutError):
                return f"no answer as a whole within {check.timeout:g} s"
            return mask.line(f"no answer: {str(error) or type(error).__name__}")
    finally:
        timer.cancel()
        unwatch()
        if client:
            client.sock.close()
        channel.close()
    if answer.status != check.status:
        return f"status {answer.status} instead of {check.status}{_beginning(body, mask)}"
    if late.is_set():
        return f"no answer as a whole within {check.timeout:g} s"
    if wanted.encode() not in body:
        return f"the answer does not contain {mask(wanted)!r}{_beginning(body, mask)}"
    return ""


def _read(answer: http.client.HTTPResponse, body: bytearray, wanted: bytes) -> None:
    """Read an answer to its end, or as far as it matters.

    One whose length is not known may stay open as long as the application pleases (a stream of events): it is read
    until it has what is wanted. One that says its length is read as a whole, because half of it is a failure.
    """
    while len(body) < BODY_LIMIT:
        if answer.length is None and wanted in body and (wanted or not answer.chunked):
            return
        piece = answer.read1(BODY_LIMIT - len(body))
        if not piece:
            return
        body += piece


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


class _Client(http.client.HTTPConnection):
    """HTTP over a channel that is already open, with TLS on top where there is a site whose name it asks by."""

    def __init__(self, host: str, port: int, channel: paramiko.Channel, seconds: float, site: str | None) -> None:
        super().__init__(host, port, timeout=seconds)
        channel.settimeout(seconds)
        self.sock = _secured(channel, site, seconds) if site else _Plain(channel)

    def connect(self) -> None:
        """It is connected from the start."""

    def close(self) -> None:
        """The caller closes the channel. http.client does as soon as it knows that no second answer will come, which
        leaves a socket open for who still reads from it, but not a channel: the body would be lost."""


class _Plain:
    """A channel as http.client wants its socket: paramiko's own file has no `read1`."""

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


def _secured(channel: paramiko.Channel, site: str, seconds: float) -> ssl.SSLSocket:
    """TLS needs a real socket: a pair of them, and two threads that carry bytes between one and the channel.

    The server is told the site's name, by which one that serves many chooses certificate and site. The certificate is
    not verified: the connection comes from the server itself, often by an address it does not name.
    """
    ours, theirs = socket.socketpair()
    ours.settimeout(seconds)

    def carry(receive: paramiko.Channel | socket.socket, send: paramiko.Channel | socket.socket) -> None:
        try:
            while piece := receive.recv(65536):
                send.sendall(piece)
        except (OSError, EOFError, paramiko.SSHException):
            pass
        finally:
            theirs.close()
            channel.close()

    for pair in ((channel, theirs), (theirs, channel)):
        threading.Thread(target=carry, args=pair, name="check", daemon=True).start()
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(ours, server_hostname=site)
