"""A stand-in for systemd: it runs real unit files with a real socket, and nothing of this machine is touched.

It knows what the recipes use (`KNOWN`): templates such as `shop@.service`, Type=notify, and sockets that it holds while
their service restarts. What else a unit says is refused, unless it changes nothing here (`IGNORED`). `systemctl` is a
program that hands its words over and prints the answer.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import PATIENCE

IGNORED = {"Description", "WantedBy", "After", "Requires", "Wants", "Restart", "RestartSec", "TimeoutStopSec", "User"}
KNOWN = {
    "Type",
    "EnvironmentFile",
    "Environment",
    "WorkingDirectory",
    "ExecStart",
    "ExecReload",
    "KillMode",
    "ListenStream",
}
CLIENT = """#!{python} -IS
import os, socket, sys
with socket.socket(socket.AF_UNIX) as door:
    door.connect({door!r})
    door.sendall("\\0".join([os.environ.get("TURNOUT_SERVER", ""), *sys.argv[1:]]).encode())
    door.shutdown(socket.SHUT_WR)
    code, _, said = door.makefile().read().partition(" ")
sys.stderr.write(said)
sys.exit(int(code))
"""
WITH_A_SOCKET = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.set_inheritable(3, True)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execvp(sys.argv[2], sys.argv[2:])
"""
BACKLOG = 128


class Unit:
    """A unit file, read for one instance."""

    def __init__(self, text: str, instance: str) -> None:
        self.keys: dict[str, list[str]] = {}
        for line in text.replace("%i", instance).splitlines():
            key, equals, value = line.partition("=")
            if not equals or line.startswith("["):
                continue
            if key not in KNOWN | IGNORED:
                raise ValueError(f"the stand-in for systemd does not know {key}=")
            self.keys.setdefault(key, []).append(value)

    def get(self, key: str, default: str = "") -> str:
        return self.keys.get(key, [default])[-1]

    def environment(self) -> dict[str, str]:
        lines = self.keys.get("Environment", [])
        if file := self.get("EnvironmentFile"):
            lines = [*lines, *Path(file).read_text().splitlines()]
        return dict(line.split("=", 1) for line in lines)


