"""`python -m tests.screenshots`: the pictures of the README, drawn by the real app; the same on every machine.

The app, the demo's repository with its history, the trees and the plans are real; the clock, the user's name and what
servers answer are fixed here, as are the events of the deploy. `python -m tests.screenshots --check` compares what the
code draws with what is committed (tests/tui/test_screenshots.py does so, too).
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from msgspec.structs import replace
from textual.pilot import Pilot

from core.config import Project, load
from core.events import Event, UploadProgress
from core.fleet import Inspection
from core.jobs import Cancel
from core.manifest import Manifest
from core.plan import Plan
from core.records import Record, Release, ServerState, make_tag
from core.source import make_tree
from tests.moving_picture import Frame, moving
from tests.pictures import AGAIN, MOVIE, plain_starts, stale, write
from tests.screenshot_events import SERVERS, UNDONE, of_deploy, of_undo
from tests.tui.recorded import NOW, RecordedFleet
from tests.tui.rest import hold_cursors
from tests.tui.running import XTERM, plan_made, settled, until
from tui.app import TurnoutApp
from tui.demo.sample import RELEASED, history, make_repository, write_config
from tui.dialogs.pick import DeployDialog
from tui.model.operation import Operation

STILL = 5
"""The frame of it that is seen where nothing moves: the deploy under way."""
SWITCH = "all switch, each by one rename"
SIZE = (124, 34)
PHOTO_BYTES, WINTER_PHOTO_BYTES = 60_000, 290_000
"""Smaller than the demo's: the whole history is made and exported each time."""
HOUR, DAY = 3600.0, 86_400.0


@contextmanager
def fixed(folder: Path) -> Iterator[None]:
    """The clock stands still, in UTC; nothing of this machine or its user is seen."""
    ours = {"TZ": "UTC", "TURNOUT_USER": "ana", "TURNOUT_CACHE_DIR": str(folder / "cache")}
    with (
        mock.patch.dict(os.environ, ours),
        mock.patch.object(time, "time", lambda: NOW),
        mock.patch.object(socket, "gethostname", lambda: "desk"),
        mock.patch("tui.widgets.progress.DRAWN_EVERY", 0.0),
    ):
        time.tzset()
        try:
            yield
        finally:
            os.environ.pop("TZ", None)
    time.tzset()


class Shop:
    """The demo's project with its history, and servers that answer what they would after four releases of it."""

    def __init__(self, folder: Path) -> None:
        repository = folder / "shop"
        repository.mkdir()
        changes = history(PHOTO_BYTES, WINTER_PHOTO_BYTES)
        newest = datetime.fromtimestamp(NOW, UTC)
        commits = make_repository(repository, changes, newest)
        servers: Any = [SimpleNamespace(name=name, root="/srv/shop") for name in SERVERS]
        self.project: Project = load(write_config(repository, servers, []))
        # Each was deployed a while after it was committed.
        self.manifests: dict[str, Manifest] = {}
        ages = {index: changes[index].days * DAY - HOUR for index in RELEASED}
        self.records = [
            self._record(seq, commits[index], changes[index].author, NOW - ages[index])
            for seq, index in enumerate(RELEASED, start=1)
        ]

    def _record(self, seq: int, commit: str, author: str, when: float) -> Record:
        tree = make_tree(self.project, commit, lambda event: None, Cancel())
        tag = make_tag(datetime.fromtimestamp(when, UTC), commit)
        self.manifests[tag] = tree.manifest
        return Record(
            tag=tag,
            seq=seq,
            created=when,
            source="git",
            revision=commit,
            digest=tree.manifest.digest,
            subject=tree.subject,
            author=tree.author,
            by=f"{author.split()[0].lower()}@desk",
            ref="main",
            bytes=tree.manifest.bytes,
            files=tree.manifest.files,
        )

    def states(self, live: Mapping[str, Record], *more: Record) -> dict[str, ServerState]:
        """The servers' answers, where `live` says by server what is live there; web3 has missed the last release."""
        out = {}
        for number, (name, now) in enumerate(live.items()):
            records = [record for record in (*self.records, *more) if record.seq <= now.seq or record in more]
            releases = {
                record.tag: Release(
                    tag=record.tag, record=record, present=True, mtime=record.created, live=record is now
                )
                for record in records
            }
            out[name] = ServerState(
                server=name,
                root="/srv/shop",
                current=now.tag,
                current_kind="link",
                current_target=f"releases/{now.tag}",
                releases=releases,
                cache=now.digest,
                free_bytes=41_200_000_000,
                free_inodes=2_400_000,
                features=frozenset({"writable", "tar", "gzip", "comm", "sha256sum"}),
                rtt=0.0012 + number * 0.0011,
                read_at=NOW,
            )
        return out


