"""Which release a rollback switches to, and its plan (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.manifest import Manifest
from core.names import quoted
from core.plan import NONE, STAGE, SWITCH, UPLOAD, Plan, Refusal, Step
from core.planner.oddities import current_refusal, state_warnings
from core.planner.release import PlanSettings, leading_nowhere, release_step
from core.records import FleetRelease, Previous, ServerState, fleet_releases, live_tag, previous_of


def rollback_target(states: Sequence[ServerState], tag: str | None) -> tuple[FleetRelease | None, str]:
    """The release that a rollback switches to, chosen once for all servers, or None and the reason.

    tag   None: what was live before the last switch (`previous_of`)
    """
    rows = fleet_releases(states)
    wanted = tag or previous_of(states, rows).tag
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
        return None, f"there is no release {quoted(wanted)}"
    return row, ""


def plan_rollback(
    environment: str,
    states: Sequence[ServerState],
    tag: str | None,
    manifest: Manifest | None,
    manifest_problem: str,
    caches: Mapping[str, Manifest | None],
    settings: PlanSettings,
) -> Plan:
    """The plan of a rollback to `tag`, or to the previous release.

    manifest  of the release's tree where some server needs its files again; None with the reason in
              `manifest_problem` where they cannot be made any more
    """
    undoes = None if tag else previous_of(states)
    row, problem = rollback_target(states, tag)
    base = Plan(
        environment=environment,
        tag=row.tag if row else tag or "",
        undoes=undoes,
        live=live_tag(states),
        record=row.record if row else None,
        strategy=settings.strategy,
        hooks=settings.hooks,
        checks=settings.checks,
        fingerprints={state.server: state.fingerprint for state in states},
    )
    if row is None:
        blocked = tuple(
            Step(server=state.server, action=NONE, refusal=refusal)
            for state in states
            if (refusal := current_refusal(state))
        )
        return replace(base, steps=blocked, refusals=() if blocked else (Refusal(problem),))
    if row.conflict:
        return replace(base, refusals=(Refusal(f"{row.conflict}. {_EACH}"),))
    steps = []
    for state in states:
        release = state.releases.get(row.tag)
        if release and release.present:
            refusal = current_refusal(state)
            action = NONE if state.current == row.tag and not refusal else SWITCH
            steps.append(Step(server=state.server, action=action, current=state.current, refusal=refusal))
        elif manifest is None or row.record is None:
            reason = manifest_problem or "its files are gone, and no record says how to make them again"
            steps.append(Step(server=state.server, action=UPLOAD, current=state.current, refusal=Refusal(reason)))
        else:
            steps.append(release_step(state, row.record, manifest, caches.get(state.server), settings, None))
    warnings = (*state_warnings(states), *leading_nowhere(states, steps, manifest, settings))
    strangers = [step.server for step in steps if step.action in (STAGE, UPLOAD) and step.server not in recorded(row)]
    if strangers and not any(step.refusal for step in steps):
        who = ", ".join(recorded(row))
        warnings += (f"{', '.join(strangers)} never had {row.tag}: it is sent there, with the record that {who} has",)
    if row.failed:
        warnings += (f"{row.tag} is marked as failed: {row.failed}",)
    if row.bad and undoes is None:
        warnings += (f"{row.tag} {row.bad}",)
    if row.block and undoes is None:
        warnings += (f"{row.tag} is blocked {row.block.describe()}",)
    warnings += _passed_over(undoes)
    return replace(base, steps=tuple(steps), warnings=warnings)


_EACH = "Go back on servers with the same content only: --server names them"
"""What a person can do about a tag that has other content on some servers."""


def _passed_over(undoes: Previous | None) -> tuple[str, ...]:
    """What undo does not go back to, though it was live before: never two releases back without a word."""
    if undoes is None:
        return ()
    said = tuple(f"{tag}, which was live before, {why}: this goes back further" for tag, why in undoes.skipped)
    if undoes.guessed:
        text = f"no journal says what was live before: {undoes.tag} is the release before the live one by its time"
        said += (f"{text}; whether it was ever live is unknown",)
    return said


def recorded(row: FleetRelease) -> tuple[str, ...]:
    """The servers that have a record of a release of their own."""
    return tuple(name for name, release in row.on.items() if release.record)
