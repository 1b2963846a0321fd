"""The screens in every size, as text that was found good; `pytest --snapshot-update` takes new ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from msgspec.structs import replace
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

from core import config
from core.errors import CheckFailed, ConnectError, FleetError, HostKeyChanged, HostKeyUnknown
from core.jobs import Job
from core.plan import NO_SPACE, Refusal
from core.records import Lock
from tests.tui.recorded import NOW, WEB, project, state
from tests.tui.recorded_operations import (
    BEFORE_THE_SWITCH,
    BEHIND,
    DONE,
    FAILED,
    HALF,
    SWITCHING,
    UPLOADING,
    Before,
    deploy_plan,
    operating,
    rollback_plan,
    with_plan,
)
from tests.tui.running import XTERM, recorded_app, settled, until
from tests.tui.text_pictures import SIZES, Text, drawn
from tui.app import TurnoutApp
from tui.dialogs.recover import RecoverDialog
from tui.model.operation import OthersOperation

ERROR = ConnectError("web3 does not answer", detail="port 22: connection refused", hint="is the server up?")


@pytest.fixture
def utc() -> Iterator[None]:
    """Local time is UTC."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def picture(snapshot: SnapshotAssertion, utc: None) -> Callable[..., bool]:
    """Compare an app, after what `before` does to it, in some sizes: one file of text for each test."""

    def compare(
        app: TurnoutApp,
        sizes: Sequence[tuple[int, int]] = SIZES,
        before: Before | None = None,
        *,
        styled: tuple[int, int] = (80, 24),
    ) -> bool:
        async def run() -> str:
            async with app.run_test(size=sizes[0]) as pilot:
                await settled(pilot)
                if before is not None:
                    await before(pilot)
                await settled(pilot)
                return await drawn(pilot, sizes, styled)

        return bool(asyncio.run(run()) == snapshot(extension_class=Text))

    return compare


def pressing(*keys: str) -> Before:
    async def press(pilot: Pilot[Any]) -> None:
        await pilot.press(*keys)

    return press


def test_main_screen(picture: Any) -> None:
    assert picture(recorded_app())


def test_main_screen_with_24_servers(picture: Any) -> None:
    names = [f"web{number}" for number in range(1, 25)]
    states = {name: state(name, 1 if name in ("web3", "web17") else 0) for name in names}
    assert picture(recorded_app(states, of=project(names)))


def test_looks(picture: Any, look: dict[str, str]) -> None:
    assert picture(recorded_app(environ=look, of=project(protected=True)), [(60, 16), (80, 24)])


def test_empty(picture: Any) -> None:
    assert picture(recorded_app({name: state(name, count=0) for name in WEB}))


def test_connecting(picture: Any) -> None:
    assert picture(recorded_app({}, {}))


def test_unreachable(picture: Any) -> None:
    assert picture(recorded_app({}, dict.fromkeys(WEB, ERROR)))


def test_filtered_to_nothing(picture: Any) -> None:
    assert picture(recorded_app(), before=pressing("slash", *"zebra"))


def test_trouble_on_some_servers(picture: Any) -> None:
    errors = {"web2": HostKeyChanged("web2 shows another host key than the one in known_hosts"), "web3": ERROR}
    assert picture(recorded_app({"web1": state("web1")}, errors), before=pressing("1", "end", "enter"))


def test_unknown_host_key(picture: Any) -> None:
    error = HostKeyUnknown(
        "the key of web2 is not known", host="web2.example.com", key_type="ssh-ed25519", server="web2",
        fingerprint="SHA256:Zk9mT3ZlciB0aGUgbW9vbiBhbmQgYmFjayBhZ2Fpbg", key_line="",
    )  # fmt: skip
    assert picture(recorded_app({"web1": state("web1"), "web3": state("web3")}, {"web2": error}))


def test_changed_host_key(picture: Any) -> None:
    error = HostKeyChanged("web2 shows another key", detail="known: SHA256:old\nnow: SHA256:new")
    states = {"web1": state("web1"), "web3": state("web3")}
    assert picture(recorded_app(states, {"web2": error}), [(60, 16), (80, 24)], pressing("1", "down", "A"))


def test_plan_of_a_deploy(picture: Any) -> None:
    assert picture(recorded_app(BEHIND), before=with_plan(deploy_plan()))


def test_plan_of_a_rollback(picture: Any) -> None:
    assert picture(recorded_app(), before=with_plan(rollback_plan()))


def test_plan_for_a_protected_environment(picture: Any) -> None:
    assert picture(recorded_app(BEHIND, of=project(protected=True)), before=with_plan(deploy_plan()))


