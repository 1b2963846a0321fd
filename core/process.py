"""Commands on the operator's own machine: run by `sh -c`, their output line by line, ended with all their children."""

from __future__ import annotations

import math
import os
import secrets
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from core.jobs import Cancel
from core.masking import Masking
from core.output import GRACE, QUIET, Output
from core.pending import whole
from core.program import framed, reader, without_input

_PATIENCE = 5.0
"""Seconds between asking a command to end (TERM) and ending it (KILL)."""

_LOOK = 0.03
"""Seconds between two looks at the clock, the command and the cancel request while nothing is printed."""


class Ended(Struct, frozen=True):
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

    Its exit status ends it: what it leaves in the background keeps running, and its output is read for a moment more.
    Where the time is up or a cancel is asked for before that, its whole process group is ended; the caller looks at
    `cancel`. The command travels on standard input, so that `ps` shows nothing of it.
    Lines come as they were printed, bounded as core.output says.
    """
    mark = secrets.token_hex(8)
    command = whole(command)
    process = subprocess.Popen(
        ["sh", "-c", reader(mark), "sh"],
        cwd=folder,
        env=dict(variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    output = Output(on_line, mask)
    try:
        _hand_over(process, framed(mark, without_input(command)))
        late = _follow(process, output, time.monotonic() + seconds if seconds else None, cancel)
    finally:
        status = _end(process)
    output.finish()
    return Ended(status, late)


def collect(process: subprocess.Popen[bytes], within: float = math.inf) -> tuple[bytes, bytes]:
    """All that a program of ours says on both its outputs, which are pipes; it has ended then.

    Programs start others (git a daemon that watches files): one that holds an output open is not waited for.
    TimeoutError where it has not ended within so many seconds; it is killed then.
    """
    until = time.monotonic() + within
    assert process.stdout is not None and process.stderr is not None
    said: dict[object, list[bytes]] = {process.stdout: [], process.stderr: []}
    ended: float | None = None
    try:
        with selectors.DefaultSelector() as selector:
            for stream in (process.stdout, process.stderr):
                selector.register(stream, selectors.EVENT_READ)
            while selector.get_map():
                ready = selector.select(_LOOK)
                for key, _ in ready:
                    if piece := os.read(key.fd, 1 << 16):
                        said[key.fileobj].append(piece)
                    else:
                        selector.unregister(key.fileobj)
                if ready:
                    ended = None
                elif process.poll() is not None:
                    ended = ended or time.monotonic()
                    if time.monotonic() >= ended + QUIET:
                        break
                if ended is None and time.monotonic() >= until:
                    raise TimeoutError
        try:
            process.wait(None if within == math.inf else max(until - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
        process.stderr.close()
    return b"".join(said[process.stdout]), b"".join(said[process.stderr])


def _hand_over(process: subprocess.Popen[bytes], text: str) -> None:
    """Give the shell its program. That a shell has ended already is noticed when it is waited for."""
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.write(text.encode("utf-8", "surrogateescape"))
    with suppress(OSError):
        process.stdin.close()


def _follow(process: subprocess.Popen[bytes], output: Output, until: float | None, cancel: Cancel) -> bool:
    """Pass output on until the command has ended; True where its time was up. The command may still run then.

    What a command leaves in the background may hold its output open: QUIET and GRACE say how long that is read.
    """
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        ended: float | None = None
        spoke = time.monotonic()
        while not cancel.requested:
            now = time.monotonic()
            if until is not None and now >= until and ended is None:
                return True
            if ended is None and process.poll() is not None:
                ended = now
            if ended is not None and (now >= ended + GRACE or now >= max(ended, spoke) + QUIET):
                return False
            if selector.select(_LOOK):
                piece = os.read(process.stdout.fileno(), 1 << 16)
                if not piece:
                    return _wait(process, until, cancel)
                output.take(piece)
                spoke = time.monotonic()
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
    """Whether the process group is empty within _PATIENCE: a shell dies of TERM before its children do."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        process.poll()
        try:
            os.killpg(process.pid, 0)
        except (ProcessLookupError, PermissionError):
            return True
        time.sleep(_LOOK)
    return False
