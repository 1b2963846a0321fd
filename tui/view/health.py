"""Which servers of a fleet are as they should be, and which are shown first (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tui.view.conditions import EMPTY, LIVE, WAITING, WORDS
from tui.view.fleet import FleetView, ServerView

_ORDER = {condition: place for place, condition in enumerate(WORDS)}


def is_trouble(server: ServerView, fleet: FleetView) -> bool:
    """Whether a server is shown first: it differs from the others, or somebody's operation holds it."""
    if server.state is not None and server.state.lock is not None and server.answers:
        return True
    found = fleet.conditions[server.name]
    return found not in (LIVE, WAITING) and not (found == EMPTY and not fleet.live)


def worst_first(servers: Sequence[ServerView], fleet: FleetView) -> list[ServerView]:
    """The servers with trouble first, the worst at the top; the others in the order of turnout.toml."""
    return sorted(servers, key=lambda server: _ORDER[fleet.conditions[server.name]])


def counts(fleet: FleetView) -> Counter[str]:
    """How many servers there are of each condition."""
    return Counter(fleet.conditions.values())


def named(fleet: FleetView, *conditions: str) -> list[str]:
    """The servers of these conditions, in their order."""
    return [name for name, found in fleet.conditions.items() if found in conditions]
