"""Embedded SSH servers on loopback, for demo and tests, in a child process that cannot outlive this one."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from msgspec import Struct

from core.errors import TurnoutError, UsageError

SITE_PORT = 8080
"""On every server, a connection forwarded to this loopback port reaches that server's own website."""
GRACE_SECONDS = 5.0
"""How long a command may go on after its channel closed: a shell whose input ended cleans up in that time."""
START_SECONDS = 30.0
END_SECONDS = 5.0


def require_asyncssh() -> None:
    """UsageError that names the remedy where asyncssh is not installed."""
    if importlib.util.find_spec("asyncssh") is None:
        raise UsageError("the demo's servers need asyncssh, which is not installed", hint="pip install 'turnout[demo]'")


class EmbeddedServer(Struct, frozen=True):
    """One server that accepts logins."""

    name: str
    port: int
    host_key: str
    """As in known_hosts, without the name: `ssh-ed25519 AAAA…`."""
    fingerprint: str
    http_port: int
    """Serves `root/current` to this machine."""
    root: Path
    home: Path
    host: str = "127.0.0.1"
    user: str = "deploy"


class EmbeddedServers:
    """Several servers in one child process: a context manager and a sequence of EmbeddedServer.

    The child ends with `close`, and by itself when this process does, however that ends: its standard input is
    a pipe from here. `remove` lets the child remove the folder at its end.
    """

    def __init__(
        self,
        count: int,
        folder: Path,
        *,
        names: Sequence[str] | None = None,
        bandwidth: float | None = None,
        latency: float = 0.0,
        grace: float = GRACE_SECONDS,
        remove: bool = False,
    ) -> None:
        require_asyncssh()
        self.folder = folder.resolve()
        self.key = self.folder / "id_ed25519"
        self.known_hosts = self.folder / "known_hosts"
        self.ssh_config = self.folder / "ssh_config"
        self._log = self.folder / "servers.log"
        # -P: what an application has in this folder, such as a package `core`, is not taken for ours.
        words = [sys.executable, "-P", "-m", "tui.demo.sshd", str(self.folder)]
        words += names or [f"web{number}" for number in range(1, count + 1)]
        words += [f"--bandwidth={bandwidth}"] if bandwidth is not None else []
        words += [f"--latency={latency}", f"--grace={grace}", *(["--remove"] if remove else [])]
        search_path = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
        with self._log.open("wb") as log:
            self._child = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(search_path)},
                start_new_session=True,  # Ctrl-C in the terminal is for the dashboard, not for its servers
            )
        self._servers: list[EmbeddedServer] = []
        try:
            self._read_ready_line()
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    def _read_ready_line(self) -> None:
        assert self._child.stdout is not None
        # A child that hangs is killed, which ends the wait for its line.
        overdue = threading.Timer(START_SECONDS, self._child.kill)
        overdue.daemon = True
        overdue.start()
        try:
            line = self._child.stdout.readline()
        finally:
            overdue.cancel()
        if not line:
            self._child.wait(END_SECONDS)
            detail = self._log.read_text("utf-8", "replace")[-2000:] if self._log.exists() else ""
            raise TurnoutError("the embedded SSH servers did not start", detail=detail)
        for entry in json.loads(line)["servers"]:
            entry["root"], entry["home"] = Path(entry["root"]), Path(entry["home"])
            self._servers.append(EmbeddedServer(**entry))

    def set_bandwidth(self, bandwidth: float | None) -> None:
        """Change the rate of servers that were started with one (bytes a second in each direction, None: no limit)."""
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps({"bandwidth": bandwidth}).encode() + b"\n")
        self._child.stdin.flush()

    def close(self) -> None:
        """End the child, and with it every command that it runs; a second call does nothing."""
        if self._child.stdin is not None and not self._child.stdin.closed:
            with suppress(BrokenPipeError):  # it has ended already
                self._child.stdin.close()
        try:
            self._child.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        if self._child.stdout is not None:
            self._child.stdout.close()

    def __len__(self) -> int:
        return len(self._servers)

    def __iter__(self) -> Iterator[EmbeddedServer]:
        return iter(self._servers)

    def __getitem__(self, which: int | str) -> EmbeddedServer:
        if isinstance(which, int):
            return self._servers[which]
        return next(server for server in self._servers if server.name == which)

    def __enter__(self) -> EmbeddedServers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def embedded(
    count: int,
    folder: Path,
    *,
    names: Sequence[str] | None = None,
    bandwidth: float | None = None,
    latency: float = 0.0,
    grace: float = GRACE_SECONDS,
    remove: bool = False,
) -> EmbeddedServers:
    """Servers that accept logins already; everything they write is below `folder`, which must exist.

    names      instead of web1, web2 …; `count` is passed over then
    bandwidth  bytes a second in each direction for each server; None is no limit, and no relay in between
    latency    seconds a round trip
    grace      seconds that a command may go on after its channel closed; infinity: until the caller ends it, as on sshd
    remove     the folder is removed when the servers end, however that comes
    """
    return EmbeddedServers(count, folder, names=names, bandwidth=bandwidth, latency=latency, grace=grace, remove=remove)
