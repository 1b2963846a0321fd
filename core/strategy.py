"""Ways to switch the servers of an environment, and the batches that come of them (pure)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set

from msgspec import Struct
from msgspec.structs import replace

Batch = tuple[str, ...]
"""Names of servers that are switched and checked together."""

Share = int | str
"""A number of servers, or a share of them such as "25%"."""

ALL_AT_ONCE, ROLLING = "all-at-once", "rolling"
"""Names of strategies in turnout.toml."""


class Strategy(Struct, frozen=True, kw_only=True):
    """How an environment's servers reach a release.

    name           a key of STRATEGIES
    canary         servers of the first batch; None where it is one as all others
    batch          servers of each other batch
    pause          seconds between two batches
    hold           between two batches a person is asked, instead of a pause
    allow_failed   servers that may be left out: they cannot be reached, or fail before their switch
    ask            what fails is put to a person, before everything is undone
    """

    name: str = ALL_AT_ONCE
    canary: Share | None = None
    batch: Share = 1
    pause: float = 0.0
    hold: bool = False
    allow_failed: Share = 0
    ask: bool = False

    @property
    def rolling(self) -> bool:
        return self.name != ALL_AT_ONCE

    def at_once(self) -> Strategy:
        """The same without batches: what `--at-once` means."""
        return replace(self, name=ALL_AT_ONCE, canary=None, batch=1, pause=0.0, hold=False)

    def may_lack(self, servers: int) -> int:
        """How many of so many servers may be left out; never all of them."""
        return min(part_of(self.allow_failed, servers), max(servers - 1, 0))

    def batches(self, moving: Sequence[str], settled: Sequence[str] = ()) -> tuple[Batch, ...]:
        """The servers in the batches in which they reach the release, in order.

        moving    those that switch
        settled   those that have it live already: they are checked with the first batch
        """
        found = STRATEGIES[self.name](moving, self)
        first, *others = found or ((),)
        return ((*first, *settled), *others) if first or settled else ()


def part_of(share: Share, servers: int, least: int = 0) -> int:
    """How many servers a share of `servers` is: rounded down, so that it is never more than was written, but at least
    `least`, and at most all.
    """
    number = int(share.removesuffix("%")) * servers // 100 if isinstance(share, str) else share
    return min(max(number, least), servers)


def _all_at_once(servers: Sequence[str], strategy: Strategy) -> tuple[Batch, ...]:
    return (tuple(servers),) if servers else ()


def _rolling(servers: Sequence[str], strategy: Strategy) -> tuple[Batch, ...]:
    alone = 0 if strategy.canary is None else part_of(strategy.canary, len(servers), 1)
    first, others = servers[:alone], servers[alone:]
    size = part_of(strategy.batch, len(others), 1)
    rest = [tuple(others[place : place + size]) for place in range(0, len(others), size or 1)]
    return (tuple(first), *rest) if first else tuple(rest)


STRATEGIES: Mapping[str, Callable[[Sequence[str], Strategy], tuple[Batch, ...]]] = {
    ALL_AT_ONCE: _all_at_once,
    ROLLING: _rolling,
}
"""By its name in turnout.toml: the batches of the servers that switch, in order."""


class WayBack(Struct, frozen=True, kw_only=True):
    """One batch on the way back: its number, servers whose drain hooks run, those that are switched back, and those
    whose return hooks run then.
    """

    number: int
    drain: tuple[str, ...] = ()
    switch: tuple[str, ...] = ()
    back: tuple[str, ...] = ()


def ways_back(batches: Sequence[Batch], switched: Set[str], drained: Set[str]) -> tuple[WayBack, ...]:
    """What is undone, the last batch first.

    switched   servers that were switched to the release
    drained    servers that take no requests now, switched or not: they are not drained again, and return
    A server in no batch comes first: nothing says in which one it was switched.
    """
    told = {name for batch in batches for name in batch}
    lost = tuple(sorted((switched | drained) - told))
    found = []
    numbered = [*enumerate(batches, 1), *([(max(len(batches), 1), lost)] if lost else [])]
    for number, batch in reversed(numbered):
        way = WayBack(
            number=number,
            drain=tuple(name for name in batch if name in switched and name not in drained),
            switch=tuple(name for name in batch if name in switched),
            back=tuple(name for name in batch if name in switched or name in drained),
        )
        if way.back:
            found.append(way)
    return tuple(found)
