"""Block a release, so that undo never goes back to it, or end that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.jobs import Ahead, Controls
from core.operations.notices import change, facts, on_servers, plan_notice, unknown
from core.operations.operation import Operation, Request
from core.operations.planning import Prepared
from core.operations.run import Run
from core.plan import Plan
from core.records import Block, ServerState
from core.remote.held import Held
from core.source.tree import Tree

BLOCK, UNBLOCK = "block", "unblock"
"""The kinds of this operation, which are also the actions of its steps."""


@dataclass(frozen=True)
class BlockRequest(Request):
    """Never go back to the release `tag` without its being named; with `blocked` false end that."""

    tag: str
    blocked: bool = True


class Blocking(Operation[BlockRequest], request=BlockRequest):
    """All servers are changed at once, and one that fails keeps no other from it."""

    @staticmethod
    def kind(request: BlockRequest) -> str:
        return BLOCK if request.blocked else UNBLOCK

    @property
    def verb(self) -> str:
        return "Block" if self.request.blocked else "Unblock"

    def title(self, tag: str = "") -> str:
        return f"{self.verb} {self.request.tag} on {self.fleet.environment.name}"

    def plan(self, states: Sequence[ServerState], tree: Ahead[Tree] | None) -> Prepared:
        tag, blocked = self.request.tag, self.request.blocked
        return Prepared(
            plan_notice(
                self.fleet.environment.name,
                states,
                BLOCK if blocked else UNBLOCK,
                lambda state: (tag in state.blocks) == blocked,
                tag,
                unknown(states, tag),
            )
        )

    def carry_out(self, run: Run, prepared: Prepared, states: Mapping[str, ServerState], controls: Controls) -> str:
        tag, block = prepared.plan.tag, Block(**facts(run))

        def work(held: Held) -> None:
            if self.request.blocked:
                held.block(tag, block)
            else:
                held.unblock(tag)

        changed = change(run, prepared.plan, work, tag=tag)
        return on_servers(f"{'blocked' if self.request.blocked else 'unblocked'} {tag}", changed)

    def nothing(self, plan: Plan) -> str:
        if self.request.blocked:
            return f"{plan.tag} is blocked already: nothing to do"
        return f"{plan.tag} is not blocked: nothing to do"
