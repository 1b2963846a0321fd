"""Pin a release, so that it is never pruned, or end that."""

from __future__ import annotations

from collections.abc import Mapping

from core.operations.requests import PinRequest
from core.operations.run import Run
from core.plan import NONE, Plan
from core.protocol.requests import Settles
from core.records import Pin, ServerState
from core.text import clean, count


def carry_out(run: Run, plan: Plan, request: PinRequest, states: Mapping[str, ServerState]) -> str:
    """Do it on every server of the plan; the summary. A server that fails keeps nobody from it.

    If this dies in the middle, some servers have the pin and others not: the same request again brings it about.
    FleetError names the servers that failed.
    """
    why = run.fleet.project.mask.line(clean(request.why), 300).replace("\n", " ")
    pin = Pin(by=run.who, why=why)

    def change(name: str) -> bool:
        changes = plan.step(name).action != NONE
        with run.phase("finish", name):
            if changes and request.pinned:
                run.held(name).pin(plan.tag, pin)
            elif changes:
                release = states[name].releases.get(plan.tag)
                run.held(name).unpin(plan.tag, release.record if release else None)
            run.conclude(name, Settles.NONE, run.journal("end", outcome="done", tag=plan.tag, why=why))
        return changes

    with run.or_give_back("failed"):
        changed = run.on_all(change).unwrap("finish")
    done = "pinned" if request.pinned else "unpinned"
    return f"{done} {plan.tag} on {count(sum(changed.values()), 'server')}"
