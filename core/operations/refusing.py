"""Why a plan is not carried out, though it was made: the servers changed, or something stands against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import DiskFull, NeedsPerson, StateChanged, UsageError
from core.operations.operation import Operation
from core.plan import FROZEN, NO_SPACE, NOT_A_LINK, Plan
from core.records import ServerState
from core.text import count


def refuse_across_migrations(operation: Operation[Any], plan: Plan) -> None:
    """UsageError where a rollback would leave migrations behind, and no one has seen the plan or agreed to it."""
    if operation.planned or not plan.crosses_migrations or getattr(operation.request, "across_migrations", False):
        return
    assert plan.changes is not None  # crosses_migrations
    lost = plan.changes.lost_migrations
    raise UsageError(
        f"{plan.tag} lacks {count(len(lost), 'migration')} of {plan.live}, and a rollback does not undo them",
        detail="\n".join(lost[:20]),
        hint="nothing was changed; check that it works with the database as it is now, then add --across-migrations",
    )


def refuse_changed(plan: Plan, states: Mapping[str, ServerState]) -> None:
    """StateChanged where a server is not as the plan saw it."""
    changed = [name for name, state in states.items() if plan.fingerprints.get(name) != state.fingerprint]
    if changed:
        raise StateChanged(
            f"{', '.join(changed)} changed since the plan was made",
            hint="look at the new state and plan again; nothing was touched",
            phase="begin",
        )


def refuse(plan: Plan) -> None:
    """Raise what a plan's refusals mean: a person's decision, a full disk, or a request that cannot be."""
    if plan.executable:
        return
    reasons = plan.all_refusals
    kinds = {refusal.kind for refusal in (*plan.refusals, *(step.refusal for step in plan.steps)) if refusal}
    hint = "nothing was changed"
    if NOT_A_LINK in kinds:
        raise NeedsPerson("current is not a link", detail="\n".join(reasons), hint=hint, phase="begin")
    if FROZEN in kinds:
        raise NeedsPerson("changes are frozen", detail="\n".join(reasons), hint=hint, phase="begin")
    if plan.way_out:
        hint = f"{hint}; for the other servers alone: {plan.way_out}"
    if NO_SPACE in kinds:
        raise DiskFull("not enough space on a server", detail="\n".join(reasons), hint=hint, phase="begin")
    raise UsageError(reasons[0], detail="\n".join(reasons) if len(reasons) > 1 else "", hint=hint)
