"""What others did since a plan was made: on its servers, where it comes from, and to what it goes back (pure)."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from core.plan import Plan
from core.records import Lock, ServerState, previous_of
from core.records.record import short_revision
from tui.view.fleet import FleetView
from tui.view.formats import listing
from tui.view.locks import reason
from tui.view.names import called
from tui.view.plan_news import BREAK, GIVE_REASON, WAIT


class News(Struct, frozen=True):
    """What a plan that is shown does not say.

    changed   the servers that are no longer as the plan says, found after it was made
    moved     what else it rests on that is not so any more: `staging has 9ab01cd live now, not 2e90a48`; "" for nothing
    held      who works on its servers now, or that changes are frozen: `ana@ci runs a deploy on web1`; "" for neither
    frees     what has to come before the plan can run: WAIT, BREAK or GIVE_REASON; "" where nothing holds it
    """

    changed: tuple[str, ...] = ()
    moved: str = ""
    held: str = ""
    frees: str = ""

    @property
    def stale(self) -> bool:
        """Whether the plan no longer holds, so that another one has to be made."""
        return bool(self.changed or self.moved)


NONE = News()


def news_since(
    plan: Plan, made: float, fleet: FleetView, locks: Mapping[str, Lock], frozen: str = "", before: News = NONE
) -> News:
    """What is known now of a plan's servers; while others work on them, no other one counts as changed for good.

    made    when the plan was there (seconds since the epoch): what was seen before tells nothing new
    locks   by server: those of others
    frozen  why a freeze stops it: `production is frozen …`; "" where none does
    before  what was known last: whatever has changed or moved stays so
    """
    held = {name: lock for name, lock in locks.items() if name in plan.fingerprints}
    if held:
        silent = all(lock.silent for lock in held.values())
        return News(before.changed, before.moved, reason(held), BREAK if silent else WAIT)
    seen = _seen_since(fleet, made)
    changed = tuple(
        name
        for name, then in plan.fingerprints.items()
        if name in before.changed or (name in seen and _differs(then, seen[name]))
    )
    return News(changed, before.moved, frozen, GIVE_REASON if frozen else "")


def _seen_since(fleet: FleetView, made: float) -> dict[str, ServerState]:
    """By server that answers: its state, if it was looked at after that time."""
    servers = (server for server in fleet.servers if server.answers and server.seen_at > made)
    return {server.name: server.state for server in servers if server.state is not None}


def _differs(before: tuple[object, ...], state: ServerState) -> bool:
    """Whether a server is not as the plan saw it: another release is live, or one was made, removed, pinned, blocked.

    A server with very many releases lists the older ones in brief: of it only what is live counts.
    """
    now = state.fingerprint
    return before[:2] != now[:2] or (not state.unlisted and before != now)


def way_back_moved(plan: Plan, made: float, fleet: FleetView) -> str:
    """Of undo: that the journals tell of another way back by now, though every server is as before; "" where not."""
    seen = _seen_since(fleet, made)
    if plan.undoes is None or plan.fingerprints.keys() - seen.keys():
        return ""
    states = [seen[name] for name in plan.fingerprints]
    now = previous_of(states)
    if any(state.unlisted for state in states) or (now.tag, now.tags) == (plan.undoes.tag, plan.undoes.tags):
        return ""
    name = called((now.tag, plan.tag))
    return f"undo goes back to {name(now.tag) or 'nothing'} now{f', not {name(plan.tag)}' * (now.tag != plan.tag)}"


def origin_moved(plan: Plan, made: float, source: FleetView) -> str:
    """Of a promotion: what is live now where it comes from; "" where that is what the plan says, or is not known."""
    record = plan.record
    known = {plan.tag, record.promoted_tag} if record else {plan.tag}
    now = {state.current for state in _seen_since(source, made).values()} - known
    if not now:
        return ""
    planned = record.promoted_tag if record and record.promoted_from == source.environment else plan.tag
    name = called((*now, planned))
    live = listing([name(tag) or "nothing" for tag in sorted(now)], 3)
    return f"{source.environment} has {live} live now, not {name(planned)}"


def ref_moved(plan: Plan, ref: str, commit: str) -> str:
    """Of a deploy: the commit that its branch or tag names by now; "" where that is the plan's.

    commit   "" where that is not known
    """
    planned = plan.record.revision if plan.record else ""
    if not commit or not planned or commit == planned:
        return ""
    return f"{ref} is {short_revision(commit)} now, not {short_revision(planned)}"
