"""Deployer: `releases/12`, `.dep/releases_log` with who and when, REVISION, and BAD_RELEASE after a rollback.

Its log gets a line when a release is begun, so it does not tell whether one was ever live; a release whose deploy
merely failed has no mark. Source: recipe/deploy/release.php, rollback.php, lock.php.
"""

from __future__ import annotations

import json
import re
from datetime import datetime

from core.adoption.traces import History, Tool, Traces
from core.records import TheirLock, Told, one_line

LOG, LOCK = ".dep/releases_log", ".dep/deploy.lock"
_NAME = re.compile(r"[0-9]{1,14}")
LONGEST = 100
NO_BRANCH = "HEAD"
"""What its log has as target where nobody named a branch."""


def recognise(traces: Traces) -> bool:
    return ".dep" in traces.signs


def history(traces: Traces) -> History:
    told = {tag: Told() for tag in traces.named(_NAME)}
    for line in traces.logs.get(LOG, ()):
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            continue
        tag = values.get("release_name") if isinstance(values, dict) else None
        if isinstance(tag, int) and not isinstance(tag, bool):
            tag = str(tag)
        if isinstance(tag, str) and tag in traces.tags:
            target = _text(values, "target")
            told[tag] = Told(
                when=_when(values.get("created_at")),
                who=_text(values, "user"),
                ref="" if target == NO_BRANCH else target,
            )
    return History(told)


def _when(value: object) -> float:
    """`2026-11-21T19:30:00+0000`, in seconds since the epoch; 0.0 for anything else."""
    try:
        when = datetime.strptime(value, "%Y-%m-%dT%H:%M:%S%z") if isinstance(value, str) else None
        return when.timestamp() if when and 1990 < when.year < 2200 else 0.0
    except (ValueError, OverflowError):
        return 0.0


def _text(values: dict[str, object], key: str) -> str:
    value = values.get(key)
    return one_line(value)[:LONGEST] if isinstance(value, str) else ""


def locks(traces: Traces) -> tuple[TheirLock, ...]:
    if LOCK not in traces.locks:
        return ()
    since, who = traces.locks[LOCK]
    return (TheirLock(tool="Deployer", path=LOCK, since=since, who=who),)


TOOL = Tool("Deployer", recognise, history, locks)
