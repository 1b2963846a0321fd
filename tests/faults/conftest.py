"""What the fault tests share: the installed command as a process of its own, to be killed."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import threading
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from core import DeployRequest, execute
from core.fleet import Fleet
from core.jobs import Controls
from core.manifest import EXECUTABLE, FILE, FOLDER_ENTRY, LINK, Entry, parse
from core.records import parse_record
from core.recovery import interruption
from core.text import encode_path
from tests.engine.commands import COMMAND
from tests.engine.conftest import engine  # noqa: F401  # a fixture here too
from tests.engine.driving import snapshot
from tests.faults.operators import Operators
from tests.processes import runs
from tests.projects import holding_hook
from tests.servers import unavailable
from tests.waiting import PATIENCE, until


class Operator:
    """`turnout ... --yes --json` as a process; its events as they come."""

    def __init__(self, project, *words: str) -> None:
        command = [*COMMAND, *words, "--config", str(project.config), "--json"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        self.events: list[dict] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def said(self, name: str, **facts) -> list[dict]:
        return [e for e in self.events if e["event"] == name and all(e.get(k) == v for k, v in facts.items())]

    def await_event(self, name: str, **facts) -> dict:
        until(lambda: self.said(name, **facts) or self.process.poll() is not None, f"the event {name} {facts}")
        assert self.said(name, **facts), (self.events, self.process.stderr.read().decode())
        return self.said(name, **facts)[0]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self) -> int:
        status = self.process.wait(PATIENCE)
        self._reader.join(10)
        return status


@pytest.fixture
def operator():
    started = []

    def start(project, *words):
        started.append(Operator(project, *words))
        return started[-1]

    yield start
    for process in started:
        if process.process.poll() is None:
            process.kill()
        process.process.stdout.close()
        process.process.stderr.close()


class Truth:
    """What must hold on every server whatever happened, and the engine to ask and act with."""

    def __init__(self, project, destinations) -> None:
        self.sample = project
        self.project = project.load()
        self.destinations = destinations
        self.kept: Fleet | None = None
        self.shared: set[bytes] = set()
        """paths at which every release has a link into shared/ besides what its manifest names"""

    def fleet(self) -> Fleet:
        return Fleet(self.project, self.project.environment("production"))

    def do(self, request, wait=0.0):
        """Carry out a request over connections that stay open."""
        self.kept = self.kept or self.fleet()
        return execute(self.kept, request, None, lambda event: None, Controls(), wait=wait)

    def deploy(self, *tags: str) -> Truth:
        """Deploy a commit of its own for each tag, in this order; index.html of `r1` holds `1`."""
        for tag in tags:
            self.sample.commit({"index.html": f"{tag.removeprefix('r')}\n"})
            self.do(DeployRequest(tag=tag))
        return self

    def close(self) -> None:
        if self.kept:
            self.kept.close()
        self.kept = None

    def ended_well(self, operation: str) -> bool:
        """Whether every server's journal says that this operation was carried out."""
        journals = [(server.files / ".turnout/journal.jsonl").read_text().splitlines() for server in self.destinations]
        return all(any(_is_good_end(line, operation) for line in lines) for lines in journals)

    def live(self) -> list[str]:
        return [os.readlink(server.files / "current").removeprefix("releases/") for server in self.destinations]

    def unlocked(self) -> bool:
        return not any((server.files / ".turnout/lock").exists() for server in self.destinations)

    def holders(self) -> list[int]:
        """The agents that live and hold a lock."""
        pids = []
        for server in self.destinations:
            try:
                pid = int((server.files / ".turnout/lock/process").read_text().split()[0])
            except OSError:
                continue
            pids += [pid] if runs(pid) else []
        return pids

    def rubbish(self) -> list[Path]:
        """What lies where only half-made and half-removed things lie."""
        folders = [server.files / ".turnout" for server in self.destinations]
        inside = [path for folder in folders for name in ("incoming", "trash") for path in (folder / name).glob("*")]
        inside += [path for server in self.destinations for path in (server.files / "releases").glob(".turnout-*")]
        return inside + [path for folder in folders for path in folder.glob("*.[0-9]*") if path.name != "journal.jsonl"]

    def swept(self) -> bool:
        return not self.rubbish()

    def complete(self, *, live_only: bool = False) -> None:
        """`current` leads to a release on every server, and every release there is, is what its manifest says.

        live_only   while an agent may still be removing others
        """
        for server in self.destinations:
            link = server.files / "current"
            assert link.is_symlink(), f"{server.alias}: current is no link"
            folder, _, live = os.readlink(link).rpartition("/")
            assert folder == "releases", f"{server.alias}: current points to {folder}/{live}"
            # Where releases/ is a file system of its own, what is half-made or half-removed lies there.
            there = [name for name in os.listdir(server.files / "releases") if not name.startswith(".turnout-")]
            for tag in [live] if live_only else there:
                record = parse_record((server.files / f".turnout/records/{tag}.toml").read_text())
                manifest = parse((server.files / f".turnout/manifests/{tag}.manifest").read_text())
                assert manifest.digest == record.digest, f"{server.alias}: {tag}"
                entries = entries_of(server.files / "releases" / tag)
                assert {path for path in self.shared if entries.pop(path, FOLDER_ENTRY).kind == LINK} == self.shared
                assert entries == manifest.entries, f"{server.alias}: {tag} is not complete"

    def at_rest(self) -> None:
        """The agents have left (one that was killed leaves a lock that the next operation takes), all is complete."""
        until(lambda: not self.holders(), "the agents to give their locks back")
        self.complete()

    def interrupted(self) -> bool:
        self.kept = self.kept or self.fleet()
        return interruption(self.kept.inspect().states.values()) is not None


