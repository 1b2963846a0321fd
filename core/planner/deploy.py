"""The plan of a deploy (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.manifest import FOLDER, Manifest
from core.plan import STAGE, UPLOAD, Plan, Step
from core.planner.oddities import state_warnings
from core.planner.release import PlanSettings, leading_nowhere, release_step
from core.records import Record, ServerState, live_tag
from core.text import show_path, some

PRIVATE_NAMED = 3
"""Private files and folders that a plan names; it says how many more there are."""


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
    steps = tuple(release_step(state, record, manifest, caches.get(state.server), settings, lives) for state in states)
    return Plan(
        environment=environment,
        tag=record.tag,
        live=live_tag(states),
        record=record,
        steps=steps,
        strategy=settings.strategy,
        hooks=settings.hooks,
        checks=settings.checks,
        warnings=(
            *state_warnings(states),
            *leading_nowhere(states, steps, manifest, settings),
            *_private(states, steps, manifest, settings),
        ),
        fingerprints={state.server: state.fingerprint for state in states},
    )


def _private(
    states: Sequence[ServerState], steps: Sequence[Step], manifest: Manifest, settings: PlanSettings
) -> list[str]:
    """What is private in the tree, if any server gets it: the web server there may run as another user."""
    new = [state for state, step in zip(states, steps, strict=True) if step.action in (STAGE, UPLOAD)]
    # A shared path that is there already is not taken from the release.
    there = [each.path for each in settings.shared if all(each.path not in state.shared_missing for state in new)]
    kept = [path.encode("utf-8", "surrogateescape") for path in there]
    if not new:
        return []
    private = sorted((path, entry) for path, entry in manifest.entries.items() if entry.closed)
    found = [
        show_path(path) + ("/" if entry.kind == FOLDER else "")
        for path, entry in private
        if not any(path == top or path.startswith(top + b"/") for top in kept)
    ]
    if not found:
        return []
    names = some(found, PRIVATE_NAMED)
    return [f"private in the source, so not readable by every user of the servers: {names}"]
