"""Commands on the list of environments: those of the dashboard that need nothing but an environment."""

from __future__ import annotations

from tui.commands import editing, operating, promoting, servers
from tui.commands.app_wide import COMMANDS as APP_WIDE
from tui.commands.base import Command

_ALL = (*operating.COMMANDS, *promoting.COMMANDS, *editing.COMMANDS, *servers.COMMANDS)
_BY_ID = {command.id: command for command in _ALL}

ON_ENVIRONMENTS: tuple[Command, ...] = tuple(
    _BY_ID[name] for name in ("deploy", "promote", "refresh", "edit", "preflight")
)
"""What the keys of the list do there. All but refresh open the environment first."""

IN_BAR: tuple[Command, ...] = (*ON_ENVIRONMENTS[:3], *(command for command in APP_WIDE if command.label))
"""What is in the bar there."""
