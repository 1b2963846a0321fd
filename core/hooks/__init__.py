"""Hooks: people's own steps around the phases. Each kind of hook is a module here, named after the kind."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from core.moments import SERVER
from core.text import first_line

if TYPE_CHECKING:
    from core.config import Hook
    from core.masking import Masking
    from core.site import Site


class Kind(Protocol):
    """What the module of a kind offers."""

    def describe(self, hook: Hook) -> str:
        """What the hook does, in a few words for a plan."""

    def run(self, site: Site, hook: Hook, folder: str, variables: Mapping[str, str]) -> None:
        """Do it at a site, and emit HookStarted, HookOutput, HookFinished. Raises HookFailed, Cancelled, ConnectError.

        folder      where a command starts
        variables   the TURNOUT_* variables by name
        """


def _kind(hook: Hook) -> Kind:
    return cast(Kind, import_module(f"core.hooks.{hook.kind}"))


def describe(hook: Hook, mask: Masking) -> str:
    """A hook in one line for a plan. Loads what running it takes, so that nothing has to be loaded later."""
    where = "" if hook.where == SERVER or not hook.run else f" ({hook.where})"
    user = f", as {hook.account}" if hook.account else ""
    return mask.line(f"{hook.on}: {first_line(_kind(hook).describe(hook))}{where}{user}", 200)


def names_slot(hook: Hook) -> bool:
    """Whether a command itself says that it needs the slot of its release; what a script reads is unknown."""
    return any(name in str(hook.run or "") for name in ("TURNOUT_SLOT", "TURNOUT_PORT"))


def run(site: Site, hook: Hook, folder: str, variables: Mapping[str, str]) -> None:
    """Run a hook at a site; see Kind.run."""
    _kind(hook).run(site, hook, folder, variables)
