"""Pin a release, so that it is never pruned, or unpin it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.jobs import Ahead, Controls
from core.operations.operation import Operation, Request
from core.operations.planning import Prepared
from core.operations.run import Run
from core.plan import NONE, Plan, Refusal, Step
from core.protocol.requests import Settles
from core.records import Pin, ServerState, live_tag
from core.source.tree import Tree
from core.text import clean, count

PIN, UNPIN = "pin", "unpin"
"""The kinds of this operation, which are also the actions of its steps."""


@dataclass(frozen=True)
class PinRequest(Request):
    """Never prune the release `tag` on any server; with `pinned` false it may be pruned again. `why`: for people."""

    tag: str
    why: str = ""
    pinned: bool = True


class Pinning(Operation[PinRequest], request=PinRequest):
    """All servers are changed at once; one that fails does not stop the others."""

    @staticmethod
    def kind(request: PinRequest) -> str:
        return PIN if request.pinned else UNPIN

    @property
    def verb(self) -> str:
        return "Pin" if self.request.pinned else "Unpin"

    def title(self, tag: str = "") -> str:
        return f"{self.verb} {self.request.tag} on {self.fleet.environment.name}"

    def plan(self, states: Sequence[ServerState], tree: Ahead[Tree] | None) -> Prepared:
        return Prepared(plan_pin(self.fleet.environment.name, states, self.request.tag, pinned=self.request.pinned))

    def carry_out(self, run: Run, prepared: Prepared, states: Mapping[str, ServerState], controls: Controls) -> str:
        return _change(run, prepared.plan, self.request, states)

    def nothing(self, plan: Plan) -> str:
        if self.request.pinned:
            return f"{plan.tag} is pinned already: nothing to do"
        return f"{plan.tag} is not pinned: nothing to do"


def plan_pin(environment: str, states: Sequence[ServerState], tag: str, *, pinned: bool) -> Plan:
    """The plan (pure) that pins or unpins a release on every server, also on those that do not have it."""
    known = any(tag in state.releases or tag in state.pins for state in states)
    steps = []
    for state in states:
        release = state.releases.get(tag)
        is_so = tag in state.pins or bool(not pinned and release and release.pinned)
        action = NONE if is_so == pinned else PIN if pinned else UNPIN
        steps.append(Step(server=state.server, action=action, current=state.current))
    return Plan(
        environment=environment,
        tag=tag,
        live=live_tag(states),
        steps=tuple(steps),
        refusals=() if known else (Refusal(f"no release is called {tag}"),),
        fingerprints={state.server: state.fingerprint for state in states},
    )


def _change(run: Run, plan: Plan, request: PinRequest, states: Mapping[str, ServerState]) -> str:
    """Do it on every server of the plan; the summary.

    If this dies in the middle, some servers have the pin and others not: the same request again completes it.
    FleetError names the servers that failed.
    """
    why = run.fleet.project.mask.line(clean(request.why), 300).replace("\n", " ")
    pin = Pin(by=run.who, why=why)

    def on(name: str) -> bool:
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
        changed = run.on_all(on).unwrap("finish")
    done = "pinned" if request.pinned else "unpinned"
    return f"{done} {plan.tag} on {count(sum(changed.values()), 'server')}"
