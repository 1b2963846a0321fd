"""The models of turnout.toml: keys, types, defaults, and the rules between keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from core.config import needed_version, values
from core.config import strategy as strategy_keys
from core.config.accounts import Account, Group, Umask, linked_umask, others_prepare, shared_umask
from core.config.baking import baking
from core.config.changing import changes
from core.config.checks import Check
from core.config.deploy import Deploy, SharedEntries, shared_once
from core.config.destinations import destinations, overlapping
from core.config.hooks import Hook
from core.config.keeper import Keeper, Secret, known_secrets
from core.config.logs import LogSource
from core.config.notify import Notify
from core.config.patterns import Pattern, all_or_nothing
from core.config.placing import known_places, named_once, servers_of
from core.config.readers import Check as Checked
from core.config.readers import Reads
from core.config.roots import deploy_root
from core.config.slots import Ports, port_without_slots
from core.config.source import NOTHING_LEFT, Source, only_for_builds
from core.config.store import Store
from core.config.table import Broken, Table
from core.config.tasks import Task
from core.config.told import told
from core.config.types import Count, Duration, Hold, Name, Port
from core.config.variables import Variables
from core.errors import UsageError
from core.freezes import Window
from core.freezes import parse as parse_window
from core.masking import Masking
from core.moments import OPERATOR
from core.names import resolve
from core.ownership import Ownership
from core.settings import Settings
from core.strategy import Strategy


class Server(Table):
    """One SSH destination and one deploy root on it."""

    name: Name
    """Its name on screens and in `--server`."""
    host: Annotated[str, Checked(values.host)]
    """`host`, `user@host`, or a name of ssh_config."""
    root: Annotated[str, Checked(deploy_root)]
    """The absolute path of the deploy root."""
    port: Port | None = None
    """The SSH port; else ssh_config's, else 22."""
    user: Annotated[str, Checked(values.user)] | None = None
    """The login name, where it is not part of `host`."""
    gateway: Annotated[str, Checked(values.gateway)] | None = None
    """The SSH server to go through: `user@host` or `user@host:port`; with an IPv6 address `user@[::1]:port`."""
    identity: Annotated[str, Checked(values.identity)] | None = None
    """The private key's file; absolute or below `~/`."""
    current: Annotated[str, Checked(values.current)] = ""
    """The link that a switch replaces, where that is not `current` in the root; over the environment's."""
    links: tuple[Annotated[str, Checked(values.link)], ...] = ()
    """Further links that may lead into `releases/`: what they lead to is never removed."""
    roles: tuple[Name, ...] = ()
    """What the server is for, such as "web": `roles` elsewhere and `--role` choose servers by it."""
    variables: Variables = {}
    """Variables of hooks and checks on this server, over the environment's."""
    become: Account = ""
    """The user that Turnout works as there, through sudo; over the environment's."""
    group: Group = ""
    """The group that shares the deploy root; over the environment's."""
    umask: Umask = ""
    """The umask of what is made there; over the environment's."""

    @classmethod
    def rules(cls, table: Mapping[str, Any]) -> Iterator[Broken]:
        if "user" in table and isinstance(table.get("host"), str) and "@" in table["host"]:
            yield ("user",), "cannot be combined with a user in `host`; use one of them", ""
        gateway, host = table.get("gateway"), table.get("host")
        if isinstance(gateway, str) and isinstance(host, str) and gateway.rpartition("@")[2] == host.rpartition("@")[2]:
            yield ("gateway",), "is the server itself", "leave it out"


