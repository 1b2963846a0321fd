"""People's own commands on a server: each on its own channel, with its output line by line, until its exit status."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import paramiko
from msgspec import Struct

from core.errors import Cancelled, ConnectError, ServerError
from core.jobs import Cancel
from core.masking import Masking
from core.output import GRACE, QUIET, Output
from core.pending import whole
from core.records import SILENT_AFTER
from core.remote import launch
from core.remote.connection import start
from core.remote.launch import Command, Start
from core.remote.session import Session
from core.remote.transport import BROKEN

_LOOK = 0.1
"""Seconds between two looks at the end, the clock and the cancel request while nothing is printed."""
_STOPPED_WITHIN = 10.0
"""Seconds for a command to end that was asked to; the agent needs 1 for the asking."""
_ASK_EVERY = 5.0
"""Seconds between two looks whether the agent still answers while a command prints nothing."""
_NOISE = 1 << 14
"""Bytes of what start-up files print before the command that are kept: they may say why it did not run."""


class Ended(Struct, frozen=True):
    """How a command ended: its exit status, or None where it was killed or took too long (`late`).

    left   it left something running that keeps its output open, of which no more is read
    """

    status: int | None
    late: bool = False
    left: bool = False


class _Silence:
    """For how long nothing has come from a server: of a command, and no reply of the agent to a beat."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._heard = self._looked = time.monotonic()
        self._seconds = 0.0

    def ends(self) -> None:
        """Something came."""
        self._looked, self._seconds = time.monotonic(), 0.0

    def check(self) -> None:
        """ConnectError where it lasts for SILENT_AFTER seconds: the agent there ends what runs under its lock by then.
        What passed while this process was stopped is not counted.
        """
        passed = time.monotonic() - self._looked
        if passed < _ASK_EVERY or not self._session.agent.alive:
            return
        heard = self._session.agent.ask_for_beat()
        self._seconds = self._seconds + _ASK_EVERY if heard == self._heard else 0.0
        self._heard, self._looked = heard, time.monotonic()
        if self._seconds > SILENT_AFTER:
            raise self._session.agent.silent(f"nothing came from it for {self._seconds:.0f} s")


class _Heard:
    """What comes from the channel: first what login shells print by themselves, then the command's own output."""

    def __init__(self, mark: str, output: Output, on_process: Callable[[], None]) -> None:
        self.process = 0
        """The command's process on the server, the leader of its group; 0 before it is known."""
        self._mark = f"{mark} ".encode()
        self._output = output
        self._on_process = on_process
        self._before = b""
        self._aside = b""

    def take(self, piece: bytes) -> None:
        if self.process:
            self._output.take(piece)
            return
        *lines, rest = (self._before + piece).split(b"\n")
        for place, line in enumerate(lines):
            number = line.removeprefix(self._mark).strip()
            if line.startswith(self._mark) and number.isdigit():
                self.process = int(number)
                self._before = b""
                self._on_process()
                self._output.take(b"\n".join([*lines[place + 1 :], rest]))
                return
        self._before = b"\n".join([*lines, rest])[-_NOISE:]

    def aside(self, piece: bytes) -> None:
        """What came on standard error: the command's own goes to its standard output."""
        self._aside = (self._aside + piece)[-_NOISE:]

    @property
    def said(self) -> str:
        """Where the command never began: what was printed instead, which may say why."""
        return b"\n".join([self._before, self._aside]).strip().decode("utf-8", "backslashreplace")

    def finish(self) -> None:
        """The end. Where the command never began, what was printed before it says why."""
        if not self.process:
            self._output.take(b"\n".join([self._before, self._aside]).strip())
        self._output.finish()


