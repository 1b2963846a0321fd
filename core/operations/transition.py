"""The way of the servers to a release: made on all of them, switched and checked batch by batch, finished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.events import Switched
from core.jobs import Ahead, Controls
from core.moments import AFTER_ROLLBACK, AFTER_SWITCH, BEFORE_SWITCH, FINALIZE, PREPARE, SUCCESS, SWITCHED
from core.operations.check_runs import CheckRuns
from core.operations.delivery import Delivery
from core.operations.ending import clock, end, unclaimed
from core.operations.holding import hold
from core.operations.hook_runs import HookRuns
from core.operations.planning import Prepared
from core.operations.run import Run
from core.operations.standing import Standing
from core.plan import STAGE, UPLOAD
from core.protocol.answers import Removed
from core.protocol.requests import Settles
from core.shape import shape_digest
from core.text import count, size


class Transition:
    """The phases of a deploy or rollback, in their order: ready, switch and check for each batch, confirm, finish."""

    def __init__(self, run: Run, prepared: Prepared, standing: Standing, hooks: HookRuns) -> None:
        self._run = run
        self._standing = standing
        self._hooks = hooks
        self._checks = CheckRuns(run, standing, hooks)
        self._plan = standing.plan
        self._tree = tree = prepared.tree
        # While files travel: it takes some milliseconds.
        self._shape = Ahead(lambda: shape_digest(tree.manifest)) if tree else None
        self._delivery = Delivery(run, prepared, standing.states)
        self._concluded: dict[str, Removed] = {}
        self._ending = 0.0

    def ready(self, controls: Controls) -> None:
        """Upload, stage and prepare hooks, each server at its own pace. Then the barrier: all servers are ready, or
        none switches.

        If this process dies here nothing has switched: each agent removes what is half made, and unlocks.
        """
        self._run.all_or_stop(self._bring, controls).unwrap()
        with self._run.phase("barrier"):
            controls.cancel.check()
            if self._standing.slots:
                self._run.on_all(self._take_slot, self._plan.moving).unwrap()
            if self._standing.made:
                for moment in (PREPARE, FINALIZE):
                    self._hooks.at_operator(moment, controls.cancel)
            # Staged checks ask what a before-switch hook has started, and have passed before a person is asked.
            if not self._checks.any_staged:
                self._hold(controls)
            self._hooks.at(BEFORE_SWITCH, controls.cancel)
            controls.cancel.check()
            self._checks.staged(self._plan.moving, controls)
            if self._checks.any_staged:
                self._hold(controls)

    def _hold(self, controls: Controls) -> None:
        self._standing.approved = hold(self._run, self._plan, controls)

    def _take_slot(self, name: str) -> None:
        """Write down the slot that a release gets which is there already, before anything runs in it.

        Only that of the live release counts: if this process dies here, it is not that yet.
        """
        release, record = self._standing.states[name].releases.get(self._plan.tag), self._standing.record_of(name)
        known = release.record if release else None
        if known and record and name not in self._standing.made and known.slot != record.slot:
            self._run.held(name).record(replace(known, slot=record.slot))

    def _bring(self, name: str, controls: Controls) -> None:
        """One server, from whatever its deploy-cache holds to a complete release."""
        step = self._plan.step(name)
        if step.action == UPLOAD:
            with self._run.phase("upload", name):
                self._delivery.send(name, controls.cancel)
        if step.action in (UPLOAD, STAGE):
            with self._run.phase("stage", name):
                self._stage(name, controls)

    def _stage(self, name: str, controls: Controls) -> None:
        """Copy the deploy-cache into the release, run the prepare hooks there, give it its name in releases/."""
        held, deploy = self._run.held(name), self._run.fleet.project.deploy
        record = self._standing.record_of(name)
        assert record and self._tree and self._shape
        controls.cancel.check()
        prepare, finalize = self._hooks.while_staging(name), self._hooks.while_finalizing(name)
        if deploy.writable:
            held.writable(deploy.writable)
        held.stage(
            self._plan.tag,
            deploy.copy_mode,
            self._tree.manifest,
            self._shape.get(),
            replace(record, failed="", left=False),
            deploy.shared,
            complete=not (prepare or finalize),
            cancel=controls.cancel,
        )
        for hook in prepare:
            self._hooks.while_made(hook, name, controls.cancel)
        if prepare or finalize:
            controls.cancel.check()
            held.complete(self._plan.tag, finalize=bool(finalize))
        self._standing.made.add(name)
        for hook in finalize:
            self._hooks.while_made(hook, name, controls.cancel)
        if finalize:
            controls.cancel.check()
            held.finalized(self._plan.tag)

    def switch(self, batch: Sequence[str], controls: Controls) -> None:
        """One rename on each server of a batch that has not got the release yet, all at once; then the hooks.

        If this process dies here, `current` points to a complete release on every server, the old one or the new one.
        """
        moving = [name for name in batch if name in self._plan.moving]
        self._run.on_all(self._switch, moving).unwrap()
        if not self._concluded:
            controls.cancel.check()
            self._hooks.at(AFTER_SWITCH, controls.cancel, moving)

    def _switch(self, name: str) -> None:
        run, tag, state = self._run, self._plan.tag, self._standing.states[name]
        with run.phase("switch", name):
            self._standing.switched.add(name)
            journal = run.journal("switch", tag=tag, previous=state.current, target=state.current_target)
            if self._nothing_between:
                self._switch_and_conclude(name, journal)
            else:
                run.held(name).switch(tag, state.current_target, journal)
            self._checks.is_live(name)
            run.emit(Switched(server=name, tag=tag, previous=state.current))

    @property
    def _nothing_between(self) -> bool:
        """Whether switch and end can be one request: one server, no checks, no hooks after the switch."""
        return len(self._plan.steps) == 1 and not self._checks.any_switched and not self._hooks.any_at(SWITCHED)

    def _switch_and_conclude(self, name: str, journal: str) -> None:
        """Both in one round trip; a cancel that comes meanwhile is too late."""
        run, held, step = self._run, self._run.held(name), self._plan.step(name)
        run.heartbeat.deliver_all(held)
        self._standing.concluding.add(name)
        target = self._standing.states[name].current_target
        last, fates = self._end(name), self._standing.fates(name)
        self._ending = clock()
        removed = held.switch_and_finish(self._plan.tag, target, journal, last, step.prune, fates)
        if removed is not None:
            run.let_go(name)
            self._concluded[name] = removed

    def check(self, batch: Sequence[str], controls: Controls) -> None:
        """Every check on every server of a batch, all servers at once; then those that bake go on.

        Raises FleetError, Cancelled.
        """
        self._checks.switched(batch, controls)
        self._checks.bake(batch, controls)

    def confirm(self) -> None:
        """Ask every server whether people's own hooks and checks left `current` and the lock alone, before others,
        success hooks among them, tell of the release. Without hooks and checks the last request finds out.

        Raises FleetError with LockLost or Astray.
        """
        run = self._run
        if self._checks.any_switched or self._hooks.any_at(SWITCHED):
            names = [step.server for step in self._plan.steps]
            confirm = lambda name: run.held(name).confirm(self._standing.left(name))  # noqa: E731
            run.on_all(confirm, names).unwrap("check")

    def finish(self) -> str:
        """Hooks, records, journal, pruning, unlock; the summary in one sentence.

        Nothing here makes the operation fail but a server where `current` is not as it was left: NeedsPerson. A cancel
        comes too late. If this process dies here, `transitions.jsonl` says what is left to finish.
        """
        run, cancel = self._run, Controls().cancel
        with run.phase("finish"):
            for after in (AFTER_ROLLBACK, SUCCESS):
                if self._plan.kind in after.plans:
                    self._hooks.at(after, cancel)
            self._hooks.retire(cancel, self._standing.retired)
            left = {name: self._standing.left(name) for name in run.fleet.names}
            found = end(run, left, self._conclude, cancel, self._ending)
            if found:
                error = unclaimed(run, f"{self._plan.tag} is not live on", found)
                run.give_back("failed", error)
                raise error
            # If the end could not be written, the journal shows an interruption; the lock need not stay.
            run.give_back("")
        return self._summary()

    def _conclude(self, name: str, again: bool) -> None:
        if name in self._concluded:
            self._run.report_removed(name, self._concluded[name])
            return
        standing = self._standing
        # What was to be pruned was chosen before the lock was lost.
        prune = () if again else self._plan.step(name).prune
        self._run.conclude(name, Settles.ALL, self._end(name), prune, standing.fates(name), standing.left(name))

    def _end(self, name: str) -> str:
        """The journal's line of an operation that ended well."""
        self._run.facts |= {
            "sent_bytes": self._delivery.bytes,
            "sent_files": self._delivery.files,
            "batches": len(self._plan.batches),
        }
        return self._run.journal("end", outcome="done", tag=self._plan.tag, **self._standing.was_live(name))

    def _summary(self) -> str:
        moved, live = len(self._plan.moving), len(self._plan.reaching)
        parts = []
        if self._delivery.bytes or self._delivery.files:
            parts.append(f"sent {size(self._delivery.bytes)} in {count(self._delivery.files, 'file')}")
        if live > moved:
            parts.append(f"{count(live - moved, 'server')} had it already")
        text = f"{self._plan.tag} is live on {count(live, 'server')}"
        return f"{text}: {', '.join(parts)}" if parts else text