def test_plan_that_is_refused(picture: Any) -> None:
    refusal = Refusal("not enough space: 99 MB needed, plus 17 MB to keep free; only 52 MB free", NO_SPACE)
    steps = tuple(replace(step, refusal=refusal if step.server == "web2" else None) for step in deploy_plan().steps)
    assert picture(recorded_app(BEHIND), before=with_plan(deploy_plan(steps=steps)))


def test_uploading(picture: Any) -> None:
    assert picture(recorded_app(BEHIND), before=operating(UPLOADING))


def test_at_the_barrier(picture: Any) -> None:
    assert picture(recorded_app(BEHIND), before=operating(BEFORE_THE_SWITCH))


def test_the_receipt_of_a_deploy(picture: Any) -> None:
    assert picture(recorded_app(BEHIND), before=operating(DONE))


def test_read_only(picture: Any) -> None:
    assert picture(recorded_app(of=config.read_only(project())), before=pressing("D"))


def test_switching_and_checking(picture: Any) -> None:
    assert picture(recorded_app(BEHIND), before=operating(SWITCHING))


def test_a_failed_deploy(picture: Any) -> None:
    check = CheckFailed("/healthz answered 503", detail="attempt 10 of 10", hint="look at the application's own log")
    assert picture(recorded_app(BEHIND), before=operating(FAILED, FleetError({"web2": check}, phase="check")))


def test_log(picture: Any) -> None:
    assert picture(recorded_app(BEHIND), before=operating(FAILED, None, "right_square_bracket"))


def test_details_of_a_release(picture: Any) -> None:
    assert picture(recorded_app(), before=pressing("down", "enter"))


@pytest.mark.parametrize("key", ["t", "i", "l"], ids=["history", "preflight", "logs"])
def test_tabs(picture: Any, key: str) -> None:
    assert picture(recorded_app(), before=pressing("down", key))


def test_help(picture: Any) -> None:
    assert picture(recorded_app(), before=pressing("question_mark"))


def test_prune_dialog(picture: Any) -> None:
    assert picture(recorded_app(), before=pressing("end", "P"))


def test_environments(picture: Any) -> None:
    more = '[environments.staging]\nprotected = true\nservers = [{ name = "s1", host = "s1", root = "/srv" }]\n'
    states = {"web1": state("web1"), "web3": state("web3", 1), "s1": state("s1", 2)}
    app = recorded_app(states, {"web2": ConnectError("web2 does not answer")}, of=project(more=more), environment=None)

    async def looked(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: pilot.app.workspaces.of("staging").fleet_view.known, "staging")

    assert picture(app, before=looked)


def test_welcome(picture: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert picture(TurnoutApp(None, environ=XTERM))


LOCK = Lock(operation="0b", kind="deploy", who="bo@ci", since=NOW - 12, age=12, silence=1, phase="upload")


def test_an_interrupted_deploy(picture: Any) -> None:
    async def open_dialog(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: isinstance(pilot.app.screen, RecoverDialog), "the recover dialog, by itself")

    assert picture(recorded_app(HALF), before=open_dialog)


def test_the_banner_of_an_interrupted_deploy(picture: Any) -> None:
    async def close_dialog(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: isinstance(pilot.app.screen, RecoverDialog), "the recover dialog, by itself")
        await pilot.press("escape")

    assert picture(recorded_app(HALF), before=close_dialog)


def test_a_deploy_that_somebody_else_runs(picture: Any) -> None:
    async def feed(pilot: Pilot[Any]) -> None:
        app: Any = pilot.app
        operation = OthersOperation(app.workspace.fleet_watch.fleet, LOCK, NOW + 3)
        for event in UPLOADING:
            operation.progress.apply(event)
        app.workspace.shown.operation = operation
        app.dashboard.operation_started()
        app.workspace.shown.said(UPLOADING)
        app.dashboard.show_operation()

    held = {name: state(name, 1, lock=LOCK) for name in WEB}
    assert picture(recorded_app(held), before=feed)


def test_locks_and_their_details(picture: Any) -> None:
    hung = replace(LOCK, age=300, silence=240)
    held = {"web1": state("web1", 1, lock=LOCK), "web2": state("web2", 1, lock=replace(LOCK, alive=False)),
            "web3": state("web3", 1, lock=hung)}  # fmt: skip
    assert picture(recorded_app(held), before=pressing("1", "end", "enter"))


def test_breaking_a_lock(picture: Any) -> None:
    held = {name: state(name, 1, lock=replace(LOCK, age=300, silence=240)) for name in WEB}
    assert picture(recorded_app(held), before=pressing("L"))


def test_a_job_that_never_started_is_no_reason_to_wait() -> None:
    """The pictures above rely on it: an operation that was only fed with events counts as running."""
    assert not Job("idle", lambda emit, controls: None).finished
