"""Whatever is typed, at whatever pace: the dashboard goes on, asks no server itself, and changes nothing unasked."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import paramiko
import pytest
from textual import events
from textual.keys import _character_to_key
from textual.widgets import Input

from core import DeployRequest
from core.errors import Cancelled
from core.events import Answered, Asked, UploadProgress
from core.jobs import Controls
from core.questions import Answer, hold, question_row
from tests.tui import recorded
from tests.tui.recorded import WEB, state
from tests.tui.recorded_operations import FAILED, JOURNAL, UPLOADING, deploy_plan
from tests.tui.running import STYLE, XTERM, agree, hurried, plan_made, recorded_app, screen_text, shown, until
from tui.app import TurnoutApp
from tui.commands.registry import KEYS
from tui.model.operation import Operation
from tui.screens.dashboard import Dashboard
from tui.screens.environments import Environments

MORE_ENVIRONMENTS = """
[environments.{0}]
servers = [{{ name = "other", host = "{0}.example.com", root = "/srv/{0}" }}]
"""

KEYSTROKES = 250
"""In every run of the tests; the soak has TYPED, or 5,000."""

SIZES = ((60, 16), (80, 24), (120, 34), (160, 45), (200, 60), (34, 9))

WHEEL = (events.MouseScrollDown, events.MouseScrollUp, events.MouseScrollLeft, events.MouseScrollRight)

PASTED = ("productio\ny\n", "[/x] [b]", "rm -rf / # \u202e \x1b[2J\ttab", "x" * 3000, "eine\nzweite Zeile", "")

MORE = """
[environments.staging]
protected = true
servers = [{{ name = "stage", host = "{0.alias}", root = "{0.root}-stage" }}]

[[logs]]
name = "app"
file = "{1}"

[[logs]]
name = "ticks"
run = "while echo tick; do sleep 0.3; done"
"""

ASKING = {"socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.posix_spawn", "os.fork", "os.system"}
"""What Python's audit names where a server or a program is asked."""


class Watch:
    """Notes what is asked on one thread. An audit hook stays as long as the process, so there is one for all tests."""

    def __init__(self) -> None:
        self.thread = 0
        self.seen: list[str] = []
        sys.addaudithook(self._hear)

    @contextmanager
    def here(self) -> Iterator[None]:
        """Watch this thread, and find nothing."""
        self.seen.clear()
        self.thread = threading.get_ident()
        try:
            yield
        finally:
            self.thread = 0
        assert self.seen == [], "on the interface's thread"

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.thread and event in ASKING and threading.get_ident() == self.thread:
            self.note(f"{event} {arguments!r}")

    def note(self, what: str) -> None:
        if threading.get_ident() == self.thread:
            frame = sys._getframe(2)
            self.seen.append(f"{what[:200]} in {frame.f_code.co_filename}:{frame.f_lineno}")


_the_only_one = lru_cache(Watch)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Hears of servers and programs that are asked on the thread of the test, which is the interface's."""
    watch = _the_only_one()
    really = paramiko.Transport._send_user_message

    def send(transport: paramiko.Transport, message: paramiko.Message) -> None:
        watch.note("a message to a server")
        really(transport, message)

    monkeypatch.setattr(paramiko.Transport, "_send_user_message", send)
    return watch


class Staying(TurnoutApp):
    """The dashboard, which counts wishes to leave."""

    CSS_PATH = STYLE

    left = 0

    def leave(self) -> None:
        self.left += 1


def disk(places: list[Any]) -> dict[str, object]:
    """What is on the servers: names, links and files of each deploy root, without what is being removed."""
    out: dict[str, object] = {}
    for place in places:
        for folder, folders, files in os.walk(place.files):
            folders[:] = [name for name in folders if not name.startswith("trash.")]
            for name in (*folders, *files):
                path = Path(folder, name)
                if path.is_symlink():
                    out[str(path)] = os.readlink(path)
                elif path.is_dir():
                    out[str(path)] = None
                else:
                    out[str(path)] = path.read_bytes()
    return out


def typed(choose: random.Random) -> events.Key:
    """A key of the dashboard, or any other."""
    if choose.random() < 0.7:
        key = choose.choice([key for known in KEYS for key in known.keys.split(",")])
    else:
        key = _character_to_key(choose.choice("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .-_/y"))
    return events.Key(key, key if len(key) == 1 else None)


