"""Pins, blocks and freezes: a line for all others, left on every server at once or taken away again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from core.operations.run import Run
from core.plan import NONE, Plan, Refusal, Step
from core.planner.naming import no_release
from core.protocol.requests import Settles
from core.records import ServerState, live_tag
from core.remote.held import Held
from core.text import count


def plan_notice(
    environment: str,
    states: Sequence[ServerState],
    action: str,
    is_so: Callable[[ServerState], bool],
    tag: str = "",
    refusal: str = "",
) -> Plan:
    """The plan (pure) that does `action` on every server where it is not so yet."""
    return Plan(
        environment=environment,
        tag=tag,
        live=live_tag(states),
        steps=tuple(
            Step(server=state.server, action=NONE if is_so(state) else action, current=state.current)
            for state in states
        ),
        refusals=(Refusal(refusal),) if refusal else (),
        fingerprints={state.server: state.fingerprint for state in states},
    )


def unknown(states: Sequence[ServerState], tag: str) -> str:
    """What to say where no server knows a release of that name or keeps a notice about one; else ""."""
    tags = {name for state in states for name in (*state.releases, *state.pins, *state.blocks)}
    return "" if tag in tags else no_release(tag, tags)


def facts(run: Run) -> dict[str, Any]:
    """What a notice says: who, why, when."""
    return {"by": run.who, "why": run.reason, "at": time.time()}


def change(run: Run, plan: Plan, work: Callable[[Held], None], **end: Any) -> int:
    """Do `work` on every server of the plan that has to change, and give the locks back; how many have changed.

    end   facts for the journals' end
    If this dies in the middle, some servers have the notice and others not: the same request again brings it about.
    One that fails keeps no other from it; FleetError names those that failed.
    """

    def on(name: str) -> bool:
        changes = plan.step(name).action != NONE
        with run.phase("finish", name):
            if changes:
                work(run.held(name))
            run.conclude(name, Settles.NONE, run.journal("end", outcome="done", **end))
        return changes

    with run.or_give_back("failed"):
        return sum(run.on_all(on).unwrap("finish").values())


def on_servers(did: str, changed: int) -> str:
    """`pinned r1 on 3 servers`."""
    return f"{did} on {count(changed, 'server')}"
