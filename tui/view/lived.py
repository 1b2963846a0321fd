"""How long each release was live: from the switches in the servers' journals, before those from the records (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.history import lives_of_switches
from core.records import FleetRelease, ServerState


@dataclass(frozen=True)
class Lived:
    """When a release was live, in all. before: seconds that are over; since: when it became live (epoch), 0 where it
    is not live; by, after: who switched to it the last time, and from what.
    """

    before: float = 0.0
    since: float = 0.0
    by: str = ""
    after: str = ""

    def seconds(self, now: float) -> float:
        """How long it was live in all."""
        return self.before + (max(now - self.since, 0.0) if self.since else 0.0)


def lives(rows: Sequence[FleetRelease], states: Iterable[ServerState], live: str) -> Mapping[str, Lived]:
    """By tag: when it was live. A release that neither a journal nor the order of records mentions is left out.

    rows   newest first     live   the environment's live release; "" for none
    """
    switches = _switches(states)
    begun = min((time for time, _, _ in switches), default=float("inf"))
    for row in rows:
        record = row.record
        if record is not None and record.created < begun and not row.failed and not row.never_live:
            switches.append((record.created, row.tag, record.by))
    out: dict[str, Lived] = {}
    for life in lives_of_switches(sorted(switches)):
        before = out.get(life.tag, Lived()).before
        since = life.since if life.until is None and life.tag == live else 0.0
        out[life.tag] = Lived(before + life.seconds, since, life.by, life.after)
    return out


def _switches(states: Iterable[ServerState]) -> list[tuple[float, str, str]]:
    """Time, tag and who: of each operation the first switch to each release, from any server's journal."""
    first: dict[tuple[str, str, str], tuple[float, str, str]] = {}
    for state in states:
        for line in (*state.journal, *state.transitions):
            if line.what in ("switch", "restore") and line.tag and line.time:
                key = (line.operation, line.what, line.tag)
                told = (line.time, line.tag, line.who)
                first[key] = min(first.get(key, told), told)
    return list(first.values())
