"""What is odd on the servers: what is refused for it, what is only reported, and what to do about it (pure)."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Sequence

from core import layout
from core.plan import NOT_A_LINK, Refusal
from core.records import ServerState, left_behind, lost_on
from core.text import count, some


def adoption(state: ServerState) -> str:
    """What to do about a `current` that is not a link: for a folder, the one command that makes it a release."""
    if state.current_kind != "folder":
        return f"look at {state.current_path} and move it away"
    numbers = itertools.count(2)
    name = "before-turnout"
    while name in state.releases:
        name = f"before-turnout-{next(numbers)}"
    root, link = shlex.quote(state.root), shlex.quote(state.link or layout.CURRENT)
    target = shlex.quote(state.link_to(name))
    return f"cd {root} && mkdir -p releases && mv -T {link} releases/{name} && ln -s {target} {link}"


def current_refusal(state: ServerState) -> Refusal | None:
    """Why `current` cannot be switched on a server, or why that would change nothing."""
    if state.current_kind == "absent":
        return _served_elsewhere(state)
    if state.current_kind not in ("folder", "file"):
        return None
    found = f"{state.current_path} is a {state.current_kind}, not a link"
    return Refusal(f"{found}; nothing was changed. Then: {adoption(state)}", NOT_A_LINK)


def _served_elsewhere(state: ServerState) -> Refusal | None:
    """Why a first `current` is not made beside another link that leads into releases/: the site may be served by it."""
    if state.link or not state.links:
        return None
    tag, paths = next(iter(sorted(state.links.items())))
    name = paths[0].removeprefix("./")
    return Refusal(
        f"{state.root} has no current, but the link {name} leads to its release {tag}, and a site is probably served "
        f'by it: nothing was changed. Name it: current = "{name}" in the environment, or current = "current" if '
        "nothing uses that link"
    )


def mount_refusal(state: ServerState) -> Refusal | None:
    """Why deploy-cache may not be changed on a server."""
    inside = next((path for path in state.mounts if path.startswith(f"{layout.CACHE}/")), "")
    if not inside:
        return None
    return Refusal(
        f"{state.root}/{inside} is a mount point, and a deploy would change what is mounted there: unmount it"
    )


def cache_refusal(state: ServerState) -> Refusal | None:
    """Why deploy-cache may not be changed or emptied on a server: something else put its files there, and may count on
    them. Buddy sends only what differs from its last run."""
    if not state.cache_foreign:
        return None
    return Refusal(
        f"{state.root}/{layout.CACHE} holds {count(state.cache_entries, 'entry')} that Turnout did not put there, and "
        "Buddy for one goes on from such a folder: switch off what uses it, then `turnout adopt`, or move it away"
    )


def state_warnings(states: Sequence[ServerState]) -> tuple[str, ...]:
    """What is odd before anything starts, but does not stop the operation. What is live where, each step says."""
    odd = [text for state in states for text in _odd(state)]
    return (*odd, *_moved(states), *_emptied(states), *behind_texts(states))


def _emptied(states: Sequence[ServerState]) -> list[str]:
    """The servers without releases although the last operation made a release live there: what is deployed now
    may go to the disk below the one that it belongs to."""
    lost, found = lost_on(states), []
    for state in states:
        if state.server in lost and not state.releases:
            was = lost[state.server] or "a release"
            now = f"{state.root} has no releases" if state.exists else f"there is no {state.root}"
            found.append(f"{state.server}: {was} was live there, and now {now}: is its disk mounted?")
    return found


def _moved(states: Sequence[ServerState]) -> list[str]:
    """Where a person or another tool has moved `current` since our last switch; servers that are alike together."""
    said: dict[str, list[str]] = {}
    for state in states:
        before = state.moved_from
        if not before:
            continue
        now = f"{state.current} is live, the journal says {before}"
        if not state.current:
            text = f"current was removed by hand: the journal says {before}"
        elif state.lived and state.lived[-1] == state.current:
            text = f"current was moved by another tool: {now}"
        else:
            text = f"current was moved by hand: {now}"
        said.setdefault(text, []).append(state.server)
    return [f"{some(names, 5)}: {text}" for text, names in said.items()]


def oddities(states: Sequence[ServerState]) -> tuple[str, ...]:
    """Everything odd on the servers, for a list of their releases: that they differ is seen from the list itself."""
    blocked = [f"{state.server}: {refusal}" for state in states if (refusal := current_refusal(state))]
    unlisted = [
        f"{state.server}: {count(state.unlisted, 'older release')} without files not listed"
        for state in states
        if state.unlisted
    ]
    odd = [text for state in states for text in _odd(state)]
    return (*blocked, *odd, *_moved(states), *behind_texts(states), *unlisted)


def behind_texts(states: Sequence[ServerState]) -> list[str]:
    """The servers that were left out of what is live on the others, until they have caught up."""
    return [f"{name} was left out of {tag}, and has not caught up" for name, tag in left_behind(states).items()]


def used_links(states: Sequence[ServerState]) -> list[str]:
    """On which servers links other than `current` lead into releases/, one line each."""
    return [f"{state.server}: {_some_links(state)}: never pruned" for state in states if state.links]


def _some_links(state: ServerState) -> str:
    """`the link live leads to 2`, of several the first three."""
    said = [f"the link {path} leads to {tag}" for tag, paths in sorted(state.links.items()) for path in paths]
    return some(said, 3)


def _odd(state: ServerState) -> list[str]:
    found = []
    if state.current_kind == "dangling":
        found.append(f"{state.server}: SITE DOWN: current points to {state.current_target}, {state.why_dangling}")
    if state.current_kind == "elsewhere":
        found.append(f"{state.server}: current points to {state.current_target}, outside releases/")
    found += [f"{state.server}: {lock.describe()}: an operation waits for its end" for lock in state.their_locks]
    if state.current_kind == "absent" and state.links:
        found.append(f"{state.server}: there is no current; {_some_links(state)}")
    elif state.links:
        found.append(f"{state.server}: {_some_links(state)}, whatever current points to: it is never pruned")
    return found + [f"{state.server}: {fault}" for fault in state.faults]
