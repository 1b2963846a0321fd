"""Serves the dashboard to a browser: a page with a terminal, and for each window of it a dashboard of its own.

The terminal in the page and the way to speak with a Textual app in another process are textual-serve's; who is let in
and how a dashboard ends are ours. The command that starts a dashboard holds no secret: all users see command lines.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import textual_serve
from aiohttp import WSCloseCode, WSMsgType, web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

from core.errors import UsageError
from tui.web.access import COOKIE, Access

MOST_WINDOWS = 8
"""Windows at a time: each is a process with connections of its own."""

MOST_CELLS = 1000
"""Columns or lines of a window; what a page asks for beyond that is a mistake."""

STATIC = Path(textual_serve.__file__).with_name("static")

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "font-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def serve(command: Sequence[str], port: int, show: Callable[[str], object], say: Callable[[str], object]) -> int:
    """Serve until a signal comes; the exit code: 0 for SIGINT, else as a shell says. UsageError for a taken port.

    command  starts the dashboard of one browser window
    port     of 127.0.0.1; 0 for any that is free
    show     is handed the link that a person opens
    say      is handed what else there is to say
    """
    return asyncio.run(_serve(command, port, show, say))


async def _serve(command: Sequence[str], port: int, show: Callable[[str], object], say: Callable[[str], object]) -> int:
    came: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, came.put_nowait, number)
    server = WebDashboard(command)
    # No time limit: an operation that a dashboard runs is put back first.
    runner = web.AppRunner(server.application(), access_log=None, handle_signals=False, shutdown_timeout=3600)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        try:
            await site.start()
        except OSError as error:
            raise UsageError(
                f"cannot listen on 127.0.0.1:{port}: {error.strerror}", hint="--port 0 takes any"
            ) from None
        server.access = Access(runner.addresses[0][1])
        show(server.access.link)
        say("Open this link in a browser on this machine; it works once. Ctrl-C ends all.")
        signalled = await came.get()
        say("ending; what a dashboard runs is put back first (Ctrl-C again leaves at once)")
        ending = asyncio.ensure_future(runner.cleanup())
        again = asyncio.ensure_future(came.get())
        await asyncio.wait([ending, again], return_when=asyncio.FIRST_COMPLETED)
        if not ending.done():  # each dashboard notices that nobody listens any more, and puts back what it runs
            os._exit(128 + signalled)
        again.cancel()
        return 0 if signalled == signal.SIGINT else 128 + signalled
    finally:
        await runner.cleanup()


class Window(AppService):
    """The dashboard of one window of a browser, in a process of its own."""

    def __init__(self, command: Sequence[str], socket: web.WebSocketResponse) -> None:
        super().__init__(
            "turnout",
            write_bytes=_quietly(socket.send_bytes),
            write_str=_quietly(socket.send_str),
            close=_closing(socket),
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
        with contextlib.suppress(ConnectionError, RuntimeError):
            await super().stop()
        if self._process is not None:
            self.stdin.close()
            await self._process.wait()

    async def take(self, message: Any) -> Mapping[str, Any] | list[Any] | None:
        """Hand on what the page sent; what is to be answered. ValueError for what no page of ours sends."""
        match message:
            case ["stdin", str(text)]:
                await self.send_bytes(text.encode("utf-8", "replace"))
            case ["resize", {"width": int(width), "height": int(height)}]:
                await self.set_terminal_size(_cells(width), _cells(height))
            case ["ping", str() | int() | float() as sent]:
                return ["pong", sent]
            case ["blur"] | ["blur", _]:
                await self.blur()
            case ["focus"] | ["focus", _]:
                await self.focus()
            case _:
                raise ValueError("not a message of the page")
        return None


class WebDashboard:
    """What is served. Everything but the link is refused without the cookie."""

    access: Access

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._sockets: set[web.WebSocketResponse] = set()
        self._page = Template(files("tui.web").joinpath("page.html").read_text("utf-8"))
        self._script = files("tui.web").joinpath("page.js").read_text("utf-8")

    def application(self) -> web.Application:
        application = web.Application(middlewares=[self._guard])
        application.router.add_get("/enter", self._enter)
        application.router.add_get("/{room}/", self._index)
        application.router.add_get("/{room}/page.js", self._own_script)
        application.router.add_get("/{room}/ws", self._socket)
        application.router.add_get("/{room}/static/{path:.+}", self._static)
        application.on_response_prepare.append(_with_headers)
        application.on_shutdown.append(self._close)
        return application

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Refuse what must not get in, before anything else looks at it."""
        websocket = request.headers.get("Upgrade", "").lower() == "websocket"
        why = self.access.fault(request.headers, websocket=websocket)
        if not why and request.path != "/enter":
            inside = request.path.startswith(f"{self.access.room}/")
            if not (inside and self.access.knows(request.cookies.get(COOKIE, ""))):
                why = "it does not come from the browser that opened the link"
        if why:
            return web.Response(status=403, text=f"Refused: {why}.\n")
        return await handler(request)

    async def _enter(self, request: web.Request) -> web.StreamResponse:
        session = self.access.enter(request.query.get("token", "")) if request.method == "GET" else ""
        if not session:
            text = "Refused: this link was used before, or is wrong. Start `turnout web` again for another one.\n"
            return web.Response(status=403, text=text)
        answer = web.Response(status=303, headers={"Location": f"{self.access.room}/"})
        answer.set_cookie(COOKIE, session, path=f"{self.access.room}/", httponly=True, samesite="Strict")
        return answer

    async def _index(self, request: web.Request) -> web.StreamResponse:
        socket = f"ws://{request.host}{self.access.room}/ws"
        text = self._page.substitute(static=f"{self.access.room}/static", socket=socket)
        return web.Response(text=text, content_type="text/html")

    async def _own_script(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text=self._script, content_type="text/javascript")

    async def _static(self, request: web.Request) -> web.StreamResponse:
        try:
            file = (STATIC / request.match_info["path"]).resolve()
            there = file.is_relative_to(STATIC.resolve()) and file.is_file()
        except (OSError, ValueError):  # a name that no file can have
            there = False
        if not there:
            raise web.HTTPNotFound
        return web.FileResponse(file)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if len(self._sockets) >= MOST_WINDOWS:
            return web.Response(status=503, text=f"Refused: {MOST_WINDOWS} windows are open.\n")
        socket = web.WebSocketResponse(heartbeat=15)
        self._sockets.add(socket)
        try:
            await socket.prepare(request)
            window = Window(self._command, socket)
            await window.start(_cells(request.query.get("width", "")), _cells(request.query.get("height", ""), 24))
            try:
                await self._talk(socket, window)
            finally:
                await window.stop()
        finally:
            self._sockets.discard(socket)
        return socket

    async def _talk(self, socket: web.WebSocketResponse, window: Window) -> None:
        async for message in socket:
            if message.type != WSMsgType.TEXT:
                continue
            try:
                answer = await window.take(json.loads(message.data))
            except (ValueError, RecursionError):
                await socket.close(code=WSCloseCode.POLICY_VIOLATION)
                return
            if answer is not None:
                await socket.send_json(answer)

    async def _close(self, application: web.Application) -> None:
        await asyncio.gather(*(socket.close(code=WSCloseCode.GOING_AWAY) for socket in list(self._sockets)))


async def _with_headers(request: web.Request, answer: web.StreamResponse) -> None:
    answer.headers.update(HEADERS)


def _cells(number: int | str, usual: int = 80) -> int:
    """Columns or lines that can be: a page may ask for anything."""
    if isinstance(number, str):
        number = int(number) if number.isascii() and number.isdecimal() and len(number) < 6 else usual
    return min(max(number, 1), MOST_CELLS)


def _closing(socket: web.WebSocketResponse) -> Callable[[], Awaitable[None]]:
    async def close() -> None:
        await socket.close()

    return close


def _quietly(send: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    """Send, unless the browser has gone: what its dashboard still says is for nobody."""

    async def sent(content: Any) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):
            await send(content)

    return sent
