"""A process for each connection, as sshd has, forked from one that has loaded everything: about 10 ms each.

What a command does to the process that serves it (hooks in tests kill it) ends that one connection and no other.

    main: listens, websites, links ── descriptor ──> forker ── fork ──> connection, connection, ...

The forker has no threads and no event loop, so forking is safe there. All of them end with the main process, however
that ends: they read a pipe that only it can write to.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

MESSAGE_BYTES = 64
LONGEST_END = 10
"""Seconds after which a connection's process that does not end is killed by its own alarm."""

Serve = Callable[[int, int, socket.socket, asyncio.Event], Awaitable[object]]
"""Serve a connection to a host (its index), whose website has a port, until it ends or the event is set."""


class Connections:
    """Start it before any thread; `close`, or the end of this process, ends all connections."""

    def __init__(self, serve: Serve) -> None:
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        alive, self._alive = os.pipe()
        self._control = near
        self._forker = os.fork()
        if self._forker == 0:
            status = 1
            try:
                near.close()
                os.close(self._alive)
                _be_quiet()
                _fork_for_each(far, alive, serve)
                status = 0
            finally:
                os._exit(status)
        far.close()
        os.close(alive)

    def hand_over(self, host: int, site_port: int, connection: socket.socket) -> None:
        """Let a process of its own serve an accepted connection; it is closed here."""
        with connection:
            socket.send_fds(self._control, [f"{host} {site_port}".encode()], [connection.fileno()])

    def close(self) -> None:
        """End every connection and what it runs, and wait for that."""
        os.close(self._alive)
        self._control.close()
        with suppress(ChildProcessError):
            os.waitpid(self._forker, 0)


def _be_quiet() -> None:
    """The parent reads one line of the main process's output and ends its input: both are that process's alone."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)


def _fork_for_each(control: socket.socket, alive: int, serve: Serve) -> None:
    """The forker: a process for each descriptor that comes, until the main process has ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # their exit statuses are not needed
    while True:
        ready, _, _ = select.select([control.fileno(), alive], [], [])
        if alive in ready:
            break
        words, descriptors, _, _ = socket.recv_fds(control, MESSAGE_BYTES, 1)
        host, site_port = map(int, words.split())
        with socket.socket(fileno=descriptors[0]) as connection:
            if os.fork() == 0:
                try:
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    control.close()
                    asyncio.run(_serve_one(alive, serve, host, site_port, connection))
                finally:
                    os._exit(0)
    with suppress(ChildProcessError):
        while True:  # no process is named, so this returns when all have ended
            os.wait()


async def _serve_one(alive: int, serve: Serve, host: int, site_port: int, connection: socket.socket) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        loop.remove_reader(alive)
        signal.alarm(LONGEST_END)
        ended.set()

    loop.add_reader(alive, end)
    await serve(host, site_port, connection, ended)
