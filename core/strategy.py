"""Ways to switch the servers of an environment (pure)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

Batch = tuple[str, ...]
"""Names of servers that are switched and checked together."""


def _all_at_once(servers: Sequence[str]) -> tuple[Batch, ...]:
    return (tuple(servers),) if servers else ()


ALL_AT_ONCE = "all-at-once"
STRATEGIES: Mapping[str, Callable[[Sequence[str]], tuple[Batch, ...]]] = {ALL_AT_ONCE: _all_at_once}
"""What this version carries out, by the name in turnout.toml."""


def batches(servers: Sequence[str], strategy: str) -> tuple[Batch, ...]:
    """The servers in the batches in which they reach the release, in order. KeyError where STRATEGIES lacks it."""
    return STRATEGIES[strategy](servers)
