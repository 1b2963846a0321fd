"""The subcommands that need a project: deploy, rollback, prune, releases, doctor."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from core.errors import (
    EXIT_CONNECT,
    EXIT_DONE,
    EXIT_FAILED,
    Cancelled,
    ConnectError,
    FleetError,
    HostKeyUnknown,
    NeedsPerson,
    StateChanged,
    TurnoutError,
    UsageError,
)
from core.plan import Plan
from core.text import clean, count
from tui.cli.arguments import Options
from tui.cli.following import Follower
from tui.cli.output import JsonOutput, TextOutput
from tui.plantext import question

if TYPE_CHECKING:
    from core.config import Environment, Project
    from core.fleet import Fleet, Inspection
    from core.operations import Request

T = TypeVar("T")
Kind = TypeVar("Kind", bound=TurnoutError)
Answer = dict[str, Any]
"""What the result line says beside the exit code: at least `exit_code`, `outcome` and `summary`."""

CHANGING = ("deploy", "rollback", "prune")


def run(options: Options) -> int:
    """Carry out the command; its exit code. Errors are said, never raised."""
    output = JsonOutput() if options.json else TextOutput()
    started = time.monotonic()
    with Follower(output) as follower:
        command = _Command(options, output, follower)
        try:
            answer = command.run()
        except TurnoutError as error:
            output.error(error)
            answer = command.failed(error)
        output.result(
            {
                "command": options.command,
                "environment": command.environment_name,
                "seconds": round(time.monotonic() - started, 3),
                "warnings": [],
                **answer,
            }
        )
        command.close()
    return int(answer["exit_code"])


class _Command:
    """One command from its configuration to its answer."""

    def __init__(self, options: Options, output: TextOutput | JsonOutput, follower: Follower) -> None:
        self._options = options
        self._output = output
        self._follower = follower
        self._fleet: Fleet | None = None
        self.environment_name = options.environment or ""

    def run(self) -> Answer:
        options = self._options
        if options.command in CHANGING and not (options.yes or options.dry_run or self._can_ask):
            raise UsageError(
                f"there is nobody to ask whether to {options.command}",
                detail="standard input and error are not both a terminal, or --json was given",
                hint="pass --yes to do it without a question, or --dry-run to see the plan",
            )
        from core import config

        project = config.load(self._config_file(), os.environ)
        self._output.mask = project.mask
        environment = _environment(project, options.environment)
        self.environment_name = environment.name
        servers = config.select(environment, options.servers)
        request = self._request(project)
        from core.fleet import Fleet

        fleet = self._fleet = Fleet(project, environment, servers)
        if request is not None:
            return self._operate(fleet, request)
        return self._releases(fleet) if options.command == "releases" else self._doctor(fleet)

    def failed(self, error: TurnoutError) -> Answer:
        """The answer after an error: how the engine ended, where it had begun."""
        finished = self._output.narrator.finished
        outcome = "cancelled" if isinstance(error, Cancelled) else "failed"
        if _find(error, NeedsPerson):
            outcome = "needs-person"
        answer: Answer = {"exit_code": error.exit_code, "outcome": outcome, "summary": error.title}
        if finished is not None:
            answer |= {
                "outcome": finished.outcome,
                "summary": finished.summary,
                "tag": finished.tag,
                "kind": finished.kind,
            }
        return answer

    def close(self) -> None:
        """Close the connections; what was to be done has been done and said."""
        if self._fleet is not None:
            self._fleet.close()

    @property
    def _can_ask(self) -> bool:
        return isinstance(self._output, TextOutput) and self._output.can_ask and sys.stdin.isatty()

    def _config_file(self) -> Path:
        if self._options.config:
            return Path(self._options.config).absolute()
        from core import config

        path = config.find(Path.cwd())
        if path is None:
            raise UsageError(
                f"there is no turnout.toml in {Path.cwd()} or a folder above",
                hint="`turnout init` writes one; --config FILE names one elsewhere",
            )
        return path

    def _request(self, project: Project) -> Request | None:
        """What the engine is asked to do; None for a command that only looks."""
        options = self._options
        if options.command not in CHANGING:
            return None
        from core.records import is_tag

        for tag in [options.tag or "", *options.tags]:
            if tag and not is_tag(tag):
                raise UsageError(
                    f"{clean(tag)!r} cannot be a tag",
                    hint="a tag has 1 to 100 letters, digits, dots, dashes or underscores, a letter or digit first",
                )
        from core.operations import DeployRequest, PruneRequest, RollbackRequest

        if options.command == "deploy":
            return DeployRequest(ref=options.ref, tag=options.tag)
        if options.command == "rollback":
            return RollbackRequest(tag=options.tag)
        everything_old = not options.tags and options.keep is None and not options.cache
        return PruneRequest(
            tags=options.tags, keep=project.deploy.keep if everything_old else options.keep, cache=options.cache
        )

    def _operate(self, fleet: Fleet, request: Request) -> Answer:
        """Execute at once with --yes; else plan, show and ask, again and again while the servers change meanwhile."""
        if self._options.yes and not self._options.dry_run:
            return self._execute(fleet, request, None)
        from core.operations import make_plan

        while True:
            plan = self._with_host_keys(
                fleet,
                lambda: self._follower.run("plan", lambda emit, cancel: make_plan(fleet, request, emit, cancel)),
            )
            self._output.plan(plan, asked=not self._options.dry_run)
            if not plan.executable:
                summary = "the plan is refused: nothing was changed"
                return {**_of(plan), "exit_code": EXIT_FAILED, "outcome": "refused", "summary": summary}
            if self._options.dry_run:
                summary = "dry run: nothing was changed"
                return {**_of(plan), "exit_code": EXIT_DONE, "outcome": "planned", "summary": summary}
            if plan.nothing_to_do:
                summary = "nothing to do: every server is as asked"
                return {**_of(plan), "exit_code": EXIT_DONE, "outcome": "nothing-to-do", "summary": summary}
            self._confirm(plan, fleet.environment)
            try:
                return self._execute(fleet, request, plan)
            except TurnoutError as error:
                if not _find(error, StateChanged):
                    raise
                self._output.error(error)
                self._output.say(["planning again"])
                self._output.narrator.finished = None

    def _execute(self, fleet: Fleet, request: Request, plan: Plan | None) -> Answer:
        from core.operations import execute

        with self._output.progress():
            result = self._follower.run("execute", lambda emit, cancel: execute(fleet, request, plan, emit, cancel))
        return {
            "exit_code": result.exit_code,
            "outcome": result.outcome,
            "kind": result.kind,
            "tag": result.tag,
            "summary": result.summary,
            "warnings": list(result.warnings),
            "round_trips": dict(result.round_trips or {}),
        }

    def _confirm(self, plan: Plan, environment: Environment) -> None:
        """Raises Cancelled unless a person agrees; a protected environment wants its name typed."""
        if environment.protected:
            agreed = self._ask(f"{question(plan)} It is protected: type its name:") == environment.name
        else:
            agreed = self._ask(f"{question(plan)} [y/N]").lower() in ("y", "yes")
        if not agreed:
            raise Cancelled("not confirmed", hint="nothing was changed")

    def _ask(self, text: str) -> str:
        output = self._output
        assert isinstance(output, TextOutput)  # JSON lines have nobody to ask: _can_ask
        return self._follower.answer(lambda: output.ask(text))

    def _with_host_keys(self, fleet: Fleet, work: Callable[[], T]) -> T:
        """What the work returns; a person may accept host keys that nobody has accepted before."""
        accepted: set[tuple[str, str]] = set()
        while True:
            try:
                return work()
            except TurnoutError as error:
                unknown = _find(error, HostKeyUnknown)
                if not unknown or any((key.host, key.fingerprint) in accepted for key in unknown):
                    raise
                if not self._accept(fleet, unknown):
                    raise
                accepted |= {(key.host, key.fingerprint) for key in unknown}

    def _accept(self, fleet: Fleet, unknown: list[HostKeyUnknown]) -> bool:
        """Whether a person accepted all these keys; they are in known_hosts then."""
        if not self._can_ask or self._options.yes or not isinstance(self._output, TextOutput):
            return False
        for key in {(key.host, key.fingerprint): key for key in unknown}.values():
            names = ", ".join(other.server for other in unknown if other.host == key.host)
            self._output.say([clean(line) for line in (f"{names}: {key.title}", f"  {key.detail}")])
            if self._ask("Accept this key for good? Compare it with the server's own first [yes/N]") != "yes":
                return False
            fleet.accept_host_key(key)
        return True

    def _inspect(self, fleet: Fleet) -> Inspection:
        """What is on the servers; unknown host keys may be accepted on the way."""
        while True:
            inspection = self._follower.run("inspect", lambda emit, cancel: fleet.inspect(cancel), patient=False)
            unknown = [error for error in inspection.errors.values() if isinstance(error, HostKeyUnknown)]
            if not unknown or not self._accept(fleet, unknown):
                return inspection

    def _releases(self, fleet: Fleet) -> Answer:
        from tui.cli.tables import release_legend, release_lines, release_rows

        inspection = self._inspect(fleet)
        names = [server.name for server in fleet.servers]
        rows = release_rows(inspection.states, names)
        glyphs = self._output.glyphs
        lines = release_lines(inspection.states, names, glyphs, time.time(), self._output.columns)
        empty = (
            f"no release on {self.environment_name} yet: `turnout deploy` makes the first" if inspection.states else ""
        )
        self._output.table(lines, rows, release_legend(glyphs, rows) if rows else empty)
        for error in inspection.errors.values():
            self._output.error(error)
        code = max((error.exit_code for error in inspection.errors.values()), default=EXIT_DONE)
        away = len(inspection.errors)
        summary = f"{count(away, 'server')} of {len(names)} could not be looked at" if away else ""
        return {"exit_code": code, "outcome": "failed" if code else "done", "summary": summary, "releases": len(rows)}

    def _doctor(self, fleet: Fleet) -> Answer:
        from core.doctor import examine
        from tui.cli.tables import finding_lines, finding_rows, finding_summary

        inspection = self._inspect(fleet)
        findings = self._follower.run("doctor", lambda emit, cancel: examine(fleet), patient=False)
        self._output.table([*finding_lines(findings, self._output.glyphs), ""], finding_rows(findings), "")
        bad = [server for server, found in findings.items() if any(f.level == "error" for f in found)]
        away = [server for server in bad if isinstance(inspection.errors.get(server), ConnectError)]
        code = EXIT_DONE if not bad else EXIT_CONNECT if away == bad else EXIT_FAILED
        return {"exit_code": code, "outcome": "failed" if code else "done", "summary": finding_summary(findings)}


def _environment(project: Project, name: str | None) -> Environment:
    """The environment of that name, or the only one."""
    if name is not None:
        return project.environment(name)
    if len(project.environments) == 1:
        return next(iter(project.environments.values()))
    raise UsageError("which environment?", hint=f"this project has {', '.join(project.environments)}")


def _of(plan: Plan) -> Answer:
    return {"kind": plan.kind, "tag": plan.tag, "warnings": list(plan.warnings)}


def _find(error: TurnoutError, kind: type[Kind]) -> list[Kind]:
    """The errors of that kind in an error, which may hold one a server."""
    each = error.errors.values() if isinstance(error, FleetError) else [error]
    return [item for item in each if isinstance(item, kind)]
