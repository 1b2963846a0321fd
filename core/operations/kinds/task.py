"""Run a command on the servers under their locks: a task of the configuration, or one that a person typed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TypeVar

from core.config.tasks import Task
from core.errors import EXIT_DONE, EXIT_FAILED, FleetError, HookFailed, TurnoutError, UsageError
from core.hooks.command import run_command
from core.jobs import Ahead, Controls
from core.moments import OPERATOR
from core.operations.hook_runs import HookRuns
from core.operations.operation import Operation, Request
from core.operations.planning import Prepared
from core.operations.run import Run, cancelled_by
from core.operations.standing import standing_of
from core.pending import whole
from core.plan import NONE, Plan, Step
from core.protocol.requests import Settles
from core.records import ServerState, live_tag
from core.source.tree import Tree
from core.text import count

RUN = "run"
"""The action of a step, and the phase, of a server on which the command runs."""

DAY = 86400.0


class TaskRequest(Request, frozen=True):
    """Run the task `name` of turnout.toml."""

    name: str


class RunRequest(Request, frozen=True):
    """Run a command for a shell in `current` of every chosen server, for so many seconds at most."""

    command: str
    timeout: float = DAY


R = TypeVar("R", TaskRequest, RunRequest)


class _Running(Operation[R]):
    """A command on all its servers at once; one that fails keeps no other from it.

    It holds the locks: no release is switched under it, and it ends with the operator's connection. Its exit code is
    the highest exit status of the servers.
    """

    phases = ("connect", "begin", RUN, "finish")

    @property
    @abstractmethod
    def task(self) -> Task:
        """What runs. UsageError for a name that the environment does not have."""

    @property
    @abstractmethod
    def on(self) -> str:
        """What events and errors call it."""

    @property
    def called(self) -> str:
        """What people call it in a sentence."""
        return self.on

    @property
    def ran(self) -> str:
        """What the journals call it, secrets masked."""
        return self.on

    @staticmethod
    def kind(request: R) -> str:
        return "task" if isinstance(request, TaskRequest) else "run"

    @property
    def verb(self) -> str:
        return "Run"

    def title(self, tag: str = "") -> str:
        return f"Run {self.called} on {self.fleet.environment.name}"

    def check(self) -> None:
        super().check()
        whole(self.task.run)
        if not self.servers and self.task.where != OPERATOR:
            chosen = ", ".join(self.fleet.names)
            raise UsageError(
                f"{self.on} runs on none of these servers: {chosen}",
                detail=f"it is for the roles {', '.join(self.task.roles)}" if self.task.roles else "",
            )

    @cached_property
    def servers(self) -> tuple[str, ...]:
        """The names of the chosen servers on which it runs."""
        return self.task.servers_of(self.fleet.servers)

    def plan(self, states: Sequence[ServerState], tree: Ahead[Tree] | None) -> Prepared:
        mask = self.fleet.project.mask
        here = self.task.where == OPERATOR
        where = " (on this machine)" if here else f", as {self.task.account}" if self.task.account else ""
        return Prepared(
            Plan(
                environment=self.fleet.environment.name,
                live=live_tag(states),
                steps=tuple(
                    Step(
                        server=state.server, action=RUN if state.server in self.servers else NONE, current=state.current
                    )
                    for state in states
                ),
                hooks=(f"{self.on}: {mask.line(self.task.run, 200)}{where}",),
                fingerprints={state.server: state.fingerprint for state in states},
                runs_here=here,
            )
        )

    def carry_out(self, run: Run, prepared: Prepared, states: Mapping[str, ServerState], controls: Controls) -> str:
        variables = HookRuns(run, standing_of(run, prepared, states)).variables
        task, project = self.task, self.fleet.project

        def on_server(name: str) -> None:
            with run.phase(RUN, name):
                run.session(name).prove([task.account] if task.account else [])
                folder = states[name].current_path if states[name].current else states[name].root
                values = variables(name, states[name].current)
                run_command(
                    run.site(name, controls.cancel), self.on, task.run, folder, values, task.timeout, task.account
                )

        def here() -> None:
            with run.phase(RUN):
                site = run.operator_site(controls.cancel)
                values = variables(back=prepared.plan.live)
                run_command(site, self.on, task.run, str(project.folder), values, task.timeout)

        with run.or_give_back("failed"):
            failed: TurnoutError | None = None
            try:
                if prepared.plan.runs_here:
                    here()
                else:
                    run.on_all(on_server, self.servers).unwrap(RUN)
            except TurnoutError as error:
                failed = error
                error.exit_code = worst(error)
            self._end(run, failed)
        if failed is not None:
            raise failed
        where = "this machine" if prepared.plan.runs_here else count(len(self.servers), "server")
        return f"ran {self.called} on {where}"

    def _end(self, run: Run, failed: TurnoutError | None) -> None:
        """Write how it ended into every journal, and give the locks back; what cannot be written is a warning."""
        errors = failed.errors if isinstance(failed, FleetError) else dict.fromkeys(run.fleet.names, failed)

        def end(name: str) -> None:
            error = errors.get(name)
            outcome, code = ("done", EXIT_DONE) if error is None else ("failed", worst(error))
            line = run.journal("end", outcome=outcome, exit_code=code, ran=self.ran, **cancelled_by(error))
            run.conclude(name, Settles.NONE, line)

        for name, error in run.on_all(end).errors.items():
            run.warn(f"not finished: {error.title}: {error.detail}", name)


class RunningTask(_Running[TaskRequest], request=TaskRequest):
    @cached_property
    def task(self) -> Task:
        return self.fleet.project.task(self.fleet.environment, self.request.name)

    @property
    def on(self) -> str:
        return f"task {self.request.name}"


class RunningCommand(_Running[RunRequest], request=RunRequest):
    @cached_property
    def task(self) -> Task:
        made: Task = Task.unchecked(name="command", run=self.request.command, timeout=self.request.timeout)
        return made

    @property
    def on(self) -> str:
        return "command"

    @property
    def called(self) -> str:
        return "the command"

    @property
    def ran(self) -> str:
        return self.fleet.project.mask.line(self.request.command, 200)

    def check(self) -> None:
        if not self.request.command.strip():
            raise UsageError("there is no command to run", hint="turnout run ENV -- COMMAND")
        super().check()


def worst(error: TurnoutError) -> int:
    """The exit code for commands that failed: the highest exit status among them, from 1 to 255."""
    if isinstance(error, FleetError):
        return max(worst(each) for each in error.errors.values())
    if isinstance(error, HookFailed):
        return error.status or EXIT_FAILED
    return error.exit_code
