"""A slow network on loopback: a relay with a limited rate and a delay between a client and its server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

CHUNK_BYTES = 16 * 1024
IN_FLIGHT_CHUNKS = 512
"""8 MB on their way in each direction, enough for 80 MB/s at a round trip of 100 ms."""
BURST_SECONDS = 0.02
"""A sender that was idle may catch up this much: timers are not exact."""


class Link:
    """What one server's network is like. `bandwidth` (bytes a second in each direction, None: as fast as it goes)
    may be changed while connections are open; `latency` is the seconds of a round trip."""

    def __init__(self, bandwidth: float | None, latency: float) -> None:
        self.bandwidth = bandwidth
        self.latency = latency
        self._free_at: dict[str, float] = {}

    async def listen(self, serve: Callable[[socket.socket], object]) -> asyncio.Server:
        """Accept on a loopback port; every connection reaches `serve` as one end of a socket pair."""

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            near, far = socket.socketpair()
            inner_reader, inner_writer = await asyncio.open_connection(sock=near)
            serve(far)
            try:
                # Cancelled where the servers end while a client is connected.
                with suppress(asyncio.CancelledError):
                    await asyncio.gather(
                        self._carry(reader, inner_writer, "up"), self._carry(inner_reader, writer, "down")
                    )
            finally:
                for end in (writer, inner_writer):
                    end.close()

        listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * CHUNK_BYTES if self.bandwidth else 1 << 20)
        return await asyncio.start_server(accept, sock=listener, limit=CHUNK_BYTES)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str) -> None:
        """One direction of a connection, until its sender closes."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(IN_FLIGHT_CHUNKS)
        broken = False

        async def send() -> None:
            nonlocal broken
            while True:
                due, chunk = await waiting.get()
                if not chunk:
                    return
                if broken:
                    continue
                if self.bandwidth:
                    begin = max(self._free_at.get(direction, 0.0), due, loop.time() - BURST_SECONDS)
                    due = self._free_at[direction] = begin + len(chunk) / self.bandwidth
                if due - loop.time() > 0.0005:
                    await asyncio.sleep(due - loop.time())
                try:
                    writer.write(chunk)
                    await writer.drain()
                except ConnectionError:
                    broken = True

        sending = asyncio.ensure_future(send())
        with suppress(ConnectionError):
            while not broken and (chunk := await reader.read(CHUNK_BYTES)):
                await waiting.put((loop.time() + self.latency / 2, chunk))
        await waiting.put((loop.time(), b""))
        await sending
        writer.close()
