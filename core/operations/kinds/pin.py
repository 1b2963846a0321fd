"""Pin a release, so that it is never pruned, or unpin it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.jobs import Ahead, Controls
from core.operations.notices import change, facts, on_servers, plan_notice, unknown
from core.operations.operation import Operation, Request
from core.operations.planning import Prepared
from core.operations.run import Run
from core.plan import Plan
from core.records import Pin, ServerState
from core.remote.held import Held
from core.source.tree import Tree

PIN, UNPIN = "pin", "unpin"
"""The kinds of this operation, which are also the actions of its steps."""


@dataclass(frozen=True)
class PinRequest(Request):
    """Never prune the release `tag` on any server; with `pinned` false it may be pruned again."""

    tag: str
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
        tag, pin = prepared.plan.tag, Pin(**facts(run))

        def work(held: Held) -> None:
            release = states[held.name].releases.get(tag)
            if self.request.pinned:
                held.pin(tag, pin)
            else:
                held.unpin(tag, release.record if release else None)

        changed = change(run, prepared.plan, work, tag=tag)
        return on_servers(f"{'pinned' if self.request.pinned else 'unpinned'} {tag}", changed)

    def nothing(self, plan: Plan) -> str:
        if self.request.pinned:
            return f"{plan.tag} is pinned already: nothing to do"
        return f"{plan.tag} is not pinned: nothing to do"


def plan_pin(environment: str, states: Sequence[ServerState], tag: str, *, pinned: bool) -> Plan:
    """The plan (pure) that pins or unpins a release on every server, also on those that do not have it."""

    def is_so(state: ServerState) -> bool:
        release = state.releases.get(tag)
        return (tag in state.pins or bool(not pinned and release and release.pinned)) == pinned

    return plan_notice(environment, states, PIN if pinned else UNPIN, is_so, tag, unknown(states, tag))
