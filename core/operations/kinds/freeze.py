"""Freeze an environment, so that operations that change its releases are refused, or thaw it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.operations.notices import NoticeRequest, Noticing
from core.records import Freeze, ServerState
from core.remote.held import Held


class FreezeRequest(NoticeRequest, frozen=True):
    """Refuse deploys, rollbacks and prunes until it is lifted; with `frozen` false lift it."""

    kinds = ("freeze", "thaw")
    needs_reason = True

    frozen: bool = True

    @property
    def leaves(self) -> bool:
        return self.frozen


class Freezing(Noticing[FreezeRequest], request=FreezeRequest):
    """One server that is frozen is enough: an operation works on all of them or on none."""

    past = ("froze changes", "lifted the freeze")
    are = "frozen"

    def title(self, tag: str = "") -> str:
        return f"{self.verb} {self.subject}"

    def is_so(self, state: ServerState) -> bool:
        return (state.freeze is not None) == self.request.leaves

    def leave(self, held: Held, facts: Mapping[str, Any]) -> None:
        held.freeze(Freeze(**facts))

    def take_away(self, held: Held, state: ServerState) -> None:
        held.thaw()
