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
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, cast

import textual_serve
from aiohttp import WSCloseCode, WSMsgType, web

from core.errors import UsageError
from tui.web.access import COOKIE, Access
from tui.web.window import GOODBYE_SECONDS, Browser, Window, cells

MOST_WINDOWS = 8
"""Windows at a time: each is a process with connections of its own."""

MOST_ENDING = 8
"""Dashboards beside them that are still ending."""

PLACE_SECONDS = 2.0
"""How long a window waits for a place."""

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
    runner = web.AppRunner(
        server.application(), access_log=None, handle_signals=False, shutdown_timeout=GOODBYE_SECONDS
    )
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
        with contextlib.redirect_stdout(cast(Any, _Said(say))):
            return await _until_told(runner, came, say)
    finally:
        await runner.cleanup()


async def _until_told(runner: web.AppRunner, came: asyncio.Queue[int], say: Callable[[str], object]) -> int:
    """Serve until a signal comes, and end all windows; the exit code."""
    signalled = await came.get()
    say("ending; what a dashboard runs is put back first (Ctrl-C again leaves at once)")
    ending = asyncio.ensure_future(runner.cleanup())
    again = asyncio.ensure_future(came.get())
    await asyncio.wait([ending, again], return_when=asyncio.FIRST_COMPLETED)
    if not ending.done():  # each dashboard notices that nobody listens any more, and puts back what it runs
        os._exit(128 + signalled)
    again.cancel()
    return 0 if signalled == signal.SIGINT else 128 + signalled


class _Said:
    """Takes what textual-serve prints of a dashboard that failed: stdout is for the link alone."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self.write = say


class WebDashboard:
    """What is served. Everything but the link is refused without the cookie."""

    access: Access

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._open: set[Browser] = set()
        self._ending: set[Browser] = set()
        self._fewer = asyncio.Event()
        self._refused: set[Browser] = set()
        self._leaving = False
        self._page = Template(files("tui.web").joinpath("page.html").read_text("utf-8"))
        self._script = files("tui.web").joinpath("page.js").read_text("utf-8")

    @property
    def windows(self) -> int:
        """How many dashboards there are, also those that are ending."""
        return len(self._open) + len(self._ending)

    @property
    def stalled(self) -> int:
        """How many browsers have not taken all that was sent to them."""
        return sum(browser.stalled for browser in self._open | self._ending)

    @property
    def _full(self) -> bool:
        return self._leaving or len(self._open) >= MOST_WINDOWS or self.windows >= MOST_WINDOWS + MOST_ENDING

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
        browser = Browser()
        if not await self._place():
            return await self._refuse(browser, request)
        self._open.add(browser)
        try:
            socket = await browser.open(request)
            window = Window(self._command, browser)
            await window.start(cells(request.query.get("width", "")), cells(request.query.get("height", ""), 24))
            try:
                await self._talk(socket, browser, window)
            finally:
                self._open.discard(browser)
                self._ending.add(browser)
                self._fewer.set()
                browser.drop()
                await window.stop()
        finally:
            self._open.discard(browser)
            self._ending.discard(browser)
            self._fewer.set()
        return socket

    async def _place(self) -> bool:
        """Whether there is a place for one more: a page that is loaded again comes before its old window has gone."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PLACE_SECONDS):
                while self._full:
                    self._fewer.clear()
                    await self._fewer.wait()
        return not self._full

    async def _refuse(self, browser: Browser, request: web.Request) -> web.StreamResponse:
        """Say it in the page's terminal, which the browser shows until the page is closed or loaded again."""
        self._refused.add(browser)
        try:
            socket = await browser.open(request)
            await browser.send(
                f"{MOST_WINDOWS} windows are open. Close one of them, and load this page again.".encode()
            )
            async for _ in socket:
                pass
        finally:
            self._refused.discard(browser)
        return socket

    async def _talk(self, socket: web.WebSocketResponse, browser: Browser, window: Window) -> None:
        async for message in socket:
            if message.type != WSMsgType.TEXT:
                continue
            try:
                answer = await window.take(json.loads(message.data))
            except (ValueError, RecursionError):
                await browser.close(WSCloseCode.POLICY_VIOLATION)
                return
            if answer is not None:
                await browser.send(json.dumps(answer))

    async def _close(self, application: web.Application) -> None:
        """End all windows. No time limit: an operation that a dashboard runs is put back first."""
        self._leaving = True
        browsers = self._open | self._ending | self._refused
        await asyncio.gather(*(browser.close(WSCloseCode.GOING_AWAY) for browser in browsers))
        while self.windows:
            self._fewer.clear()
            await self._fewer.wait()


async def _with_headers(request: web.Request, answer: web.StreamResponse) -> None:
    answer.headers.update(HEADERS)
