"""A deploy, a rollback, or the rest of one that was interrupted: the way to a release, or back again."""

from __future__ import annotations

from collections.abc import Mapping

from core.errors import ALL_BACK, NONE_SWITCHED, TurnoutError
from core.jobs import Controls, fault
from core.operations.hook_runs import HookRuns
from core.operations.planning import Prepared
from core.operations.putback import put_back
from core.operations.run import Run
from core.operations.standing import standing_of
from core.operations.transition import Transition
from core.records import ServerState


def carry_out(run: Run, prepared: Prepared, states: Mapping[str, ServerState], controls: Controls) -> str:
    """All phases from upload to finish, under the locks of all servers; the summary in one sentence.

    Raises what went wrong after everything was put back, NeedsPerson where a server could not be put back.
    """
    plan, standing = prepared.plan, standing_of(run, prepared, states)
    hooks = HookRuns(run, standing)
    transition = Transition(run, prepared, standing, hooks)
    try:
        own = {name: (tag, plan.record_of(tag)) for name, tag in plan.tags.items() if name not in plan.staying}
        run.open(plan.tag, plan.record, plan.batches if plan.strategy.rolling else (), own, plan.staying)
        transition.ready(controls)
        for batch in transition.batches(controls):
            transition.drain(batch, controls)
            transition.switch(batch, controls)
            transition.check(batch, controls)
            transition.bring_back(batch, controls)
            transition.bake(batch, controls)
        transition.confirm()
    except Exception as problem:
        # A bug of Turnout's must not leave servers half-way either.
        error = problem if isinstance(problem, TurnoutError) else fault(problem)
        if prepared.ahead:
            prepared.ahead.stop(clear=False)
        put_back(run, standing, hooks, error)
        error.hint = error.hint or (ALL_BACK if standing.switched else NONE_SWITCHED)
        if error is problem:
            raise
        raise error from problem
    return transition.finish()


def check_and_finish(run: Run, prepared: Prepared, states: Mapping[str, ServerState], controls: Controls) -> str:
    """For an interrupted operation that had switched every server: the hooks and checks it may have missed, and the
    end.

    Where a check fails nothing is switched: the journals still tell of the interruption, and it can be undone.
    """
    standing = standing_of(run, prepared, states)
    transition = Transition(run, prepared, standing, HookRuns(run, standing))
    with run.or_give_back("failed"):
        transition.switch(standing.reaching, controls)
        transition.check(standing.reaching, controls)
        transition.bring_back(standing.reaching, controls)
        transition.bake(standing.reaching, controls)
        transition.confirm()
    return transition.finish()
