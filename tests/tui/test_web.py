"""`turnout web` for real: what is refused, what a window shows, and how it ends; once in a real browser."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSCloseCode, WSMsgType, WSServerHandshakeError

from tests import REPOSITORY
from tests.browser import PROGRAMS, chromium, colours, open_page
from tests.conftest import ProjectFactory, Servers
from tests.processes import children
from tests.projects import Nowhere
from tests.servers import unavailable
from tests.waiting import PATIENCE, until
from tui.model.keystrokes import ALONE, READ, UP
from tui.theme import DARK

CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Served:
    """`turnout web` in a process of its own."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tui.cli", "web", *words],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "LANG": "C.UTF-8"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.link = self.process.stdout.readline().strip()
        self.host = self.link.removeprefix("http://").partition("/")[0]

    @property
    def dashboards(self) -> list[int]:
        """The processes of its windows."""
        return children(self.process.pid)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Starts `turnout web` in a folder; it is gone at the end of the test."""
    started: list[Served] = []

    def start(folder: Path, *words: str) -> Served:
        started.append(Served(folder, *words))
        return started[-1]

    yield start
    for served in started:
        served.end()


class Window:
    """A window as the page would have it, without a browser."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket
        self.drawn = ""

    async def shows(self, text: str) -> None:
        """Read until a text was drawn since the last call."""
        try:
            async with asyncio.timeout(PATIENCE):
                while text not in CODES.sub("", self.drawn):
                    message = await self.socket.receive()
                    assert message.type == WSMsgType.BINARY, message
                    self.drawn += message.data.decode("utf-8", "replace")
        except (TimeoutError, AssertionError) as error:
            raise AssertionError(f"{text!r} was not drawn: {error!r}\n{CODES.sub('', self.drawn)}") from None
        self.drawn = ""

    async def agree(self, text: str) -> None:
        """Press `y` until a text was drawn; the first may come before the dialog could be read."""
        drawn = asyncio.create_task(self.shows(text))
        while not drawn.done():
            await self.press("y")
            await asyncio.wait([drawn], timeout=UP + ALONE + READ)
        await drawn

    async def press(self, text: str) -> None:
        await self.socket.send_str(json.dumps(["stdin", text]))


