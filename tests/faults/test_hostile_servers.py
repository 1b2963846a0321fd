"""Servers that lie, garble, flood or lead astray: Turnout neither crashes nor leaves the deploy root."""

from __future__ import annotations

import os

import pytest

from core import DeployRequest, PruneRequest, RollbackRequest, make_plan
from core.errors import ConnectError, FleetError, LockedError, NeedsPerson, TurnoutError
from core.fleet import Fleet
from core.jobs import Cancel
from core.operations.follow import watch
from core.operations.verify import verify
from core.records import ServerState
from core.remote import agent, launch
from tests.engine.driving import snapshot
from tests.faults.conftest import two_releases
from tests.processes import identity
from tests.projects import Link
from tests.servers import OpenSSHServer

NASTY = "\x1b]0;owned\x07\x1b[2J[red]x[/red]\u202e\r\x9b31m"


@pytest.fixture
def facts(sshd, project_factory, truth):
    """A server with the releases r1 and r2, of which r2 is live."""
    return two_releases(truth(project_factory([sshd]), [sshd]))


@pytest.fixture
def outside(sshd):
    """A folder beside the deploy root whose content nobody may touch."""
    folder = sshd.files.parent / "outside"
    folder.mkdir()
    for name in ("index.html", "deploy-cache", "records", "releases", "journal.jsonl"):
        (folder / name).write_text("precious\n")
    before = snapshot(folder)
    yield folder
    assert snapshot(folder) == before


def inspected(facts) -> ServerState:
    fleet = facts.fleet()
    try:
        return fleet.inspect_one("web")
    finally:
        fleet.close()