def run(
    session: Session,
    command: str,
    folder: str,
    variables: Mapping[str, str],
    seconds: float,
    on_line: Callable[[str], None],
    cancel: Cancel,
    mask: Masking,
    *,
    token: str = "",
    user: str = "",
) -> Ended:
    """Run a command for `sh` in a folder on the server, with `variables` in its environment and no input.

    user    whom it runs as; "" for the agent's own user
    token   of the lock that it runs under; "" for none. With it the command ends with the lock, also where the
            operator is gone; without it, one that was running when the connection died may run on

    Its exit status ends it: what it leaves in the background keeps running, and its output is read for a moment more
    (QUIET, GRACE). When the time is up or a cancel is asked for before that, its whole process group is ended.
    The command and its variables travel on standard input, so that `ps` on the server shows nothing of them.
    Lines come as they were printed, bounded as core.output says. Raises Cancelled, ConnectError, and
    ServerError where the login shell ended with status 0 and the command never ran, and where sudo did not run it.
    """
    command = whole(command)
    mark = secrets.token_hex(8)
    sent, ended = threading.Event(), threading.Event()

    def stop() -> None:
        if heard.process and not ended.is_set():
            _stop(session, heard.process)
        elif not sent.is_set():
            channel.close()

    # A cancel may come before the command has said its process id: then it is ended as soon as that is known.
    heard = _Heard(mark, Output(on_line, mask), lambda: stop() if cancel.requested else None)
    cancel.check()
    channel = session.connection.session(with_agent=True)
    unwatch = cancel.on_request(stop)
    try:
        began = time.monotonic()
        wanted = Command(command, session.root, folder, variables, token, session.ownership.mask)
        _send(channel, _begun(session, mark, wanted, user), seconds)
        sent.set()
        status, late, left = _follow(channel, heard, began + seconds, cancel, ended, _Silence(session))
    except TimeoutError:
        status, late, left = -1, True, False
    except (*BROKEN, ConnectError) as error:
        cancel.check()
        said = error.detail if isinstance(error, ConnectError) else str(error)
        raise _lost(session, command, token, said) from None
    finally:
        unwatch()
        channel.close()
    if late:
        stop()
    heard.finish()
    if cancel.requested:
        raise Cancelled("cancelled by the operator")
    if late:
        return Ended(None, late=True)
    if status and not heard.process and (refused := _not_allowed(session, heard.said, user)):
        raise refused
    if status < 0 and not session.connection.is_open:
        raise _lost(session, command, token)
    if status < 0 and not heard.process:
        raise ConnectError(
            "the server did not run a command",
            detail=f"the channel was closed before it began: {command}",
            hint=f"try `ssh {session.server.host} true`: does the login shell there run commands?",
            server=session.name,
        )
    if status == 0 and not heard.process:
        raise ServerError(
            "the login shell ended with status 0 without running the command",
            detail=f"not run: {command}",
            hint="look for an `exit` or `set -n` in the login user's start-up files",
            server=session.name,
        )
    return Ended(status if status >= 0 else None, left=left)


def _begun(session: Session, mark: str, wanted: Command, user: str) -> Start:
    """How it is started, by the user that it runs as."""
    account = session.account
    other = session.sudo_to(user) if user else account
    if other == account:
        return launch.command(mark, wanted, account)
    from core.remote import other_user  # few projects need it

    return other_user.command(mark, wanted, account=account, user=other)


def _not_allowed(session: Session, said: str, user: str) -> ServerError | None:
    """The error where sudo did not run it."""
    account = user or session.account
    if not account:
        return None
    from core.remote.sudo import refused as refused_by_sudo  # few projects need it

    refused = refused_by_sudo(said, session.connection.login, account, "as" if user else "become")
    if refused is None:
        return None
    return ServerError(refused.title, detail=refused.detail, hint=refused.hint, server=session.name)


def _send(channel: paramiko.Channel, begun: Start, seconds: float) -> None:
    """Start the reader, and hand it the program. TimeoutError where it is not taken within so many seconds."""
    channel.settimeout(seconds)
    start(channel, begun.command)
    try:
        channel.sendall(begun.text.encode("utf-8", "surrogateescape"))
    except TimeoutError:
        raise
    except OSError:
        # It has ended already: what it printed says why.
        if not channel.closed and not channel.exit_status_ready():
            raise


def _follow(
    channel: paramiko.Channel,
    heard: _Heard,
    until: float,
    cancel: Cancel,
    ended: threading.Event,
    silence: _Silence,
) -> tuple[int, bool, bool]:
    """Hand on what is printed until the command has ended: its status (-1 for none), whether its time was up, and
    whether its output is still open.

    `ended` is set as soon as the end is known. A connection that is closed, or silent, ends everything here.
    """
    at_end: float | None = None
    cancelled: float | None = None
    spoke = time.monotonic()
    open_ = True
    while True:
        if open_:
            channel.settimeout(_LOOK)
            try:
                piece = channel.recv(1 << 16)
            except TimeoutError:
                piece = None
            if piece:
                heard.take(piece)
                spoke = time.monotonic()
                silence.ends()
            open_ = piece != b""
            while channel.recv_stderr_ready() and (piece := channel.recv_stderr(1 << 16)):
                heard.aside(piece)
        elif at_end is None:
            channel.status_event.wait(_LOOK)
        now = time.monotonic()
        if at_end is None and channel.exit_status_ready():
            ended.set()
            at_end = now
        if at_end is not None:
            if not open_ or cancel.requested or now >= at_end + GRACE or now >= max(at_end, spoke) + QUIET:
                return channel.exit_status, False, open_
        elif cancel.requested:
            cancelled = cancelled or now
            if now >= cancelled + _STOPPED_WITHIN:
                return -1, False, open_
        elif now >= until:
            return -1, True, open_
        else:
            silence.check()


def _stop(session: Session, process: int) -> None:
    """End the command's processes over the agent, without waiting for it."""

    def stop() -> None:
        with suppress(ConnectError):
            session.stop(process)

    threading.Thread(target=stop, name="stop hook", daemon=True).start()


def _lost(session: Session, command: str, token: str, error: str = "") -> ConnectError:
    return ConnectError(
        "the connection to the server was lost",
        detail=f"while it ran: {command}: {error}" if error else f"while it ran: {command}",
        hint="the agent there ends the command" if token else "the command may still run there",
        server=session.name,
    )
