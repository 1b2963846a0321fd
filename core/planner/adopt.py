"""What `turnout adopt` writes down about releases that other tools made, and its plan (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.changes import Commit
from core.plan import NONE, Plan, Step
from core.planner.oddities import state_warnings
from core.records import Record, Release, ServerState, live_tag
from core.text import count

UNKNOWN_TOOL = "another tool"
"""What made a release, in the words of its record, where nothing tells."""


def adopted_records(state: ServerState, commits: Mapping[str, Commit]) -> list[Record]:
    """Records for what is there without one, as far as anything is known of it.

    They have no digest and no number: nobody knows what the files were, so nothing can be compared with them or sent
    again, and their place is where their time is.
    commits   by revision: what the operator's repository knows
    """
    return [
        _record(release, commits)
        for release in reversed(state.ordered)
        if release.present and release.record is None and not release.unread and not release.seq
    ]


def _record(release: Release, commits: Mapping[str, Commit]) -> Record:
    told = release.told
    commit = commits.get(release.revision)
    return Record(
        tag=release.tag,
        seq=0,
        created=release.created,
        revision=release.revision,
        subject=commit.subject if commit else "",
        author=commit.author if commit else "",
        by=told.who if told else "",
        ref=told.ref if told and not told.ref.startswith("-") else "",
        failed=release.bad,
        adopted=(told.tool if told else "") or UNKNOWN_TOOL,
    )


def given_up(state: ServerState) -> list[str]:
    """The tags whose records an adoption wrote."""
    return [release.tag for release in state.ordered if release.record and release.record.adopted]


def plan_adopt(environment: str, states: Sequence[ServerState], *, undo: bool) -> Plan:
    """The plan that writes the records on every server, and takes over a deploy-cache that something else filled; with
    `undo` it removes them, and gives the cache back unless something was sent into it since.
    """
    steps, said = [], []
    for state in states:
        records = adopted_records(state, {})  # how many, not what they say
        tags = given_up(state)
        parts = []
        if undo:
            parts += [f"remove {count(len(tags), 'adopted record')}"] if tags else []
            parts += ["give the deploy-cache back"] if owned(state) else []
        else:
            tools = dict.fromkeys(record.adopted for record in records)
            parts += [f"record {count(len(records), 'release')} made by {', '.join(tools)}"] if records else []
            parts += ["take over the deploy-cache"] if state.cache_foreign else []
            bad = [record.tag for record in records if record.failed]
            said += [f"{state.server}: {tag} {state.releases[tag].bad}: undo will skip it" for tag in bad[:5]]
            if state.cache_foreign:
                said.append(f"{state.server}: whatever filled the deploy-cache has to be switched off first: {CACHE}")
        steps.append(Step(server=state.server, action=", ".join(parts) or NONE, current=state.current))
    return Plan(
        environment=environment,
        live=live_tag(states),
        steps=tuple(steps),
        warnings=(*state_warnings(states), *said),
        fingerprints={state.server: state.fingerprint for state in states},
    )


CACHE = "Turnout changes what is in it"


def owned(state: ServerState) -> bool:
    """Whether a deploy-cache that was taken over is still as the other tool left it."""
    sent = any(release.record and release.record.digest for release in state.releases.values())
    unknown = not state.cache and not state.cache_empty and not state.cache_foreign
    return unknown and not sent and bool(given_up(state))
