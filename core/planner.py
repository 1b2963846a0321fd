"""Plans made from inspected state: deploy, rollback, prune (pure)."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

from core import layout, shared
from core.disk_space import lacking, of_release, of_unknown_cache, of_upload
from core.manifest import EMPTY, FOLDER, Manifest, difference
from core.plan import (
    CLEAR_CACHE,
    DEPLOY,
    NONE,
    PIN,
    PRUNE,
    REMOVE,
    ROLLBACK,
    STAGE,
    SWITCH,
    UNPIN,
    UPLOAD,
    Plan,
    Sizes,
    Step,
)
from core.records import FleetRelease, Record, ServerState, fleet_releases, live_tag, previous_tag
from core.recovery import interruption
from core.retention import beyond, protection
from core.shared import SharedPath
from core.text import count, show_path

PRIVATE_NAMED = 3
"""Private files and folders that a plan names; it says how many more there are."""


@dataclass(frozen=True, kw_only=True)
class PlanSettings:
    """What a plan takes from the configuration. `hooks` and `checks` are described for people, one line each."""

    keep: int = 10
    hooks: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    shared: tuple[SharedPath, ...] = ()
    hard_links: bool = False
    """Whether a release is made of hard links to the deploy-cache, and costs no copy."""


def plan_deploy(
    environment: str,
    states: Sequence[ServerState],
    record: Record,
    manifest: Manifest,
    caches: Mapping[str, Manifest | None],
    settings: PlanSettings,
) -> Plan:
    """The plan of a deploy. `caches` has what each server's deploy-cache holds, None where it is unknown or empty."""
    lives = {state.current for state in states}
    steps = tuple(_release_step(state, record, manifest, caches.get(state.server), settings, lives) for state in states)
    return Plan(
        kind=DEPLOY,
        environment=environment,
        tag=record.tag,
        live=live_tag(states),
        record=record,
        steps=steps,
        hooks=settings.hooks,
        checks=settings.checks,
        warnings=(
            *state_warnings(states),
            *_leading_nowhere(states, steps, manifest, settings),
            *_private(states, steps, manifest, settings),
        ),
        fingerprints={state.server: state.fingerprint for state in states},
    )


def _leading_nowhere(
    states: Sequence[ServerState], steps: Sequence[Step], manifest: Manifest | None, settings: PlanSettings
) -> list[str]:
    """Shared paths that will lead nowhere, on the servers that switch; what is refused for it is not said twice."""
    moving = [
        (state, manifest if step.action in (STAGE, UPLOAD) else None)
        for state, step in zip(states, steps, strict=True)
        if step.action != NONE and not step.refusal
    ]
    return shared.warnings(moving, settings.shared)


def _private(
    states: Sequence[ServerState], steps: Sequence[Step], manifest: Manifest, settings: PlanSettings
) -> list[str]:
    """What is private in the tree, where some server gets it: who serves it may be another user there."""
    new = [state for state, step in zip(states, steps, strict=True) if step.action in (STAGE, UPLOAD)]
    # A shared path that is there already is not taken from the release.
    there = [each.path for each in settings.shared if all(each.path not in state.shared_missing for state in new)]
    kept = [path.encode("utf-8", "surrogateescape") for path in there]
    found = [
        show_path(path) + ("/" if entry.kind == FOLDER else "")
        for path, entry in sorted(manifest.entries.items())
        if entry.closed and not any(path == top or path.startswith(top + b"/") for top in kept)
    ]
    if not new or not found:
        return []
    more = f" and {len(found) - PRIVATE_NAMED} more" if len(found) > PRIVATE_NAMED else ""
    names = ", ".join(found[:PRIVATE_NAMED]) + more
    return [f"private in the source, so not readable by every user of the servers: {names}"]


def rollback_target(states: Sequence[ServerState], tag: str | None) -> tuple[FleetRelease | None, str]:
    """The release that a rollback leads to, chosen once for all servers, or None and the reason."""
    rows = fleet_releases(states)
    wanted = tag or previous_tag(states)
    if not wanted:
        unread = [row.tag for row in rows if row.unread and row.present_on and not row.live_on]
        if unread:
            names = ", ".join(unread[:5])
            return (
                None,
                f"no earlier release is known: the records of {names} cannot be read; name the one to go back to",
            )
        return None, "there is no earlier release to go back to"
    row = next((row for row in rows if row.tag == wanted), None)
    if row is None:
        known = ", ".join(row.tag for row in rows[:5]) or "none"
        return None, f"no release is called {wanted} (newest: {known})"
    return row, ""


