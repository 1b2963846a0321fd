"""Commands on the operator's own machine: run by `sh -c`, their output line by line, ended with all their children."""

from __future__ import annotations

import codecs
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.jobs import Cancel
from core.masking import Masking
from core.text import cut_lines

GRACE = 5.0
"""Seconds between asking a command to end (TERM) and ending it (KILL), and for its last output to arrive."""

_LOOK = 0.03
"""Seconds between two looks at the clock, the command and the cancel request while nothing is printed."""

_LONGEST_LINE = 1 << 14
"""Characters; a longer line comes in pieces."""


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
    mask: Masking,
) -> Ended:
    """Run a command to its end, without input; `variables` is its whole environment, `seconds` 0 for no limit.

    Lines come as they were printed; where a long one is cut, `mask` still finds every secret in its pieces.
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
    output = _Output(on_line, mask)
    try:
        late = _follow(process, output, time.monotonic() + seconds if seconds else None, cancel)
    finally:
        status = _end(process)
    output.finish()
    return Ended(status, late)


class _Output:
    """A command's output, cut into lines."""

    def __init__(self, on_line: Callable[[str], None], mask: Masking) -> None:
        self._on_line = on_line
        self._mask = mask
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._rest = ""

    def take(self, piece: bytes) -> None:
        text = self._rest + self._decode(piece)
        lines, self._rest = cut_lines(text, "\n", _LONGEST_LINE, self._mask.cut, self._mask.longest)
        for line in lines:
            self._say(line)

    def finish(self) -> None:
        self._rest += self._decode(b"", final=True)
        if self._rest:
            self._say(self._rest)
            self._rest = ""

    def _say(self, line: str) -> None:
        # Of a progress display that overwrites its line, what stands last.
        self._on_line(line.rstrip("\r").rpartition("\r")[2])


def _follow(process: subprocess.Popen[bytes], output: _Output, until: float | None, cancel: Cancel) -> bool:
    """Pass output on until the command has ended; True where its time was up. The command may still run then.

    What a command leaves in the background may hold its output open: that is waited for no longer than GRACE.
    """
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        ended: float | None = None
        while not cancel.requested:
            now = time.monotonic()
            if until is not None and now >= until and ended is None:
                return True
            if ended is None and process.poll() is not None:
                ended = now
            if ended is not None and now >= ended + GRACE:
                return False
            if selector.select(_LOOK):
                piece = os.read(process.stdout.fileno(), 1 << 16)
                if not piece:
                    return _wait(process, until, cancel)
                output.take(piece)
    return False


def _wait(process: subprocess.Popen[bytes], until: float | None, cancel: Cancel) -> bool:
    """Wait for a command that has closed its output; True where its time was up."""
    while process.poll() is None and not cancel.wait(_LOOK):
        if until is not None and time.monotonic() >= until:
            return True
    return False


def _end(process: subprocess.Popen[bytes]) -> int:
    """End the command's whole process group where it still runs; its status."""
    if process.poll() is None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)
            if _gone(process):
                break
    status = process.wait()
    assert process.stdout is not None
    process.stdout.close()
    return status


def _gone(process: subprocess.Popen[bytes]) -> bool:
    """Whether nobody of the process group is left within GRACE: a shell dies of TERM before its children do."""
    until = time.monotonic() + GRACE
    while time.monotonic() < until:
        process.poll()
        try:
            os.killpg(process.pid, 0)
        except (ProcessLookupError, PermissionError):
            return True
        time.sleep(_LOOK)
    return False
