"""Blue and green: which of an environment's slots a release has on a server (pure)."""

from __future__ import annotations

from collections.abc import Mapping

from core.records import ServerState


class Slots:
    """The slots of an environment, by name their ports, and who has which on each server.

    A release that is to become live never has the slot of the one that is live: both run at the same time.
    """

    def __init__(
        self,
        ports: Mapping[str, int],
        states: Mapping[str, ServerState],
        tag: str,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """tags: by server where the operation is about another release than `tag`: that one."""
        self._ports = ports
        self._states = states
        self._tag = tag
        self._tags = tags or {}

    def __bool__(self) -> bool:
        return bool(self._ports)

    def of(self, server: str, tag: str | None = None) -> str:
        """The slot of a release on a server, "" for none: of `tag`, or of the release that the operation is about.

        That one keeps the slot that it had, where the live one does not have it; else it gets the next one after that.
        """
        if not self._ports:
            return ""
        state = self._states[server]
        coming = self._tags.get(server, self._tag)
        if tag not in (None, coming) or coming == state.current:
            return self._recorded(server, tag or coming)
        live, own = self._recorded(server, state.current), self._recorded(server, coming)
        if own and own != live:
            return own
        names = list(self._ports)
        return names[(names.index(live) + 1) % len(names)] if live else names[0]

    def port(self, slot: str) -> str:
        """The port of a slot as a variable says it, "" where there is none."""
        return str(self._ports[slot]) if slot in self._ports else ""

    def _recorded(self, server: str, tag: str) -> str:
        """The slot that a release's record has there, where the configuration still has that slot."""
        release = self._states[server].releases.get(tag)
        slot = release.record.slot if release and release.record else ""
        return slot if slot in self._ports else ""
