"""What is needed to make a release live on one server, and what prevents it (pure)."""

from __future__ import annotations

from collections.abc import Sequence, Set

from msgspec import Struct, field

from core import layout, shared
from core.disk_space import lacking, of_release, of_unknown_cache, of_upload
from core.manifest import EMPTY, Difference, Manifest, difference
from core.patchable import patchable
from core.plan import NO_SPACE, NONE, STAGE, SWITCH, UPLOAD, Refusal, Step
from core.planner.oddities import cache_refusal, current_refusal, mount_refusal
from core.records import Record, Release, ServerState
from core.retention import beyond
from core.shared import SharedPath
from core.strategy import Strategy
from core.text import some


class PlanSettings(Struct, frozen=True, kw_only=True):
    """What a plan takes from the configuration. `hooks` and `checks` are described for people, one line each."""

    keep: int = 10
    hooks: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    shared: tuple[SharedPath, ...] = ()
    writable: tuple[str, ...] = ()
    """Paths that get writable for the group, if the release is to have them before any hook could make them."""
    hard_links: bool = False
    """Whether a release is made of hard links to the deploy-cache, without copying."""
    strategy: Strategy = field(default_factory=Strategy)
    of_groups: frozenset[str] = frozenset()
    """Servers whose deploy root a group shares."""


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
    existing = state.releases.get(record.tag)
    refusal = current_refusal(state) or _other_content(existing, record)
    if existing and existing.present:
        action = NONE if state.current == record.tag else SWITCH
        return Step(server=state.server, action=action, current=state.current, refusal=refusal)
    change = difference(cache or EMPTY, manifest, of_group=state.server in settings.of_groups)
    unknown = cache is None and not state.cache_empty
    refusal = (
        refusal
        or refusal_before_tree(state, hard_links=settings.hard_links)
        or _shared_refusal(state, settings, manifest)
        or _writable_refusal(state, settings, manifest)
        # An unknown cache is compared before the upload: only what cannot possibly fit is refused here.
        or _space_refusal(state, manifest, None if unknown else change, settings)
    )
    return Step(
        server=state.server,
        action=STAGE if change.empty and cache is not None else UPLOAD,
        current=state.current,
        send_bytes=change.bytes,
        send_files=change.files,
        remove_entries=len(change.remove),
        exact=not unknown,
        patched=bool(cache and patchable(state.features, cache, change, manifest)),
        copy_bytes=manifest.bytes,
        # After the switch the release that is live now is the one before: both are safe.
        prune=() if lives is None else tuple(beyond(state, settings.keep, lives, coming=record.tag)),
        refusal=refusal,
    )


def refusal_before_tree(state: ServerState, *, hard_links: bool) -> Refusal | None:
    """Why no release can be made on a server, whatever is in it."""
    refusal = current_refusal(state) or mount_refusal(state) or cache_refusal(state)
    return refusal or (_hard_link_refusal(state) if hard_links else None)


def _other_content(existing: Release | None, record: Record) -> Refusal | None:
    """Why a tag cannot be used on a server that has it already: its content there may be different."""
    if existing is None:
        return None
    if existing.unread:
        return Refusal(f"the record of {record.tag} there cannot be read; choose another tag")
    if existing.record is None and existing.present:
        return Refusal(f"{record.tag} exists there without a record, so its content is unknown; choose another tag")
    if existing.record and existing.record.digest != record.digest:
        if existing.present:
            return Refusal(f"{record.tag} exists there with other content; choose another tag")
        return Refusal(f"{record.tag} was deployed there with other content; choose another tag")
    return None


def _hard_link_refusal(state: ServerState) -> Refusal | None:
    """Why a release cannot be made of hard links on a server."""
    apart = sorted(state.apart & {layout.CACHE, layout.RELEASES})
    if not apart:
        return None
    return Refusal(
        f'{" and ".join(apart)} in {state.root}: not on the file system of .turnout, and `copy = "hardlink"` needs one '
        'for all three: set `copy = "auto"`'
    )


def _shared_refusal(state: ServerState, settings: PlanSettings, manifest: Manifest) -> Refusal | None:
    reason = shared.refusal(state, settings.shared, manifest)
    return Refusal(reason) if reason else None


def _writable_refusal(state: ServerState, settings: PlanSettings, manifest: Manifest) -> Refusal | None:
    """Why what `writable` names cannot be made writable on a server."""
    missing = shared.not_there(state, settings.writable, settings.shared, manifest)
    if not missing:
        return None
    return Refusal(
        f"the release will not have {some(missing, 3)}, which `writable` in turnout.toml names, and no hook could make "
        "it: add it to the source (git keeps no empty folder: add a .gitkeep), or leave it out of `writable`"
    )


def _space_refusal(
    state: ServerState, manifest: Manifest, change: Difference | None, settings: PlanSettings
) -> Refusal | None:
    """Why a release does not fit on a server. `change`: of its deploy-cache; None where that is unknown."""
    upload = of_unknown_cache(state, manifest) if change is None else of_upload(state, manifest, change)
    reason = lacking(state, upload, of_release(state, manifest, shared=settings.hard_links))
    return Refusal(reason, NO_SPACE) if reason else None


def leading_nowhere(
    states: Sequence[ServerState], steps: Sequence[Step], manifest: Manifest | None, settings: PlanSettings
) -> list[str]:
    """Shared paths whose links will dangle, on the servers that switch, apart from those that are refused for it; and
    those of another tool that nobody names.
    """
    moving = [
        (state, manifest if step.action in (STAGE, UPLOAD) else None)
        for state, step in zip(states, steps, strict=True)
        if step.action != NONE and not step.refusal
    ]
    # A release that is there already is as it was made.
    new = [state for state, step in zip(states, steps, strict=True) if step.action in (STAGE, UPLOAD)]
    return [*shared.warnings(moving, settings.shared), *shared.forgotten(new, settings.shared)]
