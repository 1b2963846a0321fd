"""More of the journals than a look reads: how long older releases were live. Read once, beside the interface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core.jobs import Job
from tui.model.bridge import Bridge
from tui.model.fleet_watch import FleetWatch
from tui.view.lived import LINES_READ, OlderLines
from tui.view.recovery_lines import complete

if TYPE_CHECKING:
    from core.fleet import Fleet

SWITCHES = 500
"""Switches that are read of a journal, the last ones."""
SERVERS = 2
"""Servers that are asked: the others say the same of what was live."""


class Older:
    """For one environment. A read that fails is not tried again before something has changed there."""

    def __init__(self, fleet_watch: FleetWatch, bridge: Bridge) -> None:
        self._fleet_watch = fleet_watch
        self._bridge = bridge
        self._asked: tuple[str, ...] = ()

    def look(self) -> None:
        """Read more, where a look was not enough and that was not done yet."""
        view = self._fleet_watch.fleet_view
        if not complete(view):
            return
        cut = [s for s in view.answering.values() if s.current == view.live and len(s.journal) >= LINES_READ]
        chosen = cut[:SERVERS]
        news = tuple(state.news for state in chosen)
        read = [view.older.get(state.server) for state in chosen]
        if not chosen or news == self._asked or all(r and r.meets(s) for r, s in zip(read, chosen, strict=True)):
            return
        self._asked = news
        fleet, names = self._fleet_watch.fleet, [state.server for state in chosen]
        job: Job[dict[str, OlderLines]] = Job("older lines", lambda emit, controls: _read(fleet, names))
        self._bridge.follow(job, self._came)
        job.start()

    def _came(self, job: Job[Any]) -> None:
        if job.outcome:
            self._fleet_watch.learn(older=job.outcome)


def _read(fleet: Fleet, names: Sequence[str]) -> dict[str, OlderLines]:
    """By server that answers: the last switches that its journal tells of."""
    found = fleet.at_once(names, lambda name: fleet.open(name).switches(SWITCHES)).results
    return {name: OlderLines(lines, whole=whole) for name, (lines, whole) in found.items()}
