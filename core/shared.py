"""Shared paths of a release and what a server's `shared/` has of them: which links would dangle (pure)."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from shlex import quote
from typing import TYPE_CHECKING

from msgspec import Struct

from core import layout
from core.manifest import LINK, Manifest
from core.text import some

if TYPE_CHECKING:
    from core.records import ServerState

SHOWN = 5
"""Servers that are named in a warning."""


class SharedPath(Struct, frozen=True):
    """A path that all releases link to.

    folder    it is a folder, which is made if neither `shared/` nor the release has it
    required  a deploy is refused where neither has it
    """

    path: str
    folder: bool = False
    required: bool = False


def nowhere(state: ServerState, shared: SharedPath, manifest: Manifest | None) -> str:
    """Why a release's link to a shared path would dangle on a server, or ""; of a required folder, that it is not
    there yet.

    manifest   of a release that is still to be made there, which seeds what is missing; None: it is there already
    """
    place = f"{layout.SHARED}/{shared.path}"
    if shared.path in state.shared_dangling:
        return f"{place} is a dangling link"
    if shared.path not in state.shared_missing or (shared.folder and not shared.required):
        return ""
    if manifest is None:
        return f"{place} does not exist"
    if shared.path.encode("utf-8", "surrogateescape") in manifest.entries:
        return ""
    return f"{place} does not exist, and the release does not contain it"


def not_there(
    state: ServerState, writable: Iterable[str], paths: Iterable[SharedPath], manifest: Manifest
) -> list[str]:
    """Of the paths that get writable for the group, those that a new release will not have, as far as is known here.

    writable   without a slash at the end
    """
    paths, entries = list(paths), manifest.entries
    found = []
    for path in writable:
        raw = path.encode("utf-8", "surrogateescape")
        above = [raw[:place] for place, character in enumerate(raw) if character == ord("/")]
        over = next((each for each in paths if f"{path}/".startswith(f"{each.path}/")), None)
        if over is None:
            there = raw in entries or any(entries[each].kind == LINK for each in above if each in entries)
        elif state.exists and over.path not in state.shared_missing:
            there = True  # what is in it is not known here
        else:
            there = raw in entries or (over.path == path and over.folder)
        if not there:
            found.append(path)
    return found


def refusal(state: ServerState, paths: Iterable[SharedPath], manifest: Manifest) -> str:
    """Why a release cannot be made on a server, "" where it can: what the live release has of a shared path would be
    left behind, or a required path is nowhere.
    """
    paths = list(paths)
    left = {each.path: command for each in paths if (command := left_command(state, each, manifest))}
    if left:
        why = f"the live release has {', '.join(left)} outside of {layout.SHARED}/, and a new release would be without"
        return f"{why}; nothing was changed. Then: {'; '.join(left.values())}"
    reasons = [reason for each in paths if each.required and (reason := nowhere(state, each, manifest))]
    return f"{'; '.join(reasons)}: it is required, so put it there first" if reasons else ""


def left_command(state: ServerState, shared: SharedPath, manifest: Manifest) -> str:
    """The command that brings to shared/ what the live release has of a shared path elsewhere; "" where nothing is to
    be done: a release of ours has what its tree had, and the new tree brings that again.
    """
    place = state.shared_elsewhere.get(shared.path, "")
    live = state.releases.get(state.current)
    seeded = shared.path.encode("utf-8", "surrogateescape") in manifest.entries
    if not place or (seeded and live is not None and live.lasting):
        return ""
    into = f"{state.root}/{layout.SHARED}/{shared.path}"
    command = f"mkdir -p {quote(posixpath.dirname(into))} && "
    if place.startswith(f"{state.root}/{layout.RELEASES}/") or f"/{layout.RELEASES}/{state.current}/" in place:
        return f"{command}cp -a {quote(place)} {quote(into)}"
    # The live release goes on reading the old place.
    return f"{command}mv {quote(place)} {quote(into)} && ln -s {quote(into)} {quote(place)}"


def warnings(states: Sequence[tuple[ServerState, Manifest | None]], paths: Iterable[SharedPath]) -> list[str]:
    """One line for each shared path whose link would dangle, and why, with the servers where that is so."""
    found: dict[tuple[str, str], list[str]] = {}
    for each in paths:
        for state, manifest in states:
            reason = nowhere(state, each, manifest)
            if reason:
                found.setdefault((each.path, reason), []).append(state.server)
    return [
        f"{path} will be a dangling link on {some(names, SHOWN)}: {reason}" for (path, reason), names in found.items()
    ]


def forgotten(states: Sequence[ServerState], paths: Iterable[SharedPath]) -> list[str]:
    """One line for each path that another tool's live release shares and the new one would not: nobody names it."""
    named = [each.path for each in paths]
    found: dict[str, list[str]] = {}
    for state in states:
        for path in state.shared_linked:
            if not any(f"{path.rstrip('/')}/".startswith(f"{name}/") for name in named):
                found.setdefault(path, []).append(state.server)
    return [
        f"{path} is shared by the live release on {some(names, SHOWN)}, and the new one will be without: "
        f'shared = ["{path}"] in [deploy] keeps it'
        for path, names in found.items()
    ]
