"""A release is live on every server or on none: each phase fails on one of three servers in turn."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from core.errors import (
    CheckFailed,
    ConnectError,
    DiskFull,
    HookFailed,
    LockedError,
    NeedsPerson,
    ServerError,
    TurnoutError,
)
from core.events import OperationFinished, PhaseStarted, Switched
from core.records import Lock
from tests.engine.driving import at_rest, current, live, record, records, releases, snapshot, tree_of
from tests.servers import unavailable
from tests.waiting import until

HOOKS = """
[[hooks]]
on = "prepare"
run = "sh ../../../../plan prepare"

[[hooks]]
on = "before-switch"
run = "sh ../../../plan before-switch"

[[hooks]]
on = "after-switch"
run = "sh ../../../plan after-switch"

[[checks]]
run = "sh ../../../plan check"
attempts = 2
interval = "10ms"
"""
SHARED = {"shared": ["data/deep/"]}
# The login's shell is below the server's process for this connection; no `ps`, which a bare machine does not have.
KILL_CONNECTION = "kill -9 $(sed -n 's/^PPid:.//p' /proc/$PPID/status)"


def sabotage(place, moment, command):
    """Let the hook or check of one moment run a command on one server; all others pass."""
    (place.files.parent / "plan").write_text(f"case $1-$TURNOUT_SERVER in {moment}-{place.alias}) {command} ;; esac\n")


def replaced(place, name, with_what=""):
    """Put a file in the way of a folder; gives what takes it away again."""
    path, aside = place.files / name, place.files / f"{name}.aside"
    path.rename(aside)
    path.write_text(with_what)

    def restore():
        path.unlink()
        aside.rename(path)

    return restore


def full_disk(place):
    """Give the deploy-cache a disk of its own that is nearly full."""
    cache = place.files / "deploy-cache"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(cache)], capture_output=True, check=False
    )
    if mounted.returncode:
        unavailable("this user may not mount a file system")
    (place.files / ".turnout/cache.manifest").unlink()
    return lambda: subprocess.run(["umount", str(cache)], check=True)


def locked(place, engine, project):
    other = engine(project)
    other.fleet.open(place.alias).begin("f" * 32, Lock(kind="deploy", who="ben@desk"))

    def restore():
        other.fleet.close()
        until(lambda: not (place.files / ".turnout/lock").exists(), "the other operation's lock is given back")

    return restore


def folder_as_current(place):
    path, aside = place.files / "current", place.files / "aside"
    path.rename(aside)
    path.mkdir()

    def restore():
        path.rmdir()
        aside.rename(path)

    return restore


@dataclass(frozen=True)
class Failure:
    """How one server fails: `make` brings it about and gives what repairs it, or None where `run` is a hook's."""

    error: type[TurnoutError]
    make: Callable = lambda place, engine, project: None
    moment: str = ""
    run: str = ""
    switched: bool = False
    """Whether the release had been live on some server."""


FAILURES = {
    "begin-locked": Failure(LockedError, locked),
    "begin-cannot-write": Failure(ServerError, lambda place, *_: replaced(place, "shared")),
    "begin-current-is-a-folder": Failure(NeedsPerson, lambda place, *_: folder_as_current(place)),
    "begin-cache-is-a-file": Failure(NeedsPerson, lambda place, *_: replaced(place, "deploy-cache")),
    "upload-disk-full": Failure(DiskFull, lambda place, *_: full_disk(place)),
    "stage-shared-path": Failure(ServerError, lambda place, *_: replaced(place, "shared/data")),
    "prepare-hook": Failure(HookFailed, moment="prepare", run="echo no room; exit 7"),
    "prepare-hook-kills-the-connection": Failure(ConnectError, moment="prepare", run=KILL_CONNECTION),
    "before-switch-hook": Failure(HookFailed, moment="before-switch", run="exit 1"),
    "before-switch-kills-the-connection": Failure(ConnectError, moment="before-switch", run=KILL_CONNECTION),
    "switch-release-is-gone": Failure(
        ServerError, moment="before-switch", run="rm -rf $TURNOUT_ROOT/releases/$TURNOUT_TAG", switched=True
    ),
    "switch-no-link-can-be-made": Failure(
        ServerError, moment="before-switch", run="mkdir -p $TURNOUT_ROOT/.current-next/x", switched=True
    ),
    "after-switch-hook": Failure(HookFailed, moment="after-switch", run="exit 3", switched=True),
    "after-switch-kills-the-connection": Failure(
        ConnectError, moment="after-switch", run=KILL_CONNECTION, switched=True
    ),
    "check": Failure(CheckFailed, moment="check", run="echo sick; exit 1", switched=True),
}


