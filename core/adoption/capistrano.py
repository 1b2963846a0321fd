"""Capistrano 3: `releases/20261121193000`, a bare clone in `repo/`, an absolute link, and `revisions.log`.

The log gets a line when a deploy has ended (`deploy:log_revision`, after publishing), and one when a rollback has: what
it does not name, between releases that it names, was never live. Source: capistrano/tasks/deploy.rake.
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from core.adoption.traces import STAMP, History, Tool, Traces
from core.records import Told

LOG = "revisions.log"
_DEPLOYED = re.compile(
    r"Branch (?P<ref>\S+) \(at (?P<revision>[0-9a-f]{7,64})\) deployed as release (?P<tag>20[0-9]{12})"
    r"(?: by(?: (?P<who>.{1,100}))?)?"
)
_WENT_BACK = re.compile(r".{1,100} rolled back to release (?P<tag>20[0-9]{12})")


def recognise(traces: Traces) -> bool:
    return LOG in traces.signs or ("repo/HEAD" in traces.signs and bool(traces.named(STAMP)))


def history(traces: Traces) -> History:
    told = {tag: Told() for tag in traces.named(STAMP)}
    lived: list[str] = []
    for line in traces.logs.get(LOG, ()):
        if found := _DEPLOYED.fullmatch(line.strip()):
            tag = found["tag"]
            told[tag] = Told(
                revision=found["revision"], ref=found["ref"], who=(found["who"] or "").strip(), published=True
            )
            lived.append(tag)
        elif found := _WENT_BACK.fullmatch(line.strip()):
            lived.append(found["tag"])
    for tag in told:
        # A log that begins later says nothing of earlier releases; the newest may be at work still.
        if lived and tag not in lived and min(lived) < tag < max(lived):
            told[tag] = replace(told[tag], fate="was never published by Capistrano")
    return History(told, tuple(lived))


TOOL = Tool("Capistrano", recognise, history)
