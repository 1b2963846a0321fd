"""What every subcommand works with: its words, its voice, its servers, and a person to ask where there is one."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from core.errors import Cancelled, FleetError, HostKeyUnknown, NeedsPerson, TurnoutError, UsageError
from core.text import clean
from tui.cli.arguments import Options
from tui.cli.config_file import config_file, needed
from tui.cli.following import Follower
from tui.cli.output import TextOutput
from tui.cli.quick_imports import quick_imports

if TYPE_CHECKING:
    from core.config import Environment, Project
    from core.fleet import Fleet, Inspection
    from core.profile import Profile
    from tui.cli.json_output import JsonOutput

T = TypeVar("T")
Kind = TypeVar("Kind", bound=TurnoutError)
Answer = dict[str, Any]
"""What the result line says beside the exit code: at least `exit_code`, `outcome` and `summary`."""


class Command:
    """One command from its configuration on. `environment_name` is what was asked for until `open` knows better."""

    project: Project
    fleet: Fleet

    def __init__(self, options: Options, output: TextOutput | JsonOutput, follower: Follower) -> None:
        self.options = options
        self.output = output
        self.follower = follower
        self.environment_name = options.environment or ""
        self.spare = ""
        """The word that stood where the environment is expected, and is something else."""
        self._opened = False
        self._profile: Profile | None = None

    def open(self, *, spare: bool = False, deploys: bool = False) -> None:
        """Read the configuration, choose environment and servers, and begin to connect to them. Raises UsageError.

        spare     whether a word where the environment is expected may be something else, where there is one only
        deploys   a revision is going to be deployed
        What is imported after that is imported while the servers answer.
        """
        self.read()
        environment = self.choose_environment(spare=spare)
        from core import config

        servers = config.select(environment, self.options.servers, self.options.roles)
        self._check_tags()
        from core.fleet import Fleet

        self.fleet = Fleet(self.project, environment, servers)
        if self.options.request is not None and not self.options.dry_run:
            self.fleet.allow_changes()
        self._opened = True
        with quick_imports(), self.project.settings.measured("load"):
            self.fleet.connect_ahead(deploys=deploys, ref=self.options.words.ref if deploys else None)

    def read(self) -> Project:
        """The project of the configuration. Raises UsageError."""
        with quick_imports():
            from core import config

        self.project = config.load(self._config_file())
        self._profile = self.project.settings.profile
        if self._profile:
            from core.profile import Moment
            from tui.cli.profiling import process_began

            self._profile.add("start", Moment(process_began(), 0.0))
        if self.options.read_only:
            self.project = config.read_only(self.project)
        self.output.mask = self.project.mask
        return self.project

    def choose_environment(self, *, spare: bool = False) -> Environment:
        """The environment that is named, or the only one. Raises UsageError."""
        try:
            environment = _environment(self.project, self._named_environment(spare=spare))
        except UsageError as error:
            raise self._release_first(error) from None
        self.environment_name = environment.name
        return environment

    def close(self) -> None:
        """Close the connections; what was to be done has been done and said."""
        if self._profile:
            from tui.cli.profiling import tell

            tell(self._profile, self.fleet.names if self._opened else ())
        if self._opened:
            self.fleet.close()

    def failed(self, error: TurnoutError) -> Answer:
        """The answer after an error: how the engine ended, where it had begun."""
        finished = self.output.narrator.finished
        outcome = "cancelled" if isinstance(error, Cancelled) else "failed"
        if find(error, NeedsPerson):
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

    @property
    def can_ask(self) -> bool:
        """Whether there is a person who sees a question and can answer it."""
        return isinstance(self.output, TextOutput) and self.output.can_ask and sys.stdin.isatty()

    def ask(self, text: str) -> str:
        """What a person answers. Only where `can_ask` is true; Cancelled at Ctrl-C."""
        output = self.output
        assert isinstance(output, TextOutput)  # with JSON lines nobody is asked: can_ask
        return self.follower.answer(lambda: output.ask(text))

    def with_host_keys(self, work: Callable[[], T]) -> T:
        """What the work returns; a person may accept unknown host keys meanwhile."""
        accepted: set[tuple[str, str]] = set()
        while True:
            try:
                return work()
            except TurnoutError as error:
                unknown = find(error, HostKeyUnknown)
                if not unknown or any((key.host, key.fingerprint) in accepted for key in unknown):
                    raise
                if not self._accept(unknown):
                    raise
                accepted |= {(key.host, key.fingerprint) for key in unknown}

    def inspect(self, *, accepting: bool = True) -> Inspection:
        """What is on the servers; a person may accept unknown host keys on the way, unless `accepting` is false."""
        while True:
            inspection = self.follower.run(
                "inspect", lambda emit, controls: self.fleet.inspect(controls.cancel), patient=False
            )
            unknown = [error for error in inspection.errors.values() if isinstance(error, HostKeyUnknown)]
            if not unknown or not accepting or not self._accept(unknown):
                return inspection

    def _accept(self, unknown: list[HostKeyUnknown]) -> bool:
        """Whether a person accepted all these keys; they are in known_hosts then."""
        if not self.can_ask or self.options.yes:
            return False
        for key, names in by_key(unknown):
            self.output.say([clean(line) for line in (f"{', '.join(names)}: {key.title}", f"  {key.detail}")])
            if self.ask("Accept this key permanently? First compare it with the key on the server [yes/N]") != "yes":
                return False
            self.fleet.accept_host_key(key)
        return True

    def _named_environment(self, *, spare: bool) -> str | None:
        name = self.options.environment
        if spare and name and len(self.project.environments) == 1 and name not in self.project.environments:
            self.spare = name
            return None
        return name

    def _config_file(self) -> Path:
        return needed(config_file(self.options))

    def _release_first(self, error: UsageError) -> UsageError:
        """The error for an unknown environment, where the word may be meant for a release: what it is, what to type."""
        word, command = self.options.environment, self.options.command
        if (
            word is None
            or command not in ("rollback", "verify", "prune", "pin", "unpin", "block", "unblock", "diff", "log")
            or error.hint
        ):
            return error
        from core.source import source_of

        names = tuple(self.project.environments)
        target = names[0] if len(names) == 1 else "ENV"
        kind, _ = source_of(self.project).meaning(word) if command != "log" else ("", "")
        shown = shlex.quote(clean(word))
        what = "an operation with that id" if command == "log" else "a release of that name"
        error.hint = f"the environment comes first: `turnout {command} {target} {shown}`, for {what}"
        if kind:
            error.hint = f"{clean(word)} is {kind}: `turnout deploy {target} --ref {shown}` deploys it; {error.hint}"
        return error

    def _check_tags(self) -> None:
        from core.planner.naming import is_word_for_release
        from core.records import TAG_RULE, is_tag

        new = self.options.command == "deploy"
        for tag in [self.options.tag or "", *self.options.tags]:
            if tag and not (is_tag(tag) if new else is_word_for_release(tag)):
                raise UsageError(f"{clean(tag)!r} cannot be a release's tag", hint=TAG_RULE)


def find(error: TurnoutError, kind: type[Kind]) -> list[Kind]:
    """The errors of that kind in an error, which may hold one a server."""
    errors = error.errors.values() if isinstance(error, FleetError) else [error]
    return [fault for fault in errors if isinstance(fault, kind)]


def by_key(unknown: Iterable[HostKeyUnknown]) -> list[tuple[HostKeyUnknown, list[str]]]:
    """Each unknown key once, with the servers that showed it: several roots on one host are one question."""
    servers: dict[tuple[str, str], list[str]] = {}
    keys = {}
    for key in unknown:
        servers.setdefault((key.host, key.fingerprint), []).append(key.server)
        keys[key.host, key.fingerprint] = key
    return [(key, servers[place]) for place, key in keys.items()]


def _environment(project: Project, name: str | None) -> Environment:
    """The environment of that name, or the only one."""
    if name is not None:
        return project.environment(name)
    if len(project.environments) == 1:
        return next(iter(project.environments.values()))
    raise UsageError("which environment?", hint=f"this project has {', '.join(project.environments)}")
