"""What operations of the History changed, or would have: their releases beside each other."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from core.changes import Side
from tests.tui.recorded import NOW
from tests.tui.recorded_shop import RecordedShop
from tests.tui.running import XTERM, hurried, shown, toasts, until
from tui.app import TurnoutApp

CANCELLED = "03" * 8
GONE = "20261101T000000Z-aaaaaaa"


@pytest.mark.parametrize("is_there", [True, False], ids=["there", "gone"])
async def test_a_cancelled_deploy_is_compared_or_said_why_not(
    recorded: RecordedShop, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    before, tag = (record.tag for record in recorded.records[-2:])
    changes: Any = {"tag": tag if is_there else GONE, "previous": "", "cancelled": True}
    journal = tuple(replace(line, **changes) if line.operation == CANCELLED else line for line in recorded.journal)
    states = {name: replace(state, journal=journal) for name, state in recorded.production.items()}
    monkeypatch.setattr(recorded, "production", states)
    app: Any = TurnoutApp(
        recorded.project, "production", environ=XTERM, now=lambda: NOW + 3, opener=recorded.opener, clock=hurried
    )
    async with shown(app) as pilot:
        await pilot.press("t")
        history = app.dashboard.bottom.history.list
        await until(pilot, lambda: CANCELLED in history.keys, "the history")
        history.go_to(CANCELLED)
        await pilot.press("c")
        if is_there:
            await until(pilot, lambda: app.dashboard.bottom.tab == "changes", "what it would have changed")
            assert app.workspace.changes.pair == (Side(before), Side(tag))
        else:
            await until(pilot, lambda: any("no server has aaaaaaa any more" in said for said in toasts(app)), "why not")
