"""What the checks said of a live release, server by server (pure)."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from core.errors import TurnoutError


class Tried(Struct, frozen=True):
    """A check that was tried once. `why` it did not pass, "" where it did."""

    check: str
    why: str
    seconds: float


class Checked(Struct, frozen=True):
    """By server: the checks in the order of the file, or why they could not be tried.

    idle   servers on which nothing is live
    """

    tried: Mapping[str, tuple[Tried, ...]]
    errors: Mapping[str, TurnoutError] = field(default_factory=dict)
    idle: tuple[str, ...] = ()

    @property
    def failed(self) -> int:
        """Servers on which a check failed, or nothing is live."""
        return len(self.idle) + sum(any(each.why for each in of_server) for of_server in self.tried.values())
