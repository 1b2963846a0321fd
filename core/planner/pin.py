"""The plan that pins a release, or ends that (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from core.plan import NONE, PIN, UNPIN, Plan, Refusal, Step
from core.records import ServerState, live_tag


def plan_pin(environment: str, states: Sequence[ServerState], tag: str, *, pinned: bool) -> Plan:
    """The plan that pins a release, or ends that, on every server, also where it is not now."""
    known = any(tag in state.releases or tag in state.pins for state in states)
    steps = []
    for state in states:
        release = state.releases.get(tag)
        is_so = tag in state.pins or bool(not pinned and release and release.pinned)
        action = NONE if is_so == pinned else PIN if pinned else UNPIN
        steps.append(Step(server=state.server, action=action, current=state.current))
    return Plan(
        kind=PIN if pinned else UNPIN,
        environment=environment,
        tag=tag,
        live=live_tag(states),
        steps=tuple(steps),
        refusals=() if known else (Refusal(f"no release is called {tag}"),),
        fingerprints={state.server: state.fingerprint for state in states},
    )