def plan_rollback(
    environment: str,
    states: Sequence[ServerState],
    tag: str | None,
    manifest: Manifest | None,
    manifest_problem: str,
    caches: Mapping[str, Manifest | None],
    settings: PlanSettings,
    unknown: str = "",
) -> Plan:
    """The plan of a rollback to `tag`, or to the previous release.

    manifest  of the release's tree where some server needs its files again; None with the reason in
              `manifest_problem` where they cannot be had any more
    unknown   what to say where no release is called `tag`, if more is known of that word
    """
    row, problem = rollback_target(states, tag)
    base = Plan(
        kind=ROLLBACK,
        environment=environment,
        tag=row.tag if row else tag or "",
        live=live_tag(states),
        record=row.record if row else None,
        hooks=settings.hooks,
        checks=settings.checks,
        fingerprints={state.server: state.fingerprint for state in states},
    )
    if row is None:
        blocked = tuple(
            Step(server=state.server, action=NONE, refusal=refusal)
            for state in states
            if (refusal := _current_refusal(state))
        )
        return replace(base, steps=blocked, refusals=() if blocked else (unknown or problem,))
    if row.conflict:
        return replace(base, refusals=(row.conflict,))
    steps = []
    for state in states:
        release = state.releases.get(row.tag)
        if release and release.present:
            refusal = _current_refusal(state)
            action = NONE if state.current == row.tag and not refusal else SWITCH
            steps.append(Step(server=state.server, action=action, current=state.current, refusal=refusal))
        elif manifest is None or row.record is None:
            reason = manifest_problem or "its files are gone and it has no record to make them from again"
            steps.append(Step(server=state.server, action=UPLOAD, current=state.current, refusal=reason))
        else:
            steps.append(_release_step(state, row.record, manifest, caches.get(state.server), settings, None))
    warnings = (*state_warnings(states), *_leading_nowhere(states, steps, manifest, settings))
    strangers = [step.server for step in steps if step.action in (STAGE, UPLOAD) and step.server not in recorded(row)]
    if strangers and not any(step.refusal for step in steps):
        who = ", ".join(recorded(row))
        warnings += (f"{', '.join(strangers)} never had {row.tag}: what is sent there is what {who} recorded of it",)
    if row.failed:
        warnings += (f"{row.tag} is marked as failed: {row.failed}",)
    return replace(base, steps=tuple(steps), warnings=warnings)


def recorded(row: FleetRelease) -> tuple[str, ...]:
    """The servers that have a record of a release of their own."""
    return tuple(name for name, release in row.on.items() if release.record)


def plan_prune(
    environment: str,
    states: Sequence[ServerState],
    tags: Sequence[str],
    keep: int | None,
    cache: bool,
    sizes: Mapping[str, Sizes],
) -> Plan:
    """The plan of a prune: the named releases, all beyond the newest `keep` where it is given, and the deploy-cache.

    sizes  by server: what the removals free there
    """
    live, previous = live_tag(states), previous_tag(states)
    found = interruption(states)
    before = {way.tag for way in found.switched.values() if way.tag} if found else set()
    tags = tuple(dict.fromkeys(tags))
    known = {release.tag for state in states for release in state.releases.values()}
    refusals = [f"no release is called {tag}" for tag in tags if tag not in known]
    for tag in tags:
        reason = protection(states, tag, live, previous)
        if not reason and tag in before:
            reason = "is where an interrupted operation leads back to when it is undone: recover first"
        if reason:
            refusals.append(f"{tag} {reason}")
    steps = []
    lives = {state.current for state in states}
    for state in states:
        chosen = [tag for tag in tags if tag in state.releases and state.releases[tag].present]
        if keep is not None:
            # Its own way back as well: what other servers say of a release makes it no less one here.
            needed = lives | {live, previous, previous_tag([state])} | before
            chosen += [tag for tag in beyond(state, keep, needed) if tag not in chosen]
        of_server = sizes.get(state.server, Sizes())
        going = (*chosen, *([""] if cache else []))
        freed = {tag: of_server.by_tag[tag] for tag in going if tag in of_server.by_tag}
        refusal = "" if state.current_kind in ("link", "absent") else _current_refusal(state)
        refusal = refusal or (_mount_refusal(state) if cache else "")
        action = REMOVE if chosen or cache else NONE
        steps.append(
            Step(
                server=state.server,
                action=action,
                current=state.current,
                prune=tuple(chosen),
                frees=sum(freed.values()) if len(freed) == len(going) else None,
                sizes=freed,
                exact=of_server.exact,
                clear_cache=cache,
                refusal=refusal,
            )
        )
    return Plan(
        kind=CLEAR_CACHE if cache and not tags and keep is None else PRUNE,
        environment=environment,
        live=live,
        steps=tuple(steps),
        refusals=tuple(dict.fromkeys(refusals)),
        fingerprints={state.server: state.fingerprint for state in states},
    )


