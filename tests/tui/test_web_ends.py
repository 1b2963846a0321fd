"""How the server of the dashboard in the browser ends where a browser takes nothing any more."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, web

from tests.waiting import PATIENCE
from tui.web import serving, window
from tui.web.access import Access

FLOODING = """\
import os, sys, threading
def end():
    while sys.stdin.buffer.read1(): pass
    os._exit(0)
threading.Thread(target=end).start()
out = sys.stdout.buffer
out.write(b"__GANGLION__\\n")
while True:
    out.write(b"D" + (65536).to_bytes(4, "big") + b"x" * 65536)
"""
"""What speaks as a dashboard does, draws without an end, and ends when its input does."""

BROKEN = """\
import sys
out = sys.stdout.buffer
out.write(b"__GANGLION__\\nM" + (1).to_bytes(4, "big") + b"?" + b"x" * 10_000_000)
"""
"""What says something that no dashboard says, and ends only when all it says is read."""


class Serving:
    """The server of the page in this process, and the browser that has used its link."""

    def __init__(self, program: str) -> None:
        self.dashboard = serving.WebDashboard([sys.executable, "-c", program])
        self.runner = web.AppRunner(
            self.dashboard.application(), handle_signals=False, shutdown_timeout=window.GOODBYE_SECONDS
        )
        self.sockets: list[socket.socket] = []

    async def start(self) -> None:
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        access = self.access = self.dashboard.access = Access(self.runner.addresses[0][1])
        self.cookie = access.enter(access.link.partition("token=")[2])
        self.origin = f"http://127.0.0.1:{access.port}"

    async def stop_reading(self, path: str, *more: str) -> socket.socket:
        """Send a request as the browser does, and read nothing of the answer."""
        stopped = socket.socket()
        self.sockets.append(stopped)
        stopped.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stopped.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(stopped, ("127.0.0.1", self.access.port))
        lines = (
            f"GET {self.access.room}{path} HTTP/1.1", f"Host: 127.0.0.1:{self.access.port}", f"Origin: {self.origin}",
            f"Cookie: turnout={self.cookie}", *more, "", "",
        )  # fmt: skip
        await loop.sock_sendall(stopped, "\r\n".join(lines).encode())
        return stopped

    async def window(self) -> socket.socket:
        """A window that reads nothing."""
        more = ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==")
        return await self.stop_reading("/ws", "Upgrade: websocket", "Connection: Upgrade", *more)


@asynccontextmanager
async def served(program: str) -> AsyncIterator[Serving]:
    """A server; whoever uses it has seen it end before."""
    one = Serving(program)
    await one.start()
    try:
        async with asyncio.timeout(PATIENCE):
            yield one
    finally:
        for stopped in one.sockets:
            stopped.close()
        await one.runner.cleanup()


@pytest.mark.parametrize("by", ["server", "heartbeat", "limit"])
async def test_a_browser_that_takes_nothing_holds_neither_its_dashboard_nor_the_end(
    by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "GOODBYE_SECONDS", 0.2)
    monkeypatch.setattr(window, "HEARTBEAT_SECONDS", 0.4 if by == "heartbeat" else 60)
    monkeypatch.setattr(window, "SEND_SECONDS", 0.4 if by == "limit" else 60)
    async with served(FLOODING) as one:
        await one.window()
        while not one.dashboard.stalled:
            await asyncio.sleep(0.02)
        if by == "server":
            await one.runner.cleanup()
        while one.dashboard.windows:
            await asyncio.sleep(0.02)


async def test_a_page_that_takes_nothing_does_not_hold_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "GOODBYE_SECONDS", 0.2)
    async with served(FLOODING) as one:
        taking = await one.stop_reading("/static/js/textual.js")
        assert await asyncio.get_running_loop().sock_recv(taking, 12) == b"HTTP/1.1 200"
        await one.runner.cleanup()


async def test_a_dashboard_that_says_what_none_says_frees_its_place() -> None:
    async with served(BROKEN) as one:
        await one.window()
        while not one.dashboard.windows:
            await asyncio.sleep(0.02)
        while one.dashboard.windows:
            await asyncio.sleep(0.02)


async def test_a_closed_window_frees_its_place_before_its_dashboard_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "MOST_WINDOWS", 1)
    monkeypatch.setattr(serving, "PLACE_SECONDS", 0.2)
    slow = FLOODING.replace("os._exit", "import time; time.sleep(0.5); os._exit")
    async with served(slow) as one, ClientSession(headers={"Cookie": f"turnout={one.cookie}"}) as client:

        async def drawn() -> bytes:
            """What a window shows first."""
            headers = {"Origin": one.origin}
            async with client.ws_connect(
                f"{one.origin}{one.access.room}/ws", headers=headers, max_msg_size=0
            ) as socket:
                return bytes((await socket.receive()).data)

        first = await one.window()
        while not one.dashboard.windows:
            await asyncio.sleep(0.02)
        assert await drawn() == b"1 windows are open. Close one of them, and load this page again."
        first.close()
        assert (await drawn())[:1] == b"x" and one.dashboard.windows == 2, "that of the closed one is still ending"
