"""Checks after the switch: HTTP through the SSH connection, or a command on the server; attempts and intervals."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import threading
from collections import deque
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import paramiko

from core.errors import CheckFailed, ConnectError
from core.events import CheckAttempted
from core.remote.command import run as run_command

if TYPE_CHECKING:
    from core.config import Check
    from core.masking import Masking
    from core.operations.run import Run
    from core.remote.session import Session

_LAST_LINES = 5
"""Of what a command printed, for the reason."""
BODY_LIMIT = 4 << 20
"""Bytes of an answer that are looked through for `contains`."""


def describe(check: Check, mask: Masking) -> str:
    """A check in one line for a plan."""
    return mask.line(check.http or check.run or "", 200)


def verify(run: Run, check: Check, server: str, folder: str, told: dict[str, str]) -> None:
    """Try a check on one server until it passes. CheckFailed after its attempts; Cancelled.

    Every attempt is an event. Between attempts lies the check's interval.
    """
    shown = describe(check, run.fleet.project.mask)
    reason = ""
    for attempt in range(1, check.attempts + 1):
        run.cancel.check()
        session = run.session(server)
        reason = _http(run, session, check, told) if check.http else _command(run, session, check, folder, told)
        run.emit(
            CheckAttempted(
                server=server, check=shown, attempt=attempt, attempts=check.attempts, passed=not reason, detail=reason
            )
        )
        if not reason:
            return
        if attempt < check.attempts:
            run.cancel.wait(check.interval)
    run.cancel.check()
    tries = "1 attempt" if check.attempts == 1 else f"{check.attempts} attempts"
    raise CheckFailed(f"the check failed after {tries}: {shown}", detail=reason, server=server, phase="check")


def _command(run: Run, session: Session, check: Check, folder: str, told: dict[str, str]) -> str:
    """Why a command does not pass, or ""."""
    assert check.run is not None
    mask = run.fleet.project.mask
    last: deque[str] = deque(maxlen=_LAST_LINES)
    ended = run_command(
        session, check.run, folder, told, check.timeout, last.append, run.cancel, mask, token=run.token_on(session.name)
    )
    if ended.status == 0:
        return ""
    said = mask.line("\n".join(last), 500)
    if ended.late:
        return f"no end within {check.timeout:g} s\n{said}".strip()
    return f"status {ended.status}\n{said}".strip()


def _http(run: Run, session: Session, check: Check, told: dict[str, str]) -> str:
    """Why a URL does not pass, or "". The connection starts on the server: `127.0.0.1` is the server itself.

    The whole attempt has the check's `timeout`, however slowly an answer drips; a cancel ends it at once.
    """
    assert check.http is not None
    mask = run.fleet.project.mask
    wanted = check.contains.replace("{revision}", told["TURNOUT_REVISION"]).replace("{tag}", told["TURNOUT_TAG"])
    url = urlsplit(check.http)
    secure = url.scheme == "https"
    port = url.port or (443 if secure else 80)
    host = url.hostname or ""
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    try:
        channel = session.connection.tunnel(host, port, check.timeout)
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
    unwatch = run.cancel.on_request(channel.close)
    answer: http.client.HTTPResponse | None = None
    body = bytearray()
    site = check.host or url.netloc.rpartition("@")[2]
    try:
        client = _Client(host, port, channel, check.timeout, _server_name(site) if secure else None)
        client.request("GET", path, headers={"Host": site, "User-Agent": "turnout", "Connection": "close"})
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
