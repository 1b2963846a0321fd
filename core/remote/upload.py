"""A tree's changes on their way into one server's deploy-cache, over a channel of their own."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

from core.errors import Cancelled, ConnectError, TurnoutError
from core.jobs import Cancel
from core.output import QUIET
from core.ownership import Ownership
from core.protocol.complaints import LONGEST_SAID, Complaints
from core.remote import launch
from core.remote.connection import Connection, start
from core.remote.transport import BROKEN
from core.remote.wire import STALL
from core.tar.writer import CHUNK
from core.text import clean, cut_lines, escaped

_LOOK = 0.2
"""Seconds between two looks whether it has ended, while it says nothing."""
READY = b"\nready\n"
"""What a program says on its standard output, after whatever start-up files printed there."""
MOST_SAID = 64 << 20
"""Bytes of complaints (tar names each file that fails) after which the upload is given up."""


class Upload:
    """One server's end of an upload: opened ahead; `begin` and `send` do not wait, `finish` does.

    Its program is started ahead too, and changes nothing before `begin`: OpenSSH lets input through only a round trip
    after that.
    """

    def __init__(self, connection: Connection, ownership: Ownership = launch.NOBODYS) -> None:
        self._connection = connection
        self._channel = connection.session()
        self._channel.settimeout(STALL)
        self._cancelled = False
        begun = self._started(ownership)
        self._program = begun.text
        try:
            start(self._channel, begun.command)
        except BROKEN as error:
            raise self._lost(str(error)) from None

    def _started(self, ownership: Ownership) -> launch.Start:
        return launch.upload(ownership)

    @property
    def usable(self) -> bool:
        return not self._channel.closed

    def begin(
        self, root: str, token: str, unpack: str, remove: Sequence[bytes], wipe: bool, made: Sequence[bytes] = ()
    ) -> None:
        """Tell the program there what to do; first, what to remove from the cache (`wipe`: all of it).

        made   files to make there, empty, whose content does not come in this stream; see `wait_made`
        """
        lines = ["!"] if wipe else [escaped(path) for path in remove]
        lines += [escaped(b"//" + path) for path in made]
        head = [escaped(root), token, unpack]
        text = "".join(f"{line}\n" for line in [*head, *lines, ""])
        self.send(f"{self._program}{text}".encode("ascii"))

    def send(self, raw: bytes) -> None:
        """Hand on a piece of the stream; blocks while the server's window is full."""
        try:
            for place in range(0, len(raw), CHUNK):
                self._channel.transport.pour(self._channel, raw[place : place + CHUNK])
        except TimeoutError:
            raise self._lost(f"it accepted no data for {STALL:.0f} s") from None
        except BROKEN as error:
            if self._cancelled:
                raise Cancelled("cancelled by the operator") from None
            # The program there ended early: it says why.
            raise (self._ended(str(error)) or self._lost(str(error))) from None

    def wait_made(self) -> bool:
        """Wait until the files of `made` are there, on another thread than `send`; False where the upload ended before.

        Why it did, `send` or `finish` raise.
        """
        said = b""
        until = time.monotonic() + STALL
        while not said.endswith(READY):
            try:
                piece = self._channel.recv(1024)
            except TimeoutError:  # `finish` has made the channel's time limit shorter
                if time.monotonic() >= until:
                    return False
                continue
            except BROKEN:
                return False
            if not piece:
                return False
            said = (said + piece)[-LONGEST_SAID:]
        return True

    def finish(self) -> None:
        """End the stream and wait until everything is in the cache. Raises DiskFull, ServerError, ConnectError."""
        self._channel.shutdown_write()
        error = self._ended("")
        if self._cancelled:
            raise Cancelled("cancelled by the operator")
        if error is not None:
            raise error
        self._channel.close()

    def watch(self, cancel: Cancel) -> contextlib.AbstractContextManager[object]:
        """While the context is entered, a cancel ends the upload at once."""
        stack = contextlib.ExitStack()
        stack.callback(cancel.on_request(self.abort))
        return stack

    def abort(self) -> None:
        """Give up for a cancel: who still works with it gets Cancelled."""
        self._cancelled = True
        self.give_up()

    def give_up(self) -> None:
        """End it; what has arrived stays in the cache, which is unknown from now on."""
        self._channel.close()

    def _ended(self, problem: str) -> TurnoutError | None:
        """Wait for the program's end; the error that its end means, None where all is well."""
        channel = self._channel
        said = Complaints()
        total = 0
        rest = b""
        try:
            for chunk in self._complaints():
                lines, rest = cut_lines(rest + chunk, b"\n", LONGEST_SAID)
                for line in lines:
                    said.add(line.decode("utf-8", "backslashreplace"))
                total += len(chunk)
                if total > MOST_SAID:
                    channel.close()
                    words = said.text or rest[:200].decode("utf-8", "backslashreplace")
                    return self._lost(f"it printed errors without end: {words}")
            said.add(rest.decode("utf-8", "backslashreplace"))
            # The server may not have sent a status: recv_exit_status() would wait for ever.
            if not channel.closed and not channel.status_event.wait(STALL):
                return self._lost(f"it did not finish within {STALL:.0f} s")
            status = channel.exit_status if channel.exit_status_ready() else -1
        except TimeoutError:
            return self._lost(f"it did not finish within {STALL:.0f} s")
        except BROKEN as error:
            return self._lost(str(error))
        if status == 0 and not problem:
            return None
        if status == -1:
            return self._lost(said.text or problem or "the channel was closed")
        if not said.text:
            said.add(problem or f"tar ended with status {status}")
        return said.error("the upload failed")

    def _complaints(self) -> Iterator[bytes]:
        """What the program says until it has ended. TimeoutError where it neither speaks nor ends for STALL seconds.

        What it leaves running (a `tar` whose shell was killed) may hold its output open, and is not waited for.
        """
        spoke = time.monotonic()
        ended: float | None = None
        self._channel.settimeout(_LOOK)
        while True:
            try:
                chunk = self._channel.recv_stderr(4096)
            except TimeoutError:
                now = time.monotonic()
                if ended is None and self._channel.exit_status_ready():
                    ended = now
                if ended is not None and now >= max(ended, spoke) + QUIET:
                    return
                if ended is None and now >= spoke + STALL:
                    raise
                continue
            if not chunk:
                return
            spoke = time.monotonic()
            yield chunk

    def _lost(self, detail: str) -> ConnectError:
        """The upload will not end well, over a connection that may live: its program there may have been killed."""
        title = "the upload broke off" if self._connection.is_open else "the connection to the server was lost"
        return ConnectError(title, detail=clean(detail), server=self._connection.server.name)
