"""The `turnout` command in processes of their own, forked from one that has loaded it: a start costs little."""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.waiting import PATIENCE

# A message is an order, and closed sockets end the program. For each order a first child waits for the second, which
# is the command: so the program itself never waits, and commands may run at the same time.
PROGRAM = """
import functools, gc, json, os, signal, socket, sys, time
import core.checks.command, core.checks.http, core.hooks.command, core.hooks.webhook
import core, core.config, core.operations.verify, core.remote.held, core.source
import tui.cli.arguments, tui.cli.output, tui.cli.following, tui.cli.run
from tui.cli import script

[getattr(core, name) for name in core.__all__]  # loaded before the fork

gc.freeze()
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
orders = socket.socket(fileno=int(sys.argv[1]))
while True:
    text, files, _, _ = socket.recv_fds(orders, 1 << 20, 3)
    if not text:
        sys.exit()
    if os.fork() > 0:
        for file in files:
            os.close(file)
        continue
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    orders.close()
    out, err, told = files
    child = os.fork()
    if child > 0:
        os.write(told, f"{child}\\n".encode())
        os.write(told, f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\\n".encode())
        os._exit(0)
    os.close(told)
    for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), out, err)):
        os.dup2(file, number)
        os.close(file)
    words, folder, variables, first = json.loads(text)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    exec(first)
    sys.argv = ["turnout", *words]
    script()
"""


class Forked:
    """One command that runs; `pid` is its process."""

    def __init__(self, told: int) -> None:
        self._told = told
        self._line = b""
        self.pid = int(self._next())

    def _next(self, within: float = PATIENCE) -> bytes:
        while b"\n" not in self._line:
            if not select.select([self._told], [], [], within)[0]:
                raise TimeoutError
            some = os.read(self._told, 100)
            assert some, "what starts commands has ended"
            self._line += some
        line, _, self._line = self._line.partition(b"\n")
        return line

    def signal(self, number: int = signal.SIGKILL) -> None:
        """Send a signal; one that has ended meanwhile is not there to hear it."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self) -> int:
        """Wait for its end; its exit status, negative for a signal. One that never ends is killed: TimeoutError."""
        try:
            return int(self._next())
        except TimeoutError:
            self.signal()
            raise
        finally:
            os.close(self._told)


class Forker:
    """Starts commands; `close` ends it when those that it has started have ended."""

    def __init__(self) -> None:
        self._orders, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            self._process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, str(its.fileno())], pass_fds=[its.fileno()], stdin=subprocess.DEVNULL
            )

    def start(self, words: Sequence[str], folder: Path, out: Any, err: Any, first: str = "") -> Forked:
        """Start `turnout WORDS` in a folder, with this process's environment, without input, both outputs in files.

        `first` is Python that its process runs before.
        """
        reading, told = os.pipe()
        order = json.dumps([list(words), str(folder), dict(os.environ), first]).encode()
        try:
            socket.send_fds(self._orders, [order], [out.fileno(), err.fileno(), told])
        finally:
            os.close(told)
        return Forked(reading)

    def close(self) -> None:
        """End it."""
        self._orders.close()
        self._process.wait(PATIENCE)


@lru_cache
def forker() -> Forker:
    """The one of this process, which ends with it."""
    started = Forker()
    atexit.register(started.close)
    return started
