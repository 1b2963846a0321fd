"""The rules of the layout that nothing may break, whatever is killed, full or unplugged: one test each."""

from __future__ import annotations

import os
import stat
import subprocess
import time

import pytest

from core import DeployRequest, PruneRequest, RollbackRequest, execute
from core.errors import NeedsPerson, TurnoutError, UsageError
from core.events import PhaseStarted
from core.jobs import Controls, Job
from core.manifest import parse
from core.protocol.requests import Settles
from core.records import Lock, fleet_releases
from core.remote import launch
from core.remote.held import Held
from tests.engine.driving import record, releases
from tests.faults.conftest import entries_of
from tests.faults.test_breaks import agents_of
from tests.processes import kill
from tests.waiting import until

OWNER = Lock(operation="x", kind="deploy", who="ana@laptop", since=1.0)


@pytest.fixture
def facts(sshd, project_factory, truth):
    """A server with the releases r1 to r4, of which r4 is live."""
    return truth(project_factory([sshd], deploy={"keep": 10}), [sshd]).deploy("r1", "r2", "r3", "r4")


@pytest.fixture
def programs(sshd, facts, monkeypatch):
    """A folder whose programs the agents find before the server's own."""
    folder = sshd.files.parent / "programs"
    folder.mkdir()
    facts.close()
    text = launch.agent_program()
    monkeypatch.setattr(launch, "agent_program", lambda: f"PATH={folder}:$PATH\n{text}")
    return folder


@pytest.fixture
def calls(programs):
    """What gives the calls of the programs that move, link and remove, as they were made on the server."""
    log = programs / "calls"
    log.touch()
    for name in ("mv", "ln", "rm", "cp"):
        script = programs / name
        script.write_text(f'#!/bin/sh\necho {name} "$@" >> {log}\nexec /bin/{name} "$@"\n')
        script.chmod(0o755)
    return lambda: log.read_text().splitlines()


def test_current_is_replaced_by_one_rename(facts, calls):
    facts.do(RollbackRequest("r2"))
    assert [call for call in calls() if "current" in call.split()] == ["mv -T .current-next current"]
    assert [call for call in calls() if call.startswith("ln")] == ["ln -s releases/r2 .current-next"]


def test_current_is_always_a_link_to_a_complete_release(facts):
    """At each phase of a deploy and a rollback, with the agent killed in the end."""
    seen = []

    def hear(event):
        if isinstance(event, PhaseStarted):
            facts.complete(live_only=True)
            seen.append(event.phase)

    for request in (DeployRequest(tag="r5"), RollbackRequest("r1")):
        facts.sample.commit({"index.html": "next\n"})
        fleet = facts.fleet()
        execute(fleet, request, None, hear, Controls())
        kill(agents_of(facts.destinations[0])[:1])
        fleet.close()
        facts.complete()
    assert {"stage", "switch", "finish"} <= set(seen)


def test_the_switch_is_read_back(facts, programs):
    """On a server whose `mv` does nothing and says that all is well, the switch is noticed not to have happened."""
    mv = programs / "mv"
    mv.write_text('#!/bin/sh\ncase "$*" in *.current-next*) exit 0 ;; esac\nexec /bin/mv "$@"\n')
    mv.chmod(0o755)
    with pytest.raises(TurnoutError, match="current was not switched"):
        facts.do(RollbackRequest("r1"))
    assert facts.live() == ["r4"]
    assert facts.unlocked()


def test_a_directory_in_releases_is_complete(facts, sshd):
    """Whatever lies there while a large release is staged, is whole."""
    facts.sample.commit({f"f{number}": os.urandom(20_000) for number in range(300)})
    fleet = facts.fleet()
    looks = []

    def hear(event):
        if isinstance(event, PhaseStarted) and event.phase == "stage":
            looks.append(event)

    job = Job("deploy", lambda emit, controls: execute(fleet, DeployRequest(tag="big"), None, hear, controls)).start()
    appeared = 0
    while not job.finished:
        if (sshd.files / "releases/big").exists():
            appeared = len(os.listdir(sshd.files / "releases/big"))
            break
    job.result()
    fleet.close()
    assert looks
    assert appeared == 301
    facts.complete()


def test_a_release_leaves_releases_by_one_rename(facts, calls):
    facts.do(PruneRequest(("r1",)))
    assert [call for call in calls() if "releases/r1" in call] == ["mv -T releases/r1 .turnout/trash/r1"]


@pytest.mark.parametrize("tag", ["r4", "r3"])
def test_the_live_release_and_the_one_before_it_are_never_pruned(facts, sshd, tag):
    with pytest.raises(UsageError):
        facts.do(PruneRequest((tag,)))
    facts.do(PruneRequest(keep=1))
    assert {"r3", "r4"} <= set(releases(sshd))


def test_a_pinned_release_is_never_pruned(facts, sshd):
    path = sshd.files / ".turnout/records/r1.toml"
    path.write_text(path.read_text().replace("pinned = false", "pinned = true"))
    assert record(sshd, "r1").pinned
    with pytest.raises(UsageError, match="r1 is pinned"):
        facts.do(PruneRequest(("r1",)))
    facts.do(PruneRequest(keep=1))
    assert "r1" in releases(sshd)
    assert "r2" not in releases(sshd)


def test_what_current_really_points_to_is_never_removed(facts, sshd):
    """Somebody leads `current` elsewhere after the plan was made: real paths are compared on the server."""
    fleet = facts.fleet()
    session = fleet.open("web")
    held = Held.take(session, "a" * 32, OWNER)
    (sshd.files / "by-hand").symlink_to("releases/r1")
    os.symlink("by-hand", sshd.files / "next")
    os.rename(sshd.files / "next", sshd.files / "current")
    with pytest.raises(TurnoutError, match="releases/r1 is live"):
        held.remove(["r1"], force=True)
    held.finish(Settles.NONE, "{}", ["r1"])
    fleet.close()
    assert "r1" in releases(sshd)


