"""Deploy and rollback: make the release on every server, wait for all, switch all, verify, or put everything back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from core import checks, hooks, layout
from core.config import Hook
from core.errors import EXIT_DONE, FleetError, TurnoutError
from core.events import Switched
from core.jobs import Ahead, Cancel, fault
from core.operations.delivery import Delivery
from core.operations.ending import end, moment, unclaimed
from core.operations.planning import Prepared
from core.operations.putback import put_back
from core.operations.run import Run
from core.plan import DEPLOY, NONE, ROLLBACK, STAGE, UPLOAD
from core.protocol.answers import Removed
from core.protocol.requests import Settles, live_at
from core.records import Record, ServerState, mark
from core.shape import shape_digest
from core.text import count, size


class Transition:
    """The way of all servers from one release to another.

    made      servers on which this operation published the release
    switched  servers whose switch was asked for; whether it happened is certain only where it was answered
    concluding   those that were asked to finish in the same breath
    """

    def __init__(self, run: Run, prepared: Prepared, states: Mapping[str, ServerState]) -> None:
        self.run = run
        self.plan = prepared.plan
        self.states = states
        self.tag = prepared.plan.tag
        self.record = prepared.plan.record
        self._interrupted = prepared.interruption.records if prepared.interruption else {}
        self.tree = tree = prepared.tree
        # While files travel: it takes some milliseconds.
        self._shape = Ahead(lambda: shape_digest(tree.manifest)) if tree else None
        self.delivery = Delivery(run, prepared, states)
        self.made: set[str] = set()
        self.switched: set[str] = set()
        self.concluding: set[str] = set()
        self._concluded: dict[str, Removed] = {}
        self._ending = 0.0
        self.exit_code = EXIT_DONE

    def carry_out(self) -> str:
        """All phases from upload to finish; the summary in one sentence.

        Raises what went wrong after everything was put back, NeedsPerson where a server could not be put back.
        """
        try:
            self.run.open(self.tag, self.record)
            self._ready()
            self._switch()
            self._verify()
            self._confirm()
        except Exception as problem:
            # A fault of ours is no reason to leave servers half-way.
            error = problem if isinstance(problem, TurnoutError) else fault(problem)
            put_back(self, error)
            error.hint = error.hint or ("every server was switched back" if self.switched else "nothing was switched")
            if error is problem:
                raise
            raise error from problem
        return self._finish()

    def verify_and_finish(self) -> str:
        """For an interrupted operation that had switched every server: the checks it has missed, and the end.

        Where a check fails nothing is switched: the journals still tell of the interruption, and it can be undone.
        """
        with self.run.or_give_back("refused"):
            self._verify()
            self._confirm()
        return self._finish()

    def told(self, server: str = "", back: str | None = None) -> dict[str, str]:
        """The variables that hooks and checks get; those of one server besides.

        back  the tag that is live again, where things are put back
        """
        tag, record, previous = self.tag, self.record, self.plan.live
        if server:
            previous = self.states[server].current
            record = self.record_of(server)
        if back is not None:
            known = (state.releases.get(back) for name, state in self.states.items() if name == server or not server)
            record = next((release.record for release in known if release and release.record), None)
            tag, previous = back, self.tag
        values = {
            "TURNOUT_PROJECT": self.run.fleet.project.project,
            "TURNOUT_ENVIRONMENT": self.run.fleet.environment.name,
            "TURNOUT_OPERATION": self.run.kind,
            "TURNOUT_WHO": self.run.who,
            "TURNOUT_TAG": tag,
            "TURNOUT_REVISION": record.revision if record else "",
            "TURNOUT_REF": record.ref if record else "",
            "TURNOUT_PREVIOUS": previous,
            "TURNOUT_SERVERS": " ".join(step.server for step in self.plan.steps),
        }
        if server:
            root = self.states[server].root
            values |= {
                "TURNOUT_SERVER": server,
                "TURNOUT_ROOT": root,
                "TURNOUT_RELEASE_PATH": f"{root}/{layout.release(tag) if tag else layout.CURRENT}",
                "TURNOUT_SHARED_PATH": f"{root}/{layout.SHARED}",
            }
        return values

    def record_of(self, server: str) -> Record | None:
        """The record for a server: of a deploy the plan's; else its own, for no server has a say in another's."""
        if self.plan.kind == DEPLOY or self.record is None:
            return self.record
        release = self.states[server].releases.get(self.tag)
        for own in (release.record if release else None, self._interrupted.get(server)):
            if own and own.digest == self.record.digest:
                return own
        return self.record

    def run_hooks(
        self,
        moment: str,
        folder: str = "",
        servers: Sequence[str] | None = None,
        back: Mapping[str, str] | None = None,
    ) -> None:
        """Run the hooks of a moment one after the other, each on all its servers at once.

        folder   below the deploy root, where the command runs; by default the release
        back     by server: the tag that is live again, where things are put back
        """
        for hook in self.run.fleet.project.hooks:
            if hook.on == moment:
                self._run_hook(hook, folder or layout.release(self.tag), servers, back)

    def _run_hook(
        self, hook: Hook, folder: str, servers: Sequence[str] | None, back: Mapping[str, str] | None = None
    ) -> None:
        run = self.run
        run.cancel.check()
        everywhere = self.plan.live if back is not None else None
        if hook.webhook:
            told = self.told(back=everywhere)
            hooks.webhook(run, hook, f"{told['TURNOUT_PROJECT']}: {hook.on} {told['TURNOUT_TAG']}", told)
        elif hook.where == "operator":
            hooks.on_operator(run, hook, self.told(back=everywhere))
        else:
            names = list(servers if servers is not None else self._moving)
            if hook.where == "first-server":
                names = [name for name in names if name == run.fleet.names[0]]
            if names:
                run.on_all(
                    lambda name: hooks.on_server(
                        run,
                        hook,
                        name,
                        f"{self.states[name].root}/{folder}",
                        self.told(name, back[name] if back is not None else None),
                    ),
                    names,
                ).unwrap(hook.on)

    @property
    def _moving(self) -> tuple[str, ...]:
        """The servers that switch; one that is on the release already stays out of it, but for the checks."""
        return tuple(step.server for step in self.plan.steps if step.action != NONE)

    @property
    def _concerned(self) -> tuple[str, ...]:
        """The servers that are on the release in the end; finishing an operation of a part leaves the others alone."""
        steps = self.plan.steps
        return tuple(step.server for step in steps if step.action != NONE or step.current == self.tag)

    def _ready(self) -> None:
        """Upload, stage, prepare hooks, each server at its own pace; the barrier: all are ready or none switches."""
        self.run.all_or_stop(self._bring).unwrap()
        with self.run.phase("barrier"):
            self.run.cancel.check()
            if self.made:
                self._operator_hooks("prepare")
            self.run_hooks("before-switch")
            self.run.cancel.check()

    def _bring(self, name: str) -> None:
        """One server: from whatever its cache holds to a complete release."""
        run, step = self.run, self.plan.step(name)
        if step.action not in (UPLOAD, STAGE):
            return
        record = self.record_of(name)
        assert record and self.tree and self._shape
        if step.action == UPLOAD:
            with run.phase("upload", name):
                self.delivery.send(name)
        with run.phase("stage", name):
            run.cancel.check()
            held, deploy = run.held(name), run.fleet.project.deploy
            prepare = [hook for hook in run.fleet.project.hooks if hook.on == "prepare" and self._runs_on(hook, name)]
            held.stage(
                self.tag,
                deploy.copy_mode,
                self.tree.manifest,
                self._shape.get(),
                replace(record, failed="", left=False),
                deploy.shared,
                publish=not prepare,
                cancel=run.cancel,
            )
            for hook in prepare:
                folder = f"{self.states[name].root}/{layout.half_made(self.tag)}"
                hooks.on_server(run, hook, name, folder, {**self.told(name), "TURNOUT_RELEASE_PATH": folder})
            if prepare:
                run.cancel.check()
                held.complete(self.tag)
            self.made.add(name)

    def _runs_on(self, hook: Hook, name: str) -> bool:
        return hook.where == "server" or (hook.where == "first-server" and name == self.run.fleet.names[0])

    def _operator_hooks(self, moment: str) -> None:
        for hook in self.run.fleet.project.hooks:
            if hook.on == moment and (hook.where == "operator" or hook.webhook):
                self._run_hook(hook, "", None)

    def _switch(self) -> None:
        """One rename on every server, all at once."""
        run = self.run

        def switch(name: str) -> None:
            with run.phase("switch", name):
                self.switched.add(name)
                state = self.states[name]
                journal = run.journal("switch", tag=self.tag, previous=state.current, target=state.current_target)
                if self._nothing_between:
                    self._switch_and_conclude(name, journal)
                else:
                    run.held(name).switch(self.tag, state.current_target, journal)
                run.emit(Switched(server=name, tag=self.tag, previous=state.current))

        run.on_all(switch, self._moving).unwrap()
        if not self._concluded:
            run.cancel.check()
            self.run_hooks("after-switch")

    @property
    def _nothing_between(self) -> bool:
        """Whether nothing can come between the switch and the end: one server, no checks, no hooks after it."""
        project = self.run.fleet.project
        moments = ("after-switch", "after-rollback", "success")
        return (
            len(self.plan.steps) == 1 and not project.checks and all(hook.on not in moments for hook in project.hooks)
        )

    def _switch_and_conclude(self, name: str, journal: str) -> None:
        """Both in one round trip; a cancel that comes meanwhile is too late."""
        run, held, step = self.run, self.run.held(name), self.plan.step(name)
        run.heartbeat.deliver_all(held)
        self.concluding.add(name)
        target = self.states[name].current_target
        last, fates = self._end(name), self._fates(name)
        self._ending = moment()
        removed = held.switch_and_finish(self.tag, target, journal, last, step.prune, fates)
        if removed is not None:
            run.let_go(name)
            self._concluded[name] = removed

    def fates_undone(self, name: str) -> list[Record]:
        """The records as they were before a finish that may have happened."""
        before = [self.states[name].releases[record.tag].record for record in self._fates(name)]
        return [record for record in before if record] if name in self.concluding else []

    def _verify(self) -> None:
        """Every check on every server, all servers at once."""
        run = self.run
        if not run.fleet.project.checks:
            return

        def verify(name: str) -> None:
            with run.phase("check", name):
                folder = f"{self.states[name].root}/{layout.release(self.tag)}"
                for check in run.fleet.project.checks:
                    checks.verify(run, check, name, folder, self.told(name))

        run.all_or_stop(verify, self._concerned).unwrap()
        run.cancel.check()

    def _left(self, name: str) -> str:
        """Where `current` has to be in the end: on the release, or where it was on a server that took no part."""
        return live_at(layout.release(self.tag) if name in self._moving else self.states[name].current_target)

    def _confirm(self) -> None:
        """Whether what people wrote (hooks, checks) left `current` and the locks alone, before others of it, success
        hooks, tell of the release. Where nothing of that kind is there, the last request finds out.
        """
        run = self.run
        moments = ("after-switch", "after-rollback", "success")
        if run.fleet.project.checks or any(hook.on in moments for hook in run.fleet.project.hooks):
            names = [step.server for step in self.plan.steps]
            run.on_all(lambda name: run.held(name).confirm(self._left(name)), names).unwrap("check")

    def _finish(self) -> str:
        """Records, journal, pruning, success hooks, unlock. From here on nothing makes the operation fail."""
        run = self.run
        run.cancel = Cancel()
        with run.phase("finish"):
            if self.plan.kind == ROLLBACK:
                self.softly(lambda: self.run_hooks("after-rollback"))
            self.softly(lambda: self.run_hooks("success"))
            left = {name: self._left(name) for name in run.fleet.names}
            found = end(run, left, self._conclude, self._ending)
            if found:
                error = unclaimed(run, f"{self.tag} is not live on", found)
                run.give_back("failed", error)
                raise error
            # Where the end could not be written, the journal tells of an interruption; the lock need not stay.
            run.give_back("")
        return self._summary()

    def _conclude(self, name: str, again: bool) -> None:
        if name in self._concluded:
            self.run.tell_removed(name, self._concluded[name])
            return
        # What was to be pruned was chosen before the lock was lost.
        prune = () if again else self.plan.step(name).prune
        self.run.conclude(name, Settles.ALL, self._end(name), prune, self._fates(name), self._left(name))

    def _end(self, name: str) -> str:
        """The journal's line of an operation that ended well."""
        return self.run.journal("end", outcome="done", tag=self.tag, previous=self.states[name].current)

    def _fates(self, name: str) -> list[Record]:
        """The records that change with a finished switch: what a rollback left is marked, what is live is not."""
        state = self.states[name]
        fates = []
        left = state.releases.get(state.current)
        target = state.releases.get(self.tag)
        if self.plan.kind == ROLLBACK and left and left.record and target and left.order > target.order:
            fates.append(mark(left.record, left=True))
        if target and target.record and (target.record.left or target.record.failed) and name not in self.made:
            fates.append(mark(target.record, left=False, failed=""))
        return fates

    def softly(self, work: Callable[[], None]) -> None:
        """Run hooks whose failure is only a warning."""
        try:
            work()
        except FleetError as error:
            for server, one in error.errors.items():
                self.run.warn(f"{one.title}: {one.detail}", server)
        except TurnoutError as error:
            self.run.warn(f"{error.title}: {error.detail}")

    def _summary(self) -> str:
        moved = len(self._moving)
        parts = []
        if self.delivery.bytes or self.delivery.files:
            parts.append(f"sent {size(self.delivery.bytes)} in {count(self.delivery.files, 'file')}")
        concerned = len(self._concerned)
        if concerned > moved:
            parts.append(f"{count(concerned - moved, 'server')} had it already")
        text = f"{self.tag} is live on {count(concerned, 'server')}"
        return f"{text}: {', '.join(parts)}" if parts else text
