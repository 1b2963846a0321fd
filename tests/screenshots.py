"""`python -m tests.screenshots`: the real app on the real demo, as SVG (PNG too, where rsvg-convert is installed)."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from tui.app import TurnoutApp
from tui.demo.running import prepare
from tui.dialogs.pick import DeployDialog
from tui.dialogs.plan import PlanDialog
from tui.view.progress import Progress

FOLDER = Path(__file__).parents[1] / "screenshots"
SIZE = (124, 34)
TERMINAL = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "TURNOUT_KEYS": "/dev/null"}
LEADING = re.compile(
    r'<text ([^>]*?)x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)"([^>]*)>((?:&#160;)+)([^<]+)</text>'
)
CELL = 12.2
"""The width of a cell in Rich's pictures."""


async def take(folder: Path) -> None:
    """Start the demo, go through the screens that the README shows, take a picture of each."""
    demo = prepare(folder, say=lambda text: print(f"  {text}", file=sys.stderr))
    try:
        await _tour(TurnoutApp(demo.project, environ=TERMINAL))
    finally:
        demo.close()


async def _tour(app: TurnoutApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await _until(pilot, lambda: len(app.workspace.fleet_watch.sight.known) == 3)
        dashboard: Any = app.dashboard
        await pilot.press("down", "enter")
        await pilot.press("2")
        await _picture(pilot, "dashboard")
        await pilot.press("down", "b")
        await _planned(pilot)
        await _picture(pilot, "rollback")
        await pilot.press("escape", "D")
        await _until(pilot, lambda: isinstance(app.screen, DeployDialog) and app.screen.choices.keys)
        await _picture(pilot, "revisions")
        await pilot.press("enter")
        await _planned(pilot)
        await _picture(pilot, "plan")
        await pilot.press("y")
        await _until(pilot, lambda: app.workspace.operation is not None and _half_way(app.workspace.operation.progress))
        await _picture(pilot, "deploy")
        await _until(pilot, lambda: not app.workspace.operation_runs)
        dashboard.releases.go_to(dashboard.releases.keys[0])
        await _until(pilot, lambda: not app.bridge.busy)
        await _picture(pilot, "done")
        await pilot.press("question_mark")
        await _picture(pilot, "help")


def _half_way(progress: Progress) -> bool:
    return all(one.fraction > 0.35 for one in progress.servers.values())


async def _planned(pilot: Pilot[Any]) -> None:
    await _until(pilot, lambda: isinstance(pilot.app.screen, PlanDialog) and pilot.app.screen.plan is not None)


async def _until(pilot: Pilot[Any], condition: Callable[[], Any], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("the demo did not come so far in a minute")
        await pilot.pause(0.02)


async def _picture(pilot: Pilot[Any], name: str) -> None:
    await pilot.pause()
    await pilot.pause(0.1)
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.svg"
    path.write_text(_plain_starts(pilot.app.export_screenshot(title="turnout")), "utf-8")
    converter = shutil.which("rsvg-convert")
    if converter:
        subprocess.run([converter, "--output", str(path.with_suffix(".png")), str(path)], check=True)


def _plain_starts(svg: str) -> str:
    """The picture with texts that begin where their first letter is: some viewers drop leading no-break spaces."""

    def move(match: re.Match[str]) -> str:
        before, x, y, length, after, spaces, text = match.groups()
        shift = CELL * spaces.count("&#160;")
        x, length = f"{float(x) + shift:.1f}", f"{float(length) - shift:.1f}"
        return f'<text {before}x="{x}" y="{y}" textLength="{length}"{after}>{text}</text>'

    return LEADING.sub(move, svg)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="turnout-screenshots-") as name:
        asyncio.run(take(Path(name)))
