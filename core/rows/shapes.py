"""Every shape of a JSON object by its name (pure)."""

from __future__ import annotations

from collections.abc import Mapping

from core.rows.answers import ErrorRow, ResultRow, WarningRow
from core.rows.base import Row
from core.rows.commands import LogGapRow, LogRow, LogStateRow, SettingRow, StoredRow, TaskRow
from core.rows.differences import CommitRow, DifferenceRow, FileRow, LineRow
from core.rows.past import HistoryRow
from core.rows.servers import (
    CheckRow,
    CurrentRow,
    DriftRow,
    FindingRow,
    HostKeyRow,
    InterruptionRow,
    LockRow,
    ReleaseRow,
)

ROWS: Mapping[str, type[Row]] = {
    "release": ReleaseRow,
    "warning": WarningRow,
    "lock": LockRow,
    "interruption": InterruptionRow,
    "finding": FindingRow,
    "history": HistoryRow,
    "drift": DriftRow,
    "check": CheckRow,
    "current": CurrentRow,
    "host-key": HostKeyRow,
    "difference": DifferenceRow,
    "commit": CommitRow,
    "file": FileRow,
    "line": LineRow,
    "log": LogRow,
    "log-state": LogStateRow,
    "log-gap": LogGapRow,
    "task": TaskRow,
    "setting": SettingRow,
    "stored": StoredRow,
    "error": ErrorRow,
    "result": ResultRow,
}
"""By `event`: every shape beside the events of core.events."""
