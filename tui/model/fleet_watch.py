"""Keeps what is known of every server fresh: each is looked at on an engine thread of its own, so none waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from core.errors import HostKeyUnknown, TurnoutError
from core.jobs import Job
from core.records import Record, ServerState
from tui.model.bridge import Bridge
from tui.view.fleet import Ahead, FleetView, ServerView, after_switch
from tui.view.lived import OlderLines

if TYPE_CHECKING:
    from core.config import Environment, Project, Server
    from core.fleet import Fleet

EVERY = 15.0
"""Seconds between two looks at a server while nothing runs; longer from MANY servers on, to stay cheap."""

MANY = 20

GLANCE_EVERY = 2
"""Seconds from one glance to the next at the first server, where every operation on all of them takes its lock first;
in the seconds between, the others get theirs in turn. A glance that shows news makes it a look."""


LATE_AFTER = 5.0
"""Seconds without an answer after which a server's last state no longer counts as its present one."""


def open_fleet(project: Project, environment: Environment) -> Fleet:
    """The engine's fleet of an environment; connects nowhere yet."""
    from core.fleet import Fleet

    return Fleet(project, environment)


class FleetWatch:
    """The servers of one environment. `on_change` is called when what is known has changed."""

    def __init__(
        self,
        project: Project,
        environment: Environment,
        bridge: Bridge,
        now: Callable[[], float],
        on_change: Callable[[], None],
        opener: Callable[[Project, Environment], Fleet] = open_fleet,
    ) -> None:
        self.project = project
        self.environment = environment
        self._bridge = bridge
        self._now = now
        self._on_change = on_change
        self._opener = opener
        self.fleet = opener(project, environment)
        self._servers = {server.name: ServerView(server.name, roles=server.roles) for server in environment.servers}
        self._fleet_view: FleetView | None = None
        self._older: Mapping[str, OlderLines] = {}
        self._ahead: Ahead | None = None
        self._generation = 0
        self._glances = 0
        self._glancing: set[str] = set()
        self._connected = False

    @property
    def fleet_view(self) -> FleetView:
        """What is known now."""
        if self._fleet_view is None:
            self._fleet_view = FleetView.of(
                self.project.project,
                self.environment.name,
                tuple(self._servers.values()),
                protected=self.environment.protected,
                read_only=self.environment.read_only,
            )
            self._fleet_view = replace(self._fleet_view, older=self._older, ahead=self._ahead)
        return self._fleet_view

    def learn(self, *, older: Mapping[str, OlderLines] | None = None, ahead: Ahead | None = None) -> None:
        """Take in what was found out beside the looks: `FleetView.older`, `FleetView.ahead`."""
        self._older, self._ahead = self._older if older is None else older, ahead or self._ahead
        if self._fleet_view is not None:
            self._fleet_view = replace(self._fleet_view, older=self._older, ahead=self._ahead)
        self._on_change()

    def take_over(self, before: FleetWatch) -> None:
        """Go on with what was known of the same servers; they are looked at soon."""
        reached = {server.name: _reached(before.environment, server) for server in before.environment.servers}
        for server in self.environment.servers:
            known = before._servers.get(server.name)
            if known is not None and _reached(self.environment, server) == reached[server.name]:
                self._servers[server.name] = replace(known, checking=False, late=False, roles=server.roles)
        self._fleet_view = None

    @property
    def every(self) -> float:
        """Seconds between two looks."""
        return EVERY * max(len(self._servers) / MANY, 1.0)

    @property
    def due(self) -> list[str]:
        """The servers whose time has come to be looked at again."""
        now = self._now()
        return [name for name, server in self._servers.items() if not server.checking and now - server.at >= self.every]

    def check(self, *names: str) -> None:
        """Look at these servers (all without a name), except those that are being looked at."""
        for name in names or tuple(self._servers):
            server = self._servers[name]
            if server.checking:
                continue
            self._set(name, replace(server, checking=True, asked=self._now()))
            self._inspect(name)

    def note_silence(self) -> None:
        """Notice servers that were asked and do not answer; to be called every second."""
        now = self._now()
        for name, server in self._servers.items():
            if server.checking and not server.late and now - server.asked >= LATE_AFTER:
                self._set(name, replace(server, late=True))

    def glance(self) -> None:
        """Ask the server whose turn it is whether anybody began or ended an operation; to be called every second."""
        first, *others = self._servers
        turn, self._glances = self._glances, self._glances + 1
        if turn % GLANCE_EVERY and not others:
            return
        name = others[turn // GLANCE_EVERY % len(others)] if turn % GLANCE_EVERY else first
        state = self._servers[name].state
        if state is None or self._servers[name].error or self._servers[name].checking or name in self._glancing:
            return
        fleet, generation = self.fleet, self._generation
        self._glancing.add(name)

        def ended(job: Job[Any]) -> None:
            self._glancing.discard(name)
            if generation == self._generation and (job.error is not None or job.outcome != state.news):
                self.check(name)

        job: Job[str] = Job(f"glance {name}", lambda emit, controls: fleet.glance(name))
        self._bridge.follow(job, ended)
        job.start()

    def _inspect(self, name: str) -> None:
        self._connected = True
        fleet, generation = self.fleet, self._generation
        job: Job[ServerState] = Job(f"inspect {name}", lambda emit, controls: fleet.inspect_one(name))
        self._bridge.follow(job, lambda job: self._inspected(name, generation, job))
        job.start()

    def _inspected(self, name: str, generation: int, job: Job[Any]) -> None:
        if generation != self._generation:
            return
        server = self._servers[name]
        state: ServerState | None = job.outcome
        if job.error is not None or state is None:
            error = job.error or TurnoutError("the server sent no answer")
            self._set(name, replace(server, error=error, checking=False, late=False, at=self._now()))
            return
        if (
            server.state is not None
            and server.state.fingerprint == state.fingerprint
            and server.state.releases == state.releases
        ):
            state = replace(state, releases=server.state.releases)  # nothing new: the rows need not be made again
        self._set(name, replace(server, state=state, error=None, checking=False, late=False, at=self._now()))

    def _set(self, name: str, server: ServerView) -> None:
        before = self._servers[name]
        self._servers[name] = server
        same = before.state is server.state or (
            before.state is not None and server.state is not None and before.state.releases is server.state.releases
            and before.state.current == server.state.current
        )  # fmt: skip
        if same and self._fleet_view is not None:
            self._fleet_view = replace(self._fleet_view, servers=tuple(self._servers.values()))
        else:
            self._fleet_view = None
        self._on_change()

    def switched(self, name: str, tag: str, record: Record | None) -> None:
        """Show at once that a server's `current` points to another release; the next look confirms it."""
        server = self._servers.get(name)
        if server is not None and server.state is not None and tag:
            self._set(name, replace(server, state=after_switch(server.state, tag, record)))

    def unknown_keys(self) -> list[HostKeyUnknown]:
        """The host keys that were not accepted yet."""
        return [server.error for server in self._servers.values() if isinstance(server.error, HostKeyUnknown)]

    def accept(self, error: HostKeyUnknown, on_end: Callable[[TurnoutError | None], None]) -> None:
        """Record a host key that a person accepted, then look at the server again."""
        fleet = self.fleet
        job: Job[None] = Job("accept host key", lambda emit, controls: fleet.accept_host_key(error))

        def ended(job: Job[Any]) -> None:
            on_end(job.error)
            if job.error is None:
                self.check(error.server)

        self._bridge.follow(job, ended)
        job.start()

    def reconnect(self) -> None:
        """Close all connections, open new ones, look at every server."""
        self.close()
        self.fleet = self._opener(self.project, self.environment)
        for name, server in self._servers.items():
            self._servers[name] = replace(server, checking=False, late=False)
        self._fleet_view = None
        self.check()

    def idle_for(self, seconds: float) -> bool:
        """Whether no server was looked at for so long, and none is being looked at."""
        asked = max(server.asked for server in self._servers.values())
        return not self._asking and self._now() - asked >= seconds

    @property
    def _asking(self) -> bool:
        return bool(self._glancing) or any(server.checking for server in self._servers.values())

    def disconnect(self) -> None:
        """Close the connections; the next look opens new ones. A second call is free. Only while nothing is asked."""
        if not self._connected:
            return
        fleet, self.fleet = self.fleet, self._opener(self.project, self.environment)
        self._connected = False
        Job("disconnect", lambda emit, controls: fleet.close()).start()

    def close(self) -> None:
        """Close the connections; answers that still come are ignored."""
        self._generation += 1
        fleet = self.fleet
        Job("close", lambda emit, controls: fleet.close()).start()


def _reached(environment: Environment, server: Server) -> object:
    """What decides what is seen on a server: where it is, as whom it is entered, and which links are followed there."""
    return (
        replace(server, roles=(), variables={}),
        environment.ownership_of(server),
        environment.current,
        environment.links,
    )
