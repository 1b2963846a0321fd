"""Whether the users that hooks, checks and tasks name (`as`) can run commands on a server."""

from __future__ import annotations

from collections.abc import Iterator

from core.config import Project, Server
from core.doctor.finding import ERROR, OK, Finding
from core.errors import ServerError
from core.remote.session import Session


def prove(session: Session, project: Project, environment: str, server: Server) -> Iterator[Finding]:
    """A finding for each of them. Raises ConnectError."""
    for user in users(project, environment, server):
        try:
            session.prove([user])
        except ServerError as error:
            said = f": {'; '.join(error.detail.splitlines())}" if error.detail else ""
            yield Finding("sudo", ERROR, f"{error.title}{said}", error.hint)
        else:
            yield Finding("sudo", OK, f"commands can run as {user}")


def users(project: Project, environment: str, server: Server) -> list[str]:
    """The users that commands on a server run as, of those that a project of this environment names."""
    hooks, checks, tasks = project.hooks, project.checks, project.tasks
    named = {
        *(hook.account for hook in hooks if hook.concerns(server)),
        *(check.account for check in checks if check.concerns(server)),
        *(task.account for task in tasks if task.concerns(server) and task.applies_in(environment)),
    }
    return sorted(named - {""})
