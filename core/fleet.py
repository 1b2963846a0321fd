"""Many servers: run a step on all of them at once, wait for all, collect every error."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Generic, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from core.errors import ConnectError, FleetError, HostKeyUnknown, TurnoutError, UsageError
from core.jobs import Ahead, Cancel, fault
from core.moments import BEFORE_SWITCH
from core.names import unknown
from core.sshconfig import Book, target

if TYPE_CHECKING:
    from core.changes import Commit
    from core.config import Environment, Project, Server
    from core.records import Lock, ServerState
    from core.remote.connection import Connection
    from core.remote.link import Routes
    from core.remote.session import Session
    from core.source.early import EarlyTree

T = TypeVar("T")

READ_ONLY = "`read-only = true` in turnout.toml or the option --read-only says so; nothing was touched"


class Inspection(Struct, frozen=True):
    """What is known of each server: its state, or why there is none."""

    states: Mapping[str, ServerState] = field(default_factory=dict)
    errors: Mapping[str, TurnoutError] = field(default_factory=dict)


class Outcome(Struct, Generic[T], frozen=True):
    """What a step gave on each server, and what went wrong on the others."""

    results: Mapping[str, T]
    errors: Mapping[str, TurnoutError]

    def unwrap(self, phase: str = "") -> Mapping[str, T]:
        """The results. FleetError where any server failed; with a phase, errors without one get it."""
        if self.errors:
            raise FleetError(self.errors, phase=phase)
        return self.results


def at_once(names: Iterable[str], step: Callable[[str], T]) -> Outcome[T]:
    """Run `step` for each name on a daemon thread of its own and wait for all."""
    results: dict[str, T] = {}
    errors: dict[str, TurnoutError] = {}

    def run(name: str) -> None:
        try:
            results[name] = step(name)
        except TurnoutError as error:
            errors[name] = error
        except BaseException as error:  # a fault of ours, whatever it is, must reach the operator
            if threading.current_thread() is threading.main_thread() and isinstance(error, KeyboardInterrupt):
                raise  # Ctrl-C is not an error of a server
            errors[name] = fault(error)

    names = list(names)
    if len(names) == 1:
        run(names[0])
        return Outcome(results, errors)
    threads = []
    for name in names:
        thread = threading.Thread(target=run, args=(name,), name=f"server {name}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the system gives no more threads; wait for those that run
            errors[name] = fault(error)
        else:
            threads.append(thread)
    for thread in threads:
        thread.join()
    order = {name: index for index, name in enumerate(names)}
    return Outcome(
        dict(sorted(results.items(), key=lambda item: order[item[0]])),
        dict(sorted(errors.items(), key=lambda item: order[item[0]])),
    )


class Fleet:
    """The servers of an environment (or a part of them), each with a connection that stays open.

    One operation at a time may use a fleet; inspecting is safe beside it and shares the connection.
    """

    def __init__(self, project: Project, environment: Environment, servers: Sequence[Server] | None = None) -> None:
        self.project = project.in_environment(environment)
        self.environment = environment
        self.servers: tuple[Server, ...] = tuple(servers if servers is not None else environment.servers)
        self._sessions: dict[str, Session] = {}
        self._routes: Routes | None = None
        self._book = self._new_book()
        self._lock = threading.Lock()
        self._ahead: dict[str, Ahead[None]] = {}
        self._connections: dict[str, Connection] = {}
        self._told: dict[str, frozenset[str]] = {}
        """By server: the tags that completion was told last."""
        self._commits: dict[str, Commit | None] = {}
        self._asking = threading.Lock()
        self._early: EarlyTree | None = None

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(server.name for server in self.servers)

    def part(self, names: Iterable[str]) -> Fleet:
        """These servers of the fleet, over the same connections; they close with the fleet's."""
        wanted = frozenset(names)
        self._routes_to_all()
        part = copy.copy(self)
        part.servers = tuple(server for server in self.servers if server.name in wanted)
        return part

    @contextmanager
    def masked(self) -> Iterator[None]:
        """Within it, what is raised has the project's secrets masked, as everything that leaves the engine has."""
        try:
            yield
        except TurnoutError as error:
            error.mask(self.project.mask)
            raise

    def _new_book(self) -> Book:
        settings = self.project.settings
        return Book(settings.environ, settings.cache / "ssh", settings.ssh_config)

    def server(self, name: str) -> Server:
        """A server of the fleet. UsageError where it has none of that name."""
        for server in self.servers:
            if server.name == name:
                return server
        raise unknown("server", name, self.names, place=f"in {self.environment.name}")

    @property
    def starting(self) -> list[Server]:
        """The servers on which hooks start releases before the switch."""
        hooks = [hook for hook in self.project.hooks if hook.on == BEFORE_SWITCH.name]
        return [server for server in self.servers if any(hook.concerns(server) for hook in hooks)]

    def machines(self, servers: Iterable[Server]) -> dict[str, tuple[str, int, str]]:
        """By name where each server is: name or address, port, gateways. Of those that have the same, the
        machine is the same. Also of other environments; what ssh_config cannot say is left out.
        """
        found = {}
        for server in servers:
            with suppress(ConnectError):
                options = self._book.look_up(target(server))
                found[server.name] = (options.host, options.port, options.jump or options.get("proxycommand"))
        return found

    def variables(self, name: str = "") -> dict[str, str]:
        """The variables of the configuration that hooks and checks get; with a server's name also that server's."""
        return {**self.project.variables, **(self.server(name).variables if name else {})}

    def session(self, name: str) -> Session:
        """The session of a server; made when first asked for, not opened."""
        server = self.server(name)
        with self._lock:
            from core.remote.session import Session

            if name not in self._sessions:
                connection = self._connections.pop(name, None)
                shared = self.project.deploy.shared
                self._sessions[name] = Session(
                    server,
                    server.root,
                    self._routes_to_all(),
                    shared,
                    connection,
                    link=server.current or self.environment.current,
                    links=self.environment.links + server.links,
                    ownership=self.environment.ownership_of(server),
                    profile=self.project.settings.profile,
                )
            return self._sessions[name]

    def _routes_to_all(self) -> Routes:
        if self._routes is None:
            from core.remote.link import Routes

            self._routes = Routes(self._book)
        return self._routes

    def open(self, name: str) -> Session:
        """The session of a server, connected."""
        with self._lock:
            ahead = self._ahead.pop(name, None)
        with self.masked():
            if ahead is not None:
                ahead.get()
            session = self.session(name)
            session.open()
            return session

    def early_tree(self, ref: str | None) -> EarlyTree | None:
        """The tree of that revision that `connect_ahead` began to make, once."""
        early = self._early
        if early is None or early.ref != ref:
            return None
        self._early = None
        return early

    def connect_ahead(self, *, deploys: bool = False, ref: str | None = None) -> None:
        """Begin to connect to every server; the next `open` of each waits for that, and raises what it raised.

        deploys   a revision is going to be deployed, `ref` (None: the project's own): its tree is begun, too
        """
        # ssh is asked for its configuration, and TCP connections are made, while the SSH library is loaded.
        with self._lock:
            servers = [server for server in self.servers if server.name not in {*self._sessions, *self._connections}]
        targets = [target(server) for server in servers]
        self._book.ahead(targets)
        from core.remote.sockets import Dialler

        dialler = Dialler(self._book)
        dialler.begin(targets)
        if deploys:
            from core.source.early import EarlyTree

            self._early = EarlyTree(self.project, ref, self.environment.name)
        from core.remote.connection import Connection

        with self._lock:
            self._routes_to_all().dial(dialler)
        for server in servers:
            with self._lock:
                connection = Connection(server, self._routes_to_all())
                self._connections[server.name] = connection
                self._ahead[server.name] = Ahead(partial(self._log_in, connection))
        # What else sessions need is loaded while the servers answer.
        import core.remote.session  # noqa: F401

    def _log_in(self, connection: Connection) -> None:
        with self.project.settings.measured("login", connection.server.name):
            connection.open()

    def at_once(self, names: Iterable[str], step: Callable[[str], T]) -> Outcome[T]:
        """`at_once` on servers of the fleet, with what a step raises `masked`."""

        def masked(name: str) -> T:
            with self.masked():
                return step(name)

        return at_once(names, masked)

    def allow_changes(self) -> None:
        """UsageError where nothing may be changed in this environment."""
        if self.environment.read_only:
            raise UsageError(f"{self.environment.name} is read-only here", hint=READ_ONLY)

    def break_locks(self, locks: Mapping[str, Lock]) -> Outcome[None]:
        """End the processes that hold these locks, by server; what they were doing stays as it is. UsageError where
        nothing may be changed in this environment."""
        self.allow_changes()
        return self.at_once(locks, lambda name: self.open(name).break_lock(locks[name].operation))

    def inspect(self, cancel: Cancel | None = None, heard: Callable[[str], None] | None = None) -> Inspection:
        """The state of every server, all at once; one that fails is among the errors and does not delay the others.

        heard   called, on a thread of the engine, with each server that has answered or failed
        """
        if cancel:
            cancel.check()

        def look(name: str) -> ServerState:
            try:
                return self.inspect_one(name)
            finally:
                if heard:
                    heard(name)

        outcome = at_once(self.names, look)
        return Inspection(outcome.results, outcome.errors)

    def inspect_one(self, name: str) -> ServerState:
        """The state of one server; connects where that is needed. Raises TurnoutError."""
        with self.masked():
            session = self.open(name)
            with self.project.settings.measured("inspect", name):
                state = self._with_commits(session.state())
        self._remember(name, state)
        return state

    def _remember(self, name: str, state: ServerState) -> None:
        """Keep the tags for completion, where they are others than a moment ago."""
        tags = frozenset(state.releases)
        if self._told.get(name) == tags:
            return
        from core.last_known import remember

        self._told[name] = tags
        with suppress(TurnoutError):  # no home folder
            remember(self.project.settings.cache, self.project.path, self.environment.name, name, tags)

    def _with_commits(self, state: ServerState) -> ServerState:
        """The state, with subject and author of the commits that other tools' releases name, as far as the operator's
        repository has them: asked once for each commit.
        """
        wanted = {r.told.revision for r in state.releases.values() if r.told and r.told.revision}
        if not wanted:
            return state
        from core.source import source_of  # few servers have such releases

        with self._asking, suppress(TurnoutError):
            if unasked := wanted - self._commits.keys():
                history = source_of(self.project).history()
                found = history.named(unasked) if history else {}
                self._commits.update({revision: found.get(revision) for revision in unasked})
        releases = dict(state.releases)
        for tag, release in releases.items():
            if release.told and (commit := self._commits.get(release.told.revision)):
                told = replace(release.told, subject=commit.subject, author=commit.author)
                releases[tag] = replace(release, told=told)
        return replace(state, releases=releases)

    def glance(self, name: str) -> str:
        """Session.glance of one server. Raises TurnoutError."""
        with self.masked():
            return self.open(name).glance()

    def accept_host_key(self, error: HostKeyUnknown) -> None:
        """Record a host key that a person compared and accepted, in known_hosts."""
        with self.masked():
            self.session(error.server).accept(error)

    def close(self) -> None:
        """Close all connections. A lock that is still held is given back by the agents."""
        with self._lock:
            opened: list[Session | Connection] = [*self._sessions.values(), *self._connections.values()]
            self._sessions.clear()
            self._connections.clear()
            self._ahead.clear()
            routes, self._routes = self._routes, None
            self._book = self._new_book()
        early, self._early = self._early, None
        if early is not None:
            early.drop()
        for connected in opened:
            connected.close()
        if routes is not None:
            routes.close()
