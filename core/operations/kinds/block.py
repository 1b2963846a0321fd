"""Block a release, so that undo never goes back to it, or end that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.operations.notices import ReleaseNotice, ReleaseNoticeRequest
from core.records import Block, ServerState
from core.remote.held import Held


class BlockRequest(ReleaseNoticeRequest, frozen=True):
    """Never go back to the release `tag` without its being named; with `blocked` false end that."""

    kinds = ("block", "unblock")
    needs_reason = True

    blocked: bool = True

    @property
    def leaves(self) -> bool:
        return self.blocked


class Blocking(ReleaseNotice[BlockRequest], request=BlockRequest):
    past = ("blocked", "unblocked")
    are = "blocked"

    def is_so(self, state: ServerState) -> bool:
        return (self.subject in state.blocks) == self.request.leaves

    def leave(self, held: Held, facts: Mapping[str, Any]) -> None:
        held.block(self.subject, Block(**facts))

    def take_away(self, held: Held, state: ServerState) -> None:
        held.unblock(self.subject)