def harmless(text: str) -> bool:
    return not any((ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0 or c == "\u202e" for c in text)


@pytest.mark.parametrize(
    "place",
    [
        "releases",
        "deploy-cache",
        ".turnout",
        ".turnout/records",
        ".turnout/manifests",
        ".turnout/lock",
        ".turnout/journal.jsonl",
        ".turnout/logs",
        ".turnout/freeze",
        ".turnout/cache.manifest",
        ".turnout/cache.digest",
        ".turnout/cache.linked",
        ".turnout/cache.ours",
        ".turnout/transitions.jsonl",
        ".turnout/claim",
    ],
)
@pytest.mark.parametrize("target", ["there", "nothing"])
def test_a_link_to_outside_stops_the_operation_and_nothing_is_written_there(facts, sshd, outside, place, target):
    path = sshd.files / place
    if path.exists():
        path.rename(sshd.files / "moved")
    file = place.endswith((".jsonl", ".manifest", ".digest", ".linked", ".ours", "/claim"))
    path.symlink_to(outside / "missing" if target == "nothing" else outside / "index.html" if file else outside)
    inspected(facts)
    facts.sample.commit({"index.html": "3\n"})
    for request in (DeployRequest(tag="r3"), PruneRequest(cache=True)):
        with pytest.raises(TurnoutError) as raised:
            facts.do(request)
        error = raised.value
        error = error.errors["web"] if isinstance(error, FleetError) else error
        assert isinstance(error, NeedsPerson), error
        assert f"{place} is a link" in error.detail
    facts.close()
    assert not (outside / "missing").exists()


@pytest.mark.parametrize("place", [".turnout/incoming", ".turnout/trash", ".current-next"])
def test_a_link_where_things_are_swept_is_removed_and_not_followed(facts, sshd, outside, place):
    path = sshd.files / place
    if path.exists():
        path.rmdir()
    path.symlink_to(outside)
    facts.sample.commit({"index.html": "3\n"})
    facts.do(DeployRequest(tag="r3"))
    facts.complete()
    assert not path.is_symlink()


def test_a_release_that_is_a_link_is_neither_listed_nor_removed_nor_switched_to(facts, sshd, outside):
    (sshd.files / "releases/r0").symlink_to(outside)
    assert "r0" not in inspected(facts).releases
    for request in (PruneRequest(("r0",)), RollbackRequest("r0")):
        with pytest.raises(TurnoutError):
            facts.do(request)
    facts.do(PruneRequest(keep=1))
    assert (sshd.files / "releases/r0").is_symlink()


def test_a_link_inside_a_release_is_removed_and_not_followed(facts, sshd, outside):
    facts.sample.commit({"index.html": "3\n", "out": Link(str(outside)), "deep/out": Link(str(outside))})
    facts.do(DeployRequest(tag="r3"))
    facts.sample.commit({"out": None, "deep/out": None, "out/index.html": "in\n", "deep/out/index.html": "in\n"})
    facts.do(DeployRequest(tag="r4"))
    assert (sshd.files / "current/out/index.html").read_text() == "in\n"
    facts.do(DeployRequest(tag="r5"))
    facts.do(PruneRequest(("r3",)))
    assert not (sshd.files / "releases/r3").exists()


def test_a_shared_path_below_a_link_of_the_release_is_refused(sshd, project_factory, truth, outside):
    files = {"index.html": "1\n", "storage": Link(str(outside))}
    facts = truth(project_factory([sshd], files=files, deploy={"shared": ["storage/releases"]}), [sshd])
    with pytest.raises(TurnoutError, match="storage is a link"):
        facts.do(DeployRequest(tag="r1"))


def test_a_link_that_was_slipped_into_the_deploy_cache_is_not_written_through(facts, sshd, outside):
    facts.sample.commit({"folder/index.html": "3\n"})
    facts.do(DeployRequest(tag="r3"))
    cache = sshd.files / "deploy-cache"
    (cache / "folder/index.html").unlink()
    (cache / "folder").rmdir()
    (cache / "folder").symlink_to(outside)
    facts.sample.commit({"folder/index.html": "4\n"})
    facts.do(DeployRequest(tag="r4"))
    assert (sshd.files / "current/folder/index.html").read_text() == "4\n"
    facts.complete()


def test_a_current_that_points_outside_is_said_and_the_next_deploy_switches_it_back(facts, sshd, outside):
    (sshd.files / "current").unlink()
    (sshd.files / "current").symlink_to(outside)
    state = inspected(facts)
    assert (state.current_kind, state.current) == ("elsewhere", "")
    fleet = facts.fleet()
    plan = make_plan(fleet, DeployRequest(tag="r3"), lambda event: None, Cancel())
    fleet.close()
    assert any("outside releases/" in warning for warning in plan.warnings)
    facts.do(PruneRequest(("r1",)))
    facts.sample.commit({"index.html": "3\n"})
    facts.do(DeployRequest(tag="r3"))
    assert facts.live() == ["r3"]


def test_a_manifest_that_names_paths_outside_is_not_believed(facts, sshd, outside, home):
    manifest = sshd.files / ".turnout/cache.manifest"
    text = manifest.read_text()
    sums = "0" * 64
    for name in ("../../outside/index.html", "../outside", "/etc/hostname", "a/../../../outside/records"):
        manifest.unlink()  # a release's manifest is the same file under another name
        manifest.write_text(text + f"{name}\tf\t9\t{sums}\n")
        facts.sample.commit({"index.html": f"{name}\n"})
        facts.do(DeployRequest())
        facts.complete()


RECORDS = {
    "no TOML": b"\xff\xfe [[[ not toml",
    "another tag": b'tag = "../../etc"\nseq = 1\ncreated = 2026-01-01T00:00:00Z\n',
    "escape sequences": f'tag = "r1"\nseq = 1\ncreated = 1.0\nsubject = "{NASTY}"\n'.encode().replace(b"\r", b""),
    "escaped ones": b'tag = "r1"\nseq = 1\ncreated = 1.0\nsubject = "\\u001b[2J\\u202e[/x]\\u009b"\nby = "\\u0007"\n',
    "numbers beyond all": b'tag = "r1"\nseq = 999999999999999999999999\ncreated = 1e300\n',
    "deep": b"a = " + b"[" * 100_000,
    "100 MB in a line": None,
    "100 MB of lines": None,
    "a folder": None,
    "a pipe": None,
    "a link": None,
}


@pytest.mark.parametrize("spoilt_as", RECORDS)
def test_a_record_that_makes_no_sense_spoils_nothing_else(facts, sshd, outside, spoilt_as):
    path = sshd.files / ".turnout/records/r1.toml"
    path.unlink()
    if spoilt_as == "100 MB in a line":
        path.write_bytes(b'tag = "r1"\nsubject = "' + b"x" * 100_000_000)
    elif spoilt_as == "100 MB of lines":
        path.write_bytes(b'a = "b"\n' * 12_500_000)
    elif spoilt_as == "a folder":
        path.mkdir()
    elif spoilt_as == "a pipe":
        os.mkfifo(path)
    elif spoilt_as == "a link":
        path.symlink_to("/dev/zero")
    else:
        path.write_bytes(RECORDS[spoilt_as])
    state = inspected(facts)
    assert (state.current, state.releases["r2"].record.tag) == ("r2", "r2")
    assert all(harmless(fault) for fault in state.faults)
    record = state.releases["r1"].record
    assert record is None or harmless(record.subject + record.by)
    facts.sample.commit({"index.html": "3\n"})
    facts.do(DeployRequest(tag="r3"))
    assert facts.live() == ["r3"]


@pytest.mark.parametrize("name", ["journal.jsonl", "logs/none.jsonl"])
def test_garbage_in_what_is_only_read_is_passed_over(facts, sshd, name):
    garbage = f'\x00\xff{NASTY}\n{{"what": 5}}\n[]\n{{"what": "switch", "tag": "{"x" * 9000}"}}\n{{"time": 1e400}}\n'
    deep = "[" * 50_000
    (sshd.files / ".turnout" / name).write_bytes(f"{garbage}{deep}\n{'y' * 5_000_000}\n".encode("utf-8", "replace"))
    state = inspected(facts)
    assert state.current == "r2"
    for line in state.journal:
        assert harmless(line.what + line.tag + line.who)
    facts.interrupted()
    facts.sample.commit({"index.html": "3\n"})
    facts.do(DeployRequest(tag="r3"))
    assert facts.live() == ["r3"]
    fleet = facts.fleet()
    assert not watch(fleet, lambda event: None, Cancel()).running
    fleet.close()


@pytest.mark.parametrize(
    "owner",
    [
        f"operation {NASTY}\nkind {NASTY}\nwho {NASTY}\nsince 99999999999999999999\nserver-since -1e999\n",
        "\x00\x00\n" * 1000,
        "who " + "x" * 10_000_000,
        "since nan\nheld no\ndead no\nbeat inf\n",
        "",
    ],
    ids=["escapes", "zeros", "long", "no numbers", "empty"],
)
def test_a_lock_that_makes_no_sense_is_shown_and_kept(facts, sshd, owner):
    lock = sshd.files / ".turnout/lock"
    lock.mkdir()
    (lock / "token").write_text("f" * 32)
    (lock / "process").write_text(f"{identity()}\n")
    (lock / "owner").write_text(owner)
    (lock / "phase").write_text(NASTY)
    state = inspected(facts)
    assert state.lock is not None
    assert harmless(state.lock.describe())
    assert len(state.lock.describe()) < 1000
    with pytest.raises(TurnoutError) as raised:
        facts.do(DeployRequest(tag="r3"))
    error = raised.value.errors["web"]
    assert isinstance(error, LockedError)
    assert harmless(str(error)), str(error)
    assert facts.live() == ["r2"]


def test_names_in_a_release_that_are_escape_sequences_are_reported_harmlessly(facts, sshd):
    (sshd.files / "current" / NASTY.replace("/", "")).write_text("x")
    (sshd.files / "releases" / NASTY.replace("/", "")).mkdir()
    state = inspected(facts)
    assert set(state.releases) == {"r1", "r2"}
    assert all(harmless(fault) for fault in state.faults)
    fleet = facts.fleet()
    drift = verify(fleet, None, Cancel()).drifts["web"]
    fleet.close()
    assert len(drift.added) == 1
    assert harmless("".join(drift.describe()) if not isinstance(drift.describe(), str) else drift.describe())


FLOODS = {
    "endless lines": "yes nonsense",
    "endless empty lines": "yes ''",
    "an endless line": "tr '\\\\0' x < /dev/zero",
    "escape sequences": "printf '\\033]0;owned\\007\\033[2J[red]\\n'; exit 3",
    "nothing and the end": "exit 0",
    "binary": "head -c 3000000 /dev/urandom",
    "silence on output, floods on errors": "head -c 100000000 /dev/zero >&2",
}


@pytest.fixture
def flooded(tmp_path, announce, project_factory, truth):
    """A server that answers every command with what a flood says."""
    with OpenSSHServer(tmp_path / "hostile") as server:
        place = announce(server.place(tmp_path / "servers", "web"))

        def make(command: str):
            script = tmp_path / "hostile/answer"
            script.write_text(f"#!/bin/sh\n{command}\n")
            script.chmod(0o755)
            (tmp_path / "hostile/authorized_keys").write_text(
                f'command="{script}" ' + (tmp_path / "hostile/client_key.pub").read_text()
            )
            return truth(project_factory([place]), [place])

        yield make


@pytest.mark.parametrize("name", FLOODS)
def test_a_server_that_floods_is_given_up_with_an_error_of_its_own(flooded, name, monkeypatch):
    monkeypatch.setattr(agent, "BEAT", 0.5)
    monkeypatch.setattr(agent, "SILENT_AFTER", 2.0)
    facts = flooded(FLOODS[name])
    fleet: Fleet = facts.fleet()
    inspection = fleet.inspect()
    fleet.close()
    error = inspection.errors["web"]
    assert isinstance(error, ConnectError), error
    assert error.server == "web"
    assert harmless(str(error))
    assert len(str(error)) < 10_000


def test_an_answer_without_end_is_cut_off(sshd, project_factory, truth, monkeypatch):
    """The agent is there, and then what it says does not end."""
    monkeypatch.setattr(agent, "ANSWER_LIMIT", 1 << 20)
    facts = truth(project_factory([sshd]), [sshd])
    facts.do(DeployRequest(tag="r1"))
    facts.close()
    text = launch.agent_program()
    for flood in ("yes nonsense", "yes ''", "tr '\\\\0' x < /dev/zero"):
        monkeypatch.setattr(
            launch, "agent_program", lambda flood=flood: text.replace("state() {", f"state() {{\n{flood}\n", 1)
        )
        fleet = facts.fleet()
        error = fleet.inspect().errors["web"]
        fleet.close()
        assert isinstance(error, ConnectError), error


def test_a_hook_that_prints_without_end_is_ended_by_its_time_and_does_not_fill_the_memory(sshd, project_factory, truth):
    extra = '[[hooks]]\non = "prepare"\nrun = "yes 0123456789012345678901234567890123456789"\ntimeout = 2\n'
    facts = truth(project_factory([sshd], extra=extra), [sshd])
    before = memory()
    with pytest.raises(TurnoutError):
        facts.do(DeployRequest(tag="r1"))
    assert memory() - before < 100 << 20
    assert facts.unlocked()


def memory() -> int:
    """Bytes that this process holds."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
