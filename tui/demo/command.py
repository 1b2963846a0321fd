"""One command of an SSH channel: run by the machine's own shell, its input and output passed on byte for byte."""

from __future__ import annotations

import asyncio
import fcntl
import math
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import asyncssh

SHELL = "/bin/sh"
PIPE_BYTES = 1 << 20
SETTLES_IN = 0.5
"""Seconds after a command's end in which what it left running may still print; its end is reported then at last."""


class CommandSession(asyncssh.SSHServerSession[bytes]):
    """The server's side of a session channel that asks for a command or a shell; terminals and subsystems are refused.

    As with sshd, the end of the channel ends the command's input and closes its output; other than with sshd,
    what is left of its process group then is killed after `grace` seconds (infinity: as sshd), so that nothing outlives
    the demo.
    """

    def __init__(self, home: Path, environ: Mapping[str, str], running: set[Command], grace: float) -> None:
        self._home = home
        self._environ = environ
        self._running = running
        self._grace = grace
        self._words: list[str] = [SHELL]
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self._command: Command | None = None
        self._early = bytearray()
        self._early_end = False
        self._ended = False

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def shell_requested(self) -> bool:
        return True

    def exec_requested(self, command: str) -> bool:
        self._words = [SHELL, "-c", command]
        return True

    def session_started(self) -> None:
        if self._channel is not None:
            self._starting = asyncio.ensure_future(self._start(self._channel))

    async def _start(self, channel: asyncssh.SSHServerChannel[bytes]) -> None:
        command = Command(channel, self._running, self._grace)
        try:
            await command.start(self._words, self._home, self._environ)
        except OSError as error:
            channel.write(f"{SHELL}: {error}\n".encode(), asyncssh.EXTENDED_DATA_STDERR)
            channel.exit(127)
            return
        if self._ended:
            command.hang_up()
            return
        self._command = command
        command.write(bytes(self._early))
        if self._early_end:
            command.end_input()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if self._command is not None:
            self._command.write(data)
        else:  # at most a window's worth until the process runs
            self._early += data

    def eof_received(self) -> bool:
        if self._command is not None:
            self._command.end_input()
        else:
            self._early_end = True
        return True

    def signal_received(self, signal: str) -> None:
        if self._command is not None:
            self._command.send_signal(signal)

    def pause_writing(self) -> None:
        if self._command is not None:
            self._command.each_output(lambda output: output.pause_reading())

    def resume_writing(self) -> None:
        if self._command is not None:
            self._command.each_output(lambda output: output.resume_reading())

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        if self._command is not None:
            self._command.hang_up()


class _Input(asyncio.BaseProtocol):
    """Holds the channel back while the command does not read."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = channel

    def pause_writing(self) -> None:
        self._channel.pause_reading()

    def resume_writing(self) -> None:
        # Not at once: what the channel then delivers, its end among it, would come while asyncio's pipe is in the
        # middle of a write, and it takes an end that comes there for the end of all that was written.
        asyncio.get_running_loop().call_soon(self._channel.resume_reading)


def _enlarge(pipe: int) -> None:
    """Let a pipe hold more than 64 KB, where the system can: fewer turns for a big stream."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):  # a user's sum of pipe sizes is limited
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


class Command(asyncio.SubprocessProtocol):
    """A shell in its own session and process group, with pipes to a channel."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], running: set[Command], grace: float) -> None:
        self._channel = channel
        self._running = running
        self._grace = grace
        self._process: asyncio.SubprocessTransport | None = None
        self._input: asyncio.WriteTransport | None = None
        self._hung_up = False
        self._reported = False
        self._pid = 0

    async def start(self, words: Sequence[str], home: Path, environ: Mapping[str, str]) -> None:
        """Run it. OSError where that is not possible."""
        loop = asyncio.get_running_loop()
        # Not asyncio's own pipe for the input: that is a socket pair, which some shells take for a remote login.
        reading, writing = os.pipe()
        try:
            self._input, _ = await loop.connect_write_pipe(lambda: _Input(self._channel), os.fdopen(writing, "wb", 0))
            _enlarge(reading)
            await loop.subprocess_exec(
                lambda: self, *words, stdin=reading, cwd=home, env=environ, start_new_session=True
            )
        except BaseException:
            self.end_input()
            raise
        finally:
            os.close(reading)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._process = cast(asyncio.SubprocessTransport, transport)
        self._pid = self._process.get_pid()
        self._running.add(self)
        self.each_output(lambda output: _enlarge(output.get_extra_info("pipe").fileno()))

    def write(self, data: bytes) -> None:
        """Bytes for the command's input; the channel is paused where it does not take them."""
        if self._input is not None and not self._input.is_closing():
            self._input.write(data)

    def end_input(self) -> None:
        """No more bytes: what was written still arrives, then the end of the file."""
        if self._input is not None:
            self._input.close()

    def send_signal(self, name: str) -> None:
        """Pass a signal of the SSH protocol ("TERM") to the process group."""
        number = getattr(signal, f"SIG{name}", None)
        if number is not None:
            self._kill(number)

    def each_output(self, act: Callable[[asyncio.ReadTransport], Any]) -> None:
        """Do something with both output pipes that are still open."""
        for number in (1, 2):
            pipe = self._process.get_pipe_transport(number) if self._process is not None else None
            if pipe is not None and not pipe.is_closing():
                act(cast(asyncio.ReadTransport, pipe))

    def hang_up(self) -> None:
        """The channel is gone: end the input, close the output, and kill what is left after the grace."""
        self._hung_up = True
        self.end_input()
        self.each_output(lambda output: output.close())
        if math.isinf(self._grace):
            return
        if self not in self._running:
            self._kill(signal.SIGKILL)
        else:
            asyncio.get_running_loop().call_later(self._grace, self.kill)

    def kill(self) -> None:
        """End the process group at once, where it has not ended."""
        if self in self._running:
            self._kill(signal.SIGKILL)

    def _kill(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, number)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if not self._hung_up:
            with suppress(BrokenPipeError):  # the client has closed the channel, and its end is on the way
                self._channel.write(data, asyncssh.EXTENDED_DATA_STDERR if fd == 2 else None)

    def process_exited(self) -> None:
        self._running.discard(self)
        if self._hung_up:
            self._kill(signal.SIGKILL)
        else:
            asyncio.get_running_loop().call_later(SETTLES_IN, self._report)

    def connection_lost(self, exc: Exception | None) -> None:
        """The process has ended and both outputs with it."""
        self._report()

    def _report(self) -> None:
        """Say how the process ended, once, whoever still holds its output open."""
        status = self._process.get_returncode() if self._process is not None else None
        if self._hung_up or self._reported or status is None:
            return
        self._reported = True
        if status < 0:
            self._channel.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))
        else:
            self._channel.exit(status)
