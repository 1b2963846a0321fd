"""Which release a person means by a word (pure)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from core.names import CUT, find, resolve, short_tag, short_tags_of
from core.records import ServerState, fleet_releases, is_tag, live_of, previous_tag

LIVE, PREVIOUS = "live", "previous"
"""Words for releases, where no release has that name."""


def release_named(word: str, states: Collection[ServerState], place: str = "", also: Iterable[str] = ()) -> str:
    """The tag of the release that a word means: a tag, whole or short, the beginning of a commit, `live`, `previous`.

    place   for the error: an environment     also   more names that there are: of pins, of blocks
    UsageError where it means none, or several.
    """
    if meant := _by_place(word, states):
        return meant
    in_place = f"in {place}" if place else ""
    return resolve(
        "release", word, **_forms(states, also), place=in_place, command=f"turnout releases {place}".rstrip()
    )


def releases_meant(word: str, states: Collection[ServerState]) -> list[str]:
    """The tags that a word may mean: one, several, or none."""
    meant = _by_place(word, states)
    return [meant] if meant else find(word, **_forms(states))


def shown_releases(states: Collection[ServerState]) -> list[str]:
    """The short forms of all releases, newest first."""
    return list(short_tags_of(row.tag for row in fleet_releases(states)).values())


def _by_place(word: str, states: Collection[ServerState]) -> str:
    """The tag that `live` and `previous` stand for; "" for other words."""
    if word not in (LIVE, PREVIOUS) or any(word in state.releases for state in states):
        return ""
    return live_of(fleet_releases(states)) if word == LIVE else previous_tag(states)


def _forms(states: Collection[ServerState], also: Iterable[str] = ()) -> dict[str, Any]:
    """What names releases, in the words of core.names."""
    rows = fleet_releases(states)
    tags = list(dict.fromkeys([*(row.tag for row in rows), *also]))
    short = short_tags_of(tags)
    return {
        "known": tags,
        "short": {tag: (short[tag], short_tag(tag)) for tag in tags},
        "whole": {row.tag: row.record.revision.removeprefix("content:") for row in rows if row.record},
    }


def is_word_for_release(word: str) -> bool:
    """Whether a word could mean a release: it has the letters of tags and the signs of short forms."""
    return is_tag("".join(sign for sign in word if sign not in f"@:{CUT}"))