def _is_good_end(line: str, operation: str) -> bool:
    try:
        said = json.loads(line)
    except ValueError:  # torn by a kill
        return False
    return (said["what"], said["operation"], said.get("outcome")) == ("end", operation, "done")


def two_releases(facts: Truth) -> Truth:
    """Make r1 and r2, of which r2 is live, and close the connections."""
    facts.deploy("r1", "r2").close()
    return facts


def entries_of(folder: Path) -> dict[bytes, Entry]:
    """What a folder really holds, in a manifest's terms."""
    entries = {}
    for path, (kind, content) in snapshot(folder).items():
        if kind == "folder":
            entries[path] = FOLDER_ENTRY
        elif kind == "link":
            entries[path] = Entry(LINK, 0, encode_path(content))
        else:
            mode = EXECUTABLE if kind == "executable" else FILE
            entries[path] = Entry(mode, len(content), hashlib.sha256(content).hexdigest())
    return entries


@pytest.fixture
def truth():
    """Make a Truth; its connections are closed when the test ends."""
    with ExitStack() as stack:
        yield lambda project, destinations: stack.enter_context(closing(Truth(project, destinations)))


@pytest.fixture
def operators(tmp_path):
    """Make an Operators; its processes end with the test."""
    with ExitStack() as stack:
        yield lambda name="operator": stack.enter_context(closing(Operators(tmp_path, name)))


class Mounts:
    """File systems of their own inside of servers' roots, which only root can make; all go with the test."""

    possible = os.geteuid() == 0

    def __init__(self) -> None:
        self._mounted: list[Path] = []

    def tmpfs(self, folder: Path) -> None:
        self._mount(folder, "-t", "tmpfs", "-o", "size=64m", "none")

    def bind(self, folder: Path, target: Path) -> None:
        target.mkdir(parents=True, exist_ok=True)
        self._mount(folder, "--bind", str(target))

    def _mount(self, folder: Path, *words: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if subprocess.run(["mount", *words, str(folder)], capture_output=True, check=False).returncode:
            unavailable("root may not mount a file system here")
        self._mounted.append(folder)

    def close(self) -> None:
        for folder in reversed(self._mounted):
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def mounts():
    with closing(Mounts()) as mounts:
        yield mounts


@pytest.fixture
def disk(sshd):
    """Give the server's root a file system of its own: its bytes, its inodes (0: as many as fit)."""
    mounted = []

    def mount(size: str, inodes: int = 0):
        words = ["mount", "-t", "tmpfs", "-o", f"size={size},nr_inodes={inodes}", "none", str(sshd.files)]
        if subprocess.run(words, capture_output=True, check=False).returncode:
            unavailable("this user may not mount a file system")
        mounted.append(sshd.files)
        return sshd

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def half_switched(servers, proxy, project_factory, operator, truth):
    """Three servers; the third one's network went silent just before the switch, then the operator was killed."""
    fleet = servers(3, separate=True)
    network, slow = proxy(fleet[2])
    hold = holding_hook("before-switch")
    project = project_factory([fleet[0], fleet[1], slow], extra="")
    facts = truth(project, fleet)
    first = facts.do(DeployRequest(tag="one"))
    project.commit({"index.html": "two\n"})
    project.config.write_text(project.config.read_text() + hold)
    deploy = operator(project, "deploy", "production", "--yes", "--tag", "two")
    until(lambda: (project.config.parent / "holding").exists(), "the hook")
    network.freeze()
    (project.config.parent / "holding").unlink()
    until(lambda: len(deploy.said("switched")) == 2, "two servers to switch")
    deploy.kill()
    network.cut()
    network.thaw()
    until(facts.unlocked, "the agents to give their locks back")
    project.config.write_text(project.config.read_text().replace(hold, ""))
    assert first.tag == "one"
    assert facts.live() == ["two", "two", "one"]
    return facts
