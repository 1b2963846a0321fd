"""Follows logs on many servers at once, each over channels of its own beside whatever else the connections carry."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core.logs.heard import Heard, Standing, Taken
from core.logs.stream import Stream

if TYPE_CHECKING:
    import paramiko

    from core.config import LogSource, Server
    from core.fleet import Fleet

ALL_TOGETHER = 8 << 20
"""Bytes a second that all servers together send at most."""

FROM_ONE = (64 << 10, 1 << 20)
"""The least and the most of that for one server."""

MOST_WAITING = 4 << 20
"""Characters that wait for whoever reads; then the oldest lines go, and are counted."""

BESIDES = 200
"""Characters that a line counts besides its own."""

LINES = 10
"""Lines of a file that are shown to begin with."""


class Following:
    """Follows sources on the servers of a fleet, from `start` to `stop`; a source only where its roles are.

    It never waits for its reader, and keeps a bounded number of lines. A server that cannot be followed is tried again.
    What it starts on a server ends with it, however it ends. Methods may be called from any thread.
    """

    def __init__(self, fleet: Fleet, sources: Sequence[LogSource], *, lines: int = LINES) -> None:
        self._fleet = fleet
        self._sources = tuple(sources)
        self._first_lines = lines
        self._stopped = threading.Event()
        self._news = threading.Event()
        self._lock = threading.Lock()
        self._waiting: deque[Heard] = deque()
        self._weight = 0
        self._dropped: dict[str, int] = {}
        self._skipped: dict[str, int] = {}
        self._standings: dict[tuple[str, str], Standing] = {}
        self._channels: set[paramiko.Channel] = set()
        self.version = 0
        """Another one whenever a standing changed."""

    def start(self) -> Following:
        """Begin on all servers at once."""
        streams: list[tuple[Server, list[tuple[int, LogSource]]]] = []
        for server in self._fleet.servers:
            mine = [(index, source) for index, source in enumerate(self._sources) if source.concerns(server)]
            for _, source in mine:
                self._standings[server.name, source.name] = Standing("connecting")
            files = [(index, source) for index, source in mine if source.run is None]
            streams += [(server, files)] if files else []
            streams += [(server, [(index, source)]) for index, source in mine if source.run is not None]
        least, most = FROM_ONE
        share = max(min(ALL_TOGETHER // max(len(streams), 1), most), least)
        for server, watched in streams:
            run = Stream(self, self._fleet, server, watched, share, self._first_lines).run
            threading.Thread(target=run, name=f"logs {server.name}", daemon=True).start()
        return self

    def stop(self) -> None:
        """End it: what runs on the servers ends because its channel is closed."""
        self._stopped.set()
        with self._lock:
            channels = list(self._channels)
        for channel in channels:
            channel.close()
        self._news.set()

    def take(self, most: int = 0) -> Taken:
        """What came since the last time; of more than `most` lines, if that is given, the newest."""
        with self._lock:
            self._news.clear()
            while most and len(self._waiting) > most:
                self._drop()
            taken = Taken(list(self._waiting), self._dropped, self._skipped)
            self._waiting.clear()
            self._weight, self._dropped, self._skipped = 0, {}, {}
        return taken

    def wait(self, seconds: float) -> bool:
        """Wait until something came, at most so long."""
        return self._news.wait(seconds)

    @property
    def standings(self) -> Mapping[tuple[str, str], Standing]:
        """By server and source: how it stands with it."""
        with self._lock:
            return dict(self._standings)

    # For its streams.

    @property
    def stopped(self) -> threading.Event:
        return self._stopped

    def hear(self, lines: Sequence[Heard]) -> None:
        with self._lock:
            for line in lines:
                self._waiting.append(line)
                self._weight += len(line.text) + BESIDES
            while self._weight > MOST_WAITING:
                self._drop()
        self._news.set()

    def _drop(self) -> None:
        old = self._waiting.popleft()
        self._weight -= len(old.text) + BESIDES
        self._dropped[old.server] = self._dropped.get(old.server, 0) + 1

    def skip(self, server: str, number: int) -> None:
        with self._lock:
            self._skipped[server] = self._skipped.get(server, 0) + number

    def stand(self, server: str, source: str, standing: Standing) -> None:
        with self._lock:
            if self._standings.get((server, source)) == standing:
                return
            self._standings[server, source] = standing
            self.version += 1
        self._news.set()

    def own(self, channel: paramiko.Channel) -> bool:
        """Take a channel in, which `stop` closes; False where it was stopped by now."""
        with self._lock:
            self._channels = {known for known in self._channels if not known.closed}
            self._channels.add(channel)
        return not self._stopped.is_set()
