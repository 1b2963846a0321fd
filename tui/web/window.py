"""One window of a browser: the websocket of its page, and the dashboard that it shows, in a process of its own.

What they say to one another is textual-serve's. How both end is ours: either side may stop taking what it is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import WSCloseCode, web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

MOST_CELLS = 1000
"""Columns or lines of a window; what a page asks for beyond that is a mistake."""

HEARTBEAT_SECONDS = 15.0
"""A browser that does not answer is gone one and a half times as long after what it sent last."""

SEND_SECONDS = 30.0
"""How long a browser may take nothing of what is drawn. Its dashboard waits for it meanwhile, and so does a person."""

GOODBYE_SECONDS = 5.0
"""How long it has to take the end of its window."""

PIECE = 65536
"""Bytes that are read at once of what nobody wants."""


class Browser:
    """The websocket of one window. Sending raises nothing: what is sent to a browser that has gone is for nobody."""

    def __init__(self) -> None:
        self._socket = web.WebSocketResponse(heartbeat=HEARTBEAT_SECONDS)
        self._transport: asyncio.Transport | None = None

    async def open(self, request: web.Request) -> web.WebSocketResponse:
        """Begin with the request that asks for it."""
        self._transport = request.transport
        await self._socket.prepare(request)
        return self._socket

    @property
    def stalled(self) -> bool:
        """Whether it has not taken all that was sent."""
        return bool(self._transport is not None and self._transport.get_write_buffer_size())

    async def send(self, content: bytes | str) -> None:
        """Send a frame; a browser that takes nothing for too long is given up."""
        send = self._socket.send_bytes(content) if isinstance(content, bytes) else self._socket.send_str(content)
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await send
        except TimeoutError:
            self.drop()
        except (ConnectionError, RuntimeError):
            pass

    async def close(self, code: int = WSCloseCode.OK) -> None:
        """Say that it ends, and give up a browser that does not take that."""
        with contextlib.suppress(TimeoutError, ConnectionError, RuntimeError):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._socket.close(code=code)
        self.drop()

    def drop(self) -> None:
        """Give up what it has not taken: else its dashboard would wait for it, and never put back what it runs."""
        if self._transport is not None and self.stalled:
            self._transport.abort()


class Window(AppService):
    """The dashboard of one window, in a process of its own."""

    def __init__(self, command: Sequence[str], browser: Browser) -> None:
        super().__init__(
            "turnout",
            write_bytes=browser.send,
            write_str=browser.send,
            close=browser.close,
            download_manager=DownloadManager(),
        )
        self._words = command

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        # In a session of its own: Ctrl-C is ours, and ends it cleanly.
        process = self._process = await asyncio.create_subprocess_exec(
            *self._words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**self._build_environment(width, height), "TERM": "xterm-256color"},
            start_new_session=True,
        )
        assert process.stdin is not None
        self._stdin = process.stdin
        return process

    async def run(self) -> None:
        """Hand on what the dashboard draws until it ends, however that is; then its window is told."""
        try:
            await super().run()
        finally:
            await self.remote_close()

    async def stop(self) -> None:
        """Tell it that its window is gone, and wait until it has put back what it runs and has ended."""
        process, drawing = self._process, self._task
        if process is None or process.stdout is None or process.stderr is None:
            return
        with contextlib.suppress(ConnectionError, RuntimeError):
            await self.send_meta({"type": "quit"})
        self.stdin.close()  # says the same, also to a dashboard that does not read what it is sent
        if drawing is not None:
            await asyncio.wait([drawing])
        # A dashboard that cannot write cannot end, and asyncio notices no end before all is read.
        await asyncio.gather(_forget(process.stdout), _forget(process.stderr))
        await process.wait()

    async def take(self, message: Any) -> Mapping[str, Any] | list[Any] | None:
        """Hand on what the page sent; what is to be answered. ValueError for what no page of ours sends."""
        match message:
            case ["stdin", str(text)]:
                await self.send_bytes(text.encode("utf-8", "replace"))
            case ["resize", {"width": int(width), "height": int(height)}]:
                await self.set_terminal_size(cells(width), cells(height))
            case ["ping", str() | int() | float() as sent]:
                return ["pong", sent]
            case ["blur"] | ["blur", _]:
                await self.blur()
            case ["focus"] | ["focus", _]:
                await self.focus()
            case _:
                raise ValueError("not a message of the page")
        return None


async def _forget(stream: asyncio.StreamReader) -> None:
    """Read to the end."""
    while await stream.read(PIECE):
        pass


def cells(number: int | str, usual: int = 80) -> int:
    """Columns or lines that can be: a page may ask for anything."""
    if isinstance(number, str):
        number = int(number) if number.isascii() and number.isdecimal() and len(number) < 6 else usual
    return min(max(number, 1), MOST_CELLS)