class Environment(Table):
    """A named set of servers."""

    filled: ClassVar[frozenset[str]] = frozenset({"name"})

    name: str = ""
    """The key of its table."""
    protected: bool = False
    """Whether changes require typing the environment's name."""
    read_only: bool = msgspec.field(default=False, name="read-only")
    """Whether nothing may be changed from here."""
    strategy: Literal["all-at-once", "rolling"] = "all-at-once"
    """How the servers are switched: all at once, or batch by batch."""
    canary: Annotated[int | str, Reads(values.batch)] | None = None
    """Servers of the first batch, which is alone: a number or a share of all such as "10%"."""
    batch: Annotated[int | str, Reads(values.batch)] = 1
    """Servers of each other batch: a number or a share of the others such as "25%"."""
    pause: Annotated[float | str, Reads(strategy_keys.pause)] = 0.0
    """Seconds between two batches, or "hold": a person is asked."""
    allow_failed: Annotated[int | str, Reads(strategy_keys.spared)] = msgspec.field(default=0, name="allow-failed")
    """Servers that may be left out because they cannot be reached, or fail before their switch."""
    on_failure: Literal["undo", "ask"] = msgspec.field(default="undo", name="on-failure")
    """Whether everything is undone when something fails, or a person is asked first."""
    bake: Duration = 0.0
    """Seconds for which its checks go on after a switch, where they do not say it themselves."""
    hold: Hold = False
    """How long a deploy waits, ready on every server, for a person to say go; true is "1h"."""
    approve: Literal["anybody", "other"] = "anybody"
    """Who may say go: anybody, or only somebody else than who started the deploy."""
    reason: Literal["optional", "required"] = "optional"
    """Whether every change needs a reason (-m)."""
    freeze: tuple[Annotated[str, Checked(values.freeze)], ...] = ()
    """When its releases must not be changed: by the week, or from one date to another."""
    current: Annotated[str, Checked(values.current)] = ""
    """The link that a switch replaces on its servers, where that is not `current` in the root."""
    links: tuple[Annotated[str, Checked(values.link)], ...] = ()
    """Further links on its servers that may lead into `releases/`: what they lead to is never removed."""
    slots: Ports = {}
    """Ports by name: a new release gets the one that the live release does not have (blue/green)."""
    ref: Annotated[str, Checked(values.ref)] | None = None
    """The branch, tag or commit that is deployed here when no other is asked for, in place of the source's."""
    keep: Count | None = None
    """Releases whose files stay on a server, in place of the project's."""
    shared_entries: SharedEntries | None = msgspec.field(default=None, name="shared")
    """Files and folders that all releases link to, in place of the project's."""
    exclude: tuple[Pattern, ...] | None = None
    """gitignore patterns of what is not deployed, in place of the source's."""
    variables: Variables = {}
    """Variables of builds, hooks and checks, over the project's."""
    become: Account = ""
    """The user that Turnout works as on its servers, through sudo; by default the login user."""
    group: Group = ""
    """The group that shares the deploy roots: each of its members can deploy, and change what others have made."""
    umask: Umask = ""
    """The umask of what is made on its servers, also by hooks: three or four octal digits."""
    servers: tuple[Server, ...]
    """Its servers, in the order in which they are shown."""

    def bake_of(self, check: Check) -> float:
        """Seconds for which a check goes on here after it has passed."""
        if check.staged:
            return 0.0
        return self.bake if check.bake is None else check.bake

    def ownership_of(self, server: Server) -> Ownership:
        """Whose what is made on a server is, as far as the file tells who logs in."""
        ownership = Ownership(server.become or self.become, server.group or self.group, server.umask or self.umask)
        return ownership.for_login(server.user or server.host.rpartition("@")[0])

    @property
    def freezes(self) -> tuple[Window, ...]:
        """`freeze`, read."""
        return tuple(parse_window(text) for text in self.freeze)

    @property
    def way(self) -> Strategy:
        """How its servers are switched."""
        return strategy_keys.way_of(
            self.strategy, self.canary, self.batch, self.pause, self.allow_failed, self.on_failure
        )

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that its servers have, in the order of the file."""
        return tuple(dict.fromkeys(role for server in self.servers for role in server.roles))

    @classmethod
    def rules(cls, table: Mapping[str, Any]) -> Iterator[Broken]:
        yield from shared_once(table)
        yield from all_or_nothing(table, "exclude", NOTHING_LEFT)
        yield from strategy_keys.rules(table)
        yield from shared_umask(table)
        yield from changes(table)
        servers = table.get("servers")
        if isinstance(servers, list | tuple) and not servers:
            yield ("servers",), "needs at least one server", ""
        entries = servers_of(table)
        yield from named_once({"servers": entries}, "servers")
        yield from destinations(entries)


def _named(environments: dict[str, Environment]) -> dict[str, Environment]:
    return {name: environment.replace(name=name) for name, environment in environments.items()}


class Project(Table):
    """What one turnout.toml describes."""

    filled: ClassVar[frozenset[str]] = frozenset({"path", "keeper", "settings"})
    hidden: ClassVar[frozenset[str]] = frozenset({"keeper", "secrets", "settings"})

    project: Name
    """The application's name."""
    minimum_version: Annotated[
        str, Checked(needed_version.minimum_version), Meta(pattern=f"^{needed_version.PATTERN}$")
    ] = msgspec.field(default="", name="minimum-version")
    """The oldest Turnout that may read this file: an older one refuses, and says how to upgrade."""
    source: Source
    """Where a tree comes from."""
    deploy: Deploy = Deploy()
    """How releases are made and kept."""
    environments: Annotated[dict[str, Environment], Checked(_named)]
    """The environments by name."""
    hooks: tuple[Hook, ...] = ()
    """Commands and messages around the phases, in the order in which they run."""
    checks: tuple[Check, ...] = ()
    """What is checked after a switch."""
    variables: Variables = {}
    """Variables of builds, hooks and checks."""
    logs: tuple[LogSource, ...] = ()
    """The logs of the application, in the order in which they are shown."""
    tasks: tuple[Task, ...] = ()
    """Commands with a name that people run, in the order in which they are shown."""
    notify: tuple[Notify, ...] = ()
    """Who is told how operations end."""
    store: Store | None = None
    """Where trees are kept, so that servers fetch them themselves."""
    secrets: dict[str, Secret] = {}
    """Commands that print the values of names, by name."""
    path: Path = Path("turnout.toml")
    """The file, absolute."""
    keeper: Keeper = msgspec.field(default_factory=Keeper)
    """Knows the values of `${NAME}`, and hides them."""
    settings: Settings = msgspec.field(default_factory=Settings)
    """Who operates, and what is used on this machine."""

    @classmethod
    def rules(cls, table: Mapping[str, Any]) -> Iterator[Broken]:
        environments = table.get("environments")
        if environments == {}:
            yield ("environments",), "needs at least one environment", "[environments.production]"
        for name in environments if isinstance(environments, dict) else ():
            try:
                values.name(name)
            except ValueError as error:
                yield ("environments", name), str(error), ""
        yield from named_once(table, "logs")
        yield from named_once(table, "tasks")
        yield from known_secrets(table)
        yield from known_places(table)
        yield from baking(table)
        yield from _no_revisions(table)
        yield from port_without_slots(table)
        yield from linked_umask(table)
        yield from overlapping(table)
        yield from told(table)
        yield from others_prepare(table)
        yield from only_for_builds(table)
        yield from strategy_keys.hooks_of_batches(table)

    @property
    def folder(self) -> Path:
        """The folder of the file: what relative paths in it are relative to."""
        return self.path.parent

    def environment(self, name: str) -> Environment:
        """The environment of that name. UsageError with the known ones where there is none."""
        return self.environments[resolve("environment", name, tuple(self.environments))]

    def in_environment(self, environment: Environment) -> Project:
        """The project as it is for one environment: with what that sets in its place, and what applies there."""
        deploy, source = self.deploy, self.source
        if environment.keep is not None:
            deploy = deploy.replace(keep=environment.keep)
        if environment.shared_entries is not None:
            deploy = deploy.replace(shared_entries=environment.shared_entries)
        if environment.ref is not None:
            source = source.replace(ref=environment.ref)
        if environment.exclude is not None:
            source = source.replace(exclude=environment.exclude)
        return self.replace(
            deploy=deploy,
            source=source,
            variables={**self.variables, **environment.variables},
            hooks=tuple(hook for hook in self.hooks if hook.applies_in(environment.name)),
            checks=tuple(check for check in self.checks if check.applies_in(environment.name)),
        )

    def logs_of(self, environment: Environment, names: Sequence[str] = ()) -> tuple[LogSource, ...]:
        """The logs of an environment with these names, all without; those that none of its servers has are left out.

        UsageError for unknown names.
        """
        logs = [
            log
            for log in self.logs
            if log.applies_in(environment.name) and any(log.concerns(server) for server in environment.servers)
        ]
        known = tuple(log.name for log in logs)
        names = [resolve("log", name, known, place=f"in {environment.name}") for name in names]
        return tuple(log for log in logs if not names or log.name in names)

    def tasks_of(self, environment: Environment) -> tuple[Task, ...]:
        """The tasks that run somewhere in an environment."""
        return tuple(
            task
            for task in self.tasks
            if task.applies_in(environment.name)
            and (task.where == OPERATOR or any(task.concerns(server) for server in environment.servers))
        )

    def task(self, environment: Environment, name: str) -> Task:
        """The task of that name. UsageError with the known ones where the environment has none."""
        tasks = {task.name: task for task in self.tasks_of(environment)}
        return tasks[resolve("task", name, tuple(tasks), place=f"in {environment.name}")]

    @property
    def mask(self) -> Masking:
        """Puts `***` for every secret in a text, also for those that become known later."""
        return self.keeper.mask

    @property
    def names(self) -> frozenset[str]:
        """What screens have to show, wherever it came from: the names of all things in the file."""
        servers = [server for environment in self.environments.values() for server in environment.servers]
        shown = {self.project, *self.environments, *(log.name for log in self.logs)}
        shown |= {name for server in servers for name in (server.name, *server.roles)}
        return frozenset(shown)


