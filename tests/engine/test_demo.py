"""The demo: everything it promises is there when the dashboard opens, and nothing when it has ended."""

from __future__ import annotations

import os
import signal
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import DeployRequest, RollbackRequest, execute
from core.errors import TurnoutError
from core.events import CheckAttempted, Event, Switched
from core.jobs import Controls
from tests import REPOSITORY
from tests.processes import process_ids
from tests.terminal import Terminal
from tests.waiting import until
from tui.demo import running as demo
from tui.demo.sample import BROKEN_SUBJECT, RELEASED, history

DEMO = [sys.executable, "-c", "import sys; from tui.cli import main; sys.exit(main(['demo']))"]
SMALL = {"photo_bytes": 2000, "winter_photo_bytes": 2000}


@pytest.fixture
def prepared(tmp_path: Path, home: Path) -> Iterator[demo.DemoProject]:
    """The demo's project with its four releases."""
    before = sorted(home.rglob("*"))
    made = demo.prepare(tmp_path, bandwidth=None, **SMALL)
    yield made
    made.close()
    assert sorted(home.rglob("*")) == before, "something was written to the person's home"


def test_four_releases_are_there_and_one_server_is_one_behind(prepared: demo.DemoProject) -> None:
    fleet = prepared.fleet()
    try:
        inspection = fleet.inspect()
    finally:
        fleet.close()
    assert not inspection.errors
    released = [prepared.commits[index] for index in RELEASED]
    for name, expected in (("web1", released), ("web2", released), ("web3", released[:3])):
        state = inspection.states[name]
        records = sorted(
            (release.record for release in state.releases.values() if release.record is not None),
            key=lambda record: record.seq,
        )
        assert [record.revision for record in records] == expected
        assert state.releases[state.current].record == records[-1]
        assert {record.by.partition("@")[0] for record in records} <= {"ana", "ben", "mei"}
    for server in prepared.servers:
        if server.name != "stage1":
            with urllib.request.urlopen(f"http://127.0.0.1:{server.http_port}/healthz") as answer:
                revision = inspection.states[server.name].releases[inspection.states[server.name].current].record
                assert revision is not None and answer.read().decode() == f"{revision.revision}\n"


def test_the_newest_commit_deploys_and_the_broken_one_is_switched_back(prepared: demo.DemoProject) -> None:
    broken = next(index for index, change in enumerate(history(**SMALL)) if change.subject == BROKEN_SUBJECT)
    fleet = prepared.fleet()
    events: list[Event] = []
    try:
        good = execute(fleet, DeployRequest(), None, events.append, Controls())
        assert good.outcome == "done"
        with pytest.raises(TurnoutError):
            execute(fleet, DeployRequest(ref=prepared.commits[broken]), None, events.append, Controls())
        states = fleet.inspect().states
        assert {state.current for state in states.values()} == {good.tag}
        back = execute(fleet, RollbackRequest(), None, events.append, Controls())
    finally:
        fleet.close()
    assert {event.server for event in events if isinstance(event, Switched) and event.back} == {"web1", "web2", "web3"}
    assert any(isinstance(event, CheckAttempted) and not event.passed for event in events)
    assert back.tag.endswith(prepared.commits[RELEASED[-1]][:7])


def test_staging_is_empty_and_takes_a_branch(prepared: demo.DemoProject) -> None:
    fleet = prepared.fleet("staging")
    try:
        assert fleet.inspect().states["stage1"].releases == {}
        assert execute(fleet, DeployRequest(ref="search"), None, lambda event: None, Controls()).outcome == "done"
    finally:
        fleet.close()


def test_without_asyncssh_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    assert demo.run() == 2
    assert "pip install 'turnout[demo]'" in capsys.readouterr().err


def test_without_a_terminal_it_starts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert demo.run() == 2
    assert list(tmp_path.iterdir()) == []


def of_demo(folder: Path) -> list[int]:
    """Processes that work in the demo's folder, or were started for it."""
    pids = []
    for pid in process_ids():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes() + os.fsencode(os.readlink(f"/proc/{pid}/cwd"))
        except OSError:
            continue
        if os.fsencode(folder) in words:
            pids.append(pid)
    return pids


@pytest.mark.parametrize(
    ("leave", "code"),
    [("q", 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -9)],
    ids=["q", "SIGTERM", "SIGHUP", "SIGKILL"],
)
def test_however_the_dashboard_ends_nothing_is_left(
    tmp_path: Path, home: Path, leave: str | signal.Signals, code: int
) -> None:
    before = sorted(home.rglob("*"))
    with Terminal(DEMO, REPOSITORY, columns=120, TMPDIR=str(tmp_path)) as terminal:
        terminal.expect("Releases")
        assert of_demo(tmp_path)
        if isinstance(leave, str):
            terminal.type(leave)
        else:
            terminal.process.send_signal(leave)
        assert terminal.end() == code
    until(lambda: not of_demo(tmp_path), "no process of the demo runs")
    assert list(tmp_path.iterdir()) == []
    assert sorted(home.rglob("*")) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_it_prepares_it_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    with Terminal(DEMO, REPOSITORY, TMPDIR=str(tmp_path)) as terminal:
        terminal.expect("release 1 of 4")
        terminal.process.send_signal(number)
        assert terminal.end() == 128 + number, terminal.text
        assert "Traceback" not in terminal.text
    until(lambda: not of_demo(tmp_path), "no process of the demo runs")
    assert list(tmp_path.iterdir()) == []