def test_order_comes_from_the_record_and_never_from_names_or_mtimes(facts, sshd):
    facts.do(DeployRequest(tag="a-name-that-sorts-first"))
    os.utime(sshd.files / "releases/r1", (time.time() + 9999,) * 2)
    os.utime(sshd.files / "releases/a-name-that-sorts-first", (1, 1))
    fleet = facts.fleet()
    order = [row.tag for row in fleet_releases(fleet.inspect().states.values())]
    fleet.close()
    assert order == ["a-name-that-sorts-first", "r4", "r3", "r2", "r1"]
    assert facts.do(RollbackRequest()).tag == "r4"


def test_directories_without_a_record_are_listed_and_can_be_rolled_back_to_and_pruned(facts, sshd):
    for name, age in (("20200101", 200), ("20190101", 100)):
        folder = sshd.files / "releases" / name
        folder.mkdir()
        (folder / "index.html").write_text(f"{name}\n")
        os.utime(folder, (age, age))
    fleet = facts.fleet()
    order = [row.tag for row in fleet_releases(fleet.inspect().states.values())]
    fleet.close()
    assert order == ["r4", "r3", "r2", "r1", "20200101", "20190101"]
    facts.do(RollbackRequest("20200101"))
    assert (sshd.files / "current/index.html").read_text() == "20200101\n"
    facts.do(RollbackRequest("r4"))
    facts.do(PruneRequest(("20190101",)))
    assert "20190101" not in releases(sshd)


def test_the_same_tag_with_the_same_manifest_is_a_no_op(facts, sshd):
    before = os.stat(sshd.files / "releases/r4").st_ino
    result = facts.do(DeployRequest(tag="r4"))
    assert result.outcome == "nothing-to-do"
    assert os.stat(sshd.files / "releases/r4").st_ino == before


def test_the_same_tag_with_another_manifest_is_refused(facts, sshd):
    facts.sample.commit({"index.html": "other\n"})
    for tag in ("r4", "r2"):
        with pytest.raises(UsageError, match="other content"):
            facts.do(DeployRequest(tag=tag))
    facts.do(PruneRequest(("r1",)))
    with pytest.raises(UsageError, match="other content"):
        facts.do(DeployRequest(tag="r1"))
    assert facts.live() == ["r4"]
    facts.complete()


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_current_that_is_not_a_link_stops_the_operation_with_the_command_that_adopts_it(facts, sshd, kind):
    current = sshd.files / "current"
    current.unlink()
    if kind == "folder":
        current.mkdir()
        (current / "index.html").write_text("by hand\n")
    else:
        current.write_text("by hand\n")
    with pytest.raises(NeedsPerson) as raised:
        facts.do(DeployRequest(tag="r5"))
    if kind == "file":
        assert "move it away" in raised.value.detail
    assert not current.is_symlink() and current.exists()
    assert facts.unlocked()
    if kind == "folder":
        command = next(line for line in raised.value.detail.splitlines() if "Then: cd" in line).partition("Then: ")[2]
        subprocess.run(["sh", "-c", command], check=True)
        assert os.readlink(current) == "releases/before-turnout"
        facts.do(DeployRequest(tag="r5"))
        facts.do(RollbackRequest("before-turnout"))
        assert (current / "index.html").read_text() == "by hand\n"


def test_what_is_ours_is_hidden_from_strangers(facts, sshd):
    assert stat.S_IMODE((sshd.files / ".turnout").stat().st_mode) == 0o750


def test_record_and_manifest_outlive_the_files(facts, sshd):
    facts.do(PruneRequest(("r1",)))
    assert "r1" not in releases(sshd)
    manifest = parse((sshd.files / ".turnout/manifests/r1.manifest").read_text())
    assert manifest.digest == record(sshd, "r1").digest
    facts.do(RollbackRequest("r1"))
    assert entries_of(sshd.files / "releases/r1") == manifest.entries


def test_a_release_that_is_withdrawn_keeps_its_record_as_long_as_its_folder(facts, calls):
    """Killed in between, a folder without a record would be taken for somebody else's, and bar its tag."""
    config = facts.sample.config
    config.write_text(config.read_text() + '[[hooks]]\non = "before-switch"\nrun = "exit 1"\n')
    facts.project = facts.sample.load()
    with pytest.raises(TurnoutError, match="before-switch"):
        facts.do(DeployRequest(tag="bad"))
    made = calls()
    folder = next(n for n, call in enumerate(made) if call.startswith("mv") and "releases/bad .turnout/trash" in call)
    record = next(n for n, call in enumerate(made) if call.startswith("rm") and "records/bad.toml" in call)
    assert folder < record


def test_what_is_half_made_is_removed_under_a_name_of_its_own(facts, calls, sshd):
    """An `rm` outlives a shell that was killed; under the common name it would take what the next operation makes."""
    half = sshd.files / ".turnout/incoming/half/folder"
    half.mkdir(parents=True)
    (sshd.files / ".current-next").symlink_to("releases/r1")
    facts.do(RollbackRequest("r2"))
    until(facts.swept, "all to be swept")
    assert not half.exists()
    removed = [word for call in calls() if call.startswith("rm") for word in call.split()[1:]]
    assert {".turnout/incoming", ".turnout/trash"}.isdisjoint(removed), removed
    assert any(word.startswith(".turnout/trash.") for word in removed)
