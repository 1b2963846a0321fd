"""Blue and green: which of an environment's slots a release has on a server, and which it gets (pure)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from core.records import ServerState, SlotUse
from core.records.open_operations import may_serve
from core.records.slot_use import to_text

NONE = SlotUse("", 0, "")
"""Of a release that has no slot."""


class Choice(Struct, frozen=True):
    """Which slot a release gets on a server that goes to it.

    use      its name and port; None where there is none that it could get
    stale    who has it, or its port, and has to be stopped first: releases that do not serve
    turn     one of them may serve all the same, until what turns requests to the live release has run once more
    problem  why there is none, "" where there is one
    """

    use: SlotUse | None
    stale: tuple[SlotUse, ...] = ()
    turn: bool = False
    problem: str = ""


def in_the_way(servers: Mapping[str, Mapping[str, int]], machines: Mapping[str, Hashable]) -> dict[str, str]:
    """By server: why its releases and another server's would be in each other's way, for those that are one machine and
    have slots with the same ports.

    servers    by name, the ports of its slots
    machines   by name, where it is; a server of which that is unknown is passed over
    """
    found: dict[str, str] = {}
    for name, ports in servers.items():
        for other, theirs in servers.items():
            both = sorted(set(ports.values()) & set(theirs.values()))
            if other != name and both and name in machines and machines[name] == machines.get(other):
                found.setdefault(
                    name,
                    f"{other} is on the same machine and uses {'the ports' if both[1:] else 'port'} "
                    f"{', '.join(map(str, both))}, too: two releases cannot listen there",
                )
    return found


class Slots:
    """The slots of an environment, who has which on each server, and who gets which.

    What counts is what a server has written down (core.records.slot_use): a release has its slot from before it is
    started there until it is stopped, also where it never became live. The one that gets a slot never gets that of a
    release that may serve: both run at the same time.
    """

    def __init__(
        self,
        ports: Mapping[str, int],
        states: Mapping[str, ServerState],
        tag: str,
        tags: Mapping[str, str] | None = None,
        *,
        keeps: bool = False,
    ) -> None:
        """tags: by server where the operation is about another release than `tag`: that one.

        keeps    no hook starts or stops anything: what is live next has the slot of what is live now
        """
        self._ports = ports
        self._states = states
        self._tag = tag
        self._tags = tags or {}
        self._keeps = keeps
        self._uses = {name: self._written(state) for name, state in states.items()}
        self._file = {name: state.slots for name, state in states.items()}
        coming = {name: self._tags.get(name, tag) for name in states}
        self._begun = {name for name in states if any(use.tag == coming[name] for use in self.uses(name))}
        self._chosen: dict[str, Choice] = {}
        self._foreign: dict[str, set[str]] = {}

    def __bool__(self) -> bool:
        """Whether releases get slots."""
        return bool(self._ports)

    @property
    def any_use(self) -> bool:
        """Whether a release has a slot, also where turnout.toml has none any more."""
        return any(self._uses.values())

    def of(self, server: str, tag: str | None = None) -> SlotUse:
        """The slot of a release on a server, NONE without one: of `tag`, or of the release that the operation is about.

        A port that turnout.toml has changed since is the one that the release was started at; so is one that it has
        no more.
        """
        coming = self._tags.get(server, self._tag)
        tag = coming if tag is None else tag
        if not self._ports:
            return next((use for use in self.uses(server) if use.tag == tag), NONE)
        begun = any(use.tag == tag for use in self.uses(server)) and not self._keeps
        if tag == coming and tag != self._states[server].current and not begun:
            return self.choice(server).use or NONE
        return self._had(server, tag)

    @property
    def keeps(self) -> bool:
        """Whether nothing is started or stopped."""
        return self._keeps

    def choice(self, server: str) -> Choice:
        """What the release that a server goes to gets there; the same whenever it is asked."""
        if server not in self._chosen:
            self._chosen[server] = self._choose(server)
        return self._chosen[server]

    def another(self, server: str) -> bool:
        """Choose another slot where the port of the chosen one is in use by something that is not the release itself.
        Whether there is one.
        """
        chosen, coming = self.choice(server), self._tags.get(server, self._tag)
        if chosen.use is None or any(use.tag == coming for use in chosen.stale):
            return False
        self._foreign.setdefault(server, set()).add(chosen.use.slot)
        choice = self._choose(server)
        if choice.use is not None:
            self._chosen[server] = choice
        return choice.use is not None

    def uses(self, server: str) -> tuple[SlotUse, ...]:
        """Who has a slot there, as far as this operation has come."""
        return tuple(self._uses.get(server, {}).values())

    def taking(self, server: str, use: SlotUse) -> str:
        """The file's text once a release has a slot there, and nobody else has that slot or port."""
        return to_text(self._with(server, use).values())

    def taken(self, server: str, use: SlotUse) -> None:
        """That has been written down."""
        self._uses[server] = self._with(server, use)
        self._file[server] = self.uses(server)
        self._begun.add(server)

    def begun(self, server: str) -> bool:
        """Whether the release that the operation is about has, or had, its slot there: it may have been started."""
        return server in self._begun

    def free(self, server: str, tag: str) -> None:
        """A release was stopped: nobody has its slot."""
        uses = self._uses.get(server, {})
        self._uses[server] = {slot: use for slot, use in uses.items() if use.tag != tag}

    def unsure(self, server: str, tag: str) -> None:
        """A release may serve although it is not live."""
        uses = self._uses.get(server, {})
        self._uses[server] = {s: replace(use, unsure=True) if use.tag == tag else use for s, use in uses.items()}

    def live(self, server: str, tag: str) -> None:
        """A release is what serves: nobody is unsure about it any more. Where nothing was started or stopped, it has
        the slot of the one that was live.
        """
        uses, current = dict(self._uses.get(server, {})), self._states[server].current
        if self._keeps and tag != current:
            other = {current: tag, tag: current}  # what runs in each slot stays there
            uses = {slot: replace(use, tag=other.get(use.tag, use.tag)) for slot, use in uses.items()}
        self._uses[server] = {s: replace(use, unsure=False) if use.tag == tag else use for s, use in uses.items()}

    def text(self, server: str) -> str | None:
        """The text of the server's file as it should be; None where it is so."""
        now = self.uses(server)
        return None if now == self._file[server] else to_text(now)

    def left(self, server: str) -> tuple[str, ...]:
        """Who has a slot there and is not the release that the operation is about."""
        coming = self._tags.get(server, self._tag)
        return tuple(use.tag for use in self.uses(server) if use.tag != coming)

    def _with(self, server: str, use: SlotUse) -> dict[str, SlotUse]:
        others = self._uses[server].items()
        return {**{s: o for s, o in others if o.port != use.port and o.tag != use.tag}, use.slot: use}

    def _written(self, state: ServerState) -> dict[str, SlotUse]:
        """Who has which slot, by its name. What is live and has no line there has the one of its record: an older
        version of Turnout, which writes no lines, made it live.
        """
        uses = {use.slot: use for use in state.slots}
        if self._ports and state.current and all(use.tag != state.current for use in state.slots):
            recorded = self._recorded(state, state.current)
            if recorded.slot:
                uses[recorded.slot] = recorded
        return uses

    def _had(self, server: str, tag: str) -> SlotUse:
        """The slot that a release has, or had."""
        uses = self._uses.get(server, {}).values()
        return next((use for use in uses if use.tag == tag), None) or self._recorded(self._states[server], tag)

    def _recorded(self, state: ServerState, tag: str) -> SlotUse:
        """The slot that a release's record has. An older version wrote no port: then that of turnout.toml counts."""
        release = state.releases.get(tag)
        record = release.record if release else None
        if record is None or not record.slot:
            return NONE
        port = record.port or self._ports.get(record.slot, 0)
        return SlotUse(record.slot, port, tag) if port else NONE

    def _choose(self, server: str) -> Choice:
        state, coming = self._states[server], self._tags.get(server, self._tag)
        live = self._had(server, state.current) if state.current else NONE
        if self._keeps:
            return Choice(replace(live, tag=coming) if live.slot else NONE)
        serving = may_serve(state)
        blocked: list[str] = []
        found: list[Choice] = []
        for slot, port in self._in_order(server, live, coming):
            if slot in self._foreign.get(server, ()):
                continue
            here = [use for use in self.uses(server) if slot == use.slot or port == use.port]
            if reason := next((self._kept(server, use, coming, serving) for use in here), ""):
                blocked.append(f"{slot} (port {port}) {reason}")
            else:
                turn = any(use.unsure or use.tag in serving for use in here)
                found.append(Choice(SlotUse(slot, port, coming), tuple(here), turn))
        if not found:
            return Choice(None, problem=f"no slot is free for {coming}: {'; '.join(blocked)}")
        own = (choice for choice in found if any(use.tag == coming for use in choice.stale))
        # What was begun before is begun there again; else the first that nobody has, or whose release can be stopped.
        return next(own, None) or next((choice for choice in found if not choice.stale), found[0])

    def _kept(self, server: str, use: SlotUse, coming: str, serving: frozenset[str]) -> str:
        """Why a slot cannot be taken from who has it, "" where it can."""
        if use.tag == self._states[server].current:
            return f"has {use.tag}, which is live, as {use.slot} with port {use.port}"
        if use.tag in serving and use.tag != coming:
            return f"has {use.tag}, which may still serve, because an operation was interrupted"
        return ""

    def _in_order(self, server: str, live: SlotUse, coming: str) -> list[tuple[str, int]]:
        """The slots by name and port: the one that the release had comes first, then those after the live one's."""
        had = self._had(server, coming).slot
        names = list(self._ports)
        start = names.index(live.slot) + 1 if live.slot in names else 0
        names = names[start:] + names[:start]
        return [(name, self._ports[name]) for name in sorted(names, key=lambda name: name != had)]
