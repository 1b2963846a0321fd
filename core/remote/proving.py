"""Whether a login may run programs as another user, tried with one that prints a word."""

from __future__ import annotations

import secrets
import time

from core.errors import ConnectError, ServerError
from core.remote import launch, sudo
from core.remote.connection import Connection, start
from core.remote.transport import BROKEN
from core.text import clean

WITHIN = 30.0
"""Seconds for sudo to answer: where users come from a directory service it may wait for that."""
_MOST = 1 << 16
"""Bytes of what start-up files and sudo print that are read."""


def prove(connection: Connection, account: str) -> None:
    """Run a program as another user, over a channel of its own. ServerError where it does not run; ConnectError."""
    mark = secrets.token_hex(8)
    channel = connection.session()
    said = b""
    until = time.monotonic() + WITHIN
    try:
        channel.set_combine_stderr(True)
        channel.settimeout(WITHIN)
        start(channel, launch.probe(mark, account).command)
        while len(said) < _MOST and time.monotonic() < until and (piece := channel.recv(4096)):
            said += piece
            if mark.encode() in said.splitlines():
                return
    except TimeoutError:
        said = said or b"no answer"
    except BROKEN as error:
        raise ConnectError("the connection to the server was lost", detail=str(error)) from None
    finally:
        channel.close()
    text = said.decode("utf-8", "backslashreplace")
    if refused := sudo.refused(text, connection.login, account, "as"):
        raise ServerError(refused.title, detail=refused.detail, hint=refused.hint)
    raise ServerError(
        f"nothing runs as {account} on the server", detail=clean(text.strip(), 500) or "it printed nothing"
    )
