"""The values of `${NAME}` that an operation needs: asked before anything is touched, all at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from core.config import Project
from core.config.body import secrets_in
from core.errors import ConfigError, Fault
from core.jobs import Cancel
from core.moments import BUILD, FAILURE, UNDONE, moments_of
from core.pending import Pending, whole


def ask_ahead(project: Project, environment: str, kind: str, cancel: Cancel, *, hooks: bool = True) -> None:
    """ConfigError where a hook or check without which the operation fails has no value for a name.

    hooks   whether hooks run that do not make the release
    What is not needed to go on (a message about the end) is asked, too, but nobody waits for it: it is a warning then.
    """
    moments = moments_of(kind)
    if not moments:
        return
    moments = tuple(moment for moment in moments if hooks or moment.makes)
    needed = list(_needed(project, environment, {moment.name for moment in moments if moment.fatal}))
    names = [name for text in needed for name in text.names]
    later = {moment.name for moment in (*moments, *((FAILURE, *UNDONE) if hooks else ())) if not moment.fatal}
    others = [name for text in _hooks(project, environment, later) for name in text.names]
    others += [name for each in project.notify if isinstance(each.url, Pending) for name in each.url.names]
    if others:
        threading.Thread(target=project.keeper.ask, args=(others,), name="secrets", daemon=True).start()
    project.keeper.ask(names, cancel)
    faults: list[Fault] = []
    for text in needed:
        try:
            whole(text)
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError(faults)


def _needed(project: Project, environment: str, moments: set[str]) -> Iterator[Pending]:
    yield from _hooks(project, environment, moments)
    for check in project.checks:
        if check.applies_in(environment):
            yield from (text for text in (check.run, check.http) if isinstance(text, Pending))


def _hooks(project: Project, environment: str, moments: set[str]) -> Iterator[Pending]:
    """Texts of hooks that are not complete; a build's are asked where it is built."""
    for hook in project.hooks:
        if hook.on not in moments or hook.on == BUILD.name or not hook.applies_in(environment):
            continue
        yield from (text for text in (hook.run, hook.webhook) if isinstance(text, Pending))
        if hook.body and (names := secrets_in(hook.body)):
            yield Pending(hook.body, names, lambda: "")
