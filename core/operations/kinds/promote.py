"""Promote: exactly the release that is live in one environment becomes live in another."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from core.errors import SourceError, UsageError
from core.events import DEPLOY_PHASES
from core.jobs import Ahead, Cancel, Controls
from core.moments import moments_of
from core.names import short_tags_of
from core.operations.going_live import carry_out
from core.operations.operation import Operation, SwitchRequest, reason_of
from core.operations.origin import Origin, origin
from core.operations.planning import (
    Prepared,
    cache_contents,
    is_live_already,
    name_for_tool,
    new_tag,
    plan_settings,
    with_interruption,
    with_records_of,
)
from core.operations.run import Run
from core.operations.slot_plan import with_slots
from core.plan import PROMOTE, Plan
from core.planner.deploy import plan_deploy
from core.records import Record, ServerState, next_seq
from core.source.tree import Tree
from core.text import show_path, some


class PromoteRequest(SwitchRequest, frozen=True):
    """Deploy what is live in the environment `source`: the same tree, made by the same build."""

    source: str


class Promote(Operation[PromoteRequest], request=PromoteRequest):
    """Nothing is built. The release keeps its tag, unless that stands for something else where it is promoted to."""

    phases = tuple(phase for phase in DEPLOY_PHASES if phase != "build")
    needs_tree = True
    changes_live = True
    can_hold = True
    stops_at_freeze = True
    lets_servers_go = True
    verb = "Promote"
    _origin: Origin | None = None

    @staticmethod
    def kind(request: PromoteRequest) -> str:
        return PROMOTE

    def title(self, tag: str = "") -> str:
        return f"Promote {f'{tag} ' if tag else ''}from {self.request.source} to {self.fleet.environment.name}"

    def check(self) -> None:
        super().check()
        source = self.fleet.project.environment(self.request.source)
        if source.name == self.fleet.environment.name:
            raise UsageError(f"{source.name} cannot be promoted to itself", hint="name two environments")

    def start_tree(self, cancel: Cancel) -> Ahead[Tree]:
        """Begin to look at the other environment, and to bring the tree here where this machine does not have it."""

        def look() -> Tree:
            compared = self.planned is not None
            self._origin = origin(self.fleet.project, self.request.source, self.emit, cancel, compared=compared)
            return self._origin.tree

        return Ahead(look)

    def plan(self, states: Sequence[ServerState], tree: Ahead[Tree] | None) -> Prepared:
        assert tree is not None
        made = tree.get()
        found = self._origin
        assert found is not None
        by_name = {state.server: state for state in states}
        states = list(with_records_of(self.fleet, (found.record.tag,), by_name).values())
        record = self._record(states, found)
        caches = cache_contents(self.fleet, states)
        settings = plan_settings(self.fleet, moments_of(PROMOTE), PROMOTE, self.strategy)
        plan = plan_deploy(self.fleet.environment.name, states, record, made.manifest, caches, settings)
        plan = replace(plan, origin=found.describe(), warnings=(*_warnings(found, record), *plan.warnings))
        prepared = with_interruption(Prepared(plan, made, caches), states)
        return with_slots(self.fleet, prepared, states)

    def _record(self, states: Sequence[ServerState], found: Origin) -> Record:
        """The record of the release here; the earlier plan's, whose tag and number a person has seen, where there is
        one; where servers here have this very release already, theirs.
        """
        first = found.record
        digest = found.tree.manifest.digest
        if self.planned is not None and self.planned.record is not None:
            if self.planned.record.digest != digest:
                planned = self.planned.record.promoted_tag or self.planned.tag
                name = short_tags_of((planned, first.tag))
                raise SourceError(
                    f"a different release went live in {self.request.source} since the plan was made",
                    detail=f"planned {name[planned]}, now {name[first.tag]}",
                    hint="look at the new plan; nothing was touched",
                )
            return self.planned.record
        here = [state.releases[first.tag] for state in states if first.tag in state.releases]
        same = [release.record for release in here if release.record and release.record.digest == digest]
        if same and len(same) == len(here):
            return same[0]
        if again := self._promoted_before(states, first.tag, digest):
            return again
        now = time.time()
        free = not here and digest == first.digest and not name_for_tool(self.fleet.project, states)
        return Record(
            tag=first.tag if free else new_tag(self.fleet.project, states, now, first.revision or digest),
            seq=next_seq(states),
            created=now,
            source=first.source,
            revision=first.revision,
            digest=digest,
            subject=first.subject,
            author=first.author,
            by=self.fleet.project.mask(self.fleet.project.settings.who),
            ref=first.ref,
            bytes=found.tree.manifest.bytes,
            files=found.tree.manifest.files,
            reason=reason_of(self.fleet.project.mask, self.request),
            promoted_from=self.request.source,
            promoted_tag=first.tag,
            built_for=first.built_for or self.request.source,
            built=first.built or first.created,
            built_by=first.built_by or first.by,
        )

    def _promoted_before(self, states: Sequence[ServerState], tag: str, digest: str) -> Record | None:
        """The record of a release here that is this very one under another tag."""
        known = [release.record for state in states for release in state.releases.values() if release.record]
        mine = (digest, self.request.source, tag)
        return next((r for r in known if (r.digest, r.promoted_from, r.promoted_tag) == mine), None)

    def carry_out(self, run: Run, prepared: Prepared, states: Mapping[str, ServerState], controls: Controls) -> str:
        return carry_out(run, prepared, states, controls)

    def nothing(self, plan: Plan) -> str:
        return is_live_already(plan)


def _warnings(found: Origin, record: Record) -> list[str]:
    """What a person has to know of a release that could not come whole, or not under its tag."""
    said = []
    if found.left_out:
        names = some(found.left_out, 3, show_path)
        said.append(f"left out, because shared paths replaced it in {found.environment}: {names}")
    if record.tag != found.record.tag:
        why = "without those files the content is different" if found.left_out else "that tag has other content here"
        said.append(f"the release gets another tag than in {found.environment} ({found.record.tag}): {why}")
    return said
