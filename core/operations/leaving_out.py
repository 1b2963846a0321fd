"""Servers that take no part any more: they failed before their switch, and the strategy, or a person, lets them go."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from msgspec.structs import replace

from core import questions
from core.errors import FleetError, StateChanged, TurnoutError, about_the_server
from core.jobs import Controls
from core.moments import RETURN, SERVER
from core.operations.ending import revive
from core.operations.hook_runs import HookRuns
from core.operations.run import Run
from core.operations.slot_taking import withdraw_start
from core.operations.standing import Standing
from core.protocol.requests import Settles, points_to
from core.questions import ANSWER_WITHIN, LEAVE_OUT, RETRY
from core.records import LEFT_OUT


class LeavingOut:
    """Lets servers go that fail before their switch, as many as the strategy allows, or as a person says."""

    def __init__(self, run: Run, standing: Standing, hooks: HookRuns) -> None:
        self._run = run
        self._standing = standing
        self._hooks = hooks
        self._lock = threading.Lock()

    def attempt(self, name: str, step: Callable[[], None], controls: Controls, *, needed: bool = False) -> None:
        """Do one server's step before its switch. Where it fails, a person may have it tried again, or the server is
        left out; else it raises what went wrong.

        needed   the step is not about this server alone (a `first-server` hook): the others cannot go on without it
        """
        again = False
        while True:
            try:
                if again:
                    self._as_it_was(name, controls)
                step()
                return
            except TurnoutError as error:
                if not about_the_server(error) or name in self._standing.switched:
                    raise
                choice = self._choice(name, error, controls, needed=needed)
                again = choice == RETRY
                if choice == LEAVE_OUT and self._leave_out(name, error, asked=self._standing.plan.strategy.ask):
                    return
                if not again:
                    raise

    def _choice(self, name: str, error: TurnoutError, controls: Controls, *, needed: bool) -> str:
        """What becomes of a server that failed: RETRY, LEAVE_OUT or UNDO."""
        run, strategy = self._run, self._standing.plan.strategy
        allowed = not needed and self._may_go(name)
        within = allowed and len(run.left_out) < strategy.may_lack(len(run.fleet.names))
        if not strategy.ask:
            return LEAVE_OUT if within else questions.UNDO
        question = questions.server([name], error.title, time.time() + ANSWER_WITHIN, leave_out=allowed)
        return run.ask(replace(question, default=LEAVE_OUT) if within else question, controls).choice

    def _may_go(self, name: str) -> bool:
        """Whether the others can go on without it: not the last one, nor the one that runs `first-server` hooks."""
        names = self._run.names
        return len(names) > 1 and not (name == names[0] and self._hooks.first_server_alone)

    def _leave_out(self, name: str, error: TurnoutError, *, asked: bool) -> bool:
        """Leave a server out, if others that failed at the same moment have not used up what is allowed."""
        run, limit = self._run, self._standing.plan.strategy.may_lack(len(self._run.fleet.names))
        with self._lock:
            if not self._may_go(name) or (not asked and len(run.left_out) >= limit):
                return False
            run.leave_out(name, error.phase, error.title)
        self._let_go(name)
        return True

    def _as_it_was(self, name: str, controls: Controls) -> None:
        """A server that failed, connected and locked as before. StateChanged where others have used it meanwhile."""
        if self._run.session(name).usable and self._run.holds(name):
            return
        self._run.let_go(name)
        revive(self._run, name, controls.cancel)
        before, now = self._standing.states[name], self._run.held(name).state
        if (before.current_kind, before.current_target) != (now.current_kind, now.current_target):
            raise StateChanged(
                "current was changed while the connection was lost", hint="look at what is live there", server=name
            )

    def _let_go(self, name: str) -> None:
        """Bring a server back into service, remove what was made there, give its lock back; the others' journals say
        so. What fails is a warning: its agent cleans up by itself.
        """
        run, standing = self._run, self._standing
        line = run.journal("without", left_out=[name])
        run.on_all(lambda other: run.held(other).note(line), [other for other in run.names if run.holds(other)])
        cancel, drained = Controls().cancel, name in standing.drained
        if not drained and not run.session(name).usable:
            run.let_go(name)
            return
        try:
            if not run.session(name).usable:
                revive(run, name, cancel)
            if drained:
                self._hooks.going_back(RETURN, [name], cancel)
                standing.drained.discard(name)
            withdraw(run, standing, name)
            withdraw_start(standing, self._hooks, [name], cancel, only=SERVER)
            end = run.journal("end", outcome=LEFT_OUT, exit_code=0, tag=standing.tag_on(name))
            left = points_to(standing.states[name].current_target)
            run.conclude(name, Settles.OWN, end, (), (), left, standing.slots.text(name))
        except TurnoutError as error:
            run.let_go(name)
            run.warn(f"not cleaned up: {error.title}; its agent cleans up and unlocks by itself", name)


def withdraw(run: Run, standing: Standing, name: str) -> None:
    """Remove a release that this operation made on a server, and that never went live there."""
    if name in standing.made:
        tag = standing.tag_on(name)
        before = standing.states[name].releases.get(tag)
        run.held(name).withdraw(tag, before.record if before else None)
        standing.made.discard(name)


def asks_again(run: Run, standing: Standing, error: TurnoutError, controls: Controls) -> bool:
    """Whether a person wants the step of a batch that failed after its switch tried again; else all is undone."""
    number, _, servers = standing.batch
    if not standing.plan.strategy.ask or not _can_be_tried_again(error):
        return False
    question = questions.batch_failed(
        number,
        servers,
        error.title,
        time.time() + ANSWER_WITHIN,
        switched=len(standing.switched),
    )
    return run.ask(question, controls).choice == RETRY


def _can_be_tried_again(error: TurnoutError) -> bool:
    errors = error.errors.values() if isinstance(error, FleetError) else (error,)
    return all(about_the_server(each) for each in errors)
