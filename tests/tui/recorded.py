"""Recorded states, and a fleet that gives them back: for views and pictures in which time stands still."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from core import config
from core.errors import ConnectError, TurnoutError
from core.fleet import Fleet
from core.jobs import Cancel
from core.records import Record, Release, ServerState
from core.settings import Settings
from tests.tui.rest import unanswered
from tui.view.fleet import FleetView, ServerView

NOW = 1_795_000_000.0
"""The moment that all recorded states are seen at."""

SUBJECTS = (
    "Fix cart totals for mixed VAT",
    "Faster search: one query instead of nine",
    "Show stock per warehouse",
    "Upgrade the payment library",
    "Invoices as PDF",
    "Search: typo tolerance",
    "Fix [/x] markup in product names",
    "First version of the new checkout",
)
REVISIONS = ("3f2c1ab", "9ab01cd", "77e0d12", "5c1f9e0", "1a2b3c4", "e4d5f60", "0badcaf", "8d7c6b5")
AGES = (7_200, 86_400, 172_800, 260_000, 432_000, 900_000, 1_300_000, 1_728_000)


def tag(index: int) -> str:
    """The tag of the release so many places from the newest."""
    days = 28 - index
    return f"202611{days:02d}T193000Z-{REVISIONS[index]}"


def record(index: int, **changes: Any) -> Record:
    """The record of the release so many places from the newest."""
    values: dict[str, Any] = {
        "tag": tag(index),
        "seq": 20 - index,
        "created": NOW - AGES[index],
        "source": "git",
        "revision": REVISIONS[index] + "0" * 33,
        "digest": f"{index:x}" * 64,
        "subject": SUBJECTS[index],
        "author": "Ana Gomez" if index % 3 else "Bo Li",
        "by": "ana@laptop" if index % 3 else "ci@runner",
        "ref": "main",
        "bytes": 58_000_000 - index * 700_000,
        "files": 4812 - index * 10,
    }
    return Record(**{**values, **changes})


def state(
    server: str, live: int = 0, *, count: int = 8, kept: int = 6, failed: Sequence[int] = (3,), **changes: Any
) -> ServerState:
    """A server on which `live` is the place of the live release, and the newest `kept` have files."""
    releases = {
        tag(index): Release(
            tag=tag(index),
            record=record(index, failed="its check failed: /healthz answered 500" if index in failed else ""),
            present=index < kept,
            mtime=NOW - AGES[index],
            live=index == live,
        )
        for index in range(count)
    }
    values: dict[str, Any] = {
        "server": server,
        "root": "/srv/shop",
        "current": tag(live) if count else "",
        "current_kind": "link" if count else "absent",
        "current_target": f"releases/{tag(live)}" if count else "",
        "releases": releases,
        "cache": "ab" * 32,
        "free_bytes": 41_200_000_000,
        "free_inodes": 2_400_000,
        "features": frozenset({"gnu-cp", "mv-T", "gzip", "zstd"}),
        "rtt": 0.0021,
        "read_at": NOW,
    }
    return ServerState(**{**values, **changes})


def fleet_of(*states: ServerState) -> FleetView:
    """The shop's production fleet, every server as it was found at NOW."""
    servers = [ServerView(state.server, state, at=NOW) for state in states]
    return FleetView.of("shop", "production", servers)


WEB = ("web1", "web2", "web3")


def project(servers: Sequence[str] = WEB, *, protected: bool = False, more: str = "") -> config.Project:
    """A project with these servers in production; `more` is TOML at the end."""
    row = '  {{ name = "{0}", host = "deploy@{0}.example.com", root = "/srv/shop" }}'
    rows = ",\n".join(row.format(name) for name in servers)
    text = f"""
project = "shop"
[source]
git = "."
ref = "main"
[environments.production]
protected = {str(protected).lower()}
servers = [
{rows},
]
{more}
"""
    return config.parse(text, Path("/work/shop/turnout.toml"), Settings(environ={}))


class RecordedFleet:
    """Gives back what it was made with, as core.fleet.Fleet would; a server without either never answers."""

    def __init__(
        self,
        project: config.Project,
        environment: config.Environment,
        states: Mapping[str, ServerState],
        errors: Mapping[str, TurnoutError],
    ) -> None:
        self.project = project
        self.environment = environment
        self.servers = environment.servers
        self.states = dict(states)
        self.errors = dict(errors)
        self.closed = threading.Event()

    masked, at_once, break_locks = Fleet.masked, Fleet.at_once, Fleet.break_locks
    allow_changes, early_tree = Fleet.allow_changes, Fleet.early_tree
    _early = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(server.name for server in self.servers)

    def part(self, names: Collection[str]) -> RecordedFleet:
        part = copy.copy(self)
        part.servers = tuple(server for server in self.servers if server.name in names)
        return part

    @property
    def names_without_answer(self) -> list[str]:
        return [
            server.name for server in self.servers if server.name not in self.states and server.name not in self.errors
        ]

    def open(self, name: str) -> Any:
        """A recorded server answers no question but what its state is."""
        raise ConnectError(f"{name} was only recorded", server=name)

    session = open

    def server(self, name: str) -> config.Server:
        return next(server for server in self.servers if server.name == name)

    def inspect_one(self, name: str) -> ServerState:
        if name in self.errors:
            raise self.errors[name]
        if name not in self.states:
            with unanswered():
                self.closed.wait()
        return self.states[name]

    def glance(self, name: str) -> str:
        return self.inspect_one(name).news

    def inspect(self, cancel: Cancel, heard: Callable[[str], None] | None = None) -> Any:
        """For whoever watches: nothing is heard until the watching ends."""
        cancel.on_request(self.closed.set)
        with unanswered():
            self.closed.wait()
        cancel.check()
        raise TurnoutError("the recorded fleet was closed")

    def close(self) -> None:
        self.closed.set()
