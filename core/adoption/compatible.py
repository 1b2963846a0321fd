"""What keeps another tool's files true, so that both can be used during a move (pure).

Only what that tool reads: REVISION in a release, a line of its log for a release that has become live, and names that
it can count on from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime

from core.adoption import capistrano, deployer
from core.records import Record, ServerState

CAPISTRANO, DEPLOYER, MINA = "capistrano", "deployer", "mina"
_NUMBER = re.compile(r"[0-9]{1,14}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def revision_of(tool: str, record: Record) -> str:
    """The text of the release's REVISION; "" where that tool has none or is not asked for, or no commit is known."""
    return f"{record.revision}\n" if tool not in ("", MINA) and _COMMIT.fullmatch(record.revision) else ""


def name_for(tool: str, states: Iterable[ServerState]) -> str:
    """What a new release is called, where that tool makes its next name of those that are there; "" for any name.

    Mina adds 1 to the last name by `sort -n`, and bash ends its deploy where that is no number
    (lib/mina/helpers/internal.rb).
    """
    if tool != MINA:
        return ""
    numbers = [int(tag) for state in states for tag in state.releases if _NUMBER.fullmatch(tag)]
    return str(max(numbers, default=0) + 1)


def log_line(tool: str, record: Record, who: str, now: float, *, back: bool) -> tuple[str, str] | None:
    """The file of the tool's log, below the root, and the line for a release that is live now; None for no line.

    who   who deployed or rolled back; back: it was a rollback     now: seconds since the epoch
    """
    who = re.sub(r"[^A-Za-z0-9@._+-]", "-", who) or "turnout"
    if tool == CAPISTRANO and back:
        return capistrano.LOG, f"{who} rolled back to release {record.tag}"
    if tool == CAPISTRANO:
        ref = re.sub(r"\s", "-", record.ref) or "HEAD"
        return capistrano.LOG, f"Branch {ref} (at {record.revision}) deployed as release {record.tag} by {who}"
    if tool == DEPLOYER and not back:
        facts = {
            "created_at": f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%S}+0000",
            "release_name": record.tag,
            "user": who,
            "target": record.ref or deployer.NO_BRANCH,
        }
        return deployer.LOG, json.dumps(facts, separators=(",", ":"))
    return None
