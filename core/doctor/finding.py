"""One thing that `turnout doctor` looked at or tried, and what came of it (pure)."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

OK, WARNING, ERROR = "ok", "warning", "error"


class Finding(Struct, frozen=True):
    """One thing that was looked at. `level` is ok, warning or error; `hint` what to do about it."""

    topic: str
    level: str
    text: str
    hint: str = ""


CHECKS: Mapping[str, frozenset[str]] = {
    "connect": frozenset({"host key", "login", "sudo", "connection", "inspection"}),
    "root": frozenset({"deploy root", "layout", "way in", "file systems", "shared", "group", "slots"}),
    "current": frozenset({"current", "switch"}),
    "programs": frozenset({"programs", "tar", "checksums", "copy"}),
    "space": frozenset({"space", "inodes", "clock"}),
    "state": frozenset({"lock", "records"}),
    "checks": frozenset({"checks", "notify"}),
    "rehearsal": frozenset({"sessions", "hooks", "begin", "upload", "release", "finish", "store", "rehearsal"}),
}
"""What is examined, by a name that stays: the topics of its findings. They come in about this order."""


def check_of(finding: Finding) -> str:
    """The check that a finding belongs to."""
    return next((name for name, topics in CHECKS.items() if finding.topic in topics), "root")
