"""Commands on the operator's own machine: run by `sh -c`, their output line by line, ended with all their children."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.jobs import Cancel

GRACE = 5.0
"""Seconds between asking a command to end (TERM) and ending it (KILL), and for its last output to arrive."""

_LONGEST_LINE = 1 << 14
"""Bytes; a longer line comes in pieces."""


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status (negative: the signal that ended it), and whether it took too long."""

    status: int
    late: bool


def run(
    command: str,
    folder: Path,
    variables: Mapping[str, str],
    seconds: float,
    on_line: Callable[[str], None],
    cancel: Cancel,
) -> Ended:
    """Run a command to its end, without input; `variables` is its whole environment, `seconds` 0 for no limit.

    Where the time is up or a cancel is asked for, its whole process group is ended; the caller looks at `cancel`.
    """
    process = subprocess.Popen(
        ["sh", "-c", command],
        cwd=folder,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    output = _Output(on_line)
    try:
        late = _follow(process, output, time.monotonic() + seconds if seconds else None, cancel)
    finally:
        status = _end(process)
    output.finish()
    return Ended(status, late)


class _Output:
    """A command's output, cut into lines."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = b""

    def take(self, piece: bytes) -> None:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            self._say(line)
        while len(self._rest) > _LONGEST_LINE:
            self._say(self._rest[:_LONGEST_LINE])
            self._rest = self._rest[_LONGEST_LINE:]

    def finish(self) -> None:
        if self._rest:
            self._say(self._rest)
            self._rest = b""

    def _say(self, line: bytes) -> None:
        # Of a progress display that overwrites its line, what stands last.
        self._on_line(line.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace"))


def _follow(process: subprocess.Popen[bytes], output: _Output, until: float | None, cancel: Cancel) -> bool:
    """Pass output on until the command has ended; True where its time was up. The command may still run then.

    What a command leaves in the background may hold its output open: that is waited for no longer than GRACE.
    """
    assert process.stdout is not None
    wake_reading, wake = os.pipe()
    withdraw = cancel.on_request(lambda: _wake(wake))
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            selector.register(wake_reading, selectors.EVENT_READ)
            ended: float | None = None
            while not cancel.requested:
                now = time.monotonic()
                if until is not None and now >= until and ended is None:
                    return True
                if ended is None and process.poll() is not None:
                    ended = now
                if ended is not None and now >= ended + GRACE:
                    return False
                for key, _ in selector.select(0.05 if ended is None else 0.01):
                    if key.fileobj is process.stdout:
                        piece = os.read(process.stdout.fileno(), 1 << 16)
                        if not piece:
                            return _wait(process, until, cancel)
                        output.take(piece)
        return False
    finally:
        withdraw()
        os.close(wake_reading)
        os.close(wake)


def _wake(pipe: int) -> None:
    os.write(pipe, b"!")


def _wait(process: subprocess.Popen[bytes], until: float | None, cancel: Cancel) -> bool:
    """Wait for a command that has closed its output; True where its time was up."""
    while process.poll() is None and not cancel.wait(0.02):
        if until is not None and time.monotonic() >= until:
            return True
    return False


def _end(process: subprocess.Popen[bytes]) -> int:
    """End the command's whole process group where it still runs; its status."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            break
        try:
            os.killpg(process.pid, number)
            process.wait(GRACE)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
    status = process.wait()
    assert process.stdout is not None
    process.stdout.close()
    return status
