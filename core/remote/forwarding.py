"""ForwardAgent: commands on the server may use the person's SSH agent."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

import paramiko

from core.remote.ending import guard
from core.remote.transport import BROKEN


def forward(channel: paramiko.Channel, path: str) -> None:
    """Let what runs on a channel use the agent behind a socket; nothing is awaited."""
    channel.request_forward_agent(lambda asked: _serve(guard(asked), path))


def _serve(asked: paramiko.Channel, path: str) -> None:
    """Connect a request from the server with the agent, on threads of their own."""
    agent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        agent.connect(path)
    except OSError:
        agent.close()
        threading.Thread(target=asked.close, name="no agent", daemon=True).start()
        return

    pumping = [1, 2]

    def end() -> None:
        asked.close()
        with contextlib.suppress(OSError):
            agent.shutdown(socket.SHUT_RDWR)
        pumping.pop()
        if not pumping:
            agent.close()

    for read, write in ((asked.recv, agent.sendall), (agent.recv, asked.sendall)):
        threading.Thread(target=_pump, args=(read, write, end), name="agent forwarding", daemon=True).start()


def _pump(read: Callable[[int], bytes], write: Callable[[bytes], object], end: Callable[[], None]) -> None:
    with contextlib.suppress(*BROKEN):
        while raw := read(1 << 14):
            write(raw)
    end()
