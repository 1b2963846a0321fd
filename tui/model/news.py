"""What others did on the servers of a plan since it was made (pure)."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from core.plan import Plan
from core.records import Lock
from tui.view.fleet import FleetView
from tui.view.locks import reason


class News(Struct, frozen=True):
    """What a plan that is shown does not say.

    changed   the servers on which something else is live than the plan says, found after it was made
    held      who works on its servers now, or that changes are frozen: `ana@ci runs a deploy on web1`; "" for neither
    """

    changed: tuple[str, ...] = ()
    held: str = ""


def news_since(plan: Plan, made: float, fleet: FleetView, locks: Mapping[str, Lock], frozen: str = "") -> News:
    """What is known now of a plan's servers; while others work on them, nothing counts as changed for good.

    made    when the plan was there (seconds since the epoch): what was seen before tells nothing new
    locks   by server: those of others
    frozen  why a freeze stops it: `production is frozen …`; "" where none does
    """
    held = {name: lock for name, lock in locks.items() if name in plan.fingerprints}
    if held:
        return News(held=reason(held))
    changed = []
    for name, seen in plan.fingerprints.items():
        server = fleet.server(name)
        if server is None or server.state is None or not server.answers or server.seen_at <= made:
            continue
        if server.state.fingerprint[:2] != seen[:2]:
            changed.append(name)
    return News(changed=tuple(changed), held=frozen)
