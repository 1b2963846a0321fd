"""What the dashboard knows of each server and of the fleet (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from core.errors import TurnoutError
from core.records import (
    FleetRelease,
    Record,
    Release,
    ServerState,
    fleet_releases,
    left_behind,
    live_of,
    lost_on,
    previous_of,
)
from core.records.previous import Previous
from tui.view.conditions import LIVE, condition
from tui.view.lived import Lived, LivedFor, OlderLines, lives
from tui.view.names import called

if TYPE_CHECKING:
    from core.changes import Commit


class ServerView(Struct, frozen=True):
    """One server as the dashboard sees it.

    state     of the last inspection that worked, kept when a later one fails: what was so at `state.read_at`
    error     why the last inspection failed; None where it did not
    checking  an inspection is under way; since when: `asked`; late: it has taken so long that its state is unknown
    at        when the last inspection ended, however it did (seconds since the epoch); 0 for never
    """

    name: str
    state: ServerState | None = None
    error: TurnoutError | None = None
    checking: bool = False
    asked: float = 0.0
    at: float = 0.0
    late: bool = False
    roles: tuple[str, ...] = ()

    @property
    def silent(self) -> bool:
        """Whether the last look at it failed, or has taken so long that its state is unknown."""
        return self.error is not None or self.late

    @property
    def answers(self) -> bool:
        """Whether its last state still counts as its present one."""
        return self.state is not None and not self.silent

    @property
    def seen_at(self) -> float:
        """When it last answered; 0 for never."""
        return (self.state.read_at or self.at) if self.state is not None else 0.0


class Ahead(NamedTuple):
    """`ref` is so many commits ahead of `revision`; `named` are the newest of them."""

    ref: str
    revision: str
    commits: int
    named: tuple[Commit, ...] = ()


class FleetView(Struct, frozen=True, dict=True):
    """All servers of the environment, and what follows from their states."""

    project: str
    environment: str
    servers: tuple[ServerView, ...] = ()
    protected: bool = False
    rows: tuple[FleetRelease, ...] = ()
    live: str = ""
    previous: str = ""
    places: Mapping[str, int] = field(default_factory=dict)
    """By tag: its place among the rows; 0 is the newest."""
    read_only: bool = False
    """Whether nothing may be changed from here."""
    older: Mapping[str, OlderLines] = field(default_factory=dict)
    """By server of which more of the journal was read than a look reads."""
    ahead: Ahead | None = None
    """By how many commits what the environment deploys was ahead of what was live when git was asked; None: never."""
    undoes: Previous = field(default_factory=Previous)
    """What undo goes back to, on which server; `previous` is its tag."""

    @classmethod
    def of(
        cls,
        project: str,
        environment: str,
        servers: Sequence[ServerView],
        *,
        protected: bool = False,
        read_only: bool = False,
    ) -> FleetView:
        """The fleet of these servers: its releases, newest first, the live one and the one before it."""
        states = [server.state for server in servers if server.state is not None]
        rows = tuple(fleet_releases(states))
        live = live_of(rows)
        places = {row.tag: index for index, row in enumerate(rows)}
        undoes = previous_of(states, rows)
        known = (protected, rows, live, undoes.tag, places, read_only)
        return cls(project, environment, tuple(servers), *known, undoes=undoes)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(server.name for server in self.servers)

    @property
    def known(self) -> tuple[ServerState, ...]:
        """The last state of each server that ever answered, also of those that do not answer now."""
        return tuple(server.state for server in self.servers if server.state is not None)

    @property
    def unlisted(self) -> int:
        """How many of very many releases are not among the rows: the oldest, without files."""
        return max((state.unlisted for state in self.known), default=0)

    @cached_property
    def answering(self) -> Mapping[str, ServerState]:
        """By name: the states that still count as present."""
        return {server.name: server.state for server in self.servers if server.state and server.answers}

    @cached_property
    def conditions(self) -> Mapping[str, str]:
        """By server: its condition (tui.view.health)."""
        return {server.name: self._condition(server) for server in self.servers}

    def _condition(self, server: ServerView) -> str:
        drift = self.drift(server.state.current) if server.state is not None and server.state.current else ""
        failed, lost = server.error is not None, server.name in self.lost
        return condition(server.state, answers=server.answers, failed=failed, drift=drift, lost=lost)

    def condition(self, server: ServerView) -> str:
        """The condition of a server; LIVE for one that is not in this fleet."""
        return self.conditions.get(server.name, LIVE)

    @cached_property
    def lost(self) -> Mapping[str, str]:
        """By server on which nothing is live any more: the release that was, "" where that is unknown."""
        return lost_on(self.known)

    def down_words(self, server: ServerView) -> tuple[str, ...]:
        """Why nothing is served on a server that is down, the longest words first."""
        state = server.state
        if server.name not in self.lost or state is None:
            return ("current dangles",)
        why = "current is gone" if state.exists else "its root is gone"
        was = self.lost[server.name]
        return (*([f"{why}, was {self.short(was)}"] if was else []), why)

    @cached_property
    def left_out(self) -> tuple[str, ...]:
        """The servers that were left out of what is live on the others, and have not caught up."""
        behind = left_behind(self.known)
        return tuple(name for name in self.names if name in behind)

    def kept_from_prune(self, tags: Iterable[str]) -> Mapping[str, str]:
        """Those of the releases that a prune refuses to remove, each with the reason."""
        from core.planner.prune import kept_from_prune  # only when rows are marked

        return kept_from_prune(self.known, tags)

    @property
    def seen_at(self) -> float:
        """When the servers that answer were last inspected: the oldest of these times; 0 where none answers."""
        return min((server.seen_at for server in self.servers if server.answers), default=0.0)

    @cached_property
    def _by_name(self) -> Mapping[str, ServerView]:
        return {server.name: server for server in self.servers}

    def server(self, name: str) -> ServerView | None:
        """The server of that name."""
        return self._by_name.get(name)

    def live_on(self, row: FleetRelease) -> tuple[str, ...]:
        """The servers on which a release is known to be live now."""
        return tuple(name for name in row.live_on if name in self.answering)

    def present_on(self, row: FleetRelease) -> tuple[str, ...]:
        """The servers that are known to have the files of a release now."""
        return tuple(name for name in row.present_on if name in self.answering)

    @property
    def revision(self) -> str:
        """The commit or content that the live release was made from; "" where that is not known."""
        row = self.row(self.live)
        return row.record.revision if row is not None and row.record is not None else ""

    @property
    def commits_since(self) -> Ahead | None:
        """The commits since what is live; None where they are not known."""
        return self.ahead if self.ahead and self.ahead.revision == self.revision else None

    @cached_property
    def lives(self) -> Mapping[str, Lived]:
        """By tag: when it was live, as far as that is known."""
        return lives(self.rows, self.known, self.live, self.older)

    def lived(self, tag: str, now: float) -> LivedFor | None:
        """How long a release was live in all; None where nothing says that it was. Of one that no server shows now the
        time stands still at the last look: what happened since is not known.
        """
        life, seen = self.lives.get(tag), self._seen_live(tag, now)
        if life is None:
            return None
        return LivedFor(life.seconds(seen), life.at_least or (seen < now and life.since > 0))

    def live_for(self, now: float) -> LivedFor | None:
        """For how long the live release has been live since the last switch to it; None where that is not known, as
        where no server that has it answers.
        """
        life = self.lives.get(self.live)
        known = life is not None and life.since > 0 and self._seen_live(self.live, now) == now
        return LivedFor(max(now - life.since, 0.0), life.open) if life is not None and known else None

    def _seen_live(self, tag: str, now: float) -> float:
        """Until when a release is known to be live: now, or the last look at a server that had it; 0.0 for never."""
        return now if tag in self._live_now else self.seen_live_at(tag)

    @cached_property
    def _live_now(self) -> frozenset[str]:
        """What is live on servers that answer."""
        return frozenset(state.current for state in self.answering.values())

    @cached_property
    def _last_seen(self) -> Mapping[str, float]:
        """By tag: the last look at a server on which it was live."""
        out: dict[str, float] = {}
        for server in self.servers:
            if server.state is not None:
                tag = server.state.current
                out[tag] = max(server.seen_at, out.get(tag, 0.0))
        return out

    def seen_live_at(self, tag: str) -> float:
        """When a server was last seen on which a release was live (seconds since the epoch); 0.0 for never."""
        return self._last_seen.get(tag, 0.0)

    @cached_property
    def short(self) -> Callable[[str], str]:
        """A tag as a person says it, different from that of every other release here."""
        return called(self.places)

    def row(self, tag: str) -> FleetRelease | None:
        """The release of that tag."""
        return self.rows[self.places[tag]] if tag in self.places else None

    def drift(self, current: str) -> str:
        """A release compared with the live one: `behind`, `ahead`, or "" for the live one itself."""
        if current == self.live or not self.live:
            return ""
        return "behind" if self.places.get(current, len(self.rows)) > self.places[self.live] else "ahead"

    def drift_words(self, current: str) -> str:
        """`1 behind`, `2 ahead`: by how many releases, as far as both are listed; "" for the live one itself."""
        side = self.drift(current)
        if not side or current not in self.places:
            return side
        return f"{abs(self.places[current] - self.places[self.live])} {side}"


def after_switch(state: ServerState, tag: str, record: Record | None = None) -> ServerState:
    """The state of a server on which `current` was just led to `tag`: what is shown until it is inspected again."""
    releases: dict[str, Release] = {}
    for name, release in state.releases.items():
        releases[name] = replace(release, live=False) if release.live else release
    before = releases.get(tag)
    releases[tag] = Release(tag=tag, record=before.record if before else record, present=True, live=True)
    return replace(state, current=tag, current_kind="link", exists=True, releases=releases)


class Activity(Struct, frozen=True):
    """What an operation does on a server right now, in a few words."""

    text: str
    role: str = "busy"
    glyph: str = ""