@pytest.fixture
def fleet(servers):
    places = servers(3, separate=True)
    yield places
    # Of a test that failed before its disk was taken away.
    left = [place.files / "deploy-cache" for place in places if (place.files / "deploy-cache").is_mount()]
    for folder in left:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def project(fleet, project_factory):
    (fleet[0].files.parent / "plan").write_text("")
    return project_factory(fleet, {"index.html": "one\n", "data/deep/seed": "s"}, deploy=SHARED, extra=HOOKS)


# One failure of each phase on each server in turn; all others on one of the three.
EACH = (
    "begin-locked",
    "upload-disk-full",
    "prepare-hook",
    "before-switch-hook",
    "switch-release-is-gone",
    "check",
)
IN_TURN = [
    (name, which) for place, name in enumerate(FAILURES) for which in ((0, 1, 2) if name in EACH else (place % 3,))
]


@pytest.mark.parametrize(("name", "which"), IN_TURN)
def test_a_phase_that_fails_on_one_server_leaves_all_where_they_were(fleet, project, engine, name, which):
    failure, place = FAILURES[name], fleet[which]
    operator = engine(project)
    first = operator.deploy(tag="first")
    before = {server.alias: snapshot(server.files / "releases/first") for server in fleet}
    repair = failure.make(place, engine, project)
    if failure.moment:
        sabotage(place, failure.moment, failure.run)
    project.commit({"index.html": "two\n", "big": os.urandom(3 << 20)})

    second_operator = engine(project)
    error = second_operator.fails(lambda: second_operator.deploy(tag="second"), failure.error)

    refused = isinstance(error, DiskFull) and error.phase == "begin"  # what cannot fit, before anything begins
    assert error.server == place.alias or isinstance(error, NeedsPerson) or (refused and place.alias in error.detail)
    second_operator.well_formed()
    assert second_operator.events[-1].outcome in ("failed", "needs-person")
    if repair:
        repair()
    at_rest(fleet)
    for server in fleet:
        assert live(server) == first.tag
        assert snapshot(server.files / "releases/first") == before[server.alias]
        if failure.switched:
            assert record(server, "second").failed
        else:
            assert records(server) == ["first"]
            assert releases(server) == ["first"]
    (place.files.parent / "plan").write_text("")

    operator = engine(project)
    third = operator.deploy(tag="third")
    for server in fleet:
        assert live(server) == third.tag
        released = snapshot(server.files / "current/")
        expected = {path: entry for path, entry in tree_of(project).items() if not path.startswith(b"data/deep")}
        assert {path: entry for path, entry in released.items() if not path.startswith(b"data/deep")} == expected
    at_rest(fleet)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_server_that_cannot_be_reached_keeps_all_where_they_are(fleet, project, engine, home, which):
    operator = engine(project)
    operator.deploy(tag="first")
    config = home / ".ssh/config"
    text = config.read_text()
    config.write_text(text.replace(f"Port {fleet[which].port}\n", "Port 1\n"))
    project.commit({"index.html": "two\n"})
    second_operator = engine(project)
    error = second_operator.fails(second_operator.deploy, ConnectError)
    assert error.server == fleet[which].alias
    assert [live(server) for server in fleet] == ["first"] * 3
    assert [releases(server) for server in fleet] == [["first"]] * 3
    at_rest(fleet)
    config.write_text(text)
    engine(project).deploy(tag="second")
    assert [live(server) for server in fleet] == ["second"] * 3


def test_no_server_switches_before_every_server_is_ready(fleet, project, engine):
    operator = engine(project)
    operator.deploy(tag="first")
    sabotage(
        fleet[1], "prepare", 'i=0; while [ ! -e "$TURNOUT_ROOT/go" ] && [ $i -lt 600 ]; do sleep 0.05; i=$((i+1)); done'
    )
    project.commit({"index.html": "two\n"})
    seen = []

    def watch(event):
        if isinstance(event, PhaseStarted) and event.phase == "barrier":
            seen.append([live(server) for server in fleet] + [sorted(releases(server)) for server in fleet])
        if isinstance(event, PhaseStarted) and event.phase == "stage" and event.server == fleet[1].alias:
            (fleet[1].files / "go").touch()

    operator.on_event = watch
    operator.deploy(tag="second")
    assert seen == [["first"] * 3 + [["first", "second"]] * 3]
    assert [live(server) for server in fleet] == ["second"] * 3


def test_a_first_deploy_that_fails_its_checks_leaves_no_current(fleet, project, engine):
    sabotage(fleet[2], "check", "exit 1")
    operator = engine(project)
    operator.fails(lambda: operator.deploy(tag="first"), CheckFailed)
    assert [current(server) for server in fleet] == ["", "", ""]
    assert [record(server, "first").failed != "" for server in fleet] == [True] * 3
    assert not [event for event in operator.events if getattr(event, "level", "") == "warning" and "hook" in event.text]
    at_rest(fleet)
    (fleet[0].files.parent / "plan").write_text("")
    operator.deploy(tag="second")
    assert [live(server) for server in fleet] == ["second"] * 3