def plan_pin(environment: str, states: Sequence[ServerState], tag: str, *, pinned: bool) -> Plan:
    """The plan that pins a release, or ends that, on every server, also where it is not now."""
    known = any(tag in state.releases or tag in state.pins for state in states)
    steps = []
    for state in states:
        release = state.releases.get(tag)
        is_so = tag in state.pins or bool(not pinned and release and release.pinned)
        action = NONE if is_so == pinned else PIN if pinned else UNPIN
        steps.append(Step(server=state.server, action=action, current=state.current))
    return Plan(
        kind=PIN if pinned else UNPIN,
        environment=environment,
        tag=tag,
        live=live_tag(states),
        steps=tuple(steps),
        refusals=() if known else (f"no release is called {tag}",),
        fingerprints={state.server: state.fingerprint for state in states},
    )


def _release_step(
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
    refusal = _current_refusal(state)
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
    refusal = refusal or _mount_refusal(state) or _hard_link_refusal(state, settings)
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


def adoption(state: ServerState) -> str:
    """What to do about a `current` that is no link: for a folder the one command that makes it a release."""
    if state.current_kind != "folder":
        return f"look at {state.root}/current and move it away"
    numbers = itertools.count(2)
    name = "before-turnout"
    while name in state.releases:
        name = f"before-turnout-{next(numbers)}"
    root = shlex.quote(state.root)
    return f"cd {root} && mkdir -p releases && mv -T current releases/{name} && ln -s releases/{name} current"


def _current_refusal(state: ServerState) -> str:
    """Why `current` cannot be switched on a server, or ""."""
    if state.current_kind in ("folder", "file"):
        return (
            f"{state.root}/current is a {state.current_kind}, not a link; nothing was changed. Then: {adoption(state)}"
        )
    return ""


def _mount_refusal(state: ServerState) -> str:
    """Why deploy-cache may not be changed on a server, or ""."""
    inside = next((path for path in state.mounts if path.startswith(f"{layout.CACHE}/")), "")
    return (
        f"{state.root}/{inside} is a mount point, and deploys empty and fill deploy-cache: unmount it" if inside else ""
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


def state_warnings(states: Sequence[ServerState]) -> tuple[str, ...]:
    """What is odd before anything starts, and no reason against it."""
    lives = {state.server: state.current for state in states}
    odd = [text for state in states for text in _odd(state)]
    if len(set(lives.values())) > 1:
        odd.insert(0, "servers differ: " + ", ".join(f"{s} on {t or 'nothing'}" for s, t in lives.items()))
    return tuple(odd)


def oddities(states: Sequence[ServerState]) -> tuple[str, ...]:
    """Everything odd on the servers, for who looks at their releases, where it is seen that they differ."""
    blocked = [f"{state.server}: {refusal}" for state in states if (refusal := _current_refusal(state))]
    unlisted = [
        f"{state.server}: {count(state.unlisted, 'older release')} without files not listed"
        for state in states
        if state.unlisted
    ]
    return (*blocked, *(text for state in states for text in _odd(state)), *unlisted)


def _odd(state: ServerState) -> list[str]:
    found = []
    if state.current_kind == "dangling":
        found.append(f"{state.server}: current leads to {state.current_target}, {state.why_dangling}")
    if state.current_kind == "elsewhere":
        found.append(f"{state.server}: current leads to {state.current_target}, outside releases/")
    return found + [f"{state.server}: {fault}" for fault in state.faults]
