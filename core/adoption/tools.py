"""All tools whose layouts are recognised, and what their files tell together (pure).

A module for each tool says how it is recognised and what its files mean; nothing here writes. What is not certain is
not said: the fate of a release is given only where the tool left a mark or a log that tells it.
"""

from __future__ import annotations

from msgspec.structs import replace

from core.adoption import ansistrano, buddy, capistrano, deployer, deployhq, envoyer, mina, shipit
from core.adoption.traces import History, Tool, Traces
from core.records import TheirLock, Told

TOOLS: tuple[Tool, ...] = (
    deployer.TOOL,
    capistrano.TOOL,
    buddy.TOOL,
    ansistrano.TOOL,
    mina.TOOL,
    envoyer.TOOL,
    deployhq.TOOL,
    shipit.TOOL,
)
"""In the order in which they are tried: the surest signs first."""

PUSHED_INTO = "DIRTY_RELEASE"
"""Deployer's mark of a release into which somebody pushed changes (recipe/deploy/push.php); it may well be live."""
_UNFINISHED = {
    "BAD_RELEASE": "is marked bad",
    "DEPLOY_UNFINISHED": "was never finished",
}


def tools_of(traces: Traces) -> tuple[Tool, ...]:
    """The tools that left their signs in a deploy root, the surest first."""
    return tuple(tool for tool in TOOLS if tool.recognise(traces))


def history_of(traces: Traces) -> History:
    """What all of them tell of the releases there: of each release by tag, and in which order they were live."""
    known: dict[str, Told] = {}
    lived: tuple[str, ...] = ()
    for tool in tools_of(traces):
        history = tool.history(traces)
        lived = lived or history.lived
        for tag, told in history.releases.items():
            if tag in traces.tags and (tag not in known or not known[tag].tool):
                known[tag] = replace(told, tool=tool.name)
    for tag in traces.tags:
        told = known.get(tag, Told())
        marks = [f"{_UNFINISHED[mark]}{_by(mark, told)}" for mark in traces.marks.get(tag, ()) if mark in _UNFINISHED]
        fate = marks[0] if marks else told.fate
        # A log may have only the beginning of the commit. What `dep push` has changed in place is no commit any more.
        revision = traces.revisions.get(tag, "")
        revision = revision if revision.startswith(told.revision) else told.revision
        revision = "" if PUSHED_INTO in traces.marks.get(tag, ()) else revision
        known[tag] = replace(told, revision=revision, fate=fate)
    return History(known, lived)


def _by(mark: str, told: Told) -> str:
    return f" by {told.tool}" if mark == "BAD_RELEASE" and told.tool else ""


def locks_of(traces: Traces) -> tuple[TheirLock, ...]:
    """Locks of other tools: while one is there, its tool works in the same root."""
    return tuple(lock for tool in TOOLS for lock in tool.locks(traces))
