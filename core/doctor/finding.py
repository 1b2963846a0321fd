"""One thing that `turnout doctor` looked at or tried, and what came of it (pure)."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARNING, ERROR = "ok", "warning", "error"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `level` is ok, warning or error; `hint` what to do about it."""

    topic: str
    level: str
    text: str
    hint: str = ""
