"""Compares releases with their manifests on all servers: one at a time, on an engine thread; results are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from core.drift import Verification
from core.errors import Cancelled, TurnoutError
from core.jobs import Controls, Job
from tui.model.bridge import Bridge
from tui.view.drift_lines import drift_lines, error_line, running_line, said_line
from tui.view.fleet import FleetView
from tui.view.glyphs import Glyphs
from tui.view.lines import Line

if TYPE_CHECKING:
    from core.fleet import Fleet


class Compared(Struct, frozen=True):
    """What a comparison gave, and when it came."""

    verification: Verification | None
    error: TurnoutError | None
    at: float


class Comparison:
    """The comparisons of one environment. `tag` is that of the one that runs, "" for none."""

    def __init__(self, bridge: Bridge, now: Callable[[], float], on_change: Callable[[], None]) -> None:
        self.tag = ""
        self._bridge = bridge
        self._now = now
        self._on_change = on_change
        self._job: Job[Verification] | None = None
        self._since = 0.0
        self._results: dict[str, Compared] = {}
        self._last = ""
        """The release whose result is in the status line, "" for none."""

    def start(self, fleet: Fleet, tag: str) -> None:
        """Compare a release."""

        def work(emit: Any, controls: Controls) -> Verification:
            from core.operations.verify import verify

            return verify(fleet, tag, controls.cancel)

        job: Job[Verification] = Job(f"verify {tag}", work)
        self.tag, self._job, self._since, self._last = tag, job, self._now(), ""
        self._bridge.follow(job, self._ended)
        job.start()
        self._on_change()

    def stop(self) -> None:
        """Give up the comparison that runs: it changes nothing."""
        if self._job is not None:
            self._job.controls.cancel.request_apart()
            self._job, self.tag = None, ""
            self._on_change()

    def hide(self) -> bool:
        """Take the result out of the status line; False where none was there."""
        shown, self._last = bool(self._last), ""
        return shown

    def _ended(self, job: Job[Any]) -> None:
        if job is not self._job:
            return
        if not isinstance(job.error, Cancelled):
            self._results[self.tag] = Compared(job.outcome, job.error, self._now())
            self._last = self.tag
        self._job, self.tag = None, ""
        self._on_change()

    def lines(self, tag: str, fleet_view: FleetView, cells: int, glyphs: Glyphs) -> list[Line]:
        """What is known of a release, for Details; nothing where it was never compared."""
        if tag == self.tag:
            return [running_line(tag, cells, self._now() - self._since, glyphs)]
        result = self._results.get(tag)
        if result is None:
            return []
        if result.verification is None:
            return [error_line(tag, result.error, cells, glyphs)]
        return drift_lines(result.verification, fleet_view, cells, glyphs, result.at, self._now())

    def status(self, fleet_view: FleetView, cells: int, glyphs: Glyphs, *, stop: str, close: str) -> Line:
        """The line above the keys: the comparison that runs, or the result of the last; () for neither."""
        if self.tag:
            return running_line(self.tag, cells, self._now() - self._since, glyphs, stop)
        result = self._results.get(self._last)
        if result is None:
            return ()
        if result.verification is None:
            return error_line(self._last, result.error, cells, glyphs, close)
        return said_line(result.verification, fleet_view, cells, glyphs, close)
