"""A network to break: a TCP proxy on loopback that delays, counts, stalls and cuts."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any

from tests.waiting import PATIENCE

CHUNK = 256 * 1024
# More than a delay of 0.5 s holds at 100 MB/s: the proxy adds time and does not limit the rate.
MOST_HELD = 64 * 1024 * 1024
# Longer than this is as good as for ever; asyncio's timers do not take any number.
LONGEST_WAIT = 3600.0


@dataclass(eq=False)
class _Pump:
    """One direction of one connection: chunks wait, in order, until each one's time has come."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    upward: bool
    waiting: deque[tuple[float, bytes]] = field(default_factory=deque)
    held: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    room: asyncio.Event = field(default_factory=asyncio.Event)


class Proxy:
    """Forwards connections on `127.0.0.1:port` to one server until told otherwise; a context manager.

    What a delay does not model: the handshake of TCP itself is answered at once, and there is no slow start.
    """

    def __init__(self, port: int, host: str = "127.0.0.1", delay: float = 0.0, rate: float = 0.0) -> None:
        """`rate`: bytes a second that go up to the server, of all connections together; 0.0: as many as there are."""
        self._target = (host, port)
        self._rate = rate
        self._free = 0.0
        self._delay = delay
        self._frozen = False
        self._freeze_at: int | None = None
        self._pumps: set[_Pump] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.up = 0
        """bytes forwarded from clients to the server so far"""
        self.down = 0
        """bytes forwarded from the server to clients so far"""
        self.connections = 0
        """connections accepted so far"""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy to {port}", daemon=True)
        self._thread.start()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._accepting = asyncio.run_coroutine_threadsafe(self._accept(), self._loop)

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def delay(self) -> float:
        """Seconds that each byte is held in each direction; a new value holds for waiting bytes too."""
        return self._delay

    @delay.setter
    def delay(self, seconds: float) -> None:
        self._do(lambda: setattr(self, "_delay", seconds))

    @property
    def held(self) -> int:
        """Bytes that have arrived here and not gone on yet, both directions of all connections."""
        return sum(pump.held for pump in tuple(self._pumps))

    @property
    def open(self) -> int:
        """Connections that are open now."""
        return len({pump for pump in tuple(self._pumps) if pump.upward})

    def freeze(self) -> None:
        """Forward nothing more, nor the end of a connection, and close nothing: a network that fell silent."""
        self._do(lambda: setattr(self, "_frozen", True))

    def thaw(self) -> None:
        """Go on after `freeze` or `freeze_after`; what was held arrives."""

        def go_on() -> None:
            self._frozen, self._freeze_at = False, None

        self._do(go_on)

    @property
    def frozen(self) -> bool:
        """Whether it forwards nothing now."""
        return self._frozen

    def cut(self) -> None:
        """Reset all connections on both sides; new ones are accepted."""
        self._do(self._abort)

    def freeze_after(self, count: int) -> None:
        """Freeze as soon as `count` more bytes went up to the server: all of them arrive, and not one more."""
        self._do(lambda: setattr(self, "_freeze_at", self.up + count))

    def stop(self) -> None:
        """Reset all connections and listen no more."""
        if self._loop.is_closed():
            return
        self._accepting.cancel()
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=PATIENCE)

    def _do(self, change: Callable[[], None]) -> None:
        async def apply() -> None:
            change()
            self._wake()

        self._call(apply())

    def _wake(self) -> None:
        for pump in self._pumps:
            pump.changed.set()
            pump.room.set()

    async def _end(self) -> None:
        tasks = list(self._tasks)
        self._abort()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _abort(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _accept(self) -> None:
        with self._listener:
            while True:
                client, _ = await self._loop.sock_accept(self._listener)
                self.connections += 1
                task = self._loop.create_task(self._serve(client))
                self._tasks.add(task)
                task.add_done_callback(partial(self._ended, client))

    def _ended(self, client: socket.socket, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        client.close()

    async def _serve(self, client: socket.socket) -> None:
        pumps: set[_Pump] = set()
        writers: list[asyncio.StreamWriter] = []
        try:
            reader, writer = await asyncio.open_connection(sock=client, limit=4 * CHUNK)
            writers.append(writer)
            far_reader, far_writer = await asyncio.open_connection(*self._target, limit=4 * CHUNK)
            writers.append(far_writer)
            pumps = {_Pump(reader, far_writer, upward=True), _Pump(far_reader, writer, upward=False)}
            self._pumps |= pumps
            async with asyncio.TaskGroup() as directions:
                for pump in pumps:
                    directions.create_task(self._collect(pump))
                    directions.create_task(self._forward(pump))
        except* OSError:
            pass
        finally:
            self._pumps -= pumps
            for writer in writers:
                writer.transport.abort()
            await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)

    async def _collect(self, pump: _Pump) -> None:
        """Stamp what arrives; stops reading while frozen, so that the sender's buffers fill as they would."""
        while True:
            try:
                chunk = await pump.reader.read(CHUNK)
            except OSError:
                chunk = b""
            pump.waiting.append((self._loop.time(), chunk))
            pump.held += len(chunk)
            pump.changed.set()
            if not chunk:
                return
            while pump.held > MOST_HELD or self._frozen:
                pump.room.clear()
                await pump.room.wait()

    async def _forward(self, pump: _Pump) -> None:
        while True:
            pump.changed.clear()
            wait: float | None = None
            if pump.waiting and not self._frozen:
                stamp, chunk = pump.waiting[0]
                wait = min(stamp + self._delay - self._loop.time(), LONGEST_WAIT)
                if wait <= 0:
                    pump.waiting.popleft()
                    if not chunk:
                        break
                    await self._pass_on(pump, chunk)
                    continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await pump.changed.wait()
        with contextlib.suppress(OSError):
            pump.writer.write_eof()

    async def _pass_on(self, pump: _Pump, chunk: bytes) -> None:
        """Write one chunk, or the part of it that `freeze_after` allows; OSError where the far side is gone."""
        going = chunk
        if pump.upward and self._freeze_at is not None:
            going = chunk[: self._freeze_at - self.up]
            if len(going) < len(chunk):
                pump.waiting.appendleft((-LONGEST_WAIT, chunk[len(going) :]))
            if self.up + len(going) == self._freeze_at:
                self._freeze_at = None
                self._frozen = True
        if pump.upward and self._rate:
            self._free = max(self._free, self._loop.time()) + len(going) / self._rate
            await asyncio.sleep(self._free - self._loop.time())
        pump.writer.write(going)
        if pump.upward:
            self.up += len(going)
        else:
            self.down += len(going)
        await pump.writer.drain()
        pump.held -= len(going)
        pump.room.set()
