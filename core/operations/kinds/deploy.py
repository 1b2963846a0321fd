"""Deploy: a release of a revision becomes live on every server."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from core.config import KINDS
from core.errors import SourceError, UsageError
from core.events import DEPLOY_PHASES, reading
from core.jobs import Ahead, Cancel, Controls
from core.moments import moments_of
from core.operations.going_live import carry_out
from core.operations.operation import Operation, SwitchRequest, reason_of
from core.operations.planning import (
    Prepared,
    cache_contents,
    is_live_already,
    new_tag,
    plan_settings,
    reuse,
    with_interruption,
)
from core.operations.run import Run
from core.operations.slot_plan import with_slots
from core.plan import DEPLOY, Plan
from core.planner.deploy import plan_deploy
from core.records import REVISION_RULE, Record, ServerState, is_revision, next_seq
from core.records.record import short_revision
from core.source import make_tree, source_of
from core.source.early import coming_of
from core.source.kinds import refuse_empty
from core.source.tree import Tree
from core.text import clean


class DeployRequest(SwitchRequest, frozen=True):
    """Deploy `ref` (None: the configuration's) under `tag` (None: made from time and revision).

    rebuild    a finished build is not used again
    revision   what a directory or an archive was built from: a commit, or another name; None: the digest says it
    from_store   the tree is the one that was put into the store for this environment: nothing is built here
    """

    ref: str | None = None
    tag: str | None = None
    rebuild: bool = False
    revision: str | None = None
    from_store: bool = False


class Deploy(Operation[DeployRequest], request=DeployRequest):
    phases = DEPLOY_PHASES
    needs_tree = True
    changes_live = True
    can_hold = True
    stops_at_freeze = True
    lets_servers_go = True
    verb = "Deploy"

    @staticmethod
    def kind(request: DeployRequest) -> str:
        return DEPLOY

    def title(self, tag: str = "") -> str:
        return f"Deploy{f' {tag}' if tag else ''} to {self.fleet.environment.name}"

    def check(self) -> None:
        super().check()
        refuse_empty(self.request.ref)
        if self.request.rebuild and self.request.from_store:
            raise UsageError("what comes from the store is not built here", hint="leave out --rebuild, or --from-store")
        revision, source = self.request.revision, self.fleet.project.source
        if revision is None:
            return
        if source.has_revisions:
            raise UsageError(
                f"{KINDS[source.kind].noun} says by itself which revision is deployed",
                hint="choose it with --ref; --revision is for directories and archives",
            )
        if not is_revision(revision):
            raise UsageError(f"{clean(revision, 100)!r} cannot be a revision", hint=REVISION_RULE)

    def start_tree(self, cancel: Cancel) -> Ahead[Tree]:
        """Begin to make the tree. What the earlier plan built is not built again."""
        project, ref, target = self.fleet.project, self.request.ref, self.fleet.environment.name
        if self.request.from_store:
            from core.operations.pushed import pushed_tree  # few projects have a store

            return Ahead(lambda: pushed_tree(project, target, ref, self.emit, cancel))
        source_of(project).check(ref)
        rebuild = self.request.rebuild and self.planned is None
        early = self.fleet.early_tree(ref)
        coming = self.coming = early.coming if early else coming_of(project)

        def make() -> Tree:
            with reading(self.emit, "the tree"):
                if early and (begun := early.take(self.emit, cancel)):
                    return begun
                with coming.ending():
                    return make_tree(project, ref, self.emit, cancel, target=target, rebuild=rebuild, coming=coming)

        return Ahead(make)

    def not_deployed(self) -> Sequence[str]:
        if self.request.from_store:
            return ()
        project = self.fleet.project
        return [*project.source.oddities, *source_of(project).not_deployed(self.request.ref)]

    def plan(self, states: Sequence[ServerState], tree: Ahead[Tree] | None) -> Prepared:
        assert tree is not None
        made = tree.get()
        record = self._record(states, made)
        caches = cache_contents(self.fleet, states)
        settings = plan_settings(self.fleet, moments_of(DEPLOY), DEPLOY, self.strategy)
        plan = plan_deploy(self.fleet.environment.name, states, record, made.manifest, caches, settings)
        prepared = with_interruption(Prepared(replace(plan, build=reuse(made)), made, caches), states)
        return with_slots(self.fleet, prepared, states)

    def _record(self, states: Sequence[ServerState], tree: Tree) -> Record:
        """The record of the release; the earlier plan's, whose tag and number a person has seen, where there is one."""
        now = time.time()
        mask = self.fleet.project.mask
        revision = self.request.revision or tree.revision
        record = Record(
            tag=self.request.tag or new_tag(self.fleet.project, states, now, revision),
            seq=next_seq(states),
            created=now,
            source=tree.source,
            revision=revision,
            digest=tree.manifest.digest,
            subject=mask.line(tree.subject, 500),
            author=mask.line(tree.author, 500),
            by=mask(self.fleet.project.settings.who),
            ref=tree.ref,
            bytes=tree.manifest.bytes,
            files=tree.manifest.files,
            reason=reason_of(mask, self.request),
        )
        if self.planned is None or self.planned.record is None:
            return record
        if self.planned.record.digest != record.digest:
            planned, now_is = short_revision(self.planned.record.revision), short_revision(record.revision)
            same = f"{planned} gives other files than it did then"
            raise SourceError(
                "the source changed since the plan was made",
                detail=f"planned {planned}, now {now_is}" if planned != now_is else same,
                hint="look at the new plan; nothing was touched",
            )
        return self.planned.record

    def carry_out(self, run: Run, prepared: Prepared, states: Mapping[str, ServerState], controls: Controls) -> str:
        return carry_out(run, prepared, states, controls)

    def nothing(self, plan: Plan) -> str:
        return is_live_already(plan)
