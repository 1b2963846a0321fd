"""Which servers of a plan fetch from the store, and what (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from core.plan import CHANGES, UPLOAD, WHOLE, Plan, Step
from core.records import ServerState
from core.text import count, size, some

NEEDED = ("tar", "gzip", "sha256sum")
"""What a server needs to take a pack, beside one of FETCHERS."""
FETCHERS = ("curl", "wget", "wget2")
"""What reads the address of a pack, which is a secret, on its input; a server says which one it uses."""
WORTH = 4
"""A server fetches a whole tree only where that is at most so many times what it lacks of it."""
NAMED = 3


class There(Struct, frozen=True):
    """What the store has of a tree: all of it, and what changes it from the trees with these digests."""

    whole: bool = False
    changes: frozenset[str] = frozenset()


def incapable(state: ServerState) -> str:
    """Why a server cannot fetch from a store, in words; "" where it can."""
    lacking = [program for program in NEEDED if program not in state.features]
    if lacking:
        return f"has no {', '.join(lacking)}"
    if fetcher(state):
        return ""
    if "other-wget" in state.features:
        return "has no curl, and its wget would show the address of the pack to every user there"
    return "has neither curl nor wget"


def fetcher(state: ServerState) -> str:
    """What a server fetches with; "" where it has nothing for that."""
    return next((name for name in FETCHERS if name in state.features), "")


def worth_asking(plan: Plan, saves: int) -> bool:
    """Whether so much travels that the store may be worth a question: else it is not asked at all."""
    uploads = _uploads(plan)
    return bool(uploads) and _sum(uploads) >= saves


def bases(plan: Plan, states: Mapping[str, ServerState]) -> dict[str, list[Step]]:
    """The steps that send something, by the digest of what the deploy-cache holds; "" where that is unknown or empty,
    or the server cannot change it with a pack."""
    found: dict[str, list[Step]] = {}
    for step in _uploads(plan):
        state = states[step.server]
        if not incapable(state):
            known = step.exact and state.cache and "comm" in state.features and not state.cache_empty
            found.setdefault(state.cache if known else "", []).append(step)
    return found


class Choice(Struct, frozen=True):
    """Which servers fetch one release.

    fetching   by server: WHOLE or CHANGES
    pushed     bytes that are put into the store first
    unable     by server that cannot fetch: why
    """

    fetching: Mapping[str, str] = field(default_factory=dict)
    pushed: int = 0
    unable: Mapping[str, str] = field(default_factory=dict)


def choice(plan: Plan, states: Mapping[str, ServerState], whole_bytes: int, there: There, saves: int) -> Choice:
    """The servers of a plan to one release that fetch it from the store: those for which that saves so many bytes on
    the uplink.

    whole_bytes   of the tree's content
    """
    groups = bases(plan, states)
    chosen: dict[str, str] = {}
    pushed = 0
    whole = there.whole
    fresh = groups.pop("", [])
    if fresh and _sum(fresh) - (0 if whole else whole_bytes) >= saves:
        pushed += 0 if whole else whole_bytes
        whole = True
        chosen |= dict.fromkeys((step.server for step in fresh), WHOLE)
    for base, steps in groups.items():
        each, together = steps[0].send_bytes, _sum(steps)
        servers = [step.server for step in steps]
        if base in there.changes and together >= saves:
            chosen |= dict.fromkeys(servers, CHANGES)
        elif whole and together >= saves and each * WORTH >= whole_bytes:
            chosen |= dict.fromkeys(servers, WHOLE)
        elif together - each >= saves:
            pushed += each
            chosen |= dict.fromkeys(servers, CHANGES)
    unable = {step.server: why for step in _uploads(plan) if (why := incapable(states[step.server]))}
    return Choice(chosen, pushed, unable)


def through_store(plan: Plan, choices: Sequence[Choice], where: str) -> Plan:
    """The plan with the servers that fetch from the store, as was chosen for each of its releases.

    where   the store, for people
    """
    unable = {server: why for each in choices for server, why in each.unable.items()}
    plan = replace(plan, warnings=(*plan.warnings, *_cannot(unable)))
    chosen = {server: what for each in choices for server, what in each.fetching.items()}
    if not chosen:
        return plan
    pushed = sum(each.pushed for each in choices)
    patched = any(step.patched and chosen.get(step.server) == CHANGES for step in plan.steps)
    first = f"{'at most ' * patched}{size(pushed)} put there first" if pushed else "nothing has to be put there"
    return replace(
        plan,
        steps=tuple(replace(step, stored=chosen.get(step.server, "")) for step in plan.steps),
        store=f"{where}: {count(len(chosen), 'server')} {'fetches' if len(chosen) == 1 else 'fetch'} from it, {first}",
    )


def _cannot(unable: Mapping[str, str]) -> list[str]:
    """Which servers get their files from here all the same, by what they lack."""
    by_reason: dict[str, list[str]] = {}
    for server, why in unable.items():
        by_reason.setdefault(why, []).append(server)
    return [f"{some(names, NAMED)} {why}, so the files are sent from here" for why, names in sorted(by_reason.items())]


def _uploads(plan: Plan) -> list[Step]:
    return [step for step in plan.steps if step.action == UPLOAD and step.send_files and not step.refusal]


def _sum(steps: Sequence[Step]) -> int:
    return sum(step.send_bytes for step in steps)
