"""Undo an interrupted operation: every server that it switched goes back to where it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from core.errors import FleetError, TurnoutError
from core.events import Switched
from core.jobs import Controls
from core.moments import SERVER
from core.operations.check_runs import CheckRuns
from core.operations.ending import end, unclaimed
from core.operations.going_back import going_back
from core.operations.hook_runs import HookRuns
from core.operations.keeping import keep
from core.operations.planning import Prepared
from core.operations.run import Run
from core.operations.slot_taking import SlotTaking, withdraw_start
from core.operations.standing import Standing, standing_of, was_live_before
from core.plan import NONE
from core.protocol.requests import ANYWHERE, Settles, points_to
from core.records import ServerState, is_tag, mark
from core.recovery import Interruption
from core.text import count


def undo(run: Run, prepared: Prepared, states: Mapping[str, ServerState], controls: Controls) -> str:
    """Switch back what the plan names, the last batch first, and close the journals; the summary. A release that was
    new is marked as failed.

    If it is interrupted itself, `transitions.jsonl` still tells of the first operation, and it can be done again.
    FleetError names the servers that did not go back.
    """
    plan, found = prepared.plan, prepared.interruption
    assert found is not None
    standing = standing_of(run, prepared, states)
    # An operation before this one that was interrupted too stays open: what it left live has passed no check.
    others = found.others
    moving = [step.server for step in plan.steps if step.action != NONE]
    # Where it was switched back already, the hooks after that may be lacking.
    standing.switched |= {*moving, *found.restored}
    standing.targets |= {name: plan.step(name).back or "" for name in moving}
    left = {name: points_to(standing.targets[name]) for name in standing.names}
    errors: dict[str, TurnoutError] = {}

    def back(name: str) -> None:
        target = standing.targets[name]
        tag = target.rpartition("/")[2]
        with run.phase("switch", name):
            journal = run.journal("restore", tag=tag if is_tag(tag) else "", target=target)
            run.held(name).restore(target, journal)
            run.emit(Switched(server=name, tag=tag, previous=states[name].current, back=True))

    def restore(names: Sequence[str]) -> Mapping[str, bool]:
        outcome = run.on_all(back, [name for name in names if name in moving])
        errors.update(outcome.errors)
        return {name: True for name in names if name in outcome.results or name in found.restored}

    def settles(name: str) -> str:
        """What its end settles there: operations that this server's own lines tell of."""
        own = {line.operation for line in states[name].transitions}
        return Settles.OWN.also(each for each in found.settled if each in own) if others else Settles.ALL

    def conclude(name: str, again: bool) -> None:
        release = states[name].releases.get(plan.tag_on(name))
        undone = [mark(release.record, failed="interrupted and undone")] if release and release.record else []
        live = standing.targets[name].rpartition("/")[2] if name in moving else states[name].current
        before = was_live_before(replace(states[name], current=live))
        journal = run.journal("end", outcome="put-back", exit_code=0, tag=plan.tag_on(name), **before)
        fates = undone if name in moving and found.fresh else []
        slots = None if again else standing.slots.text(name)
        run.conclude(name, settles(name), journal, (), fates, left[name], slots)

    with run.or_give_back("failed"):
        run.open(plan.tag, plan.record, own={name: (tag, None) for name, tag in plan.tags.items()})
        hooks = HookRuns(run, standing)
        if found.retired:
            _start_again(run, standing, hooks, found, controls)
        keep(run, dict.fromkeys(standing.names, ANYWHERE), "switch")
        with run.phase("finish"):
            going_back(run, standing, hooks, found.batches, restore, controls.cancel)
            back_again = [name for name in (*moving, *found.restored) if name not in errors]
            gone = {name: plan.tag_on(name) for name in back_again}
            hooks.retire(controls.cancel, {name: tag for name, tag in gone.items() if tag})
            if standing.slots:  # what was started there is stopped, also where it never was live
                withdraw_start(standing, hooks, [n for n in standing.names if n not in errors], controls.cancel, SERVER)
            if errors:
                raise FleetError(errors, phase="switch")
            lost = end(run, left, conclude, controls.cancel)
            if lost:
                raise unclaimed(run, "not back on its previous release:", lost)
    more = "; another interrupted operation remains: recover again" if others else ""
    if not moving and found.restored:
        return f"{count(len(found.restored), 'server')} had gone back from {plan.tag}: finished that{more}"
    if not moving:
        back_in = f"{count(len(found.drained), 'server')} brought back, and " if found.drained else ""
        return f"nothing had been switched: {back_in}cleaned up and marked as closed{more}"
    return f"{count(len(moving), 'server')} went back from {plan.tag}{more}"


def _start_again(run: Run, standing: Standing, hooks: HookRuns, found: Interruption, controls: Controls) -> None:
    """Start what was live before where the interrupted operation had begun to stop it: before anything is switched."""
    before = {name: found.switched[name].tag for name in found.retired}
    with run.phase("barrier"):
        try:
            SlotTaking(run, standing, hooks).start_again(before, CheckRuns(run, standing, hooks), controls)
        except TurnoutError as error:
            finish = f"turnout recover {run.fleet.environment.name} --finish"
            error.hint = f"nothing was switched; try again, or keep {found.tag}: {finish}"
            raise
