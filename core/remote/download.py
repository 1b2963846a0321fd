"""The content of a release's files on its way here, over a channel of its own."""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from core.errors import Cancelled, ConnectError, ServerError
from core.jobs import Cancel
from core.records import LAST_SECOND
from core.remote import launch
from core.remote.connection import Connection, start
from core.remote.transport import BROKEN
from core.text import clean, escaped

STALL = 60.0
"""Seconds in which not one byte came before the server counts as gone."""
_NOISE = 1 << 20
"""Bytes that start-up files may print before."""
_LONGEST_LINE = 32
"""Bytes of a line: a number of files, or a time in seconds."""


class Download:
    """The files of one folder of a server, in the order in which they are asked for.

    For each file first `mtime`, then `read` until it has all bytes that it expects: nothing that the server sends says
    how many these are, or what the file is called.
    """

    def __init__(
        self,
        connection: Connection,
        root: str,
        folder: str,
        paths: Sequence[bytes],
        cancel: Cancel,
        account: str = "",
    ) -> None:
        self._server = connection.server.name
        self._cancel = cancel
        self._channel = connection.session()
        self._channel.settimeout(STALL)
        self._buffer = b""
        self._times: deque[int] = deque()
        begun = launch.download(account)
        try:
            start(self._channel, begun.command)
        except BROKEN as error:
            raise self._lost(str(error)) from None
        self._unwatch = cancel.on_request(self._channel.close)
        names = b"".join(b"./%b\0" % path for path in paths)
        self._mark = secrets.token_hex(8).encode()
        head = f"{begun.text}{escaped(root)}\n{folder}\n".encode("ascii") + self._mark + b"\n"
        # Beside reading: the server may fill its window before it has taken all names.
        threading.Thread(target=self._ask, args=(head + names,), name="ask for files", daemon=True).start()

    def _ask(self, text: bytes) -> None:
        with suppress(*BROKEN):
            self._channel.sendall(text)
            self._channel.shutdown_write()

    def mtime(self) -> int:
        """When the next file was changed, in seconds since the epoch. ServerError where it cannot be read there."""
        if self._mark:
            self._skip_noise()
        if not self._times:
            number = self._number()
            if not 1 <= number <= 200:
                raise self._nonsense()
            self._times.extend(self._number() for _ in range(number))
        return self._times.popleft()

    def _skip_noise(self) -> None:
        """Pass over what start-up files print, up to the program's own first line."""
        mark, self._mark = b"\n" + self._mark + b"\n", b""
        seen = b""
        while mark not in seen:
            seen += self.read(_NOISE)
            if len(seen) > _NOISE:
                raise self._nonsense()
        self._buffer = seen.partition(mark)[2] + self._buffer

    def _number(self) -> int:
        line = b""
        while not line.endswith(b"\n"):
            line += self.read(1)
            if len(line) > _LONGEST_LINE:
                raise self._nonsense()
        if not line.strip().isdigit() or int(line) > LAST_SECOND:
            raise self._nonsense()
        return int(line)

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`, at least one. ServerError at the end, ConnectError where none come."""
        if not self._buffer:
            try:
                self._buffer = self._channel.recv(1 << 17)
            except TimeoutError:
                raise self._lost(f"no data came for {STALL:.0f} s") from None
            except BROKEN as error:
                raise self._lost(str(error)) from None
            if not self._buffer:
                raise self._ended()
        piece, self._buffer = self._buffer[:size], self._buffer[size:]
        return piece

    def close(self) -> None:
        self._unwatch()
        self._channel.close()

    def _said(self) -> str:
        said = b""
        with suppress(*BROKEN):
            while self._channel.recv_stderr_ready() and len(said) < 4096:
                if not (piece := self._channel.recv_stderr(4096)):
                    break
                said += piece
        return clean(said.decode("utf-8", "backslashreplace").strip(), 500)

    def _ended(self) -> Exception:
        if self._cancel.requested:
            return Cancelled("cancelled by the operator")
        return ServerError(
            "a file of the release cannot be read there", detail=self._said() or "it ended early", server=self._server
        )

    def _nonsense(self) -> ServerError:
        return ServerError("a file of the release cannot be read there", detail=self._said(), server=self._server)

    def _lost(self, detail: str) -> Exception:
        if self._cancel.requested:
            return Cancelled("cancelled by the operator")
        return ConnectError("the connection to the server was lost", detail=detail, server=self._server)