def _no_revisions(table: Mapping[str, Any]) -> Iterator[Broken]:
    """The rule that only a git source has a `ref`, in an environment as well."""
    source, environments = table.get("source"), table.get("environments")
    if not isinstance(source, dict) or "git" in source or not isinstance(environments, dict):
        return
    for name, environment in environments.items():
        if isinstance(environment, dict) and "ref" in environment:
            yield ("environments", name, "ref"), "is only for a git source", ""


def read_only(project: Project) -> Project:
    """The same project, with every environment read-only."""
    environments = {name: environment.replace(read_only=True) for name, environment in project.environments.items()}
    return project.replace(environments=environments)


def select(environment: Environment, names: Sequence[str], roles: Sequence[str] = ()) -> tuple[Server, ...]:
    """The servers of these names that have one of these roles, in the environment's order; all without names and roles.

    UsageError for names and roles that the environment does not have, and where no server has both.
    """
    place = f"in {environment.name}" if environment.name else ""
    known = tuple(server.name for server in environment.servers)
    names = [resolve("server", name, known, place=place) for name in names]
    roles = [resolve("role", role, environment.roles, place=place) for role in roles]
    named = [server for server in environment.servers if not names or server.name in names]
    chosen = tuple(server for server in named if not roles or set(roles) & set(server.roles))
    if not chosen:
        raise UsageError(f"none of these servers has the role {' or '.join(roles)}: {', '.join(names)}")
    return chosen
