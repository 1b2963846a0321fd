"""What every test stands on: an environment of its own, real servers, and projects to deploy to them."""

from __future__ import annotations

import dataclasses
import itertools
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import hypothesis
import pytest

from tests import REPOSITORY
from tests.busybox import DropbearServer
from tests.projects import Files, SampleProject, make_project
from tests.proxy import Proxy
from tests.servers import LOGIN, Destination, EmbeddedServer, OpenSSHServer, SSHServer, program

# What the developer's or CI's own environment must not decide.
FOREIGN = {
    "SSH_AUTH_SOCK",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_CONFIG_GLOBAL",
    "NO_COLOR",
    "FORCE_COLOR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
}
GIT_CONFIG = """\
[user]
    name = Ana Test
    email = ana@example.com
[init]
    defaultBranch = main
[commit]
    gpgSign = false
[safe]
    directory = *
"""

# How long an example takes depends on who else uses the machine: pytest's own limit for a test is enough. CI judges
# every change by the same examples; people's runs look for new ones.
hypothesis.settings.register_profile("turnout", deadline=None, derandomize=os.environ.get("TURNOUT_TEST_STRICT") == "1")
hypothesis.settings.load_profile("turnout")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--one-each", action="store_true", help="of a test with parameters, run only the first set")


def pytest_configure(config: pytest.Config) -> None:
    """Signals do what they do in a terminal also where the tests run under `nohup` or in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let every worker begin with some of the tests that take long, so that none is left alone with one at the end.

    xdist's `worksteal` gives each worker one part of the list, as long as the others', and later takes from the ends.
    """
    if config.getoption("--one-each"):
        one_each(config, items)
    workers = int(getattr(config, "workerinput", {}).get("workercount", 1))
    long = [item for item in items if item.get_closest_marker("slow")]
    others = [item for item in items if not item.get_closest_marker("slow")]
    ends = [len(items) * number // workers for number in range(1, workers + 1)]
    ordered: list[pytest.Item] = []
    for number, end in enumerate(ends):
        ordered += long[number::workers]
        rest = max(0, end - len(ordered))
        ordered += others[:rest]
        others = others[rest:]
    items[:] = ordered + others


def one_each(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave each test with the first set of its parameters."""
    first = {item.nodeid.partition("[")[0]: item for item in reversed(items)}
    kept = set(first.values())
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home folder of the test's own, in force; nothing of the user's, and no SSH agent, is seen.

    Programs that the test starts find `core` and `tui` of this checkout from any folder.
    """
    folder = tmp_path_factory.mktemp("home")
    (folder / ".ssh").mkdir(mode=0o700)
    (folder / ".gitconfig").write_text(GIT_CONFIG)
    for name in os.environ:
        if name in FOREIGN or (name.startswith("TURNOUT_") and name != "TURNOUT_TEST_STRICT"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("TURNOUT_CACHE_DIR", str(folder / "cache"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ana Test")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ana@example.com")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def ssh_config_add(home: Path) -> Callable[[str], None]:
    """Append Host blocks to the test's own ~/.ssh/config."""

    def add(text: str) -> None:
        with (home / ".ssh/config").open("a") as file:
            file.write(text)

    return add


@pytest.fixture
def announce(home: Path, ssh_config_add: Callable[[str], None]) -> Callable[[Destination], Destination]:
    """Make an alias work: its Host block in ~/.ssh/config, its host key in ~/.ssh/known_hosts."""

    def write(place: Destination) -> Destination:
        known_hosts = home / ".ssh/known_hosts"
        ssh_config_add(place.server.ssh_config(place.alias, place.port, known_hosts))
        with known_hosts.open("a") as file:
            file.write(place.server.known_hosts_line(place.port))
        return place

    return write


class Running:
    """The servers that this worker has started, each kind at most once for each number."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders
        self._stack = ExitStack()
        self._started: dict[tuple[str, int, str], SSHServer] = {}
        self.login = LOGIN

    def get(self, kind: str = "", number: int = 0) -> SSHServer:
        """A server by its login shell ("": the user's own; "busybox": it has nothing else), started if needed."""
        key = (kind, number, self.login)
        if key not in self._started:
            folder = self._folders.mktemp(f"server-{kind or 'own'}-{number}")
            self._started[key] = self._stack.enter_context(self._start(kind, folder))
        return self._started[key]

    def _start(self, kind: str, folder: Path) -> SSHServer:
        if kind == "busybox":
            return DropbearServer(folder)
        if not kind and program("sshd") is None:
            return EmbeddedServer(folder)
        return OpenSSHServer(folder, shell=kind, noisy=kind == "bash", login=self.login)

    def close(self) -> None:
        """End all of them."""
        self._stack.close()


@pytest.fixture(scope="session")
def all_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """This worker's servers, which live as long as it does."""
    running = Running(tmp_path_factory)
    yield running
    running.close()


@pytest.fixture
def running(all_running: Running, request: pytest.FixtureRequest) -> Running:
    """This worker's servers, with logins as the test wants them."""
    all_running.login = "tidy" if request.node.get_closest_marker("tidy_login") else LOGIN
    return all_running


@pytest.fixture
def sshd(running: Running, tmp_path: Path, announce: Callable[[Destination], Destination]) -> Destination:
    """A fresh deploy root on OpenSSH's sshd, or on the embedded server where no sshd is installed; alias `web`."""
    return announce(running.get().place(tmp_path / "servers", "web"))


class Servers(Protocol):
    """See the fixture `servers`."""

    def __call__(self, count: int = 3, separate: bool = False) -> list[Destination]: ...


@pytest.fixture
def servers(running: Running, tmp_path: Path, announce: Callable[[Destination], Destination]) -> Servers:
    """Fresh deploy roots, aliases web1, web2, ...: all on one sshd, or `separate`: each on an sshd of its own."""

    def make(count: int = 3, separate: bool = False) -> list[Destination]:
        hosts = [running.get(number=number if separate else 0) for number in range(count)]
        folder = tmp_path / "servers"
        return [announce(host.place(folder, f"web{number}")) for number, host in enumerate(hosts, start=1)]

    return make


@pytest.fixture
def fleet(servers: Servers) -> list[Destination]:
    """Three servers: web1, web2, web3."""
    return servers(3)


@pytest.fixture
def pair(servers: Servers) -> list[Destination]:
    """Two servers: web1, web2."""
    return servers(2)


@pytest.fixture
def shell_server(
    running: Running, tmp_path: Path, announce: Callable[[Destination], Destination]
) -> Callable[[str], Destination]:
    """A fresh deploy root where the login shell is bash (whose .bashrc prints), dash, zsh, fish, or `busybox` ash."""
    return lambda shell: announce(running.get(shell).place(tmp_path / "servers", shell))


@pytest.fixture
def proxy(
    announce: Callable[[Destination], Destination],
) -> Iterator[Callable[..., tuple[Proxy, Destination]]]:
    """Put a network to break in front of a destination: the proxy, and the destination seen through it."""
    with ExitStack() as stack:

        def make(place: Destination, delay: float = 0.0, rate: float = 0.0) -> tuple[Proxy, Destination]:
            between = stack.enter_context(Proxy(place.port, place.host, delay, rate))
            return between, announce(dataclasses.replace(place, alias=f"{place.alias}-far", port=between.port))

        yield make


class ProjectFactory(Protocol):
    """See `tests.projects.make_project`."""

    def __call__(self, destinations: Sequence[Destination], files: Files = ..., **options: Any) -> SampleProject: ...


@pytest.fixture
def project_factory(tmp_path: Path) -> ProjectFactory:
    """Make projects that deploy the given files to the given destinations."""
    numbers = itertools.count(1)

    def make(destinations: Sequence[Destination], files: Files | None = None, **options: Any) -> SampleProject:
        return make_project(
            tmp_path / f"project{next(numbers)}", destinations, files or {"index.html": "one\n"}, **options
        )

    return make
