"""Words of requests that mean something to both sides: how an operation ends, and where `current` has to be (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Settles(StrEnum):
    """Which operations the end of one settles: what is settled is not open for `turnout recover` any more.

    ALL   every one that is open on the server: this one was carried out
    OWN   itself: it left things as they were; with `also`, others that it undid
    NONE  nothing: it could not have been interrupted half-way
    """

    ALL = "all"
    OWN = "own"
    NONE = "none"

    def also(self, operations: Iterable[str]) -> str:
        """The word for a request: itself, and the ids of operations that it undid."""
        return ",".join((self, *operations))


ANYWHERE = "-"
"""Whatever `current` points to; for an inspection, or a switch in the same round trip."""


def points_to(target: str) -> str:
    """That `current` has this link's text, "" for no link."""
    return f"={target}"


def live_at(target: str) -> str:
    """That `current` has this link's text, and a folder is there; "" for no link."""
    return f"+{target}" if target else points_to("")
