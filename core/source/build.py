"""Build commands on the operator's machine: run by `sh -c`, their output as events, ended with all their children."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.config import Project
from core.errors import SourceError
from core.events import Emit, HookFinished, HookOutput, HookStarted
from core.jobs import Cancel
from core.source.git import environment
from core.text import clean, duration

GRACE = 5.0
"""Seconds between asking a command to end (TERM) and ending it (KILL), and for its last output to arrive."""

_LAST_LINES = 20
_LONGEST_LINE = 1 << 14
"""Bytes; a longer line comes in pieces."""


@dataclass(frozen=True)
class Command:
    """A command for `sh -c`; `timeout` in seconds, 0 for none."""

    run: str
    timeout: float = 0.0


def commands(project: Project) -> tuple[Command, ...]:
    """What is run to build a tree: `source.build`, then the build hooks, in the file's order."""
    built = [Command(run) for run in project.source.build]
    hooks = [Command(hook.run, hook.timeout) for hook in project.hooks if hook.on == "build" and hook.run]
    return tuple(built + hooks)


def variables(project: Project, revision: str, ref: str) -> dict[str, str]:
    """What build commands are told. There is no tag yet: one build can become several releases."""
    return {"TURNOUT_PROJECT": project.project, "TURNOUT_REVISION": revision, "TURNOUT_REF": ref}


def build(project: Project, folder: Path, told: Mapping[str, str], emit: Emit, cancel: Cancel) -> None:
    """Run the build commands in `folder`, one after the other. SourceError for the first that fails."""
    for command in commands(project):
        cancel.check()
        run(project, command, folder, told, emit, cancel)


def run(project: Project, command: Command, folder: Path, told: Mapping[str, str], emit: Emit, cancel: Cancel) -> None:
    """Run one command to its end. SourceError where it fails or takes too long; Cancelled where that was asked for."""
    shown = clean(project.mask(command.run))
    started = time.monotonic()
    emit(HookStarted(on="build", run=shown))
    process = subprocess.Popen(
        ["sh", "-c", command.run],
        cwd=folder,
        env={**environment(), **told},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    output = _Output(project, emit)
    try:
        late = _follow(process, output, started + command.timeout if command.timeout else None, cancel)
    finally:
        status = _end(process)
    output.finish()
    killed = late or cancel.requested
    seconds = time.monotonic() - started
    emit(HookFinished(on="build", run=shown, status=None if killed or status < 0 else status, seconds=seconds))
    cancel.check()
    if status == 0 and not late:
        return
    if late:
        title = f"the build command took longer than {duration(command.timeout)}: {shown}"
    elif status < 0:
        title = f"the build command was ended by signal {-status}: {shown}"
    else:
        title = f"the build command failed with status {status}: {shown}"
    raise SourceError(
        title,
        detail="\n".join(output.last) or "it printed nothing",
        hint=f"it ran in {folder}; no server was touched",
        phase="build",
    )


class _Output:
    """A command's output, cut into lines that become events."""

    def __init__(self, project: Project, emit: Emit) -> None:
        self.last: deque[str] = deque(maxlen=_LAST_LINES)
        self._project = project
        self._emit = emit
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
        text = line.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace")
        shown = clean(self._project.mask(text))
        self.last.append(shown)
        self._emit(HookOutput(on="build", line=shown))


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
