"""Which release a rollback switches to, and its plan (pure)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from shlex import quote

from msgspec import Struct
from msgspec.structs import replace

from core.manifest import Manifest
from core.names import quoted
from core.plan import NONE, STAGE, SWITCH, UPLOAD, Plan, Refusal, Step
from core.planner.oddities import current_refusal, state_warnings
from core.planner.release import PlanSettings, leading_nowhere, release_step
from core.records import FleetRelease, Previous, ServerState, fleet_releases, live_of, previous_of


def rollback_target(
    states: Sequence[ServerState], tag: str | None, rows: Sequence[FleetRelease] | None = None
) -> tuple[FleetRelease | None, str]:
    """The release that a rollback switches to, of undo that of most servers (core.records.Previous), or None and why.

    tag    None: what was live before the last switch (`previous_of`)
    rows   `fleet_releases` of the states, where they are there already
    """
    rows = fleet_releases(states) if rows is None else rows
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


class Source(Struct, frozen=True):
    """The tree of a release whose files some server needs again; None with the reason where they cannot be made."""

    manifest: Manifest | None = None
    problem: str = ""


def plan_rollback(
    environment: str,
    states: Sequence[ServerState],
    tag: str | None,
    sources: Mapping[str, Source],
    caches: Mapping[str, Manifest | None],
    settings: PlanSettings,
    tags: Mapping[str, str] | None = None,
) -> Plan:
    """The plan of a rollback to `tag`, or to the previous release.

    sources   by tag, of releases whose files some server needs again
    tags      by server that goes to another release than `tag`: that one. Of undo the journals say so
    """
    releases = fleet_releases(states)
    undoes = None if tag else previous_of(states, releases)
    row, problem = rollback_target(states, tag, releases)
    base = Plan(
        environment=environment,
        tag=row.tag if row else tag or "",
        undoes=undoes,
        live=live_of(releases),
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
    tags = undoes.tags if undoes else tags or {}
    rows = {each.tag: each for each in releases if each.tag in {row.tag, *tags.values()}}
    if gone := sorted({*tags.values()} - rows.keys()):
        return replace(base, refusals=(Refusal(f"there is no release {', '.join(gone)}"),))
    conflict = next((each.conflict for each in rows.values() if each.conflict), "")
    if conflict:
        return replace(base, refusals=(Refusal(f"{conflict}. {_EACH}"),))
    stay = frozenset(undoes.stay if undoes else ())
    steps, warnings = [], list(state_warnings(states))
    for each in rows.values():
        source = sources.get(each.tag, Source())
        here = [s for s in states if s.server not in stay and tags.get(s.server, row.tag) == each.tag]
        made = [_step(state, each, source, caches, settings) for state in here]
        if undoes:
            made = _with_new_ones(undoes, each, here, made)
        warnings += leading_nowhere(here, made, source.manifest, settings)
        warnings += _strangers(each, made)
        if each.failed and made:
            warnings.append(f"{each.tag} is marked as failed: {each.failed}")
        steps += [step if each.tag == row.tag else replace(step, tag=each.tag) for step in made]
    if row.bad and undoes is None:
        warnings.append(f"{row.tag} {row.bad}")
    if row.block and undoes is None:
        warnings.append(f"{row.tag} is blocked {row.block.describe()}")
    steps += [
        Step(server=s.server, action=NONE, tag=s.current, stays=True, current=s.current)
        for s in states
        if s.server in stay
    ]
    order = [state.server for state in states]
    steps.sort(key=lambda step: order.index(step.server))
    records = {each.tag: each.record for each in rows.values() if each.record and each.tag != row.tag}
    warnings += _passed_over(undoes, alone := [step.server for step in steps if step.because])
    if alone:
        stays, it = ("it stays as it is", "it") if len(alone) == 1 else ("they stay as they are", "them")
        warnings.append(
            f"{', '.join(alone)} had no release before that switch and cannot get {row.tag}: {stays}. Take {it} out of "
            "service, or deploy there"
        )
    plan = replace(base, steps=tuple(steps), records=records, warnings=tuple(warnings))
    return replace(plan, way_out=_way_out(plan, tag))


def _step(
    state: ServerState,
    row: FleetRelease,
    source: Source,
    caches: Mapping[str, Manifest | None],
    settings: PlanSettings,
) -> Step:
    """What makes a release live again on one server."""
    release = state.releases.get(row.tag)
    if release and release.present:
        refusal = current_refusal(state)
        action = NONE if state.current == row.tag and not refusal else SWITCH
        return Step(server=state.server, action=action, current=state.current, refusal=refusal)
    if source.manifest is None or row.record is None:
        reason = source.problem or "its files are gone, and no record says how to make them again"
        return Step(server=state.server, action=UPLOAD, current=state.current, refusal=Refusal(reason))
    return release_step(state, row.record, source.manifest, caches.get(state.server), settings, None)


def _with_new_ones(
    undoes: Previous, row: FleetRelease, states: Sequence[ServerState], steps: Sequence[Step]
) -> list[Step]:
    """The same; a new server that cannot get the release stays as it is, if others go there: it has nothing to go back
    to, and must not keep them from it.
    """
    if all(step.refusal for step in steps):
        return list(steps)
    out = []
    for state, step in zip(states, steps, strict=True):
        new = state.server in undoes.without or (not undoes.tags and row.tag not in state.releases)
        if new and step.refusal and not current_refusal(state):
            because = f"it had no release before that switch, and {row.tag} cannot be sent there: {step.refusal}"
            now = state.current
            step = Step(server=state.server, action=NONE, tag=now, stays=True, because=because, current=now)
        out.append(step)
    return out


def _way_out(plan: Plan, tag: str | None) -> str:
    """The command for the servers that do not refuse the plan, where some do; "" where there is none."""
    able = [step.server for step in plan.steps if not step.refusal and not step.stays]
    if plan.executable or plan.refusals or not able:
        return ""
    words = ["turnout", "rollback", plan.environment, *([plan.tag] if tag else [])]
    return " ".join(map(quote, [*words, *(part for name in able for part in ("--server", name))]))


def _strangers(row: FleetRelease, steps: Sequence[Step]) -> list[str]:
    """What to say of servers that get a release which they never had."""
    names = [step.server for step in steps if step.action in (STAGE, UPLOAD) and step.server not in recorded(row)]
    if not names or any(step.refusal for step in steps):
        return []
    having = recorded(row)
    who = f"{', '.join(having)} {'has' if len(having) == 1 else 'have'}"
    return [f"{', '.join(names)} never had {row.tag}: it is sent there, with the record that {who}"]


_EACH = "Go back on servers with the same content only: --server names them"
"""What a person can do about a tag that has other content on some servers."""


def _passed_over(undoes: Previous | None, alone: Collection[str]) -> tuple[str, ...]:
    """What undo does not go back to, though it was live before: never two releases back without a word.

    alone   new servers that stay as they are
    """
    if undoes is None:
        return ()
    said = tuple(f"{tag}, which was live before, {why}: this goes back further" for tag, why in undoes.skipped)
    if without := [name for name in undoes.without if name not in alone]:
        said += (f"{', '.join(without)} had no release before that switch: {undoes.tag} as on the others",)
    if undoes.guessed:
        text = f"no journal says what was live before: {undoes.tag} is the release before the live one by its time"
        said += (f"{text}; whether it was ever live is unknown",)
    return said


def recorded(row: FleetRelease) -> tuple[str, ...]:
    """The servers that have a record of a release of their own."""
    return tuple(name for name, release in row.on.items() if release.record)