class Systemd:
    """The units of a server, and what runs of them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.enabled: set[str] = set()
        self._sockets: dict[str, socket.socket] = {}
        self._lock = threading.Lock()
        self.systemctl = folder / "systemctl"
        """The program that stands for systemctl."""
        self.sudo = folder / "sudo"
        """A sudo that never asks and needs no rule; it wants `-n`, as a hook has no terminal."""
        self.sudo.write_text('#!/bin/sh\n[ "$1" = -n ] || exit 1\nshift\nexec "$@"\n')
        door = folder / "door"
        self.systemctl.write_text(CLIENT.format(python=sys.executable, door=str(door)))
        for program in (self.systemctl, self.sudo):
            program.chmod(0o755)
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(door))
        self._door.listen()
        self._serving = threading.Thread(target=self._serve, daemon=True)
        self._serving.start()

    def add(self, name: str, text: str) -> None:
        """Put a unit file there: of all servers, or `web1/shop.service` of one."""
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / name).write_text(text)

    def close(self) -> None:
        """End everything that runs."""
        self._door.shutdown(socket.SHUT_RDWR)  # else the thread would wait on a number that another socket gets
        self._serving.join()
        self._door.close()
        for name in list(self.running):
            self._stop(name)
        for listener in self._sockets.values():
            listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            with client, client.makefile() as stream:
                server, *words = stream.read().split("\0")
                with self._lock:
                    try:
                        self.do([word for word in words if word not in ("--user", "--quiet")], server)
                        answer = "0 "
                    except (OSError, ValueError, subprocess.SubprocessError) as error:
                        answer = f"1 {error}\n"
                client.sendall(answer.encode())

    def do(self, words: list[str], server: str = "") -> None:
        """What systemctl does with these words on a server, which may have units of its own."""
        verb, *names = [word for word in words if word != "--now"]
        now = "--now" in words
        for name in (name.removesuffix(".service") for name in names):
            if (self.folder / server / f"{name}.service").exists():
                name = os.path.join(server, name)
            match verb:
                case "enable":
                    self.enabled.add(name)
                    if now:
                        self._start(name)
                case "disable":
                    self.enabled.discard(name)
                    if now:
                        self._stop(name)
                case "start":
                    self._start(name)
                case "stop":
                    self._stop(name)
                case "restart":
                    self._stop(name)
                    self._start(name)
                case "reload":
                    self._reload(name)
                case "is-active":
                    if name not in self.running or self.running[name].poll() is not None:
                        raise ValueError(f"{name} is not active")
                case _:
                    raise ValueError(f"the stand-in for systemd does not know {verb}")

    def _unit(self, name: str) -> Unit:
        template, at, instance = name.partition("@")
        return Unit((self.folder / f"{template}{at}.service").read_text(), instance)

    def _start(self, name: str) -> None:
        if name in self.running:
            return
        if name.endswith(".socket"):
            host, _, port = Unit((self.folder / name).read_text(), "").get("ListenStream").rpartition(":")
            self._sockets[name] = socket.create_server((host, int(port)), backlog=BACKLOG)
            return
        unit = self._unit(name)
        environment = {"PATH": os.defpath, "HOME": str(self.folder), **unit.environment()}
        words = _expanded(unit.get("ExecStart"), environment)
        listener = self._sockets.get(f"{name}.socket")
        with _notified(self.folder / f"{name}.notify", unit.get("Type") == "notify") as ready:
            if ready:
                environment["NOTIFY_SOCKET"] = ready.getsockname()
            if listener is not None:  # as fd 3, with the process's own id in LISTEN_PID
                environment["LISTEN_FDS"] = "1"
                words = [sys.executable, "-ISc", WITH_A_SOCKET, str(listener.fileno()), *words]
            with (self.folder / f"{name}.log").open("ab") as log:
                process = subprocess.Popen(
                    words,
                    cwd=unit.get("WorkingDirectory", "/"),
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=[listener.fileno()] if listener is not None else [],
                    start_new_session=True,
                )
            self.running[name] = process
            if ready:
                _wait_until_ready(ready, process)

    def _stop(self, name: str) -> None:
        """The main process gets SIGTERM, and all of its group as well unless KillMode says otherwise."""
        process = self.running.pop(name, None)
        if process is None:
            return
        if process.poll() is None:
            mixed = self._unit(name).get("KillMode") == "mixed"
            (os.kill if mixed else os.killpg)(process.pid, signal.SIGTERM)
        process.wait(PATIENCE)
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def _reload(self, name: str) -> None:
        process = self.running[name]
        environment = {"PATH": os.defpath, "MAINPID": str(process.pid)}
        subprocess.run(_expanded(self._unit(name).get("ExecReload"), environment), env=environment, check=True)


def _expanded(line: str, environment: dict[str, str]) -> list[str]:
    """The words of a command, with `${NAME}` replaced, and `$NAME` where it is a whole word."""
    words = [environment.get(word[1:], "") if re.fullmatch(r"\$\w+", word) else word for word in shlex.split(line)]
    return [re.sub(r"\$\{(\w+)\}", lambda found: environment.get(found[1], ""), word) for word in words]


@contextmanager
def _notified(path: Path, wanted: bool) -> Iterator[socket.socket | None]:
    if not wanted:
        yield None
        return
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind(str(path))
        yield ready


def _wait_until_ready(ready: socket.socket, process: subprocess.Popen[bytes]) -> None:
    ready.settimeout(0.05)
    while process.poll() is None:
        try:
            if b"READY=1" in ready.recv(4096):
                return
        except TimeoutError:
            continue
    raise ValueError(f"it ended with status {process.returncode}")
