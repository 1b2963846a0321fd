"""A command on a real terminal: what it shows is read, and a person's answers are typed."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from tests.waiting import PATIENCE

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A process whose standard input, output and error are one pseudo-terminal."""

    def __init__(self, command: Sequence[str], cwd: Path, columns: int = 100, **environment: str) -> None:
        self._ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
        self._written = b""
        self._seen = 0
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8", **environment},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._ours)

    @property
    def written(self) -> str:
        """Everything that was written to the terminal so far, control sequences and all."""
        return self._written.decode("utf-8", "replace")

    @property
    def text(self) -> str:
        """What was written, without control sequences."""
        return CONTROL.sub("", self.written).replace("\r\n", "\n")

    def expect(self, text: str, seconds: float = PATIENCE) -> None:
        """Wait until `text` appears behind what was expected before; an AssertionError shows what appeared instead."""
        deadline = time.monotonic() + seconds
        while (place := self.text.find(text, self._seen)) < 0:
            assert self._read(deadline), f"{text!r} did not appear:\n{self.text}"
        self._seen = place + len(text)

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._ours, f"{text}\n".encode())

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self, seconds: float = PATIENCE) -> int:
        """Wait for the process to end, reading what it writes; its exit code."""
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            pass
        return self.process.wait(max(deadline - time.monotonic(), 1))

    def _read(self, deadline: float) -> bool:
        """Read what comes; False at the end of output or of the time."""
        ready, _, _ = select.select([self._ours], [], [], max(deadline - time.monotonic(), 0))
        if not ready:
            return False
        try:
            chunk = os.read(self._ours, 65536)
        except OSError:  # Linux: the last process that held the terminal has ended
            return False
        self._written += chunk
        return bool(chunk)
