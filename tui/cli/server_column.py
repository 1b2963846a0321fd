"""The names of servers in front of lines that come from several of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.cli.command import Command

COLOURS = ("36", "35", "34", "32", "96", "95", "94", "92")
"""Of the servers' names on a terminal; red and yellow are those of errors and warnings."""


class ServerColumn:
    """The names, all of one width; each in a colour of its own where `coloured`."""

    def __init__(self, command: Command) -> None:
        names = command.fleet.names
        everywhere = [server.name for server in command.fleet.environment.servers]
        self._colour = {name: COLOURS[everywhere.index(name) % len(COLOURS)] for name in names}
        self._cells = max(map(len, names))
        self.coloured = command.output.is_terminal and not os.environ.get("NO_COLOR")

    def name(self, server: str) -> str:
        """The name of a server, filled up with spaces; "" stands for this machine."""
        shown = f"{server or 'here':<{self._cells}}"
        return f"\x1b[{self._colour.get(server, '0')}m{shown}\x1b[0m" if self.coloured else shown
