"""The checks of an operation: on the staged release, after the switch of each batch, and while they bake."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from core import layout
from core.checks import attempts
from core.checks.subject import Subject
from core.config import Check
from core.errors import Cancelled
from core.events import Note
from core.jobs import Ahead, Controls
from core.operations.baking import BakeClock, settle_question
from core.operations.ending import clock
from core.operations.hook_runs import HookRuns
from core.operations.run import Run
from core.operations.standing import Standing
from core.questions import KEEP, STOP_CLOCK, UNDO
from core.records import seconds_live
from core.text import duration

LOOK_EVERY = 0.2
"""Seconds between two looks at whether all has baked."""


class CheckRuns:
    """Tries the checks of the configuration, each on the servers that it is for, all servers at once."""

    def __init__(self, run: Run, standing: Standing, hooks: HookRuns) -> None:
        self._run = run
        self._standing = standing
        self._hooks = hooks
        self._live: dict[str, float] = {}
        checks = run.fleet.project.checks
        self._staged = [check for check in checks if check.staged]
        self._switched = [check for check in checks if not check.staged]

    @property
    def any_switched(self) -> bool:
        """Whether there is a check after the switch."""
        return bool(self._switched)

    def is_live(self, name: str) -> None:
        """A server has switched: from now on its answers are the new release's."""
        self._live.setdefault(name, clock())

    def staged(self, servers: Sequence[str], controls: Controls) -> None:
        """The checks before the switch, on these servers. Raises FleetError, Cancelled."""
        self._all(self._staged, servers, controls, "barrier")

    def switched(self, servers: Sequence[str], controls: Controls) -> None:
        """The checks after the switch, until each has passed once. Raises FleetError, Cancelled."""
        self._all(self._switched, servers, controls, "check")

    def _all(self, checks: Sequence[Check], servers: Sequence[str], controls: Controls, phase: str) -> None:
        chosen = [name for name in servers if self._of(checks, name)]
        if not chosen:
            return

        def try_all(name: str, inner: Controls) -> None:
            with self._run.phase(phase, name):
                for check in self._of(checks, name):
                    attempts.pass_or_fail(self._run.site(name, inner.cancel), check, self._subject(name))

        self._run.all_or_stop(try_all, controls, chosen).unwrap()
        controls.cancel.check()

    def _of(self, checks: Sequence[Check], name: str) -> list[Check]:
        server = self._run.fleet.server(name)
        return [check for check in checks if check.concerns(server)]

    def _subject(self, name: str) -> Callable[[], Subject]:
        """The release on a server, as it is when a check is tried."""
        standing = self._standing
        folder = f"{standing.states[name].root}/{layout.release(standing.tag)}"
        fixed = Subject(folder, self._hooks.variables(name))

        def now() -> Subject:
            if name in self._live:
                return replace(fixed, live=clock() - self._live[name])
            return replace(fixed, live=seconds_live(standing.states[name], standing.tag, time.time()))

        return now

    def bake(self, servers: Sequence[str], controls: Controls) -> None:
        """Go on with the checks that bake. A person may keep the release now, stop the clock, or undo it.

        Raises FleetError where a check fails, Cancelled where a person chose to undo.
        """
        times = {name: self._baking(name) for name in servers}
        longest = max((bake for baking in times.values() for _, bake in baking), default=0.0)
        if not longest:
            return
        names = [name for name, baking in times.items() if baking]
        baking = BakeClock(longest)
        self._run.emit(Note(text=f"{self._standing.tag} bakes for {duration(longest)}: its checks go on"))
        with controls.linked() as inner:

            def work() -> None:
                try:
                    self._run.all_or_stop(lambda name, each: self._bake(name, times[name], each, baking), inner, names)
                finally:
                    baking.finish()

            ahead = Ahead(work)
            try:
                kept = self._settle(names, baking, controls)
            finally:
                inner.cancel.request()
