"""What it takes to make a release live on one server, and what is against it (pure)."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from core import layout, shared
from core.disk_space import lacking, of_release, of_unknown_cache, of_upload
from core.manifest import EMPTY, Manifest, difference
from core.plan import NONE, STAGE, SWITCH, UPLOAD, Step
from core.planner.oddities import current_refusal, mount_refusal
from core.records import Record, ServerState
from core.retention import beyond
from core.shared import SharedPath


@dataclass(frozen=True, kw_only=True)
class PlanSettings:
    """What a plan takes from the configuration. `hooks` and `checks` are described for people, one line each."""

    keep: int = 10
    hooks: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    shared: tuple[SharedPath, ...] = ()
    hard_links: bool = False
    """Whether a release is made of hard links to the deploy-cache, and costs no copy."""


def release_step(
    state: ServerState,
    record: Record,
    manifest: Manifest,
    cache: Manifest | None,
    settings: PlanSettings,
    lives: Set[str] | None,
) -> Step:
    """The step that makes `record`'s release live on a server that may or may not have its files.

    lives  what is live on any server, where old releases are pruned after the switch; None: they are not
    """
    refusal = current_refusal(state)
    existing = state.releases.get(record.tag)
    old: tuple[str, ...] = ()
    if lives is not None:
        # After the switch the release that is live now is the one before: both are safe.
        old = tuple(beyond(state, settings.keep, lives, coming=record.tag))
    if existing and existing.present:
        if existing.unread:
            refusal = refusal or f"the record of {record.tag} there cannot be read; choose another tag"
        elif existing.record is None:
            unrecorded = f"{record.tag} exists there without a record, so its content is unknown; choose another tag"
            refusal = refusal or unrecorded
        elif existing.record.digest != record.digest:
            refusal = refusal or f"{record.tag} exists there with other content; choose another tag"
        action = NONE if state.current == record.tag else SWITCH
        return Step(server=state.server, action=action, current=state.current, refusal=refusal)
    if existing and existing.unread:
        refusal = refusal or f"the record of {record.tag} there cannot be read; choose another tag"
    if existing and existing.record and existing.record.digest != record.digest:
        refusal = refusal or f"{record.tag} was deployed there with other content; choose another tag"
    refusal = refusal or mount_refusal(state) or _hard_link_refusal(state, settings)
    change = difference(cache or EMPTY, manifest)
    unknown = cache is None and not state.cache_empty
    refusal = refusal or shared.refusal(state, settings.shared, manifest)
    if not refusal:
        # An unknown cache is compared before the upload: what fits in no case is refused here, the rest there.
        upload = of_unknown_cache(state, manifest) if unknown else of_upload(state, manifest, change)
        refusal = lacking(state, upload, of_release(state, manifest, shared=settings.hard_links))
    return Step(
        server=state.server,
        action=STAGE if change.empty and cache is not None else UPLOAD,
        current=state.current,
        send_bytes=change.bytes,
        send_files=change.files,
        remove_entries=len(change.remove),
        exact=not unknown,
        copy_bytes=manifest.bytes,
        prune=old,
        refusal=refusal,
    )


def _hard_link_refusal(state: ServerState, settings: PlanSettings) -> str:
    """Why a release cannot be made of hard links on a server, or ""."""
    apart = sorted(state.apart & {layout.CACHE, layout.RELEASES})
    if not settings.hard_links or not apart:
        return ""
    return (
        f'{" and ".join(apart)} in {state.root}: not on the file system of .turnout, and `copy = "hardlink"` needs one '
        'for all three: set `copy = "auto"`'
    )


def leading_nowhere(
    states: Sequence[ServerState], steps: Sequence[Step], manifest: Manifest | None, settings: PlanSettings
) -> list[str]:
    """Shared paths that will lead nowhere, on the servers that switch; what is refused for it is not said twice."""
    moving = [
        (state, manifest if step.action in (STAGE, UPLOAD) else None)
        for state, step in zip(states, steps, strict=True)
        if step.action != NONE and not step.refusal
    ]
    return shared.warnings(moving, settings.shared)
