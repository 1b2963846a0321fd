"""What keeps another tool's files true, so that both can be used during a move (pure).

Only what that tool reads: REVISION in a release, and a line of its log for a release that has become live.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from core.adoption import capistrano, deployer
from core.records import Record

CAPISTRANO, DEPLOYER = "capistrano", "deployer"
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def revision_of(tool: str, record: Record) -> str:
    """The text of the release's REVISION; "" where that tool is not asked for, or no commit is known."""
    return f"{record.revision}\n" if tool and _COMMIT.fullmatch(record.revision) else ""


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
            "target": record.ref or "HEAD",
        }
        return deployer.LOG, json.dumps(facts, separators=(",", ":"))
    return None
