"""Prune: releases' files and the deploy-cache go, records stay."""

from __future__ import annotations

from core.errors import FleetError
from core.operations.run import Run
from core.plan import Plan
from core.text import count, size


def carry_out(run: Run, plan: Plan, *, force: bool) -> str:
    """Remove what the plan names on every server; the summary. `force`: also releases that a
    running process works in; without it they are kept with a warning. A server that fails keeps nobody from pruning.

    If a server dies in the middle, what was renamed into trash/ is swept by the next operation there. FleetError
    names the servers that failed.
    """

    def prune(name: str) -> int:
        step = plan.step(name)
        with run.phase("finish", name):
            session = run.session(name)
            tags: tuple[str, ...] = ()
            if step.prune:
                removed = session.remove(run.token, step.prune, force=force)
                run.tell_removed(name, removed)
                tags = removed.tags
            if step.clear_cache:
                session.clear(run.token)
            run.conclude(name, run.journal("end", outcome="done", pruned=list(tags)))
            return len(tags)

    outcome = run.on_all(prune)
    if outcome.errors:
        run.give_back("failed")
        raise FleetError(outcome.errors, phase="finish")
    parts = []
    if any(step.prune for step in plan.steps):
        tags = {tag for step in plan.steps for tag in step.prune}
        parts.append(f"pruned {count(len(tags), 'release')}")
    if any(step.clear_cache for step in plan.steps):
        parts.append("cleared the deploy-cache")
    return f"{' and '.join(parts)} on {count(len(plan.steps), 'server')}, freed {size(plan.frees)}"
