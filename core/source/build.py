"""Build commands, run on the operator's machine in the folder of the source; their output becomes events."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from core import process
from core.config import Project
from core.errors import SourceError
from core.events import Emit, HookFinished, HookOutput, HookStarted
from core.jobs import Cancel
from core.moments import BUILD
from core.pending import Pending, whole
from core.source.inputs import environment
from core.text import duration, first_line

_LAST_LINES = 20


class Command(Struct, frozen=True):
    """A command for `sh -c`; `timeout` in seconds, 0 for none."""

    run: str
    timeout: float = 0.0


def commands(project: Project) -> tuple[Command, ...]:
    """What is run to build a tree: `source.build`, then the build hooks, in the file's order."""
    built = [Command(run) for run in project.source.build]
    hooks = [Command(hook.run, hook.timeout) for hook in project.hooks if hook.on == BUILD.name and hook.run]
    return tuple(built + hooks)


def completed(project: Project, cancel: Cancel) -> tuple[Command, ...]:
    """The commands with their `${NAME}` filled in. ConfigError where a name has no value."""
    found = commands(project)
    project.keeper.ask([name for each in found if isinstance(each.run, Pending) for name in each.run.names], cancel)
    return tuple(replace(each, run=whole(each.run)) for each in found)


def turnout_variables(project: Project, target: str, revision: str, ref: str) -> dict[str, str]:
    """The TURNOUT_* variables of a build; `target` is the environment. No tag: a build can become several releases."""
    return {
        "TURNOUT_PROJECT": project.project,
        "TURNOUT_ENVIRONMENT": target,
        "TURNOUT_REVISION": revision,
        "TURNOUT_REF": ref,
    }


def build(project: Project, folder: Path, variables: Mapping[str, str], emit: Emit, cancel: Cancel) -> None:
    """Run the build commands in `folder`, one after the other. SourceError for the first that fails."""
    for command in completed(project, cancel):
        cancel.check()
        run(project, command, folder, variables, emit, cancel)


def run(
    project: Project, command: Command, folder: Path, variables: Mapping[str, str], emit: Emit, cancel: Cancel
) -> None:
    """Run one command to its end. SourceError where it fails or takes too long; Cancelled after a cancel."""
    shown = project.mask.line(command.run)
    last: deque[str] = deque(maxlen=_LAST_LINES)

    def say(line: str) -> None:
        last.append(project.mask.line(line))
        emit(HookOutput(on="build", line=last[-1]))

    began = time.monotonic()
    emit(HookStarted(on="build", run=shown))
    seen = {**environment(project), **project.variables, **variables}
    try:
        ended = process.run(command.run, folder, seen, command.timeout, say, cancel, project.mask)
    except OSError as error:
        raise SourceError(
            f"the build command cannot be started in {folder}: {error.strerror}", phase="build"
        ) from error
    killed = ended.late or ended.status < 0 or cancel.requested
    seconds = time.monotonic() - began
    emit(HookFinished(on="build", run=shown, status=None if killed else ended.status, seconds=seconds))
    cancel.check()
    if ended.late:
        title = f"the build command took longer than {duration(command.timeout)}: {first_line(shown)}"
    elif ended.status < 0:
        title = f"the build command was ended by signal {-ended.status}: {first_line(shown)}"
    elif ended.status:
        title = f"the build command failed with status {ended.status}: {first_line(shown)}"
    else:
        return
    raise SourceError(
        title,
        detail="\n".join(last) or "it printed nothing",
        hint=f"it ran in {folder}, only with the variables that `build-env` allows; no server was touched",
        phase="build",
    )
