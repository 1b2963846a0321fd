"""What doctor finds in one environment: each server on an engine thread of its own, findings as they come."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from core.jobs import Job
from core.records import ServerState
from tui.model.bridge import Bridge

if TYPE_CHECKING:
    from core.doctor import Finding
    from core.fleet import Fleet
    from tui.view.preflight import Examined


class Preflight:
    """The findings of one environment. `on_change` is called when there are others.

    fleet   gives the fleet as it is now: its connections may have been closed since the last time
    """

    def __init__(
        self,
        names: Iterable[str],
        fleet: Callable[[], Fleet],
        bridge: Bridge,
        now: Callable[[], float],
        on_change: Callable[[], None],
    ) -> None:
        self.names = tuple(names)
        self._fleet = fleet
        self._bridge = bridge
        self._now = now
        self._on_change = on_change
        self._findings: dict[str, tuple[Finding, ...]] = dict.fromkeys(self.names, ())
        self._running: dict[str, frozenset[str]] = {}
        self._coming: dict[str, list[Finding]] = {}
        self._states: dict[str, ServerState] = {}
        self._at: dict[str, float] = {}

    @property
    def runs(self) -> bool:
        """Whether anything is being checked."""
        return bool(self._running)

    @property
    def begun(self) -> bool:
        """Whether anything was ever checked."""
        return self.runs or any(self._findings.values())

    @property
    def servers(self) -> list[Examined]:
        """What is known of each server, in their order; what has come already counts."""
        from tui.view.preflight import Examined

        return [
            Examined(
                name,
                (*self._findings[name], *self._coming.get(name, ())),
                self._running.get(name, frozenset()),
                self._at.get(name, 0.0),
            )
            for name in self.names
        ]

    def check(self, names: Iterable[str], checks: Collection[str] = ()) -> None:
        """Make these checks (none: all) on these servers, except on those where some are being made."""
        from core.doctor import CHECKS, check_of

        for name in names:
            if name in self._running:
                continue
            wanted = _together(checks or CHECKS)
            self._running[name] = wanted
            self._coming[name] = []
            self._findings[name] = tuple(each for each in self._findings[name] if check_of(each) not in wanted)
            self._start(name, wanted)
        self._on_change()

    def _start(self, name: str, wanted: frozenset[str]) -> None:
        from core.doctor import check_of, examine_server

        fleet, coming = self._fleet(), self._coming[name]

        def tell(finding: Finding) -> None:
            if check_of(finding) in wanted:
                coming.append(finding)

        def work(emit: Any, controls: Any) -> ServerState | None:
            return examine_server(fleet, name, wanted, tell)

        job: Job[ServerState | None] = Job(f"examine {name}", work)
        self._bridge.follow(job, lambda job: self._ended(name, job))
        job.start()

    def _ended(self, name: str, job: Job[Any]) -> None:
        from core.doctor import CHECKS, failure

        wanted = self._running.pop(name)
        # The oldest of what is shown counts: a single check that was made again makes the others no younger.
        if job.error is not None or not self._findings[name] or wanted >= CHECKS.keys():
            self._at[name] = self._now()
        found = tuple(self._coming.pop(name))
        if job.error is not None:
            # What could not be asked is not known.
            self._findings[name] = (failure(job.error),)
        else:
            self._findings[name] = (*self._findings[name], *found)
            if job.outcome is not None:
                self._states[name] = job.outcome
        if not self._running:
            self._add_overlaps()
        self._on_change()

    def _add_overlaps(self) -> None:
        """What only all servers together show: roots that overlap, and those that belong to others."""
        from core.doctor import overlap_findings

        found = overlap_findings(self._fleet(), self._states.values())
        for name, finding in found.items():
            if finding not in self._findings[name]:
                self._findings[name] = (*self._findings[name], finding)


def _together(checks: Collection[str]) -> frozenset[str]:
    """The checks with those that are made in the same request: all but `checks` and `rehearsal` come from one look."""
    from core.doctor import CHECKS

    wanted = frozenset(checks)
    return wanted if wanted <= {"checks"} else wanted | (CHECKS.keys() - {"checks", "rehearsal"})
