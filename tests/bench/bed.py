"""Where everything is measured: one sshd, a proxy that adds delay, deploy roots, and both ways to deploy to them."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import tomli_w

from tests import REPOSITORY
from tests.proxy import Proxy
from tests.servers import OpenSSHServer

UPLINK = 20e6 / 8
"""Bytes a second that leave this machine to the host `narrow`: 20 Mbit/s."""
EXPERT = Path(__file__).with_name("expert.sh")


class Broken(Exception):
    """A command that was to be measured failed; what it said."""


class Missing(Exception):
    """What a cell needs is not installed here; what it is."""


@dataclass(frozen=True)
class Measured:
    """Seconds of one run, and of ours the round trips over the open connection and the peak of memory in MB.

    processor   seconds of the command and of programs that it ran; 0.0 over an open connection
    """

    seconds: float
    round_trips: int = 0
    memory: float = 0.0
    processor: float = 0.0


class Bed:
    """A context manager; `folder` is removed at the end.

    beside  another checkout of Turnout, which then takes the place of the script and of scp
    """

    def __init__(self, folder: Path, beside: Path | None = None) -> None:
        self.folder = folder
        self.beside = beside
        self.warm: dict[Path, int] = {}
        """How often each checkout has run, unmeasured."""
        self.server = OpenSSHServer(folder / "sshd")
        self.proxy = Proxy(self.server.port)
        self.uplink = Proxy(self.server.port, rate=UPLINK)
        self.ssh_config = folder / "ssh_config"
        with self.server.known_hosts.open("a") as file:
            for proxy in (self.proxy, self.uplink):
                file.write(self.server.known_hosts_line(proxy.port))
        hosts = {"near": self.server.port, "far": self.proxy.port, "narrow": self.uplink.port}
        self.ssh_config.write_text("".join(self.server.ssh_config(name, port) for name, port in hosts.items()))
        self.environ = {
            **os.environ,
            "HOME": str(folder / "home"),
            "SSH_CONFIG": str(self.ssh_config),
            "TURNOUT_SSH_CONFIG": str(self.ssh_config),
            "PYTHONPATH": str(REPOSITORY),
        }
        for name in ("SSH_AUTH_SOCK", "PYTHONDONTWRITEBYTECODE"):
            self.environ.pop(name, None)
        (folder / "home").mkdir()
        script = Path(sys.executable).with_name("turnout")
        self.turnout = [str(script)] if script.exists() else [sys.executable, "-m", "tui.cli"]

    def __enter__(self) -> Bed:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.proxy.stop()
        self.uplink.stop()
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def application(self, name: str, **options: int) -> Path:
        """A repository of the sample application; made by a process of its own, so that this one stays small."""
        folder = self.folder / name
        words = [f"--{key}={value}" for key, value in options.items()]
        command = [sys.executable, "-m", "tests.bench.application", str(folder), *words]
        subprocess.run(command, check=True, env=self.environ, cwd=REPOSITORY)
        return folder

    def project(
        self,
        name: str,
        host: str,
        tree: Path,
        source: str = "git",
        code: Path = REPOSITORY,
        *,
        servers: int = 1,
        extra: str = "",
    ) -> Ours:
        """Turnout's way to deploy a tree, with a root, a turnout.toml and a cache of its own.

        code     its checkout
        servers  how many; of several each has a root of its own below `root`
        extra    more of turnout.toml
        """
        folder = self.folder / ("ours" if code == REPOSITORY else "beside") / name
        (folder / "root").mkdir(parents=True)
        roots = [folder / "root" / str(number) for number in range(servers)] if servers > 1 else [folder / "root"]
        config = {
            "project": "bench",
            "source": {source: str(tree)},
            "environments": {
                "production": {
                    "servers": [
                        {"name": f"web{number}", "host": host, "root": str(root)}
                        for number, root in enumerate(roots, 1)
                    ]
                }
            },
        }
        (folder / "turnout.toml").write_text(tomli_w.dumps(config) + extra)
        ours = Ours(self, folder, code)
        ours.warm_up()
        return ours

    def script(self, name: str, host: str, source: str = "git") -> Other:
        """The expert's way, with a root of its own."""
        if self.beside is not None:
            return Beside(self, name, host, source, self.beside)
        return self.expert(name, host)

    def expert(self, name: str, host: str) -> Expert:
        """The script, with a root of its own."""
        root = self.folder / "expert" / name
        root.mkdir(parents=True)
        return Expert(self, host, root)

    def copy(self, name: str, host: str) -> Other:
        """scp of a folder's one file."""
        if self.beside is not None:
            return Beside(self, name, host, "directory", self.beside)
        return Copy(self, host)

    def timed(self, command: list[str], folder: Path, environ: dict[str, str], *, status: int = 0) -> Measured:
        """A command from its start to its end. Broken where it does not end with this status."""
        log = self.folder / "output"
        with log.open("wb") as output:
            began = time.perf_counter()
            process = subprocess.Popen(
                command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
            _, ended, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(ended)
        if process.returncode != status:
            raise Broken(f"{' '.join(command)}\n{log.read_text(errors='replace')[-3000:]}")
        return Measured(seconds, memory=usage.ru_maxrss / 1024, processor=usage.ru_utime + usage.ru_stime)


class Ours:
    """Turnout: as a command line that starts cold, or with a connection that stays open."""

    def __init__(self, bed: Bed, folder: Path, code: Path) -> None:
        self.bed = bed
        self.folder = folder
        self.code = code
        self.root = folder / "root"
        self.environ = {
            **bed.environ,
            "TURNOUT_CACHE_DIR": str(folder / "cache"),
            "PYTHONPATH": str(code),
            # As where it is installed: compiled once, by the first run.
            "PYTHONPYCACHEPREFIX": str(bed.folder / "compiled"),
        }

    def warm_up(self) -> None:
        """Let Python compile what a command imports, once for each checkout."""
        while self.bed.warm.get(self.code, 0) < 2:
            self.bed.warm[self.code] = self.bed.warm.get(self.code, 0) + 1
            self.bed.timed([*self.bed.turnout, "deploy", "production", "--dry-run"], self.folder, self.environ)

    def cold(self, *words: str, status: int = 0) -> Measured:
        command, *rest = words
        turnout = [*self.bed.turnout, command, "production", *rest, "--yes"]
        return self.bed.timed(turnout, self.folder, self.environ, status=status)

    def refused(self) -> Measured:
        """A rollback up to the moment at which the server refuses the connection."""
        return self.cold("rollback", status=3)

    def move(self, port: int) -> None:
        """Let its server be at another port of this machine."""
        config = self.folder / "turnout.toml"
        text = config.read_text().replace('host = "near"', f'host = "127.0.0.1", port = {port}')
        config.write_text(text)

    def forget(self) -> None:
        """As on the first day: nothing on the server, nothing in the cache of this machine."""
        shutil.rmtree(self.root)
        self.root.mkdir()
        shutil.rmtree(self.folder / "cache", ignore_errors=True)

    def opened(self) -> Opened:
        return Opened(self)


class Opened:
    """A process of Turnout whose connection is open; a context manager."""

    def __init__(self, ours: Ours) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.opened", str(ours.folder / "turnout.toml")],
            cwd=ours.code,
            env=ours.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._answer()

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def run(self, *words: str) -> Measured:
        """`deploy REF` or `rollback`, the time taken by the process itself."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{' '.join(words)}\n".encode())
        self._process.stdin.flush()
        answer = self._answer()
        return Measured(answer["seconds"], answer["round_trips"], answer["memory"])

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Broken("the process with the open connection ended; see above")
        answer: dict[str, Any] = json.loads(line)
        return answer


class Other(ABC):
    """What Turnout is measured against; its release is live in `root`."""

    root: Path

    @abstractmethod
    def deploy(self, tree: Path) -> Measured:
        """Deploy what a work tree holds."""

    def rollback(self) -> Measured:
        """Go back to the release before."""
        raise Broken("it has no way back")

    def open(self) -> None:
        """Open a connection, which is used from now on."""
        raise Broken("it has no connection that stays open")

    def close(self) -> None:
        """Close it."""
        raise Broken("it has no connection that stays open")

    def forget(self) -> None:
        """As on the first day."""
        shutil.rmtree(self.root)
        self.root.mkdir()

    @property
    def live(self) -> Path:
        return self.root / "current"


class Beside(Other):
    """Another checkout of Turnout: for the times before a change, in turn with those after it."""

    def __init__(self, bed: Bed, name: str, host: str, source: str, code: Path) -> None:
        self._bed = bed
        self._name = name
        self._host = host
        self._source = source
        self._code = code
        self._turnout: Ours | None = None
        self._opened: Opened | None = None
        self._wants_open = False
        self.root = bed.folder / "beside" / name / "root"

    def deploy(self, tree: Path) -> Measured:
        if self._turnout is None:
            self._turnout = self._bed.project(self._name, self._host, tree, self._source, self._code)
        ref = _head(tree) if self._source == "git" else ""
        if self._wants_open:
            self._opened = self._opened or self._turnout.opened()
            return self._opened.run("deploy", ref)
        return self._turnout.cold("deploy", *(["--ref", ref] if ref else []))

    def rollback(self) -> Measured:
        assert self._turnout is not None
        return self._turnout.cold("rollback")

    def open(self) -> None:
        self._wants_open = True

    def close(self) -> None:
        if self._opened is not None:
            self._opened.__exit__(None, None, None)

    def forget(self) -> None:
        if self._turnout is not None:
            self._turnout.forget()


class Copy(Other):
    """scp of the one file in a folder."""

    def __init__(self, bed: Bed, host: str) -> None:
        self.bed = bed
        self.host = host
        self.root = bed.folder / "copied"
        self.root.mkdir(exist_ok=True)

    def deploy(self, tree: Path) -> Measured:
        (source,) = tree.iterdir()
        command = ["scp", "-q", "-F", str(self.bed.ssh_config), str(source), f"{self.host}:{self.root}/"]
        return self.bed.timed(command, self.bed.folder, self.bed.environ)

    @property
    def live(self) -> Path:
        return self.root


class Expert(Other):
    """The shell script of tests/bench/expert.sh."""

    def __init__(self, bed: Bed, host: str, root: Path) -> None:
        self.bed = bed
        self.host = host
        self.root = root
        self._control = ""

    def deploy(self, tree: Path) -> Measured:
        return self._run("deploy", str(tree), self.host, str(self.root))

    @staticmethod
    def deploy_all(experts: Sequence[Expert], tree: Path) -> Measured:
        """The script for all of them, eight at a time: sshd drops logins where there are more than ten."""
        bed, host = experts[0].bed, experts[0].host
        roots = shlex.join(str(expert.root) for expert in experts)
        script = shlex.join([str(EXPERT), "deploy", str(tree), host])
        command = ["bash", "-c", f"printf '%s\\n' {roots} | xargs -P 8 -n 1 {script}"]
        return bed.timed(command, bed.folder, {**bed.environ, "CONTROL": ""})

    def rollback(self) -> Measured:
        return self._run("rollback", self.host, str(self.root))

    def open(self) -> None:
        """Open an ssh master that the script then uses."""
        self._control = str(self.bed.folder / f"master-{self.root.name}")
        self._ssh("-M", "-N", "-f")

    def close(self) -> None:
        self._ssh("-O", "exit")
        self._control = ""

    def _ssh(self, *words: str) -> None:
        command = ["ssh", "-F", str(self.bed.ssh_config), "-S", self._control, *words, self.host]
        quiet = subprocess.DEVNULL
        subprocess.run(command, check=True, stdin=quiet, stdout=quiet, stderr=quiet)

    def _run(self, *words: str) -> Measured:
        environ = {**self.bed.environ, "CONTROL": self._control}
        return self.bed.timed([str(EXPERT), *words], self.bed.folder, environ)


def _head(tree: Path) -> str:
    """The commit that a work tree is at."""
    command = ["git", "-C", str(tree), "rev-parse", "HEAD"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def git(folder: Path, *words: str) -> None:
    """A git command in a folder, by nobody in particular."""
    author = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"]
    subprocess.run(["git", "-C", str(folder), *author, *words], check=True)


def check_out(tree: Path, version: str) -> None:
    """Bring the work tree, which the expert's script sends, to a version."""
    git(tree, "checkout", "--quiet", "--detach", version)


def same(live: Path, tree: Path) -> None:
    """Broken where a live release is not, byte for byte, what the work tree holds."""
    command = ["diff", "-r", "--no-dereference", "--exclude=.git", str(tree), f"{live}/"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Broken(f"{live} is not {tree}:\n{done.stdout[:2000]}{done.stderr[:2000]}")
