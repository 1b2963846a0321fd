"""Named commands that people run on servers: `[[tasks]]`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from core.config.accounts import Account, only_on_servers
from core.config.placing import HasRoles, Placed
from core.config.table import Broken
from core.config.types import Command, Name, Timeout
from core.moments import FIRST_SERVER, OPERATOR


class NamedServer(HasRoles, Protocol):
    """A server, of which its name and its roles count."""

    @property
    def name(self) -> str: ...


class Task(Placed):
    """A command with a name, for `turnout task` and the dashboard's palette."""

    name: Name
    """Its name on screens and for `turnout task`."""
    run: Command
    """A command for a shell: in `current` on servers, in the project's folder on the operator's machine."""
    where: Literal["server", "first-server", "operator"] = "server"
    """Where it runs: on all servers, on the first one, or once on the operator's machine."""
    timeout: Timeout = 300.0
    """Seconds for each server."""
    confirm: bool = False
    """Whether a person is asked before it runs, even if the environment is not protected."""
    account: Account = msgspec.field(default="", name="as")
    """The user of the servers that it runs as, through sudo; by default the one that Turnout works as."""

    @classmethod
    def rules(cls, table: Mapping[str, Any]) -> Iterator[Broken]:
        if table.get("where") == OPERATOR and "roles" in table:
            yield ("roles",), "cannot choose servers: the task runs on the operator's machine", "leave it out"
        yield from only_on_servers(table, elsewhere=False)
        yield from super().rules(table)

    def servers_of(self, servers: Sequence[NamedServer]) -> tuple[str, ...]:
        """The names of those of these servers on which it runs, in their order; none for the operator's machine."""
        if self.where == OPERATOR:
            return ()
        names = tuple(server.name for server in servers if self.concerns(server))
        return names[:1] if self.where == FIRST_SERVER else names
