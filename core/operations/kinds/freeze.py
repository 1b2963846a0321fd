"""Freeze an environment, so that operations that change its releases are refused, or thaw it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.jobs import Ahead, Controls
from core.operations.notices import change, facts, on_servers, plan_notice
from core.operations.operation import Operation, Request
from core.operations.planning import Prepared
from core.operations.run import Run
from core.plan import Plan
from core.records import Freeze, ServerState
from core.remote.held import Held
from core.source.tree import Tree

FREEZE, THAW = "freeze", "thaw"
"""The kinds of this operation, which are also the actions of its steps."""


@dataclass(frozen=True)
class FreezeRequest(Request):
    """Refuse deploys, rollbacks and prunes until it is lifted; with `frozen` false lift it."""

    frozen: bool = True


class Freezing(Operation[FreezeRequest], request=FreezeRequest):
    """All servers are changed at once. One that is frozen is enough: an operation works on all of them or on none."""

    @staticmethod
    def kind(request: FreezeRequest) -> str:
        return FREEZE if request.frozen else THAW

    @property
    def verb(self) -> str:
        return "Freeze" if self.request.frozen else "Thaw"

    def title(self, tag: str = "") -> str:
        return f"{self.verb} {self.fleet.environment.name}"

    def plan(self, states: Sequence[ServerState], tree: Ahead[Tree] | None) -> Prepared:
        frozen = self.request.frozen
        action = FREEZE if frozen else THAW
        return Prepared(
            plan_notice(self.fleet.environment.name, states, action, lambda state: (state.freeze is not None) == frozen)
        )

    def carry_out(self, run: Run, prepared: Prepared, states: Mapping[str, ServerState], controls: Controls) -> str:
        freeze = Freeze(**facts(run))

        def work(held: Held) -> None:
            if self.request.frozen:
                held.freeze(freeze)
            else:
                held.thaw()

        changed = change(run, prepared.plan, work)
        return on_servers("froze changes" if self.request.frozen else "lifted the freeze", changed)

    def nothing(self, plan: Plan) -> str:
        if self.request.frozen:
            return f"{plan.environment} is frozen already: nothing to do"
        return f"{plan.environment} is not frozen: nothing to do"
