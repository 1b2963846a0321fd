"""Undo an interrupted operation: every server that it switched goes back to where it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from core.events import Switched
from core.jobs import Controls
from core.operations.ending import end, unclaimed
from core.operations.hook_runs import HookRuns
from core.operations.planning import Prepared
from core.operations.run import Run
from core.operations.standing import Standing, was_live_before
from core.plan import NONE
from core.protocol.requests import Settles, points_to
from core.records import ServerState, is_tag, mark
from core.text import count


def undo(run: Run, prepared: Prepared, states: Mapping[str, ServerState], controls: Controls) -> str:
    """Switch back what the plan names, close the journals; the summary. A release that was new is marked as failed.

    If it is interrupted itself, `transitions.jsonl` still tells of the first operation, and it can be done again.
    FleetError names the servers that did not go back.
    """
    plan = prepared.plan
    hooks = HookRuns(run, Standing(prepared, states, run.fleet.environment.slots))
    found = prepared.interruption
    assert found is not None
    # An operation before this one that was interrupted too stays open: what it left live has passed no check.
    others = found.others
    moving = [step.server for step in plan.steps if step.action != NONE]
    left = {
        step.server: points_to(step.back or "" if step.action != NONE else states[step.server].current_target)
        for step in plan.steps
    }

    def back(name: str) -> None:
        target = plan.step(name).back or ""
        tag = target.rpartition("/")[2]
        with run.phase("switch", name):
            journal = run.journal("restore", tag=tag if is_tag(tag) else "", target=target)
            run.held(name).restore(target, journal)
            run.emit(Switched(server=name, tag=tag, previous=states[name].current, back=True))

    def live_after(name: str) -> str:
        """The release that is live there in the end, "" for none."""
        return (plan.step(name).back or "").rpartition("/")[2] if name in moving else states[name].current

    def settles(name: str) -> str:
        """What its end settles there: operations that this server's own lines tell of."""
        own = {line.operation for line in states[name].transitions}
        return Settles.OWN.also(each for each in found.settled if each in own) if others else Settles.ALL

    def conclude(name: str, again: bool) -> None:
        release = states[name].releases.get(plan.tag)
        undone = [mark(release.record, failed="interrupted and undone")] if release and release.record else []
        before = was_live_before(replace(states[name], current=live_after(name)))
        journal = run.journal("end", outcome="put-back", exit_code=0, tag=plan.tag, **before)
        run.conclude(name, settles(name), journal, (), undone if name in moving and found.fresh else (), left[name])

    with run.or_give_back("failed"):
        run.open(plan.tag, plan.record)
        with run.phase("finish"):
            outcome = run.on_all(back, moving)
            names = list(outcome.results)
            hooks.after_going_back(names, controls.cancel, {name: live_after(name) for name in names})
            hooks.retire(controls.cancel, {name: states[name].current for name in names if states[name].current})
            outcome.unwrap("switch")
            lost = end(run, left, conclude, controls.cancel)
            if lost:
                raise unclaimed(run, "not back on its previous release:", lost)
    more = "; another interrupted operation remains: recover again" if others else ""
    if not moving:
        return f"nothing had been switched: cleaned up and marked as closed{more}"
    return f"{count(len(moving), 'server')} went back from {plan.tag}{more}"
