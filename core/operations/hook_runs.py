"""The hooks of an operation: those of one moment on all their servers, and the variables that they get."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext

from msgspec import Struct
from msgspec.structs import replace

from core import hooks, layout, variables
from core.config import Hook
from core.errors import FleetError, HookFailed, TurnoutError
from core.jobs import Cancel
from core.moments import (
    AFTER_SWITCH,
    BEFORE_SWITCH,
    FAILURE,
    FINALIZE,
    FIRST_SERVER,
    MOMENTS,
    OPERATOR,
    PREPARE,
    RETIRE,
    RETURN,
    SERVER,
    Moment,
)
from core.operations.run import Run
from core.operations.standing import Standing
from core.protocol.requests import ANYWHERE
from core.text import most

Guard = Callable[[str, Callable[[], None], bool], None]
"""Does a server's step, and leaves the server out where it fails and may; True: the others need this step, too."""


class _Way(Struct, frozen=True):
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

    def turn_to_live(self, name: str, cancel: Cancel) -> bool:
        """Run the after-switch hooks of what is live on a server once more; whether they ended well."""
        self._unsure.discard(name)
        self.going_back(AFTER_SWITCH, [name], cancel)
        return name not in self._unsure

    def retire(self, cancel: Cancel, left: Mapping[str, str]) -> None:
        """Run the hooks of releases that were left, by server, each in its folder and with its variables; not where
        the hooks after the switch back failed: what serves may be of the release that was left.

        A failure is a warning, and the release keeps its slot. If this process dies here, each server's journal says
        what it had begun to retire.
        """
        slots = self._standing.slots
        for name in sorted(self._unsure & left.keys()):
            slots.unsure(name, left[name])
            if self.any_at((RETIRE,)):
                text = f"no retire hook runs: those after the switch back failed, so {left[name]} may still serve"
                self._run.warn(text, name)
        left = {name: tag for name, tag in left.items() if name not in self._unsure}
        noted = self._note_retiring(left) if slots or self.any_at((RETIRE,)) else list(left)
        stopped = self._each(RETIRE, self._stopping(noted, left, cancel)) if noted else set()
        for name in stopped:
            if self.any_at((RETIRE,)) or not self.stops(name):
                slots.free(name, left[name])

    def _note_retiring(self, left: Mapping[str, str]) -> list[str]:
        """Let the journals know what is about to be stopped; the servers where that is certain."""
        run, asked = self._run, self.any_at((RETIRE,))

        def note(name: str) -> None:
            held = run.held(name)
            held.note(run.journal("retire", tag=left[name]))
            if asked:
                held.confirm(ANYWHERE)

        outcome = run.on_all(note, left)
        for name, error in outcome.errors.items():
            run.warn(f"{left[name]} was not retired: {error.title}", name)
        return list(outcome.results)

    def _stopping(self, names: Sequence[str], left: Mapping[str, str], cancel: Cancel) -> _Way:
        return _Way(RETIRE.folder, names, cancel, {name: left[name] for name in names})

    def stop(self, name: str, tag: str, cancel: Cancel) -> None:
        """Run the retire hooks of a release that has a slot on a server and does not serve; a failure is a warning."""
        self._each(RETIRE, self._stopping([name], {name: tag}, cancel), only=SERVER)

    def stops(self, name: str) -> bool:
        """Whether what has a slot on a server is stopped by a hook, in whatever operation."""
        server = self._run.fleet.server(name)
        return any(hook.on == RETIRE.name and hook.concerns(server) for hook in self._run.fleet.project.hooks)

    def start_again(self, before: Mapping[str, str], cancel: Cancel) -> None:
        """Run the before-switch hooks of the releases that were live before, by server. Raises FleetError, HookFailed,
        Cancelled.
        """
        self._all(BEFORE_SWITCH, _Way(BEFORE_SWITCH.folder, list(before), cancel, before))

    def failed(self, cancel: Cancel, servers: Sequence[str], only: str = "") -> set[str]:
        """Run the failure hooks, or `only` those of this place; the servers where there are any, and all ended well."""
        good = self._each(FAILURE, _Way(FAILURE.folder, servers, cancel), only)
        there = [hook for hook in self._hooks if hook.on == FAILURE.name and hook.where != OPERATOR]
        return {name for name in good if any(self._runs_on(hook, name) for hook in there)}

    def _each(self, moment: Moment, way: _Way, only: str = "") -> set[str]:
        """Run a moment's hooks, where one that fails is a warning and keeps the others from that server; the servers
        where all ended well.
        """
        good = set(way.servers)
        for hook in self._hooks:
            if hook.on != moment.name or only not in ("", hook.where):
                continue
            # Where nothing is to be done on any server, what tells people runs all the same.
            if not good and (way.servers or hook.where != OPERATOR):
                continue
            with self._as_warnings() as errors:
                self._hook(hook, replace(way, servers=[name for name in way.servers if name in good]))
            for error in errors:
                good -= error.errors.keys() if isinstance(error, FleetError) else good
        return good

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
            use = standing.slots.of(server, back)
            if standing.slots or use.slot:
                values |= variables.of_slot(use)
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
            if standing.slots and not told["TURNOUT_SLOT"] and hooks.names_slot(hook):
                self._without_slot(hook, name, told["TURNOUT_TAG"], fatal=back is None)
                return
            if hook.on == FAILURE.name and standing.slots and name in self._unsure:
                self._run.warn("no failure hook runs: which release serves is not certain", name)
                return
            if hook.on == RETIRE.name and not self._is_there(name, told["TURNOUT_TAG"]):
                folder = state.root  # one that never went live was removed
            with run.phase(hook.on, name) if MOMENTS[hook.on].batched else nullcontext():
                hooks.run(run.site(name, way.cancel), hook, folder, told)

        # One that is left out may have to stop what was started there.
        chosen = back is not None or hook.on == FAILURE.name
        there = [name for name in way.servers if chosen or name not in run.left_out]
        names = [name for name in there if self._runs_on(hook, name)]
        if not names:
            return
        guard, needed = way.guard, hook.where == FIRST_SERVER
        step = (lambda name: guard(name, lambda: on_server(name), needed)) if guard else on_server
        run.on_all(step, names).unwrap(hook.on)

    def _without_slot(self, hook: Hook, name: str, tag: str, *, fatal: bool) -> None:
        """A hook cannot run that names a slot, because its release has none: from before there were slots."""
        text = f"{tag} has no slot, and the {hook.on} hook needs it (TURNOUT_SLOT or TURNOUT_PORT)"
        if fatal:
            raise HookFailed(text, hint="deploy a new release: it gets a slot").at(server=name)
        self._run.warn(f"{text}: it did not run; do by hand what it would have done", name)
        if hook.on == AFTER_SWITCH.name:
            self._unsure.add(name)

    def _is_there(self, name: str, tag: str) -> bool:
        """Whether a release's folder is on a server."""
        release = self._standing.states[name].releases.get(tag)
        made = name in self._standing.made and tag == self._standing.tag_on(name)
        return made or (release is not None and release.present)

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
