"""The checks of an operation: on the staged release, after the switch of each batch, and while they bake."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec.structs import replace

from core import layout
from core.checks import attempts
from core.checks.subject import Subject
from core.config import Check
from core.errors import Cancelled, TurnoutError
from core.events import Note, server_failed
from core.jobs import Ahead, Controls
from core.operations.baking import BakeClock
from core.operations.hook_runs import Guard, HookRuns
from core.operations.run import Run
from core.operations.standing import Standing
from core.questions import KEEP, STOP_CLOCK, UNDO, settle
from core.remote.held import clock
from core.text import duration

LOOK_EVERY = 0.2
"""Seconds between two looks at the clock, at the answer of a person and at whether all has baked."""
LEAST_PAUSE = 1.0
"""Seconds between two tries of a check that bakes, at least: it goes on for minutes."""


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

    def users(self, name: str) -> set[str]:
        """Those that checks name as whom they run on a server."""
        return {check.account for check in self._of((*self._staged, *self._switched), name) if check.account}

    @property
    def any_staged(self) -> bool:
        """Whether there are checks before the switch."""
        return bool(self._staged)

    def staged(self, servers: Sequence[str], controls: Controls, guard: Guard) -> None:
        """The checks before the switch, on these servers. `guard`: what each server's run in. Raises FleetError,
        Cancelled.
        """
        self._all(self._staged, servers, controls, "barrier", guard)

    def before(self, before: Mapping[str, str], controls: Controls) -> None:
        """The same for releases that were live before, by server, where these are started again."""
        self._all(self._staged, list(before), controls, "barrier", tags=before)

    def switched(self, servers: Sequence[str], controls: Controls) -> None:
        """The checks after the switch, until each has passed once. Raises FleetError, Cancelled."""
        self._all(self._switched, servers, controls, "check")

    def _all(
        self,
        checks: Sequence[Check],
        servers: Sequence[str],
        controls: Controls,
        phase: str,
        guard: Guard | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        chosen = [name for name in servers if self._of(checks, name)]
        if not chosen:
            return

        def try_all(name: str, inner: Controls) -> None:
            with self._run.phase(phase, name):
                for check in self._of(checks, name):
                    attempts.pass_or_fail(
                        self._run.site(name, inner.cancel), check, self._subject(name, (tags or {}).get(name))
                    )

        def guarded(name: str, inner: Controls) -> None:
            if guard is None:
                try_all(name, inner)
            else:
                guard(name, lambda: try_all(name, inner), False)

        self._run.all_or_stop(guarded, controls, chosen).unwrap()
        controls.cancel.check()

    def _of(self, checks: Sequence[Check], name: str) -> list[Check]:
        server = self._run.fleet.server(name)
        return [check for check in checks if check.concerns(server)]

    def _subject(self, name: str, before: str | None = None) -> Callable[[], Subject]:
        """The release on a server, as it is when a check is tried. `before`: one that was live there, in its place."""
        standing = self._standing
        state = standing.states[name]
        folder = f"{state.root}/{layout.release(before or standing.tag_on(name))}"
        fixed = Subject(folder, self._hooks.variables(name, before))

        def now() -> Subject:
            since = self._live.get(name)
            return replace(fixed, live=state.seconds_live(time.time()) if since is None else clock() - since)

        return now

    def bake(self, servers: Sequence[str], controls: Controls) -> None:
        """Go on with the checks that bake. A person may keep the release now, stop the clock, or undo it.

        Raises FleetError where a check fails, Cancelled where a person chose to undo. If this process dies here, it
        dies after the switch and before its checks have ended.
        """
        names = [name for name in servers if self._baking(name)]
        if not names:
            return
        bake = BakeClock()
        longest = max(self._run.fleet.environment.bake_of(check) for name in names for check in self._baking(name))
        self._run.emit(Note(text=f"the checks go on for {duration(longest)}"))
        with controls.linked() as inner:
            work = Ahead(
                lambda: self._run.all_or_stop(lambda name, each: self._bake(name, bake, each), inner, names).unwrap()
            )
            try:
                self._settle(names, bake, longest, work, controls)
            finally:
                inner.cancel.request()
                work.wait()
        controls.cancel.check()

    def _settle(
        self, names: Sequence[str], bake: BakeClock, longest: float, work: Ahead[Any], controls: Controls
    ) -> None:
        """Ask what becomes of the release while it bakes; the end of the bake answers, too."""
        question = settle(names, self._standing.tag, time.time() + longest)
        while True:
            with self._run.asking(question, controls) as waiting:
                while waiting.wait(LOOK_EVERY) is None:
                    if work.finished:
                        work.get()  # raises what failed, which closes the question
                        if question.deadline:
                            break
                answer = waiting.close(KEEP)
            if answer.choice == UNDO:
                raise Cancelled(f"{answer.by} chose to undo it while its checks went on")
            if answer.choice != STOP_CLOCK:
                return
            bake.stop()
            question = settle(names, self._standing.tag)

    def _baking(self, name: str) -> list[Check]:
        return [check for check in self._of(self._switched, name) if self._run.fleet.environment.bake_of(check)]

    def _bake(self, name: str, bake: BakeClock, controls: Controls) -> None:
        """The checks of one server, each at its interval and once more at its end."""
        site, subject = self._run.site(name, controls.cancel), self._subject(name)
        checks = dict(enumerate(self._baking(name)))
        tried = dict.fromkeys(checks, time.monotonic())

        def pause(number: int) -> float:
            check = checks[number]
            again = tried[number] + max(check.interval, LEAST_PAUSE) - time.monotonic()
            return min(again, bake.left(self._run.fleet.environment.bake_of(check)))

        with self._failing(name):
            while checks:
                number = min(checks, key=pause)
                if (seconds := pause(number)) > 0:
                    controls.cancel.wait(min(seconds, LOOK_EVERY))
                    controls.cancel.check()
                    continue
                ends = bake.left(self._run.fleet.environment.bake_of(checks[number])) <= 0
                attempts.pass_or_fail(site, checks[number], subject, quiet=True)
                tried[number] = time.monotonic()
                if ends:
                    del checks[number]

    @contextmanager
    def _failing(self, name: str) -> Iterator[None]:
        """Say of a server what failed. Its phase ended when its checks had passed: a bake is not another one."""
        try:
            yield
        except Cancelled:
            raise
        except TurnoutError as error:
            error.at(server=name, phase="check")
            self._run.emit(server_failed(name, "check", error))
            raise
