"""One demo from start to end: servers, a project and releases of its own on this machine, and the dashboard on them.

The engine and the connections are the ones that real servers get; nothing is left behind, and nothing outside
a temporary folder is written.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from msgspec import Struct

from core import DeployRequest, execute
from core.config import Environment, Project, load
from core.config import read_only as looking_only
from core.errors import EXIT_DONE, TurnoutError, UsageError
from core.events import Event
from core.fleet import Fleet
from core.jobs import Controls
from core.settings import Settings
from tui.demo.sample import PHOTO_BYTES, RELEASED, WINTER_PHOTO_BYTES, history, make_repository, write_config
from tui.demo.servers import EmbeddedServers, require_asyncssh

BANDWIDTH = 6e6
"""Bytes a second to each server once the dashboard is open: slow enough to watch."""
UNNOTICED = 1e9
SERVERS = ("web1", "web2", "web3", "stage1")


class DemoProject(Struct, frozen=True):
    """What the demo works on: the project, its servers, and the ids of its commits, oldest first."""

    project: Project
    servers: EmbeddedServers
    commits: tuple[str, ...]

    def fleet(self, environment: str = "production", *, by: str = "", leave_out: str = "") -> Fleet:
        """A fleet of an environment's servers, or of all but one; `by`: another user than who runs the demo."""
        own = self.project.settings
        who = f"{by}@{own.who.rpartition('@')[2]}" if by else own.who
        settings = Settings(who=who, cache=own.cache, ssh_config=Path(own.ssh_config), environ=own.environ)
        project = self.project.replace(settings=settings)
        chosen: Environment = project.environment(environment)
        return Fleet(project, chosen, [server for server in chosen.servers if server.name != leave_out])

    def close(self) -> None:
        """End the servers."""
        self.servers.close()


def prepare(
    folder: Path,
    *,
    say: Callable[[str], None] = lambda line: None,
    bandwidth: float | None = BANDWIDTH,
    photo_bytes: int = PHOTO_BYTES,
    winter_photo_bytes: int = WINTER_PHOTO_BYTES,
    newest: datetime | None = None,
    remove: bool = False,
) -> DemoProject:
    """Everything short of the dashboard, below `folder`: servers, project, four releases, web3 one behind.

    bandwidth   bytes a second to each server from then on; the first releases travel faster
    newest      what the commits' ages count from; fixed, it fixes their ids
    remove      let the servers' process remove `folder` at its end
    """
    say(f"starting {len(SERVERS)} SSH servers on 127.0.0.1")
    servers = EmbeddedServers(
        len(SERVERS), folder, names=SERVERS, bandwidth=None if bandwidth is None else UNNOTICED, remove=remove
    )
    try:
        say("making a git project with a history")
        repository = folder / "shop"
        repository.mkdir()
        changes = history(photo_bytes, winter_photo_bytes)
        commits = make_repository(repository, changes, newest or datetime.now(UTC))
        path = write_config(repository, [server for server in servers if server.name != "stage1"], [servers["stage1"]])
        own = Settings(cache=folder / "cache", ssh_config=servers.ssh_config)
        demo = DemoProject(load(path, own), servers, tuple(commits))
        _deploy_releases(
            demo, [(changes[index].author, changes[index].subject, commits[index]) for index in RELEASED], say
        )
        if bandwidth is not None:
            servers.set_bandwidth(bandwidth)
        return demo
    except BaseException:
        servers.close()
        raise


def _deploy_releases(demo: DemoProject, releases: list[tuple[str, str, str]], say: Callable[[str], None]) -> None:
    """Deploy each (author, subject, commit) with the engine; the last not to web3."""
    for number, (author, subject, commit) in enumerate(releases, start=1):
        began = time.monotonic()
        with demo.fleet(by=author.split()[0].lower(), leave_out="" if number < len(releases) else "web3") as fleet:
            execute(fleet, DeployRequest(ref=commit), None, _ignore, Controls())
            where = ", ".join(fleet.names)
        say(f"release {number} of {len(releases)} on {where}: {subject} ({time.monotonic() - began:.1f} s)")


def run(environ: Mapping[str, str] | None = None, *, read_only: bool = False) -> int:
    """`turnout demo`: prepare, open the dashboard, clean up however it ends. The exit code.

    environ    variables that say how the dashboard looks; None: those of the process
    read_only  the dashboard looks only
    """
    try:
        require_asyncssh()
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise UsageError("the demo needs a terminal: it opens the dashboard")
    except UsageError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    with _ended_by() as signals:
        folder = Path(tempfile.mkdtemp(prefix="turnout-demo-")).resolve()
        demo: DemoProject | None = None
        try:
            demo = prepare(folder, say=_say, remove=True)
            _say("opening the dashboard; q ends the demo and removes everything")
            from tui.app import run_dashboard

            project = looking_only(demo.project) if read_only else demo.project
            ended = run_dashboard(project, "production", environ=environ)
            code = ended if isinstance(ended, int) else EXIT_DONE
        except TurnoutError as error:
            print(error, file=sys.stderr)
            code = error.exit_code
        except KeyboardInterrupt:
            code = 128 + signal.SIGINT
        finally:
            if demo is not None:
                demo.close()
            shutil.rmtree(folder, ignore_errors=True)
    return 128 + signals[0] if signals else code


@contextmanager
def _ended_by() -> Iterator[list[int]]:
    """SIGTERM and SIGHUP end the demo as Ctrl-C does, by unwinding; yields those that came.

    An exception out of the handler would tear Textual apart wherever it is just then; Python's and asyncio's own
    handlers of SIGINT know how to stop the one and the other.
    """
    came: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        came.append(number)
        interrupt = signal.getsignal(signal.SIGINT)
        if callable(interrupt):
            interrupt(signal.SIGINT, frame)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(line: str) -> None:
    print(line, flush=True)


def _ignore(event: Event) -> None:
    """The dashboard shows events; before it there are plain lines."""
