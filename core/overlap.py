"""Deploy roots that overlap, or that are somebody else's, as far as inspections tell (pure).

When an operation begins, the server itself checks this (core/remote/shell/claim.sh); this is for plans and for doctor.
"""

from __future__ import annotations

from collections.abc import Iterable

from core.records import ServerState


def overlaps(states: Iterable[ServerState], project: str, environment: str) -> dict[str, str]:
    """By server: why no operation of this project's environment can begin there; others are left out."""
    found: dict[str, str] = {}
    folders: dict[str, str] = {}
    for state in states:
        first = folders.setdefault(state.folder, state.server) if state.folder else state.server
        claim = state.claim
        if first != state.server:
            found[state.server] = f"{state.root} there is the same folder as the deploy root of {first}"
        elif state.outer:
            found[state.server] = f"{state.root} lies inside another deploy root, {state.outer}"
        elif state.inner:
            found[state.server] = f"{state.root} holds another deploy root, {state.root}/{state.inner}"
        elif claim and not claim.copied and (claim.project, claim.environment) != (project, environment):
            found[state.server] = (
                f"{state.root} belongs to project {claim.project}, environment {claim.environment}; "
                f"this is project {project}, environment {environment}"
            )
    return found


WAY_OUT = (
    "each deploy root is for one environment of one project only: choose another root. If the other one is no longer "
    "used, remove it; to take over its root, remove .turnout/claim there"
)
"""What to do about an overlap."""
