"""The hold at the barrier: everything is staged on every server, nothing has switched, and a person says go."""

from __future__ import annotations

import time

from core import questions
from core.errors import NeedsPerson
from core.jobs import Controls
from core.operations.asking import declined
from core.operations.run import Run
from core.plan import Plan
from core.planner.freeze import frozen
from core.questions import GO, STOP_CLOCK


def hold(run: Run, plan: Plan, controls: Controls) -> str:
    """Wait for `go`, if the plan has a hold; who said it, "" where it has none.

    Raises Unanswered at the deadline, Cancelled where somebody aborts, ConnectError where a server is lost meanwhile,
    NeedsPerson where the calendar has frozen changes since it began. A freeze by hand would have needed the locks.
    If this process dies here nothing has switched: each agent removes what is half made, and unlocks.
    """
    if not plan.hold or not plan.moving:
        return ""
    while True:
        deadline, other = time.time() + plan.hold, bool(plan.approve)
        question = questions.hold(plan.moving, plan.tag, deadline, plan.hold, other_only=other)
        answer = run.ask(question, controls)
        if answer.choice == GO:
            _not_frozen(run)
            return answer.by
        if answer.choice != STOP_CLOCK:
            raise declined(question, answer, plan.hold)


def _not_frozen(run: Run) -> None:
    """NeedsPerson where changes are frozen by the calendar now."""
    environment = run.fleet.environment
    why = frozen((), environment.freezes, time.time())
    if why and not run.despite_freeze:
        raise NeedsPerson(
            "changes are frozen",
            detail=f"{environment.name} is frozen {why}: the freeze began while this was held",
            hint="nothing was switched; deploy again after it, or with `--despite-freeze -m why`",
            phase="barrier",
        )
