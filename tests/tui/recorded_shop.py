"""The demo's shop, recorded: a real repository with its releases, and servers that answer whatever a screen asks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from core.config import Project, load
from core.doctor import OK, WARNING, Finding
from core.errors import TurnoutError
from core.events import Event, HookOutput, OperationFinished, OperationStarted, PhaseFinished, PhaseStarted, Switched
from core.logs.heard import Heard, Standing, Taken
from core.manifest import Manifest
from core.protocol.answers import Events
from core.records import JournalLine, Record, ServerState
from tests.screenshots import HOUR, SERVERS, Shop, ShopFleet
from tests.tui.recorded import NOW

MORE = """
[environments.staging]
servers = [{ name = "stage1", host = "stage1", root = "/srv/shop" }]
[environments.qa]
servers = [{ name = "qa1", host = "qa1", root = "/srv/shop" }]
"""
ANA, BO = "ana@desk", "bo@laptop"


class RecordedServer:
    """What a session of a server answers to those who only look."""

    def __init__(self, state: ServerState, manifests: Mapping[str, Manifest], log: Sequence[Event]) -> None:
        self._state = state
        self._manifests = manifests
        self._log = log

    def manifest(self, tag: str) -> Manifest:
        return self._manifests[tag]

    def history(self, lines: int, *, brief: bool) -> tuple[JournalLine, ...]:
        return tuple(line for line in self._state.journal if line.what not in ("switch", "restore"))

    def switches(self, lines: int) -> tuple[tuple[JournalLine, ...], bool]:
        return tuple(line for line in self._state.journal if line.what in ("switch", "restore")), True

    def events(self, offset: int, operation: str) -> Events:
        told = (
            [json.dumps(event.to_json()) for event in self._log if event.operation == operation] if not offset else []
        )
        return Events("", None, tuple(told), sum(map(len, told)))


class AskedFleet(ShopFleet):
    """The recorded servers of one environment of the shop, which answer."""

    log: Sequence[Event] = ()

    def open(self, name: str) -> Any:
        return RecordedServer(self.inspect_one(name), self.manifests, self.log)

    session = open


class RecordedShop:
    """`project` has three environments; `opener` gives their fleets; `production` may be changed while an app runs."""

    def __init__(self, folder: Path) -> None:
        self._shop = Shop(folder)
        config = self._shop.project.path
        config.write_text(config.read_text() + MORE)
        self.project: Project = load(config)
        self.records: list[Record] = self._shop.records
        newest, before = self.records[-1], self.records[-2]
        states = self._shop.states(dict(zip(SERVERS, (newest, newest, before), strict=True)))
        self.production = {name: replace(state, journal=self.journal) for name, state in states.items()}
        self.errors: dict[str, TurnoutError] = {}

    @property
    def journal(self) -> tuple[JournalLine, ...]:
        """Three deploys, one that was put back, a rollback with its reason, and a prune."""
        one, two, three = self.records[-3:]
        lines: list[JournalLine] = []
        for number, (kind, record, old, who, hours, more) in enumerate(
            (
                ("deploy", one, "", BO, 90.0, {}),
                ("deploy", two, one.tag, ANA, 50.0, {}),
                ("deploy", three, two.tag, "ci@runner", 26.0, {"outcome": "put-back", "exit_code": 1}),
                ("rollback", one, two.tag, ANA, 20.0, {"reason": "the cart is empty"}),
                ("prune", one, "", BO, 9.0, {"pruned": (self.records[0].tag,)}),
                ("deploy", three, one.tag, ANA, 2.0, {}),
            ),
            start=1,
        ):
            place: dict[str, Any] = {"operation": f"{number:02d}" * 8, "kind": kind, "who": who}
            began = NOW - hours * HOUR
            lines.append(JournalLine(what="begin", time=began, tag=record.tag, servers=SERVERS, **place))
            end = {
                "outcome": "done",
                "previous": old,
                "tag": record.tag,
                "began": began,
                "sent_bytes": 4_100_000,
                **more,
            }
            phases = {"upload": 8.0, "stage": 2.1, "switch": 0.3, "check": 1.2}
            lines.append(JournalLine(what="end", time=began + 12, phases=phases, sent_files=50, **end, **place))
        return tuple(lines)

    @property
    def log(self) -> list[Event]:
        """The stored events of the last deploy."""
        tag, at = self.records[-1].tag, NOW - 2 * HOUR
        said: list[Event] = [
            OperationStarted(kind="deploy", environment="production", servers=SERVERS, tag=tag, who=ANA, time=at),
            PhaseStarted(server="web1", phase="stage", time=at + 8),
            HookOutput(server="web1", on="prepare", line="compressing 40 pictures", time=at + 9),
            HookOutput(server="web1", on="prepare", line="WARNING: 2 pictures are very large", time=at + 10),
            PhaseFinished(server="web1", phase="stage", seconds=2.1, time=at + 10.1),
            *(Switched(server=name, tag=tag, previous=self.records[-2].tag, time=at + 10.5) for name in SERVERS),
            OperationFinished(kind="deploy", outcome="done", exit_code=0, seconds=12.0, summary="", time=at + 12),
        ]
        return [replace(event, operation="06" * 8) for event in said]

    def opener(self, project: Project, environment: Any) -> Any:
        """The fleet of an environment."""
        if environment.name == "production":
            states = self.production
        else:
            (name,) = (server.name for server in environment.servers)
            record = self.records[-1 if environment.name == "staging" else -2]
            states = {name: replace(self._shop.states({name: record})[name], server=name)}
        fleet = AskedFleet(project, environment, states, self.errors if environment.name == "production" else {})
        fleet.manifests, fleet.log = self._shop.manifests, self.log
        return fleet


def examined(fleet: Any, name: str, wanted: Any, tell: Callable[[Finding], None]) -> ServerState:
    """What doctor finds on a server that is ready, in place of core.doctor.examine_server."""
    tell(Finding("host key", OK, "known"))
    tell(Finding("login", OK, "as deploy, with the agent's key"))
    tell(Finding("deploy root", OK, "/srv/shop, writable"))
    tell(Finding("current", OK, "points to a release"))
    tell(Finding("programs", OK, "tar, zstd, sha256sum"))
    low = name == "web3"
    tell(
        Finding(
            "space", WARNING if low else OK, "0.9 GB free" if low else "41 GB free", "prune releases" if low else ""
        )
    )
    tell(Finding("checks", OK, "all pass"))
    tell(Finding("rehearsal", OK, "a small release was made, switched to and removed"))
    return fleet.inspect_one(name)


class HeardLogs:
    """Lines of the application's logs, in place of core.logs.follow.Following."""

    def __init__(self, fleet: Any, sources: Sequence[Any], *, lines: int) -> None:
        self._sources = [source.name for source in sources]
        self._names = fleet.names
        self._taken = False
        self.standings = {
            (name, source): Standing("following", files=1) for name in fleet.names for source in self._sources
        }

    def start(self) -> HeardLogs:
        return self

    def take(self, most: int) -> Taken:
        if self._taken:
            return Taken((), {}, {})
        self._taken = True
        texts = (
            "GET / 200",
            "GET /cart 200",
            "ERROR no stock for item 17",
            "GET /search?q=[x] 200",
            "WARN slow query: 1.9 s",
        )
        heard = [
            Heard(NOW - 30 + 2 * number, self._names[number % len(self._names)], self._sources[0], text)
            for number, text in enumerate(texts * 8)
        ]
        return Taken(heard, {}, {})

    def stop(self) -> None:
        """Nothing runs."""
