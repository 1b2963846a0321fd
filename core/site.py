"""Where people's own commands run: a server, or the operator's machine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import paramiko

from core import process
from core.events import Emit
from core.jobs import Cancel
from core.masking import Masking
from core.remote.command import Ended
from core.remote.command import run as run_on_server
from core.remote.session import Session


@dataclass(frozen=True)
class Site(ABC):
    """What a hook or a check may use.

    name     the server's name, "" for the operator's machine
    emit     takes its events
    cancel   ends what runs
    mask     hides the project's secrets
    """

    name: str
    emit: Emit
    cancel: Cancel
    mask: Masking

    @abstractmethod
    def run(
        self,
        command: str,
        folder: str,
        variables: Mapping[str, str],
        seconds: float,
        on_line: Callable[[str], None],
        user: str = "",
    ) -> Ended:
        """Run a command to its end, in a folder, for so many seconds at most; its output line by line.

        `variables` come on top of the environment that commands have there.
        user   of a server, whom it runs as; "" for the one that Turnout works as there
        """


@dataclass(frozen=True)
class ServerSite(Site):
    """A server. `token` is that of the lock that commands run under, "" for none."""

    session: Session
    token: str

    def run(
        self,
        command: str,
        folder: str,
        variables: Mapping[str, str],
        seconds: float,
        on_line: Callable[[str], None],
        user: str = "",
    ) -> Ended:
        """See Site.run. Raises Cancelled, ConnectError, ServerError."""
        return run_on_server(
            self.session,
            command,
            folder,
            variables,
            seconds,
            on_line,
            self.cancel,
            self.mask,
            token=self.token,
            user=user,
        )

    def tunnel(self, host: str, port: int, seconds: float) -> paramiko.Channel:
        """A connection that starts on the server. Raises ConnectError, paramiko.SSHException, OSError, EOFError."""
        return self.session.connection.tunnel(host, port, seconds)


@dataclass(frozen=True)
class OperatorSite(Site):
    """The operator's machine.

    environ   the variables that commands there have already
    value     the value of a `${NAME}`. LookupError says why there is none
    """

    environ: Mapping[str, str]
    value: Callable[[str], str]

    def run(
        self,
        command: str,
        folder: str,
        variables: Mapping[str, str],
        seconds: float,
        on_line: Callable[[str], None],
        user: str = "",
    ) -> Ended:
        """See Site.run. It ends with no status where a signal or a cancel ended it."""
        environment = {**self.environ, **variables}
        ended = process.run(command, Path(folder), environment, seconds, on_line, self.cancel, self.mask)
        killed = self.cancel.requested or ended.status < 0
        return Ended(None if killed else ended.status, late=ended.late)
