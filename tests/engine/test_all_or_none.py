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
def three(servers):
    places = servers(3, separate=True)
    yield places
    # Of a test that failed before its disk was taken away.
    left = [place.files / "deploy-cache" for place in places if (place.files / "deploy-cache").is_mount()]
    for folder in left:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def project(three, project_factory):
    (three[0].files.parent / "plan").write_text("")
    return project_factory(three, {"index.html": "one\n", "data/deep/seed": "s"}, deploy=SHARED, extra=HOOKS)


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
def test_a_phase_that_fails_on_one_server_leaves_all_where_they_were(three, project, engine, name, which):
    failure, place = FAILURES[name], three[which]
    one = engine(project)
    first = one.deploy(tag="first")
    before = {each.alias: snapshot(each.files / "releases/first") for each in three}
    repair = failure.make(place, engine, project)
    if failure.moment:
        sabotage(place, failure.moment, failure.run)
    project.commit({"index.html": "two\n", "big": os.urandom(3 << 20)})

    two = engine(project)
    error = two.fails(lambda: two.deploy(tag="second"), failure.error)

    refused = isinstance(error, DiskFull) and error.phase == "begin"  # what cannot fit, before anything begins
    assert error.server == place.alias or isinstance(error, NeedsPerson) or (refused and place.alias in error.detail)
    two.well_formed()
    assert two.events[-1].outcome in ("failed", "needs-person")
    if repair:
        repair()
    at_rest(three)
    for each in three:
        assert live(each) == first.tag
        assert snapshot(each.files / "releases/first") == before[each.alias]
        if failure.switched:
            assert record(each, "second").failed
        else:
            assert records(each) == ["first"]
            assert releases(each) == ["first"]
    (place.files.parent / "plan").write_text("")

    three_again = engine(project)
    third = three_again.deploy(tag="third")
    for each in three:
        assert live(each) == third.tag
        found = snapshot(each.files / "current/")
        expected = {path: what for path, what in tree_of(project).items() if not path.startswith(b"data/deep")}
        assert {path: what for path, what in found.items() if not path.startswith(b"data/deep")} == expected
    at_rest(three)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_server_that_cannot_be_reached_keeps_all_where_they_are(three, project, engine, home, which):
    one = engine(project)
    one.deploy(tag="first")
    config = home / ".ssh/config"
    text = config.read_text()
    config.write_text(text.replace(f"Port {three[which].port}\n", "Port 1\n"))
    project.commit({"index.html": "two\n"})
    two = engine(project)
    error = two.fails(two.deploy, ConnectError)
    assert error.server == three[which].alias
    assert [live(each) for each in three] == ["first"] * 3
    assert [releases(each) for each in three] == [["first"]] * 3
    at_rest(three)
    config.write_text(text)
    engine(project).deploy(tag="second")
    assert [live(each) for each in three] == ["second"] * 3


def test_nobody_switches_before_everybody_is_ready(three, project, engine):
    one = engine(project)
    one.deploy(tag="first")
    sabotage(
        three[1], "prepare", 'i=0; while [ ! -e "$TURNOUT_ROOT/go" ] && [ $i -lt 600 ]; do sleep 0.05; i=$((i+1)); done'
    )
    project.commit({"index.html": "two\n"})
    seen = []

    def watch(event):
        if isinstance(event, PhaseStarted) and event.phase == "barrier":
            seen.append([live(each) for each in three] + [sorted(releases(each)) for each in three])
        if isinstance(event, PhaseStarted) and event.phase == "stage" and event.server == three[1].alias:
            (three[1].files / "go").touch()

    one.on_event = watch
    one.deploy(tag="second")
    assert seen == [["first"] * 3 + [["first", "second"]] * 3]
    assert [live(each) for each in three] == ["second"] * 3


def test_a_first_deploy_that_fails_its_checks_leaves_no_current(three, project, engine):
    sabotage(three[2], "check", "exit 1")
    one = engine(project)
    one.fails(lambda: one.deploy(tag="first"), CheckFailed)
    assert [current(each) for each in three] == ["", "", ""]
    assert [record(each, "first").failed != "" for each in three] == [True] * 3
    assert not [event for event in one.events if getattr(event, "level", "") == "warning" and "hook" in event.text]
    at_rest(three)
    (three[0].files.parent / "plan").write_text("")
    one.deploy(tag="second")
    assert [live(each) for each in three] == ["second"] * 3


