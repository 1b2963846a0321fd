"""The way of the servers to a release: made on all of them, switched and checked batch by batch, finished."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from msgspec.structs import replace

from core import questions
from core.errors import Cancelled, LockLost, TurnoutError
from core.events import BatchStarted, Paused, Switched
from core.jobs import Ahead, Controls
from core.moments import (
    AFTER_ROLLBACK,
    AFTER_SWITCH,
    BEFORE_SWITCH,
    DRAIN,
    FINALIZE,
    PREPARE,
    RETURN,
    SUCCESS,
    SWITCHED,
)
from core.operations.check_runs import CheckRuns
from core.operations.delivery import Delivery, readable_for
from core.operations.ending import end, unclaimed
from core.operations.holding import hold
from core.operations.hook_runs import HookRuns
from core.operations.keeping import confirm, keep
from core.operations.leaving_out import LeavingOut, asks_again, withdraw
from core.operations.other_tool import revision_text, tell_other_tool
from core.operations.planning import Prepared
from core.operations.run import Run
from core.operations.slot_taking import SlotTaking
from core.operations.standing import Standing
from core.plan import STAGE, UPLOAD
from core.protocol.answers import Removed
from core.protocol.requests import ANYWHERE, Settles
from core.questions import ANSWER_WITHIN, GO
from core.remote.held import clock
from core.shape import shape_digest
from core.source.tree import Tree
from core.strategy import Batch
from core.text import count, size


class Transition:
    """The phases of a deploy or rollback, in their order: ready; for each batch drain, switch, check, bring_back
    and bake; confirm, finish.
    """

    def __init__(self, run: Run, prepared: Prepared, standing: Standing, hooks: HookRuns) -> None:
        self._run = run
        self._standing = standing
        self._hooks = hooks
        self._checks = CheckRuns(run, standing, hooks)
        self._plan = standing.plan
        parts = prepared.parts
        self._trees = {tag: part.tree for tag, part in parts.items() if part.tree}
        # While files travel: it takes some milliseconds.
        self._shapes = {tag: _shape_ahead(tree) for tag, tree in self._trees.items()}
        self._deliveries = {tag: Delivery(run, part, standing.states) for tag, part in parts.items()}
        self._leaving_out = LeavingOut(run, standing, hooks)
        self._slots = SlotTaking(run, standing, hooks)
        self._sent: set[str] = set()
        self._concluded: dict[str, Removed] = {}
        self._ending = 0.0

    def ready(self, controls: Controls) -> None:
        """Upload, stage and prepare hooks, each server at its own pace. Then the barrier: all servers are ready, or
        none switches.

        If this process dies here nothing has switched: each agent removes what is half made, and unlocks.
        """
        self._run.all_or_stop(self._bring_or_leave, controls).unwrap()
        with self._run.phase("barrier"):
            controls.cancel.check()
            if self._standing.made:
                for moment in (PREPARE, FINALIZE):
                    self._hooks.at_operator(moment, controls.cancel)
            # Staged checks ask what a before-switch hook has started, and have passed before a person is asked.
            if not self._checks.any_staged:
                self._hold(controls)
            self._slots.take(controls.cancel, self._guard(controls))
            self._hooks.at(BEFORE_SWITCH, controls.cancel, guard=self._guard(controls))
            controls.cancel.check()
            self._checks.staged(self._standing.moving, controls, self._guard(controls))
            if self._checks.any_staged:
                self._hold(controls)

    def _hold(self, controls: Controls) -> None:
        self._standing.approved = hold(self._run, self._plan, controls)

    def _bring_or_leave(self, name: str, controls: Controls) -> None:
        self._leaving_out.attempt(name, lambda: self._bring(name, controls), controls)

    def _guard(self, controls: Controls) -> Callable[[str, Callable[[], None], bool], None]:
        """What each server's part of a hook before its switch runs in."""
        return lambda name, step, needed: self._leaving_out.attempt(name, step, controls, needed=needed)

    def _bring(self, name: str, controls: Controls) -> None:
        """One server, from whatever its deploy-cache holds to a complete release."""
        step = self._plan.step(name)
        # Nothing is changed there before it is certain that all hooks and checks can run.
        self._run.session(name).prove(sorted(self._hooks.users(name) | self._checks.users(name)))
        # Where it is tried again: what was sent stays, what was made of it is made once more.
        withdraw(self._run, self._standing, name)
        tag = self._standing.tag_on(name)
        if step.action in (UPLOAD, STAGE) and tag in self._trees:
            readable_for(self._run.session(name).ownership.group, self._trees[tag].manifest)
        if step.action == UPLOAD and name not in self._sent:
            with self._run.phase("upload", name):
                self._deliveries[tag].send(name, controls.cancel)
            self._sent.add(name)
        if step.action in (UPLOAD, STAGE):
            with self._run.phase("stage", name):
                self._stage(name, controls)

    def _stage(self, name: str, controls: Controls) -> None:
        """Copy the deploy-cache into the release, run the prepare hooks there, give it its name in releases/."""
        held, deploy = self._run.held(name), self._run.fleet.project.deploy
        record, tag = self._standing.record_of(name), self._standing.tag_on(name)
        assert record
        controls.cancel.check()
        prepare, finalize = self._hooks.while_staging(name), self._hooks.while_finalizing(name)
        revision = revision_text(deploy.compatible, record)
        if deploy.writable:
            held.writable(deploy.writable)
        held.stage(
            tag,
            deploy.copy_mode,
            self._trees[tag].manifest,
            self._shapes[tag].get(),
            replace(record, failed="", left=False),
            deploy.shared,
            complete=not (prepare or finalize or revision),
            cancel=controls.cancel,
        )
        if revision:
            held.revision(tag, revision)
        for hook in prepare:
            self._hooks.while_made(hook, name, controls.cancel)
        if prepare or finalize or revision:
            controls.cancel.check()
            held.complete(tag, finalize=bool(finalize))
        self._standing.made.add(name)
        for hook in finalize:
            self._hooks.while_made(hook, name, controls.cancel)
        if finalize:
            controls.cancel.check()
            held.finalized(tag)

    def batches(self, controls: Controls) -> Iterator[Batch]:
        """The servers that take part in each batch, as soon as it is its turn: the one before it has ended well, and
        what the strategy has between two is over.

        If this process dies in a pause, the batches before it are live and in service.
        """
        batches, planned = self._plan.batches, self._standing.reaching
        for number, servers in enumerate(batches, start=1):
            batch = tuple(name for name in servers if name in planned)
            if not batch:
                continue
            self._standing.batch = number, len(batches), batch
            self._run.emit(BatchStarted(number=number, batches=len(batches), servers=batch))
            yield batch
            if number < len(batches):
                self._between(number, controls)

    def _between(self, number: int, controls: Controls) -> None:
        """Wait before the next batch, or ask. Raises Cancelled."""
        strategy, batches = self._plan.strategy, self._plan.batches
        if strategy.hold:
            standing = self._standing
            done = [name for name in standing.reaching if name in standing.switched]
            coming = self._there(batches[number])
            deadline, other = time.time() + ANSWER_WITHIN, bool(self._plan.approve)
            question = questions.batch(coming, standing.tag, done, deadline, other_only=other)
            answer = self._run.ask(question, controls)
            if answer.choice != GO:
                raise Cancelled("undone by " + (answer.by or "default: nobody answered"))
        elif strategy.pause:
            self._run.emit(Paused(number=number, batches=len(batches), until=time.time() + strategy.pause))
            controls.cancel.wait(strategy.pause)
        controls.cancel.check()

    def drain(self, batch: Sequence[str], controls: Controls) -> None:
        """The drain hooks of the servers of a batch that are about to switch. One that fails may be left out.

        If this process dies here, each server's journal says that it is drained: recover lets it return.
        """
        standing = self._standing
        moving = [name for name in batch if name in standing.moving and name not in standing.drained]
        if not moving or not self._hooks.any_at((DRAIN,)):
            return
        guard = self._guard(controls)
        self._run.on_all(lambda name: guard(name, lambda: self._note_drain(name), False), moving).unwrap(DRAIN.name)
        if moving := [name for name in moving if name in standing.moving]:
            self._hooks.at(DRAIN, controls.cancel, moving, guard)
        controls.cancel.check()

    def _note_drain(self, name: str) -> None:
        """Let the server's journal know before its drain hook begins; only then is it certain to be there."""
        run, held = self._run, self._run.held(name)
        held.note(run.journal("drain", batch=self._standing.batch[0]))
        self._standing.drained.add(name)
        held.confirm(ANYWHERE)

    def bring_back(self, batch: Sequence[str], controls: Controls) -> None:
        """The return hooks of the servers of a batch: they take requests again."""
        standing = self._standing
        moving = standing.moving if self._plan.strategy.rolling else ()
        coming = [name for name in batch if name in moving or name in standing.drained]
        if not coming or not self._hooks.any_at((RETURN,)):
            return
        # One that fails in the middle may be in service: it is drained again before it is switched back.
        drained = standing.drained & set(coming)
        standing.drained -= drained
        self._insist(lambda: self._hooks.at(RETURN, controls.cancel, coming), controls)
        for name in drained:
            self._run.held(name).note(self._run.journal("return", batch=standing.batch[0]))
        controls.cancel.check()

    def _insist(self, step: Callable[[], None], controls: Controls) -> None:
        """A step of a batch after its switch; a person may have it tried again where it fails."""
        while True:
            try:
                return step()
            except TurnoutError as error:
                if not asks_again(self._run, self._standing, error, controls):
                    raise

    def switch(self, batch: Sequence[str], controls: Controls) -> None:
        """One rename on each server of a batch that has not got the release yet, all at once; then the hooks, also
        where an interrupted operation had switched and may have died before they ran.

        If this process dies here, `current` points to a complete release on every server, the old one or the new one.
        """
        standing = self._standing
        moving = [name for name in batch if name in standing.moving]
        if len(standing.names) > 1:
            keep(self._run, {name: standing.left_now(name) for name in standing.names}, "switch")
        # Those that stay as they are answer meanwhile: had one lost its lock, the others would go to a release alone.
        staying = [name for name in standing.names if name not in standing.moving] if moving else []
        self._run.on_all(self._switch, [*moving, *staying]).unwrap("switch")
        names = [*moving, *self._behind(batch)]
        if not self._concluded and names:
            controls.cancel.check()
            self._insist(lambda: self._hooks.at(AFTER_SWITCH, controls.cancel, names), controls)

    def _behind(self, batch: Sequence[str]) -> list[str]:
        """The servers of a batch where the hooks after an interrupted operation's switch may not have run. One that was
        drained and has returned is in service, and they had run there."""
        standing, drains = self._standing, self._hooks.any_at((DRAIN,))
        before = {*standing.switched_before, *standing.unsettled}
        there = (name for name in batch if name in before and name in standing.reaching)
        return [name for name in there if not drains or name in standing.drained]

    def _switch(self, name: str) -> None:
        run, tag, state = self._run, self._standing.tag_on(name), self._standing.states[name]
        if name not in self._standing.moving:
            run.held(name).confirm(self._standing.left(name))
            return
        with run.phase("switch", name):
            self._standing.switched.add(name)
            batch = {"batch": self._standing.batch[0]} if self._plan.strategy.rolling else {}
            journal = run.journal("switch", tag=tag, previous=state.current, target=state.current_target, **batch)
            try:
                if self._nothing_between:
                    self._switch_and_conclude(name, journal)
                else:
                    run.held(name).switch(tag, state.current_target, journal)
            except LockLost:
                self._standing.switched.discard(name)  # nothing was changed there
                raise
            self._checks.is_live(name)
            run.emit(Switched(server=name, tag=tag, previous=state.current))

    @property
    def _nothing_between(self) -> bool:
        """Whether switch and end can be one request: one server, no checks, no hooks after the switch."""
        people = self._checks.any_switched or self._hooks.any_at(SWITCHED)
        told, slots = self._run.fleet.project.deploy.compatible, self._standing.slots
        return len(self._standing.names) == 1 and not people and not told and not slots and not slots.any_use

    def _switch_and_conclude(self, name: str, journal: str) -> None:
        """Both in one round trip; a cancel that comes meanwhile is too late."""
        run, held, step = self._run, self._run.held(name), self._plan.step(name)
        run.heartbeat.deliver_all(held)
        self._standing.concluding.add(name)
        target = self._standing.states[name].current_target
        last, fates = self._end(name), self._standing.fates(name)
        self._ending = clock()
        removed = held.switch_and_finish(self._standing.tag_on(name), target, journal, last, step.prune, fates)
        if removed is not None:
            run.let_go(name)
            self._concluded[name] = removed

    def check(self, batch: Sequence[str], controls: Controls) -> None:
        """Every check on every server of a batch, all servers at once. Raises FleetError, Cancelled."""
        self._insist(lambda: self._checks.switched(self._there(batch), controls), controls)

    def bake(self, batch: Sequence[str], controls: Controls) -> None:
        """The checks that go on for a while, when the batch takes requests again: else there would be nothing to see.

        Raises FleetError, Cancelled.
        """
        self._insist(lambda: self._checks.bake(self._there(batch), controls), controls)

    def _there(self, batch: Sequence[str]) -> list[str]:
        """The servers of a batch that take part."""
        return [name for name in batch if name in self._standing.reaching]

    def confirm(self) -> None:
        """Ask every server whether people's own hooks and checks left `current` and the lock alone, before others,
        success hooks among them, tell of the release, and while all can go back. Without hooks and checks those are
        asked that switched a while ago.

        Raises FleetError with LockLost or Astray.
        """
        if self._concluded:
            return
        asked = confirm if self._checks.any_switched or self._hooks.any_at(SWITCHED) else keep
        asked(self._run, {name: self._standing.left(name) for name in self._standing.names}, "check")

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
            self._slots.leave(cancel)
            tell_other_tool(run, self._standing)
            left = {name: self._standing.left(name) for name in run.names}
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
        slots = None if again else standing.slots.text(name)
        self._run.conclude(name, Settles.ALL, self._end(name), prune, standing.fates(name), standing.left(name), slots)

    def _end(self, name: str) -> str:
        """The journal's line of an operation that ended well."""
        sent_bytes, sent_files = self._travelled
        self._run.facts |= {"sent_bytes": sent_bytes, "sent_files": sent_files, "batches": len(self._plan.batches)}
        if self._run.left_out:
            self._run.facts["left_out"] = sorted(self._run.left_out)
        return self._run.journal(
            "end", outcome="done", tag=self._standing.tag_on(name), **self._standing.was_live(name)
        )

    @property
    def _travelled(self) -> tuple[int, int]:
        """Bytes of content, and files, that were sent to all servers together."""
        deliveries = self._deliveries.values()
        return sum(each.bytes for each in deliveries), sum(each.files for each in deliveries)

    def _summary(self) -> str:
        moved, live = len(self._standing.moving), len(self._standing.reaching)
        sent_bytes, sent_files = self._travelled
        parts = []
        if sent_bytes or sent_files:
            parts.append(f"sent {size(sent_bytes)} in {count(sent_files, 'file')}")
        if fetching := [each.fetching for each in self._deliveries.values() if each.fetching]:
            from core.operations.stored import fetched  # few projects have a store

            parts += fetched(fetching)
        if live > moved:
            parts.append(f"{count(live - moved, 'server')} had it already")
        text = f"{self._plan.tag} is live on {count(live, 'server')}"
        if tags := self._plan.tags:
            where = {tag: [n for n in on if n in self._standing.reaching] for tag, on in self._plan.by_tag.items()}
            text = "; ".join(f"{tag} is live on {', '.join(on)}" for tag, on in where.items() if on)
            if stay := [name for name in tags if name in self._standing.names and name not in self._plan.reaching]:
                text += f"; {', '.join(stay)} as before"
        if out := self._run.left_out:
            text += f", {', '.join(out)} left out"
        return f"{text}: {', '.join(parts)}" if parts else text


def _shape_ahead(tree: Tree) -> Ahead[str]:
    return Ahead(lambda: shape_digest(tree.manifest))
