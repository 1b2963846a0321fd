"""A real Chromium without a screen, driven by its DevTools protocol; and what its pictures show."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import os
import shutil
import signal
import struct
import subprocess
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.waiting import PATIENCE

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
    *("--window-size=1200,700", "--remote-debugging-port=0"),
)

Pixels = list[list[tuple[int, int, int]]]


def chromium() -> str | None:
    """The browser of this machine, if there is one."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


class Page:
    """One page of the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self.events: list[dict[str, Any]] = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self._socket:
            content = json.loads(message.data)
            if (number := content.get("id")) is None:
                self.events.append(content)
            elif number in self._answers:
                self._answers.pop(number).set_result(content)

    async def call(self, method: str, **words: Any) -> Any:
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": words})
        content = await asyncio.wait_for(answer, PATIENCE)
        assert "error" not in content, content["error"]
        return content["result"]

    async def go(self, address: str) -> None:
        await self.call("Page.navigate", url=address)

    async def value(self, script: str) -> Any:
        """What a script gives in the page."""
        answer = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def press(self, key: str, code: str, number: int) -> None:
        """A key that writes `key`."""
        words = {"key": key, "code": code, "windowsVirtualKeyCode": number}
        await self.call("Input.dispatchKeyEvent", type="keyDown", text=key, **words)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **words)

    @property
    def received(self) -> str:
        """What came through the page's websockets."""
        frames = [event["params"]["response"] for event in self.events if event["method"].endswith("FrameReceived")]
        texts = [base64.b64decode(f["payloadData"]) if f["opcode"] == 2 else f["payloadData"].encode() for f in frames]
        return b"".join(texts).decode("utf-8", "replace")

    async def picture(self) -> bytes:
        """What is seen, as a PNG."""
        return base64.b64decode((await self.call("Page.captureScreenshot", format="png"))["data"])

    async def until(self, condition: Callable[[], Any], what: str) -> None:
        """Wait until it is true."""
        for _ in range(int(PATIENCE / 0.1)):
            if condition():
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"waited in vain: {what}\n{self.received[-3000:]}")

    async def close(self) -> None:
        self._reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reading
        await self._socket.close()


@asynccontextmanager
async def open_page(program: str, profile: Path) -> AsyncIterator[Page]:
    """A browser with an empty profile, and its page; both are gone at the end."""
    process = subprocess.Popen(
        [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        said = profile / "DevToolsActivePort"
        for _ in range(int(PATIENCE / 0.05)):
            if said.exists() and said.read_text().count("\n"):
                break
            assert process.poll() is None, "the browser has ended"
            await asyncio.sleep(0.05)
        port = said.read_text().split()[0]
        async with aiohttp.ClientSession() as client:
            async with client.get(f"http://127.0.0.1:{port}/json/list") as answer:
                (target,) = [place for place in await answer.json() if place["type"] == "page"]
            socket = await client.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0)
            page = Page(socket)
            for domain in ("Page", "Runtime", "Network"):
                await page.call(f"{domain}.enable")
            try:
                yield page
            finally:
                await page.close()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def colours(png: bytes) -> Counter[tuple[int, int, int]]:
    """How many pixels of a PNG of 8 bits without interlacing have which colour."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    place, packed = 8, b""
    width = height = channels = 0
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        kind, content = png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", content[:10])
            assert depth == 8 and colour in (2, 6)
            channels = 3 if colour == 2 else 4
        elif kind == b"IDAT":
            packed += content
        place += 12 + length
    raw, size = zlib.decompress(packed), width * channels
    above, found = bytearray(size), Counter[tuple[int, int, int]]()
    for y in range(height):
        start = y * (size + 1)
        line = _unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + size]), above, channels)
        found.update(zip(line[0::channels], line[1::channels], line[2::channels], strict=True))
        above = line
    return found


def _unfiltered(kind: int, line: bytearray, above: bytearray, back: int) -> bytearray:
    """A line as it was before the filter of PNG (its specification, 9.2)."""
    for at in range(len(line)) if kind else ():
        left, up = line[at - back] if at >= back else 0, above[at]
        corner = above[at - back] if at >= back else 0
        if kind == 4:
            guess = left + up - corner
            near = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]
        else:
            near = (0, left, up, (left + up) // 2)[kind]
        line[at] = (line[at] + near) & 255
    return line
