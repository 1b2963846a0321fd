"""What an operator asks for (pure)."""

from __future__ import annotations

from dataclasses import dataclass

from core.plan import CLEAR_CACHE, DEPLOY, PIN, PRUNE, RECOVER, ROLLBACK, UNPIN


@dataclass(frozen=True)
class DeployRequest:
    """Deploy `ref` (None: the configuration's) under `tag` (None: made from time and revision).

    `rebuild`: a finished build is not used again.
    """

    ref: str | None = None
    tag: str | None = None
    rebuild: bool = False


@dataclass(frozen=True)
class RollbackRequest:
    """Lead all servers to the release `tag`, or to the one before the live one."""

    tag: str | None = None


@dataclass(frozen=True)
class PruneRequest:
    """Remove the files of `tags`, of all releases beyond the newest `keep`, and the deploy-cache.

    With nothing of the three given, `keep` is the configuration's. `force`: also releases that a process works in.
    """

    tags: tuple[str, ...] = ()
    keep: int | None = None
    cache: bool = False
    force: bool = False


@dataclass(frozen=True)
class RecoverRequest:
    """Bring an interrupted operation to an end: `finish` it on all servers, or `undo` it where it switched."""

    way: str


@dataclass(frozen=True)
class PinRequest:
    """Never prune the release `tag` on any server; with `pinned` false prune it as others are. `why`: for people."""

    tag: str
    why: str = ""
    pinned: bool = True


Request = DeployRequest | RollbackRequest | PruneRequest | RecoverRequest | PinRequest


def kind_of(request: Request) -> str:
    """deploy, rollback, prune, clear-cache, recover, pin or unpin."""
    if isinstance(request, PinRequest):
        return PIN if request.pinned else UNPIN
    if isinstance(request, RecoverRequest):
        return RECOVER
    if isinstance(request, DeployRequest):
        return DEPLOY
    if isinstance(request, RollbackRequest):
        return ROLLBACK
    return CLEAR_CACHE if request.cache and not request.tags and request.keep is None else PRUNE