class ShopFleet(RecordedFleet):
    """Plans of the real engine on recorded states."""

    manifests: Mapping[str, Manifest]

    def inspect(self, cancel: Cancel, heard: Callable[[str], None] | None = None) -> Inspection:
        return Inspection(self.states, {})

    def session(self, name: str) -> Any:
        """As far as it is asked for what a release holds."""
        return SimpleNamespace(manifest=lambda tag: self.manifests[tag])


class Camera:
    """Takes the pictures of a running app, whose clock is `now`."""

    def __init__(self) -> None:
        self.now = NOW + 3
        self.pictures: dict[str, str] = {}
        self.frames: list[Frame] = []
        self.pilot: Pilot[Any]

    async def picture(self, name: str, seconds: float = 0, caption: str = "") -> None:
        """A picture of this name, and a frame of the moving one, if it is shown there for some seconds."""
        self.pictures[name] = svg = await self._taken()
        if seconds:
            self.frames.append(Frame(seconds, caption, svg))

    async def frame(self, seconds: float, caption: str) -> None:
        """A frame of the moving picture."""
        self.frames.append(Frame(seconds, caption, await self._taken()))

    async def _taken(self) -> str:
        app: Any = self.pilot.app
        hold_cursors(app)
        app.dashboard.show_fleet()  # its times are drawn by a clock that nobody holds
        app.dashboard.every_second()
        await settled(self.pilot)
        return plain_starts(app.export_screenshot(title="turnout"))


async def tour(folder: Path) -> dict[str, str]:
    """Go through the screens that the README shows; an SVG of each by its name."""
    shop = Shop(folder)
    newest = shop.records[-1]
    behind = dict(zip(SERVERS, (newest, newest, shop.records[-2]), strict=True))
    fleets: list[ShopFleet] = []

    def opener(project: Project, environment: Any) -> Any:
        fleets.append(ShopFleet(project, environment, shop.states(behind), {}))
        fleets[-1].manifests = shop.manifests
        return fleets[-1]

    camera = Camera()
    app = TurnoutApp(shop.project, environ=XTERM, now=lambda: camera.now, opener=opener)
    async with app.run_test(size=SIZE) as pilot:
        camera.pilot = pilot
        await settled(pilot)
        await pilot.press("down", "enter", "2")
        await camera.picture("dashboard", 2.5, "what is live, and every release on every server")
        await pilot.press("down", "b")
        await plan_made(pilot)
        await camera.picture("rollback")
        await pilot.press("escape", "D")
        await until(
            pilot, lambda: isinstance(app.screen, DeployDialog) and app.screen.choices.keys, "the repository's commits"
        )
        await camera.picture("revisions", 2, "D: deploy a branch, a tag or a commit")
        await pilot.press("enter")
        dialog = await plan_made(pilot)
        await camera.picture("plan", 3, "the plan, before anything changes")
        plan = dialog.plan
        assert plan is not None and plan.record is not None, dialog.error
        await pilot.press("escape")
        await _deploy(camera, plan, fleets[0], shop)
        await pilot.press("question_mark")
        await camera.picture("help")
        await pilot.press("escape", "u")
        dialog = await plan_made(pilot)
        await camera.frame(3, "u: undo, with its plan")
        undo = dialog.plan
        assert undo is not None and not dialog.error, dialog.error
        await pilot.press("escape")
        await _roll_back(camera, undo, fleets[0])
    return {**camera.pictures, MOVIE: moving(camera.frames, STILL)}


