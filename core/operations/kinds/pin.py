"""Pin a release, so that it is never pruned, or unpin it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.operations.notices import ReleaseNotice, ReleaseNoticeRequest
from core.records import Pin, ServerState
from core.remote.held import Held


class PinRequest(ReleaseNoticeRequest, frozen=True):
    """Never prune the release `tag` on any server; with `pinned` false it may be pruned again."""

    kinds = ("pin", "unpin")

    pinned: bool = True

    @property
    def leaves(self) -> bool:
        return self.pinned


class Pinning(ReleaseNotice[PinRequest], request=PinRequest):
    past = ("pinned", "unpinned")
    are = "pinned"

    def is_so(self, state: ServerState) -> bool:
        return is_pinned(state, self.subject, record=not self.request.leaves) == self.request.leaves

    def leave(self, held: Held, facts: Mapping[str, Any]) -> None:
        held.pin(self.subject, Pin(**facts))

    def take_away(self, held: Held, state: ServerState) -> None:
        release = state.releases.get(self.subject)
        held.unpin(self.subject, release.record if release else None)


def is_pinned(state: ServerState, tag: str, *, record: bool = False) -> bool:
    """Whether a release is pinned on a server, by a pin there; `record`: or by its record."""
    release = state.releases.get(tag)
    return tag in state.pins or bool(record and release and release.pinned)