def point(app: Any, choose: random.Random) -> None:
    """A click with any button, a double click, a drag, a hover, or a turn of the wheel, somewhere: the events that a
    terminal sends."""
    here, there = ((choose.randrange(app.size.width), choose.randrange(app.size.height)) for _ in range(2))
    held = {"shift": choose.random() < 0.2, "ctrl": choose.random() < 0.2, "meta": choose.random() < 0.05}
    button = choose.choice([1, 1, 1, 1, 2, 3])

    def send(kind: type[events.MouseEvent], place: tuple[int, int], button: int) -> None:
        app.post_message(kind(None, *place, 0, 0, button, **held, screen_x=place[0], screen_y=place[1]))

    what = choose.random()
    if what < 0.3:
        send(choose.choice(WHEEL), here, 0)
    elif what < 0.4:
        send(events.MouseMove, here, 0)
    elif what < 0.55:
        send(events.MouseDown, here, button)
        for place in (there, choose.choice([here, there])):
            send(events.MouseMove, place, button)
        send(events.MouseUp, place, button)
    else:
        for _ in range(choose.choice([1, 1, 2, 3])):
            send(events.MouseDown, here, button)
            send(events.MouseUp, here, button)


async def type_anything(pilot: Any, choose: random.Random, keystrokes: int) -> None:
    """Keys in bursts and with pauses, some texts that are pasted, some clicks, some other sizes of the terminal."""
    app = pilot.app
    while keystrokes > 0:
        what = choose.random()
        if what < 0.04:
            await pilot.resize_terminal(*choose.choice(SIZES))
        elif what < 0.16:
            point(app, choose)
        elif what < 0.19:
            app.post_message(events.Paste(choose.choice(PASTED)))
        else:
            for _ in range(choose.choice([1, 1, 1, 2, 3, 8])):
                app.post_message(typed(choose))
                keystrokes -= 1
        await asyncio.sleep(choose.choice([0, 0, 0.001, 0.01, 0.05, 0.12]))


async def to_the_dashboard(pilot: Any) -> None:
    """Escape until nothing lies over the dashboard and no field takes what is typed."""
    app = pilot.app
    for _ in range(200):
        if isinstance(app.screen, Dashboard) and not isinstance(app.focused, Input):
            return
        await pilot.press("enter" if isinstance(app.screen, Environments) else "escape")
        await asyncio.sleep(0.05)
    raise AssertionError(f"Escape does not lead back from {app.screen}\n{screen_text(app)}")


async def anything(watch: Watch, servers: Any, project_factory: Any, truth: Any, seed: int, keystrokes: int) -> None:
    print(f"seed {seed}, {keystrokes} keys")
    choose = random.Random(seed)
    web = servers(2)
    log = web[0].files.parent / "app.log"
    log.write_text("ERROR no more stock\n" * 80)
    project = project_factory(web, environment_options={"protected": True}, extra=MORE.format(web[0], log))
    facts = truth(project, web)
    for tag in ("one", "two", "three"):
        project.commit({"index.html": f"{tag}\n"}, f"Page {tag}")
        facts.do(DeployRequest(tag=tag))
    before = disk(web)
    clock = choose.choice([time.monotonic, hurried])  # with the second no burst is too fast to be meant
    app = Staying(project.load(), choose.choice([None, "production"]), environ=XTERM, clock=clock)
    with watch.here():
        async with shown(app) as pilot:
            await type_anything(pilot, choose, keystrokes)
            await until(pilot, lambda: not app._waiting, "the last key to be looked at")
            await to_the_dashboard(pilot)
            await pilot.resize_terminal(120, 34)
            assert app.dashboard is not None
            for text in app.dashboard.filter.texts:
                app.dashboard.filter.texts[text] = ""
            app.dashboard.show_fleet()
            assert app.workspace is not None and not app.our_operations
            await goes_on(pilot)
    assert disk(web) == before, "what nobody confirmed was done"


async def goes_on(pilot: Any) -> None:
    """Servers and the help are seen when their keys are pressed."""
    app = pilot.app
    await pilot.press("1")
    await until(pilot, lambda: app.workspace.environment.servers[0].name in screen_text(app), "the servers")
    await pilot.press("question_mark")
    await until(pilot, lambda: "Change servers" in screen_text(app), "the help")


class Endless(Operation):
    """A deploy of ours that uploads and asks, again and again, until it is cancelled. It changes nothing anywhere."""

    def _work(self, emit: Any, controls: Controls) -> Any:
        for event in UPLOADING:
            emit(event)
        while not controls.cancel.requested:
            question = hold(WEB, recorded.tag(0), time.time() + 600, 60.0)
            asked = controls.questions.ask(question)
            emit(Asked(question=dict(question_row(question))))
            for sent in range(0, 41_000_000, 500_000):
                emit(UploadProgress(server="web1", sent=sent, total=41_000_000, time=time.time()))
                if controls.cancel.requested or asked.answer is not None:
                    break
                time.sleep(0.05)
            answer = asked.close(Answer(question.id, question.default))
            emit(Answered(question=question.id, choice=answer.choice, by=answer.by, seconds=1.0))
        for event in FAILED[-2:]:
            emit(event)
        raise Cancelled("it was cancelled")