async def _deploy(camera: Camera, plan: Plan, fleet: ShopFleet, shop: Shop) -> None:
    """Show a deploy on its way, and after its end."""
    app: Any = camera.pilot.app
    half, rest = of_deploy(plan)
    operation = _begun(app, fleet, plan, NOW - 4)
    parts = [event for event in half if isinstance(event, UploadProgress)]
    _happens(app, operation, half[: -len(parts)])
    for number in range(0, len(parts), len(SERVERS)):
        camera.now = parts[number].time
        _happens(app, operation, parts[number : number + len(SERVERS)])
        if number + len(SERVERS) < len(parts):
            await camera.frame(0.7, "only what changed is sent")
    await camera.picture("deploy", 0.7, "only what changed is sent")
    frames = (NOW + 5.45, 0.7, "complete on every server"), (NOW + 5.65, 0.2, SWITCH)
    rest = await _played(camera, operation, rest, *frames)
    await _motion(camera)
    camera.now = NOW + 8
    _happens(app, operation, rest)
    record = plan.record
    assert record is not None
    live = dict.fromkeys(SERVERS, record)
    fleet.states = shop.states({server: replace(record, created=NOW) for server in live}, record)
    await _looked_again(camera, fleet, record.tag)
    await camera.picture("done", 3, "live on every server, and the checks passed")


async def _roll_back(camera: Camera, plan: Plan, fleet: ShopFleet) -> None:
    """Show the way back to the release before, and after its end."""
    app: Any = camera.pilot.app
    began = NOW + UNDONE
    operation = _begun(app, fleet, plan, began)
    frames = (began + 0.4, 0.7, "nothing is sent: the release is still there"), (began + 0.6, 0.2, SWITCH)
    rest = await _played(camera, operation, of_undo(plan), *frames)
    await _motion(camera)
    camera.now = began + 2
    _happens(app, operation, rest)
    await _looked_again(camera, fleet, plan.tag)
    await camera.frame(3.5, "back, in less than a second")


async def _played(
    camera: Camera, operation: Operation, events: Sequence[Event], *frames: tuple[float, float, str]
) -> list[Event]:
    """Frames, each at a time, for so many seconds and with its caption; the events that come after them."""
    for at, seconds, caption in frames:
        camera.now = at
        now = [event for event in events if event.time <= at]
        _happens(camera.pilot.app, operation, now)
        events = [event for event in events if event not in now]
        await camera.frame(seconds, caption)
    return list(events)


async def _motion(camera: Camera) -> None:
    """The switch, as it is drawn until it has come to rest."""
    app: Any = camera.pilot.app
    for seconds in (0.2, 0.2, 0.8):
        camera.now += 0.3
        app.dashboard.operation_changed()
        await camera.frame(seconds, SWITCH)


def _begun(app: Any, fleet: Any, plan: Plan, when: float) -> Operation:
    """An operation of this plan, shown by the dashboard."""
    request: Any = None
    operation = Operation(fleet, request, plan, when)
    app.workspace.shown.operation = operation
    app.dashboard.operation_started()
    return operation


def _happens(app: Any, operation: Operation, events: Sequence[Event]) -> None:
    for event in events:
        operation.progress.apply(event)
    app.workspace.shown.said(list(events))
    app.dashboard.operation_changed()


async def _looked_again(camera: Camera, fleet: ShopFleet, tag: str) -> None:
    """The servers as they are after a switch to this release."""
    app: Any = camera.pilot.app
    fleet.states = {
        server: replace(
            state,
            current=tag,
            current_target=f"releases/{tag}",
            releases={name: replace(release, live=name == tag) for name, release in state.releases.items()},
        )
        for server, state in fleet.states.items()
    }
    await camera.pilot.press("r")
    await settled(camera.pilot)
    app.dashboard.releases.go_to(app.dashboard.releases.keys[0])
    app.dashboard.operation_changed()


def draw() -> dict[str, str]:
    """All pictures by name, as the code draws them now; about three seconds."""
    with tempfile.TemporaryDirectory(prefix="turnout-screenshots-") as name, fixed(Path(name)):
        return asyncio.run(tour(Path(name)))


if __name__ == "__main__":
    pictures = draw()
    if "--check" in sys.argv:
        problems = stale(pictures)
        print("\n".join([*problems, AGAIN]) if problems else "the pictures show what the code draws")
        sys.exit(bool(problems))
    write(pictures)
