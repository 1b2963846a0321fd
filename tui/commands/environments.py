"""Commands on the list of environments: those of the dashboard that need nothing but an environment."""

from __future__ import annotations

from tui.commands import operating, promoting, servers
from tui.commands.app_wide import COMMANDS as APP_WIDE
from tui.commands.base import Command

_BY_ID = {command.id: command for command in (*operating.COMMANDS, *promoting.COMMANDS, *servers.COMMANDS)}

ON_ENVIRONMENTS: tuple[Command, ...] = tuple(_BY_ID[name] for name in ("deploy", "promote", "refresh"))
"""What the keys of the list do there. Deploy and promote open the environment first."""

IN_BAR: tuple[Command, ...] = (*ON_ENVIRONMENTS, *(command for command in APP_WIDE if command.label))
"""What is in the bar there."""
