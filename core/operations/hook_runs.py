"""The hooks of an operation: those of one moment on all their servers, and the variables that they get."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext

from core import hooks, layout, variables
from core.config import Hook
from core.dataclass import dataclass
from core.errors import FleetError, TurnoutError
from core.jobs import Cancel
from core.moments import AFTER_SWITCH, FINALIZE, FIRST_SERVER, MOMENTS, OPERATOR, PREPARE, RETIRE, RETURN, Moment
from core.operations.run import Run
from core.operations.standing import Standing
from core.text import most

Guard = Callable[[str, Callable[[], None], bool], None]
"""Does a server's step, and leaves the server out where it fails and may; True: the others need this step, too."""


@dataclass(frozen=True)
class _Way:
    """How the hooks of one moment run.

    folder   below the deploy root, where commands on servers start; `{tag}` stands for the release
    back     by server: the tag that hooks are told of: on the way back the one that is live again, of `retire` the one
             that was left; None on the way to the release
    guard    what a server's hook runs in
    """

    folder: str
    servers: Sequence[str]
    cancel: Cancel
    back: Mapping[str, str] | None = None
    guard: Guard | None = None


class HookRuns:
    """Runs the hooks of the configuration, one after the other, each on all its servers at once."""

    def __init__(self, run: Run, standing: Standing) -> None:
        self._run = run
        self._standing = standing
        self._unsure: set[str] = set()
        """Servers that were switched back, where it is not known which release serves."""
        rolling = standing.plan.strategy.rolling
        # A server that an operation before this one left drained has to be brought back, also where all switch at once.
        also = {RETURN.name} if standing.drained else set()
        self._hooks = [
            hook
            for hook in run.fleet.project.hooks
            if hook.runs_in(standing.carries)
            and (run.hooks or MOMENTS[hook.on].makes)
            and (rolling or hook.on in also or not MOMENTS[hook.on].batched)
        ]

    def any_at(self, moments: Sequence[Moment]) -> bool:
        """Whether there is a hook at any of these moments."""
        names = {moment.name for moment in moments}
        return any(hook.on in names for hook in self._hooks)

    @property
    def first_server_alone(self) -> bool:
        """Whether a hook runs on the first server for all of them."""
        return any(hook.where == FIRST_SERVER for hook in self._hooks)

    def at(
        self, moment: Moment, cancel: Cancel, servers: Sequence[str] | None = None, guard: Guard | None = None
    ) -> None:
        """Run a moment's hooks.

        servers   those that commands run on; by default those that switch
        guard     what each server's hook runs in
        Raises FleetError, HookFailed, Cancelled where the moment is fatal; else a failure is a warning, and the hooks
        after it do not run.
        """
        chosen = self._standing.moving if servers is None else servers
        way = _Way(moment.folder, chosen, cancel, guard=guard)
        if moment.fatal:
            self._all(moment, way)
        else:
            with self._as_warnings():
                self._all(moment, way)

    def at_operator(self, moment: Moment, cancel: Cancel) -> None:
        """Run those of a moment's hooks that run on the operator's machine. Raises HookFailed, Cancelled."""
        for hook in self._hooks:
            if hook.on == moment.name and hook.where == OPERATOR:
                self._hook(hook, _Way("", (), cancel))

    def while_staging(self, name: str) -> list[Hook]:
        """The prepare hooks that run on a server, in its own time, before its release is complete."""
        return [hook for hook in self._hooks if hook.on == PREPARE.name and self._runs_on(hook, name)]

    def while_finalizing(self, name: str) -> list[Hook]:
        """The finalize hooks that run on a server, in its own time, once its release has its name."""
        return [hook for hook in self._hooks if hook.on == FINALIZE.name and self._runs_on(hook, name)]

    def while_made(self, hook: Hook, name: str, cancel: Cancel) -> None:
        """Run one of `while_staging` or `while_finalizing`. Raises HookFailed, ConnectError, Cancelled."""
        folder = f"{self._standing.states[name].root}/{MOMENTS[hook.on].folder.format(tag=self._standing.tag_on(name))}"
        hooks.run(self._run.site(name, cancel), hook, folder, {**self.variables(name), "TURNOUT_RELEASE_PATH": folder})

    def going_back(self, moment: Moment, servers: Sequence[str], cancel: Cancel) -> None:
        """Run a moment's hooks on the way back, in what is live: services have to load the old release again.

        A failure is a warning.
        """
        if servers:
            with self._as_warnings() as failed:
                back = {name: self._standing.before(name) for name in servers}
                self._all(moment, _Way(layout.CURRENT, servers, cancel, back))
            if failed and moment is AFTER_SWITCH:
                self._unsure.update(servers)

    def retire(self, cancel: Cancel, left: Mapping[str, str]) -> None:
        """Run the hooks of releases that were left, by server, each in its folder and with its variables; not where
        the hooks after the switch back failed: what serves may be of the release that was left.

        A failure is a warning.
        """
        if self.any_at((RETIRE,)):
            for name in sorted(self._unsure & left.keys()):
                text = f"no retire hook runs: those after the switch back failed, so {left[name]} may still serve"
                self._run.warn(text, name)
        left = {name: tag for name, tag in left.items() if name not in self._unsure}
        with self._as_warnings():
            if left:
                self._all(RETIRE, _Way(RETIRE.folder, list(left), cancel, left))

    def users(self, name: str) -> set[str]:
        """Those that hooks name as whom they run on a server."""
        return {hook.account for hook in self._hooks if hook.account and self._runs_on(hook, name)}

    def variables(self, server: str = "", back: str | None = None) -> dict[str, str]:
        """The variables that hooks and checks get; with a server, its own too.

        back   the tag that is live again after a switch back
        """
        run, standing = self._run, self._standing
        tag, record, previous = standing.tag, standing.plan.record, standing.plan.live
        if server:
            previous = standing.states[server].current
            record = standing.record_of(server)
            tag = standing.tag_on(server)
        if back is not None:
            chosen = [server] if server else list(standing.states)
            releases = (standing.states[name].releases.get(back) for name in chosen)
            record = next((release.record for release in releases if release and release.record), None)
            tag, previous = back, tag
        project, environment = run.fleet.project.project, run.fleet.environment.name
        values = variables.of_operation(project, environment, run.kind, run.who, run.reason)
        values |= variables.of_release(tag, record, previous, standing.names)
        values |= standing.batch_variables
        if server:
            state = standing.states[server]
            values |= variables.of_server(server, state.root, tag, state.current_path)
            if standing.slots:
                slot = standing.slots.of(server, back)
                values |= variables.of_slot(slot, standing.slots.port(slot))
        return {**self._run.fleet.variables(server), **values}

    def _all(self, moment: Moment, way: _Way) -> None:
        for hook in self._hooks:
            if hook.on == moment.name:
                self._hook(hook, way)

    def _hook(self, hook: Hook, way: _Way) -> None:
        run, standing, back = self._run, self._standing, way.back
        way.cancel.check()
        if hook.where == OPERATOR:
            live = most(back.values()) if back is not None else None
            site = run.operator_site(way.cancel)
            hooks.run(site, hook, str(run.fleet.project.folder), self.variables(back=live))
            return

        def on_server(name: str) -> None:
            state = standing.states[name]
            below = way.folder.format(tag=standing.tag_on(name) if back is None else back[name])
            folder = state.current_path if way.folder == layout.CURRENT else f"{state.root}/{below}"
            told = self.variables(name, back[name] if back is not None else None)
            with run.phase(hook.on, name) if MOMENTS[hook.on].batched else nullcontext():
                hooks.run(run.site(name, way.cancel), hook, folder, told)

        there = [name for name in way.servers if back is not None or name not in run.left_out]
        names = [name for name in there if self._runs_on(hook, name)]
        if not names:
            return
        guard, needed = way.guard, hook.where == FIRST_SERVER
        step = (lambda name: guard(name, lambda: on_server(name), needed)) if guard else on_server
        run.on_all(step, names).unwrap(hook.on)

    def _runs_on(self, hook: Hook, name: str) -> bool:
        """Whether a hook runs on a server: by its place, and by the server's roles."""
        run = self._run
        taking = {*run.names, name}
        names = [each.name for each in run.fleet.servers if hook.concerns(each) and each.name in taking]
        return name in (names[:1] if hook.where == FIRST_SERVER else names) and hook.where != OPERATOR

    @contextmanager
    def _as_warnings(self) -> Iterator[list[TurnoutError]]:
        """Turn what fails into warnings; gives what has failed."""
        errors: list[TurnoutError] = []
        try:
            yield errors
        except FleetError as error:
            errors.append(error)
            for server, failed in error.errors.items():
                self._run.warn(f"{failed.title}: {failed.detail}", server)
        except TurnoutError as error:
            errors.append(error)
            self._run.warn(f"{error.title}: {error.detail}")
