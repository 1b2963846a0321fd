"""Adopt: records for releases that other tools made, so that all of Turnout works on them; or take those back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from core.changes import Commit
from core.jobs import Ahead, Controls
from core.operations.notices import change
from core.operations.operation import Operation, Request
from core.operations.planning import Prepared
from core.operations.run import Run
from core.plan import Plan
from core.planner.adopt import adopted_records, given_up, owned, plan_adopt
from core.records import ServerState
from core.remote.held import Held
from core.source import source_of
from core.source.tree import Tree
from core.text import count


class AdoptRequest(Request, frozen=True):
    """Write records for the releases of other tools on every server; with `undo`, remove those records."""

    undo: bool = False


class Adopt(Operation[AdoptRequest], request=AdoptRequest):
    """All servers at once; one that fails keeps no other from it. No file of a release is touched.

    If it dies in the middle, some releases have a record and others not: the same request again completes it.
    """

    @staticmethod
    def kind(request: AdoptRequest) -> str:
        return "adopt"

    @property
    def verb(self) -> str:
        return "Undo" if self.request.undo else "Adopt"

    def title(self, tag: str = "") -> str:
        what = "Take the adopted records of" if self.request.undo else "Adopt the releases of"
        return f"{what} {self.fleet.environment.name}{' back' if self.request.undo else ''}"

    def plan(self, states: Sequence[ServerState], tree: Ahead[Tree] | None) -> Prepared:
        return Prepared(plan_adopt(self.fleet.environment.name, states, undo=self.request.undo))

    def _commits(self, states: Iterable[ServerState]) -> Mapping[str, Commit]:
        """What the operator's repository knows of the revisions that the releases name."""
        history = source_of(self.fleet.project).history()
        revisions = [each.revision for state in states for each in state.releases.values() if not each.record]
        return history.named(revisions) if history else {}

    def carry_out(self, run: Run, prepared: Prepared, states: Mapping[str, ServerState], controls: Controls) -> str:
        undo = self.request.undo
        commits = {} if undo else self._commits(states.values())
        done: dict[str, int] = {}

        def work(held: Held) -> None:
            state = states[held.name]
            if undo:
                tags = given_up(state)
                if owned(state):
                    held.own_cache(ours=False)
                held.unrecord(tags)
                done[held.name] = len(tags)
                return
            records = adopted_records(state, commits)
            held.records(records)
            if state.cache_foreign:
                held.own_cache(ours=True)
            done[held.name] = len(records)

        changed = change(run, prepared.plan, work, lambda name: {} if undo else _lived(states[name]))
        what = "took back" if undo else "recorded"
        return f"{what} {count(sum(done.values()), 'release')} on {count(changed, 'server')}"

    def nothing(self, plan: Plan) -> str:
        return "no record was adopted: nothing to do" if self.request.undo else "every release has a record already"


def _lived(state: ServerState) -> dict[str, object]:
    """What the other tool's log says was live before, for the journal: its log is not read once all has records."""
    live = state.releases.get(state.current)
    before = next(iter(state.stays), None)
    if live is None or before is None or before.until or not live.created:
        return {}
    return {"previous": before.tag, "until": round(live.created, 1)}