def test_who_changed_current_meanwhile_wins_and_all_others_stay(three, project, engine):
    one = engine(project)
    one.deploy(tag="first")
    project.commit({"index.html": "two\n"})
    one.deploy(tag="second")
    sabotage(
        three[1],
        "before-switch",
        'ln -s releases/first "$TURNOUT_ROOT/n"; mv -T "$TURNOUT_ROOT/n" "$TURNOUT_ROOT/current"',
    )
    project.commit({"index.html": "three\n"})
    one.fails(lambda: one.deploy(tag="third"), NeedsPerson, "somebody changed it meanwhile")
    assert [live(each) for each in three] == ["second", "first", "second"]
    at_rest(three)


def test_what_a_hook_put_in_the_place_of_the_release_never_goes_live(three, project, engine):
    one = engine(project)
    one.deploy(tag="first")
    sabotage(three[1], "prepare", 'mkdir "$TURNOUT_ROOT/releases/$TURNOUT_TAG"')
    project.commit({"index.html": "two\n"})
    one.fails(lambda: one.deploy(tag="second"), ServerError, "releases/second exists already")
    assert [live(each) for each in three] == ["first"] * 3
    assert [records(each) for each in three] == [["first"]] * 3
    assert list((three[1].files / "releases/second").iterdir()) == []
    at_rest(three)


def test_every_switch_back_is_said(three, project, engine):
    one = engine(project)
    one.deploy(tag="first")
    sabotage(three[0], "check", "exit 1")
    project.commit({"index.html": "two\n"})
    one.fails(lambda: one.deploy(tag="second"), CheckFailed)
    back = one.said(Switched, back=True)
    assert {(event.server, event.tag, event.previous) for event in back} == {
        (each.alias, "first", "second") for each in three
    }
    assert one.said(OperationFinished)[-1].outcome == "failed"


def test_going_back_tells_the_hooks_of_the_release_that_is_live_again(three, project_factory, engine):
    extra = """
[[hooks]]
on = "after-switch"
run = "echo $TURNOUT_TAG $(cd $TURNOUT_RELEASE_PATH && cat index.html) $TURNOUT_PREVIOUS >> ../../took-up"
[[checks]]
run = "! grep -q bad index.html"
attempts = 1
"""
    project = project_factory(three, {"index.html": "one"}, extra=extra)
    one = engine(project)
    one.deploy(tag="first")
    project.commit({"index.html": "bad"})
    one.fails(lambda: one.deploy(tag="second"), CheckFailed)
    for each in three:
        assert (each.files / "took-up").read_text().splitlines() == [
            "first one",
            "second bad first",
            "first one second",
        ]


def test_a_rollback_that_fails_forgets_nothing(three, project, engine):
    """The record of a pruned release outlives also a failed attempt to send it again."""
    one = engine(project)
    for number in range(4):
        project.commit({"index.html": f"{number}\n"})
        one.deploy(tag=f"r{number}")
    one.prune("r0", "r1")
    before = {each.alias: [record(each, tag) for tag in records(each)] for each in three}
    sabotage(three[1], "before-switch", "exit 1")
    one.fails(lambda: one.rollback("r0"), HookFailed)
    assert {each.alias: [record(each, tag) for tag in records(each)] for each in three} == before
    assert [releases(each) for each in three] == [["r2", "r3"]] * 3
    at_rest(three)
    (three[0].files.parent / "plan").write_text("")
    one.rollback("r0")
    assert [(each.files / "current/index.html").read_text() for each in three] == ["0\n"] * 3


@pytest.mark.parametrize("where", ["server", "operator"])
def test_a_failure_hook_runs_where_things_failed_and_cannot_make_it_worse(three, project_factory, engine, where):
    extra = f"""
[[hooks]]
on = "failure"
where = "{where}"
run = "echo failed; exit 9"
[[checks]]
run = "test $TURNOUT_TAG != second"
attempts = 1
"""
    project = project_factory(three, extra=extra)
    one = engine(project)
    one.deploy(tag="first")
    project.commit({"index.html": "two\n"})
    one.fails(lambda: one.deploy(tag="second"), CheckFailed)
    assert [live(each) for each in three] == ["first"] * 3
    assert any("status 9" in getattr(event, "text", "") for event in one.events)
    at_rest(three)