@asynccontextmanager
async def entered(served: Served) -> AsyncIterator[tuple[ClientSession, str, dict[str, str]]]:
    """A browser that has used the link: its client without cookies of its own, the address of the page, its headers."""
    async with ClientSession() as client:
        async with client.get(served.link, allow_redirects=False) as answer:
            assert answer.status == 303
            cookie = answer.headers["Set-Cookie"]
            place = answer.headers["Location"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and f"Path={place}" in cookie
        client.cookie_jar.clear()
        headers = {"Cookie": cookie.partition(";")[0], "Origin": f"http://{served.host}"}
        yield client, f"http://{served.host}{place}", headers


async def drained(socket: ClientWebSocketResponse) -> None:
    """Read until the other side has closed it."""
    async with asyncio.timeout(PATIENCE):
        while not socket.closed:
            await socket.receive()


async def gone(served: Served, what: str) -> None:
    """Wait until no window has a process any more."""
    await asyncio.to_thread(until, lambda: served.dashboards == [], what)


async def test_only_the_browser_that_opened_the_link_gets_in(
    project_factory: ProjectFactory, serve: Callable[..., Served]
) -> None:
    folder = project_factory([Nowhere()]).folder
    served = serve(folder)
    assert served.process.pid and served.host.startswith("127.0.0.1:")

    async def status(client: ClientSession, address: str, **headers: str) -> int:
        async with client.get(address, headers=headers, allow_redirects=False) as answer:
            return answer.status

    async def refuses_socket(client: ClientSession, address: str, headers: dict[str, str]) -> bool:
        try:
            await client.ws_connect(address, headers=headers)
        except WSServerHandshakeError as error:
            return error.status == 403
        return False

    async with ClientSession() as stranger:
        base = f"http://{served.host}"
        for path in ("/", "/ws", "/static/js/textual.js", "/enter", "/enter?token=x"):
            assert await status(stranger, base + path) == 403, path
        assert await status(stranger, served.link, Host="evil.example") == 403, "DNS rebinding does not spend it"
        assert await status(stranger, served.link, Origin="http://evil.example") == 403
        async with stranger.head(served.link) as answer:
            assert answer.status in (403, 405), "a preview of the link does not spend it"
    async with entered(served) as (client, page, headers):
        assert await status(client, served.link) == 403, "a second use"
        assert await status(client, page) == 403, "without the cookie"
        assert await status(client, page, **headers) == 200
        assert await status(client, f"{page}static/js/textual.js", **headers) == 200
        for name in ("%2e%2e/server.py", "%00", "x" * 300):
            assert await status(client, f"{page}static/{name}", **headers) == 404, name
        for wrong in (
            {"Origin": headers["Origin"]},
            {"Cookie": headers["Cookie"]},
            {**headers, "Cookie": "turnout=x"},
            {**headers, "Origin": "http://evil.example"},
            {**headers, "Host": "evil.example"},
        ):
            assert await refuses_socket(client, f"{page}ws", wrong), wrong
        assert served.dashboards == []
        async with client.ws_connect(f"{page}ws?width=100&height=30", headers=headers) as socket:
            window = Window(socket)
            await window.shows("READ ONLY")
            (dashboard,) = served.dashboards
            command = Path(f"/proc/{dashboard}/cmdline").read_text()
            assert served.link.partition("token=")[2] not in command and "turnout=" not in command
            await window.press("D")
            await window.shows("read-only")
        await gone(served, "a closed window ends its dashboard")
        async with client.ws_connect(f"{page}ws", headers=headers) as socket:
            await Window(socket).shows("READ ONLY")
            await socket.send_str('{"not": "of the page"}')
            await drained(socket)
            assert socket.close_code == WSCloseCode.POLICY_VIOLATION, "what no page of ours sends ends it"
        await gone(served, "its dashboard, too")
        file = folder / "turnout.toml"
        text = file.read_text()
        file.write_text(f"{text}\nwrong = 1\n")
        async with client.ws_connect(f"{page}ws", headers=headers) as socket:
            await Window(socket).shows("wrong: unknown key")
        await gone(served, "what shows a fault of the file ends with its window")
        file.write_text(text)
        async with client.ws_connect(f"{page}ws", headers=headers) as socket:
            await Window(socket).shows("READ ONLY")
            (dashboard,) = served.dashboards
            served.process.kill()
            await drained(socket)
            await asyncio.to_thread(
                until, lambda: not Path(f"/proc/{dashboard}").exists(), "nothing is left of a killed server"
            )


async def test_a_closed_window_puts_back_what_it_runs_and_control_c_ends_all(
    servers: Servers, project_factory: ProjectFactory, serve: Callable[..., Served]
) -> None:
    (web,) = servers(1)
    sample = project_factory([web], extra='[[hooks]]\non = "prepare"\nrun = "echo working; sleep 600"\n')
    sample.commit({"index.html": "first"}, "The first page")
    served = serve(sample.folder, "--write")
    async with entered(served) as (client, page, headers):
        async with client.ws_connect(f"{page}ws?width=100&height=30", headers=headers) as socket:
            window = Window(socket)
            await window.shows("no release on production yet")
            await window.press("D")
            await window.shows("The first page")
            await window.press("\r")
            await window.shows("y  Deploy")
            await window.agree("working")
            assert (web.files / ".turnout/lock").exists()
        await gone(served, "its dashboard has put it back and has ended")
        assert not (web.files / ".turnout/lock").exists() and not (web.files / "current").is_symlink()
        async with client.ws_connect(f"{page}ws", headers=headers) as socket:
            await Window(socket).shows("no release on production yet")
            served.process.send_signal(signal.SIGINT)
            await drained(socket)
        assert await asyncio.to_thread(served.process.wait, PATIENCE) == 0


def test_without_the_extra_the_command_says_how_to_get_it(project_factory: ProjectFactory) -> None:
    program = "import sys; sys.modules['textual_serve'] = None; from tui.cli import main; sys.exit(main(['web']))"
    folder = project_factory([Nowhere()]).folder
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and "turnout[web]" in done.stderr and not done.stdout


async def test_the_dashboard_is_drawn_in_a_real_browser(
    tmp_path: Path, project_factory: ProjectFactory, serve: Callable[..., Served]
) -> None:
    program = chromium()
    if program is None:
        unavailable(f"none of {', '.join(PROGRAMS)} is installed")
    served = serve(project_factory([Nowhere()]).folder)
    async with open_page(program, tmp_path / "profile") as page:
        await page.go(served.link)
        await page.until(lambda: "READ ONLY" in page.received, "the dashboard")
        await page.press("D", "KeyD", 68)
        await page.until(lambda: "read-only" in page.received, "the answer to a key, without a click first")
        seen = await steady(page)
        ours = {name: rgb(value) for name, value in DARK.variables.items() if re.fullmatch("#[0-9a-f]{6}", value)}
        ours |= {name: rgb(getattr(DARK, name)) for name in ("background", "panel", "foreground", "error", "primary")}
        total = seen.total()
        assert seen[ours["background"]] > total / 2, seen.most_common(9)
        assert seen[ours["panel"]] > total / 50, "header, key bar and message"
        for text in ("foreground", "error", "primary", "border-blurred"):
            red, green, blue = ours[text]  # Textual rounds some colours down
            near = sum(seen[red - a, green - b, blue - c] for a in (0, 1) for b in (0, 1) for c in (0, 1))
            assert near > 100, f"text or lines in {text}: {seen.most_common(20)}"
        assert await page.value("document.cookie") == "", "no script can read the cookie"
        assert "token" not in await page.value("location.href")
        sent = [event["params"]["request"]["url"] for event in page.events if event["method"].endswith("WillBeSent")]
        assert {address.split("/")[2] for address in sent if address.startswith("http")} == {served.host}
        await page.press("q", "KeyQ", 81)
        await page.until(lambda: served.dashboards == [], "q ends the dashboard")
        for _ in range(50):
            if "-closed" in await page.value("document.body.className"):
                break
            await asyncio.sleep(0.1)
        assert "Open it again" in await page.value("document.body.innerText")


async def steady(page: Any) -> Any:
    """The colours of a picture that no longer changes."""
    before = b""
    for _ in range(50):
        picture = await page.picture()
        if picture == before:
            break
        before = picture
        await asyncio.sleep(0.2)
    return colours(before)


def rgb(text: str) -> tuple[int, int, int]:
    """`#10141b` as three numbers."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)