async def anything_over_an_operation(watch: Watch, seed: int, keystrokes: int) -> None:
    """Keys while an operation runs and asks, beside two other environments; the answers go nowhere."""
    print(f"seed {seed}, {keystrokes} keys")
    choose = random.Random(seed)
    others = "".join(MORE_ENVIRONMENTS.format(name) for name in ("staging", "review"))
    states = {name: state(name, index % 2, transitions=JOURNAL) for index, name in enumerate((*WEB, "other"))}
    app: Any = recorded_app(states, of=recorded.project(more=others), kind=Staying)
    with watch.here():
        async with shown(app) as pilot:
            production = app.workspace

            def begin() -> None:
                request: Any = DeployRequest()
                operation = Endless(production.fleet, request, deploy_plan(), app.now())
                operation.start(app.bridge, production.shown.said, lambda: production._ended(operation))
                production.shown.begin(operation)

            for _ in range(max(keystrokes // 80, 1)):
                if not production.operation_runs:
                    begin()
                await type_anything(pilot, choose, min(keystrokes, 80))
            await until(pilot, lambda: not app._waiting, "the last key to be looked at")
            await to_the_dashboard(pilot)
            for operation in app.our_operations:
                operation.cancel()
            await until(pilot, lambda: not app.our_operations, "the end of what ran")
            await to_the_dashboard(pilot)
            await pilot.resize_terminal(120, 34)
            for text in app.dashboard.filter.texts:
                app.dashboard.filter.texts[text] = ""
            app.dashboard.show_fleet()
            await goes_on(pilot)


async def test_whatever_is_typed_over_an_operation_that_asks_the_dashboard_goes_on(
    tmp_path, monkeypatch, watch
) -> None:
    monkeypatch.chdir(tmp_path)
    await anything_over_an_operation(watch, int(os.environ.get("FAULTS_SEED") or random.randrange(1 << 30)), 160)


@pytest.mark.soak
async def test_soak_thousands_of_keys_over_an_operation(tmp_path, monkeypatch, watch) -> None:
    monkeypatch.chdir(tmp_path)
    seed = int(os.environ.get("FAULTS_SEED") or random.randrange(1 << 30))
    await anything_over_an_operation(watch, seed, int(os.environ.get("TYPED", "5000")))


@pytest.mark.slow
async def test_whatever_is_typed_the_dashboard_goes_on_and_nothing_changes(
    servers, project_factory, truth, tmp_path, monkeypatch, watch
) -> None:
    monkeypatch.chdir(tmp_path)
    seed = int(os.environ.get("FAULTS_SEED") or random.randrange(1 << 30))
    await anything(watch, servers, project_factory, truth, seed, KEYSTROKES)


@pytest.mark.soak
async def test_soak_thousands_of_keys(servers, project_factory, truth, tmp_path, monkeypatch, watch) -> None:
    monkeypatch.chdir(tmp_path)
    seed = int(os.environ.get("FAULTS_SEED") or random.randrange(1 << 30))
    await anything(watch, servers, project_factory, truth, seed, int(os.environ.get("TYPED", "5000")))


@pytest.mark.slow
async def test_no_server_is_asked_on_the_thread_of_the_interface(servers, project_factory, truth, watch) -> None:
    web = servers(2)
    project = project_factory(web)
    facts = truth(project, web)
    for tag in ("one", "two"):
        project.commit({"index.html": f"{tag}\n"}, f"Page {tag}")
        facts.do(DeployRequest(tag=tag))
    with pytest.raises(AssertionError, match="on the interface's thread"), watch.here():
        subprocess.run(["true"], check=True)
    app = Staying(project.load(), environ=XTERM, clock=hurried)
    with watch.here():
        async with shown(app) as pilot:
            workspace: Any = app.workspace
            for key in KEYS:
                if key.id in ("quit", "quit-anywhere", "suspend"):
                    continue
                await pilot.press(key.keys.split(",")[0])
                await pilot.pause(0.02)
                await to_the_dashboard(pilot)
                await pilot.press("escape")
            for key in ("u", "u"):
                await until(pilot, lambda: not app.dashboard.why_not("undo"), "undo to be possible")
                await pilot.press(key)
                await plan_made(pilot)
                await agree(pilot)
                await until(pilot, lambda: workspace.operation and workspace.operation.outcome, "the end")
            await pilot.press("ctrl+r")
            await until(pilot, lambda: all(not server.checking for server in workspace.fleet_view.servers), "a look")
