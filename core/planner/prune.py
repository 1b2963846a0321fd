"""The plan of a prune: which files go, and what is never pruned (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from core.names import quoted
from core.plan import NONE, REMOVE, Plan, Refusal, Sizes, Step
from core.planner.oddities import cache_refusal, current_refusal, mount_refusal, used_links
from core.records import ServerState, live_tag, previous_of, previous_tag
from core.recovery import interruption
from core.retention import beyond, in_slot, protection
from core.text import some


def plan_prune(
    environment: str,
    states: Sequence[ServerState],
    tags: Sequence[str],
    keep: int | None,
    cache: bool,
    sizes: Mapping[str, Sizes],
    *,
    for_ever: bool = False,
    force: bool = False,
) -> Plan:
    """The plan of a prune: the named releases, all beyond the newest `keep` where it is given, and the deploy-cache.

    sizes     by server: what the removals free there
    for_ever  beyond `keep` also those that cannot be made again; without it they go only where they are named
    force     also named ones that have a slot, so that they may run
    """
    live = live_tag(states)
    ways_back, before = _needed(states)
    tags = tuple(dict.fromkeys(tags))
    known = {release.tag for state in states for release in state.releases.values()}
    refusals = [f"there is no release {quoted(tag)}" for tag in tags if tag not in known]
    refusals += [f"{tag} {reason}" for tag, reason in kept_from_prune(states, tags, force=force).items()]
    steps = []
    lost: set[str] = set()
    spared: set[str] = set()
    lives = {state.current for state in states}
    for state in states:
        chosen = [tag for tag in tags if tag in state.releases and state.releases[tag].present]
        if keep is not None:
            # Also this server's own way back, whatever other servers say of that release.
            needed = lives | {live, previous_tag([state])} | ways_back | before
            chosen += [tag for tag in beyond(state, keep, needed, for_ever=for_ever) if tag not in chosen]
            spared |= {tag for tag in beyond(state, keep, needed, for_ever=True) if tag not in chosen}
        lost |= {tag for tag in chosen if not state.releases[tag].lasting}
        of_server = sizes.get(state.server, Sizes())
        going = (*chosen, *([""] if cache else []))
        freed = {tag: of_server.by_tag[tag] for tag in going if tag in of_server.by_tag}
        refusal = current_refusal(state) or (mount_refusal(state) or cache_refusal(state) if cache else None)
        action = REMOVE if chosen or cache else NONE
        steps.append(
            Step(
                server=state.server,
                action=action,
                current=state.current,
                prune=tuple(chosen),
                frees=sum(freed.values()) if len(freed) == len(going) else None,
                sizes=freed,
                exact=of_server.exact,
                clear_cache=cache,
                refusal=refusal,
            )
        )
    return Plan(
        environment=environment,
        live=live,
        steps=tuple(steps),
        refusals=tuple(Refusal(reason) for reason in dict.fromkeys(refusals)),
        warnings=(*_lost(lost, spared), *_in_slots(states, tags), *used_links(states)),
        fingerprints={state.server: state.fingerprint for state in states},
    )


def _in_slots(states: Sequence[ServerState], tags: Iterable[str]) -> list[str]:
    """What is removed although it may run."""
    found = {tag: in_slot(states, tag) for tag in tags}
    return [f"{tag} {slot}, and may still run: its files go all the same" for tag, slot in found.items() if slot]


def kept_from_prune(states: Sequence[ServerState], tags: Iterable[str], *, force: bool = False) -> dict[str, str]:
    """Those of the releases that a prune refuses to remove, each with the reason: `is live on web1: …`.

    force   not those that have a slot, so that they may run
    """
    tags = tuple(tags)
    if not tags:
        return {}
    live = live_tag(states)
    ways_back, before = _needed(states)
    out = {}
    for tag in tags:
        reason = protection(states, tag, live, tag if tag in ways_back - before else "", running=force)
        if not reason and tag in before:
            reason = "is the release that an interrupted operation goes back to when undone: recover first"
        if reason:
            out[tag] = reason
    return out


def _needed(states: Sequence[ServerState]) -> tuple[set[str], set[str]]:
    """The tags that undo goes back to, and those that undoing an interrupted operation does."""
    previous, found = previous_of(states), interruption(states)
    before = {way.tag for way in found.switched.values() if way.tag} if found else set()
    return {previous.tag, *previous.tags.values()}, before


SHOWN = 6
"""Releases that a warning names."""


def _lost(lost: Iterable[str], spared: Iterable[str]) -> list[str]:
    """What is removed although nothing can make it again, and what is kept for that reason."""
    said = []
    if gone := sorted(lost):
        said.append(f"gone for ever: {some(gone, SHOWN)}; no record says how to make them again")
    if kept := sorted(spared):
        named = some(kept, SHOWN)
        said.append(f"kept, because no record says how to make them again: {named}; --for-ever removes them")
    return said