def test_who_changed_current_meanwhile_wins_and_all_others_stay(fleet, project, engine):
    operator = engine(project)
    operator.deploy(tag="first")
    project.commit({"index.html": "two\n"})
    operator.deploy(tag="second")
    sabotage(
        fleet[1],
        "before-switch",
        'ln -s releases/first "$TURNOUT_ROOT/n"; mv -T "$TURNOUT_ROOT/n" "$TURNOUT_ROOT/current"',
    )
    project.commit({"index.html": "three\n"})
    operator.fails(lambda: operator.deploy(tag="third"), NeedsPerson, "somebody changed it meanwhile")
    assert [live(server) for server in fleet] == ["second", "first", "second"]
    at_rest(fleet)


def test_what_a_hook_put_in_the_place_of_the_release_never_goes_live(fleet, project, engine):
    operator = engine(project)
    operator.deploy(tag="first")
    sabotage(fleet[1], "prepare", 'mkdir "$TURNOUT_ROOT/releases/$TURNOUT_TAG"')
    project.commit({"index.html": "two\n"})
    operator.fails(lambda: operator.deploy(tag="second"), ServerError, "releases/second exists already")
    assert [live(server) for server in fleet] == ["first"] * 3
    assert [records(server) for server in fleet] == [["first"]] * 3
    assert list((fleet[1].files / "releases/second").iterdir()) == []
    at_rest(fleet)


def test_every_switch_back_is_said(fleet, project, engine):
    operator = engine(project)
    operator.deploy(tag="first")
    sabotage(fleet[0], "check", "exit 1")
    project.commit({"index.html": "two\n"})
    operator.fails(lambda: operator.deploy(tag="second"), CheckFailed)
    back = operator.said(Switched, back=True)
    assert {(event.server, event.tag, event.previous) for event in back} == {
        (server.alias, "first", "second") for server in fleet
    }
    assert operator.said(OperationFinished)[-1].outcome == "failed"


def test_going_back_tells_the_hooks_of_the_release_that_is_live_again(fleet, project_factory, engine):
    extra = """
[[hooks]]
on = "after-switch"
run = "echo $TURNOUT_TAG $(cd $TURNOUT_RELEASE_PATH && cat index.html) $TURNOUT_PREVIOUS >> ../../took-up"
[[checks]]
run = "! grep -q bad index.html"
attempts = 1
"""
    project = project_factory(fleet, {"index.html": "one"}, extra=extra)
    operator = engine(project)
    operator.deploy(tag="first")
    project.commit({"index.html": "bad"})
    operator.fails(lambda: operator.deploy(tag="second"), CheckFailed)
    for server in fleet:
        assert (server.files / "took-up").read_text().splitlines() == [
            "first one",
            "second bad first",
            "first one second",
        ]


def test_a_rollback_that_fails_forgets_nothing(fleet, project, engine):
    """The record of a pruned release outlives also a failed attempt to send it again."""
    operator = engine(project)
    for number in range(4):
        project.commit({"index.html": f"{number}\n"})
        operator.deploy(tag=f"r{number}")
    operator.prune("r0", "r1")
    before = {server.alias: [record(server, tag) for tag in records(server)] for server in fleet}
    sabotage(fleet[1], "before-switch", "exit 1")
    operator.fails(lambda: operator.rollback("r0"), HookFailed)
    assert {server.alias: [record(server, tag) for tag in records(server)] for server in fleet} == before
    assert [releases(server) for server in fleet] == [["r2", "r3"]] * 3
    at_rest(fleet)
    (fleet[0].files.parent / "plan").write_text("")
    operator.rollback("r0")
    assert [(server.files / "current/index.html").read_text() for server in fleet] == ["0\n"] * 3


@pytest.mark.parametrize("where", ["server", "operator"])
def test_a_failure_hook_runs_where_things_failed_and_cannot_make_it_worse(fleet, project_factory, engine, where):
    extra = f"""
[[hooks]]
on = "failure"
where = "{where}"
run = "echo failed; exit 9"
[[checks]]
run = "test $TURNOUT_TAG != second"
attempts = 1
"""
    project = project_factory(fleet, extra=extra)
    operator = engine(project)
    operator.deploy(tag="first")
    project.commit({"index.html": "two\n"})
    operator.fails(lambda: operator.deploy(tag="second"), CheckFailed)
    assert [live(server) for server in fleet] == ["first"] * 3
    assert any("status 9" in getattr(event, "text", "") for event in operator.events)
    at_rest(fleet)
