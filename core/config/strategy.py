"""How an environment's servers are switched: the keys of its table, what they mean together, and what cannot work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from core.config import values
from core.config.placing import environments_of, listed, reached, texts
from core.moments import MOMENTS
from core.strategy import ALL_AT_ONCE, ROLLING, Share, Strategy, part_of
from core.text import count

if TYPE_CHECKING:
    from core.config.table import Broken

HOLD = "hold"
"""A pause that a person ends."""
UNDO, ASK = "undo", "ask"
"""What happens when something fails: everything is undone, or a person is asked first."""
BATCHED = frozenset(name for name, moment in MOMENTS.items() if moment.batched)
"""The moments that only batches have."""
OF_BATCHES = ("canary", "batch", "pause")
"""The keys that only batches have."""


def pause(value: object) -> float | str:
    """Seconds between two batches, or "hold"."""
    if value == HOLD:
        return HOLD
    try:
        return values.duration(value)
    except ValueError as error:
        raise ValueError(f'must be "hold", or a duration such as "2m" or a number of seconds: {error}') from None


def spared(value: object) -> int | str:
    """Servers that may be left out: none, a number, or a share of all."""
    return 0 if value == 0 and not isinstance(value, bool) else values.batch(value)


def way_of(
    name: str, canary: Share | None, batch: Share, pause: float | str, allow_failed: Share, on_failure: str
) -> Strategy:
    """The strategy that the keys of an environment describe."""
    held = isinstance(pause, str)
    return Strategy(
        name=name,
        canary=canary,
        batch=batch,
        pause=0.0 if isinstance(pause, str) else pause,
        hold=held,
        allow_failed=allow_failed,
        ask=on_failure == ASK,
    )


def rules(table: Mapping[str, Any]) -> Iterator[Broken]:
    """What cannot work in an environment's table, with the key and what would be right."""
    if table.get("strategy", ALL_AT_ONCE) == ALL_AT_ONCE:
        for key in OF_BATCHES:
            if key in table:
                yield (key,), 'is only for strategy = "rolling"', f'strategy = "{ROLLING}"'
    servers = table.get("servers")
    number = len(servers) if isinstance(servers, list | tuple) else 0
    canary = table.get("canary")
    if isinstance(canary, int) and not isinstance(canary, bool) and number and canary > number:
        message = f"is larger than the fleet: there {'are' if number > 1 else 'is'} {count(number, 'server')}"
        yield ("canary",), message, _fewer(number)
    yield from _canary_is_all(table, number)
    allowed = _share(table.get("allow-failed"))
    if number and part_of(allowed, number) >= number:
        message = "would let a deploy go on without any server"
        right = f"a number up to {number - 1}" if number > 1 else "leave it out: there is one server"
        yield ("allow-failed",), message, right
    if number > 1 and isinstance(allowed, str) and part_of(allowed, number) == 0:
        yield ("allow-failed",), f"is less than one of the {number} servers: none could be left out", "allow-failed = 1"
    if table.get("on-failure") == ASK and table.get("read-only") is True:
        yield ("on-failure",), "asks a person, and read-only = true lets nobody answer", f'on-failure = "{UNDO}"'


def _canary_is_all(table: Mapping[str, Any], number: int) -> Iterator[Broken]:
    """Why the canary of an environment with so many servers is none. One batch of all servers is right: a table is
    often a copy of a larger environment's, and a pause does nothing there.
    """
    if table.get("strategy") != ROLLING or number < 2 or table.get("canary") is None:
        return
    try:
        canary = values.batch(table["canary"])
    except ValueError:
        return
    if not (isinstance(canary, int) and canary > number) and part_of(canary, number, 1) == number:
        message = f"is all of the {number} servers: a canary goes first so that others can wait for it"
        yield ("canary",), message, _fewer(number)


def _fewer(number: int) -> str:
    """A canary that leaves others of so many servers."""
    if number < 2:
        return "leave it out"
    return "canary = 1" if number == 2 else f'a number up to {number - 1}, or a share such as "10%"'


def hooks_of_batches(table: Mapping[str, Any]) -> Iterator[Broken]:
    """The rule that hooks of batches are where there are batches."""
    known = environments_of(table)
    for index, hook in enumerate(listed(table, "hooks")):
        if isinstance(hook, dict) and hook.get("on") in BATCHED:
            for place, message, hint in _of_batches(hook, known):
                yield ("hooks", index, *place), message, hint


def _of_batches(hook: Mapping[str, Any], environments: Mapping[str, Mapping[str, Any]]) -> Iterator[Broken]:
    """Why a hook never runs: its moment belongs to batches, and no environment that it applies in has any."""
    on = hook["on"]
    chosen = [name for _, name in texts(hook.get("environments")) if name in environments]
    rolling = [name for name in chosen or environments if _strategy(environments[name]) == ROLLING]
    if not rolling:
        where = ", ".join(chosen) or "every environment"
        message = f"{on} hooks run between batches, and {where} switches all servers at once"
        yield ("on",), message, f'strategy = "{ROLLING}" in the environment'
        return
    if chosen and len(rolling) < len(chosen):
        other = ", ".join(name for name in chosen if name not in rolling)
        yield ("environments",), f"{on} hooks run between batches, and {other} has none", f"leave {other} out"
    if not set(reached(hook, environments)) & set(rolling):
        roles, there = (" or ".join(names) for names in ([role for _, role in texts(hook.get("roles"))], rolling))
        yield ("roles",), f"no server of {there} has the role {roles}, and only there are batches", ""


def _strategy(environment: Mapping[str, Any]) -> object:
    return environment.get("strategy", ALL_AT_ONCE)


def _share(value: object) -> int | str:
    """The servers that may be left out, as far as it is written in a way that can be read."""
    try:
        return spared(value)
    except ValueError:
        return 0
