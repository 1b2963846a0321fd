"""Recover: an interrupted operation is finished on all its servers, or undone where it had switched."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from core.errors import ConnectError, FleetError, NeedsPerson, TurnoutError, UsageError
from core.jobs import Ahead, Controls
from core.moments import BEFORE_SWITCH, RETIRE, RETURN, UNDONE, Moment
from core.operations.going_live import carry_out, check_and_finish
from core.operations.kinds.rollback import plan_return
from core.operations.operation import Operation, SwitchRequest
from core.operations.planning import Prepared, plan_settings
from core.operations.run import Run
from core.operations.slot_plan import with_slots
from core.operations.undo import undo
from core.plan import NONE, RECOVER, STAGE, SWITCH, UPLOAD, Plan, Refusal, Step
from core.records import Release, ServerState, live_tag
from core.recovery import FINISH, UNDO, Interruption, interruption, untold
from core.source.tree import Tree


class RecoverRequest(SwitchRequest, frozen=True):
    """Bring an interrupted operation to an end: `finish` it on all servers, or `undo` it where it switched."""

    way: str


class Recover(Operation[RecoverRequest], request=RecoverRequest):
    ends_interrupted = True
    changes_live = True

    @staticmethod
    def kind(request: RecoverRequest) -> str:
        return RECOVER

    @property
    def verb(self) -> str:
        return "Undo" if self.request.way == UNDO else "Finish"

    def title(self, tag: str = "") -> str:
        return f"{self.verb} the interrupted operation on {self.fleet.environment.name}"

    def may_lack(self, failed: Mapping[str, TurnoutError]) -> bool:
        """Those that the interrupted operation had left out, which the plan finds out."""
        return len(failed) < len(self.fleet.names) and all(isinstance(e, ConnectError) for e in failed.values())

    def check(self) -> None:
        super().check()
        if self.request.way not in (FINISH, UNDO):
            raise UsageError(f"an interrupted operation is finished or undone, not {self.request.way!r}")

    def records(self, states: Mapping[str, ServerState]) -> tuple[str, ...]:
        found = interruption(states.values())
        return (found.tag, *found.tags.values()) if found else ()

    def plan(self, states: Sequence[ServerState], tree: Ahead[Tree] | None) -> Prepared:
        """Finish: all servers to the release that was to become live. Undo: each switched server back to its own."""
        found = self._found(states)
        # One that took no part (any more) has nothing to finish or undo. Any other may have been switched.
        missing = {name: error for name, error in self.unreached.items() if name not in found.left_out}
        if missing:
            raise FleetError(missing)
        return self._finish(found, states) if self.request.way == FINISH else self._undo(found, states)

    def _found(self, states: Sequence[ServerState]) -> Interruption:
        """What was interrupted. UsageError where nothing was, NeedsPerson where `transitions.jsonl` cannot tell."""
        found = interruption(states)
        if found is None:
            if problem := untold(states):
                raise problem
            raise UsageError(
                f"no operation was interrupted on {self.fleet.environment.name}", hint="there is nothing to recover"
            )
        if found.conflict:
            raise NeedsPerson(
                "the servers' journals disagree about the interrupted operation",
                detail=found.conflict,
                hint="check which release is live on each server, then deploy or roll back: that settles it",
            )
        return found

    def _undo(self, found: Interruption, states: Sequence[ServerState]) -> Prepared:
        undone = [
            Step(
                server=state.server,
                action=SWITCH if state.server in found.switched else NONE,
                tag=found.tags.get(state.server, ""),
                current=state.current,
                back=found.switched[state.server].target if state.server in found.switched else None,
                refusal=_way_back_gone(state, found) or self._not_started_again(state.server, found),
            )
            for state in states
        ]
        release = next((state.releases[found.tag] for state in states if found.tag in state.releases), None)
        plan = Plan(
            environment=self.fleet.environment.name,
            tag=found.tag,
            live=live_tag(states),
            record=release.record if release else None,
            steps=tuple(undone),
            strategy=self.strategy,
            hooks=plan_settings(self.fleet, _hooks_back(found), found.kind, self.strategy).hooks,
            warnings=(found.describe(time.time()), *_started_again(found)),
            fingerprints={state.server: state.fingerprint for state in states},
        )
        return Prepared(plan, interruption=found)

    def _not_started_again(self, server: str, found: Interruption) -> Refusal | None:
        """Why what was live before on a server cannot be live again: it may be stopped, and nothing starts it."""
        if server not in found.retired or not self.fleet.environment.slots:
            return None
        here = self.fleet.server(server)
        hooks = [hook for hook in self.fleet.project.hooks if hook.on == BEFORE_SWITCH.name and hook.concerns(here)]
        if any(hook.runs_in(found.kind) for hook in hooks):
            return None
        return Refusal(
            f"{found.switched[server].tag} had begun to stop there, and no before-switch hook starts it: finish it"
        )

    def _finish(self, found: Interruption, states: Sequence[ServerState]) -> Prepared:
        """The plan of a rollback to the interrupted operation's release, for the servers that took part in it.

        Where a server does not know the release yet, the record in its own `transitions.jsonl` says from what it is
        made: what one server says never decides what another gets.
        """
        if not found.tag:
            raise NeedsPerson(
                "the journals do not say which release was to become live", hint="undo it, then deploy again"
            )
        known = []
        for state in states:
            own = found.records.get(state.server)
            ahead = {own.tag: Release(tag=own.tag, record=own)} if own else {}
            known.append(replace(state, releases={**ahead, **state.releases}))
        prepared = plan_return(self, found.tag, known, found.kind, tags=found.tags)
        part = {*found.switched, *found.waiting}
        knowing = {s.server for s in known if (r := s.releases.get(found.tag_on(s.server))) and r.record}
        steps = tuple(
            Step(server=step.server, action=NONE, tag=step.tag, current=step.current)
            if step.server not in part
            else replace(step, refusal=_unheard_of(found.tag_on(step.server)))
            if step.action in (STAGE, UPLOAD) and step.server not in knowing and not step.refusal
            else step
            for step in prepared.plan.steps
        )
        fingerprints = {state.server: state.fingerprint for state in states}
        out = dict.fromkeys(found.left_out, "the interrupted operation had left it out")
        plan = replace(prepared.plan, steps=steps, fingerprints=fingerprints, left_out=out)
        return with_slots(self.fleet, replace(prepared, plan=plan, interruption=found), states)

    def carry_out(self, run: Run, prepared: Prepared, states: Mapping[str, ServerState], controls: Controls) -> str:
        if self.request.way == UNDO:
            return undo(run, prepared, states, controls)
        finish = check_and_finish if prepared.plan.nothing_to_do else carry_out
        return finish(run, prepared, states, controls)


def _hooks_back(found: Interruption) -> tuple[Moment, ...]:
    """The moments whose hooks an undo runs."""
    if found.switched or found.restored:
        return (*([BEFORE_SWITCH] if found.retired else []), *UNDONE, RETIRE)
    return (RETURN,) if found.drained else ()


def _started_again(found: Interruption) -> list[str]:
    """What a person has to know of releases that had begun to stop."""
    before: dict[str, list[str]] = {}
    for name in found.retired:
        before.setdefault(found.switched[name].tag, []).append(name)
    return [
        f"{tag} had begun to stop on {', '.join(on)}: it is started again there first" for tag, on in before.items()
    ]


def _way_back_gone(state: ServerState, found: Interruption) -> Refusal | None:
    """Why a server cannot go back to where it was before an interrupted operation."""
    before = found.switched.get(state.server)
    if before is None and state.server in found.unknown and state.current == found.tag_on(state.server):
        return Refusal(
            "its transitions.jsonl cannot be read, so what was live before is unknown: finish it, or roll back"
        )
    release = state.releases.get(before.tag) if before and before.tag else None
    if before and before.tag and not (release and release.present):
        return Refusal(
            f"{before.tag}, which was live there before, is gone: finish it, or roll back to another release"
        )
    return None


def _unheard_of(tag: str) -> Refusal:
    """Why an interrupted operation is not finished on a server that has no record of it."""
    return Refusal(
        f"it has no record of {tag}, and other servers do not decide what is sent to it: undo, then deploy again"
    )
