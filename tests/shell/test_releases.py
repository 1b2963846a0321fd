"""The verbs that make, switch, restore and remove releases."""

from __future__ import annotations

import hashlib
import os

import pytest

from tests.shell.test_locking import TOKEN, begun

MANIFEST = "index.html f 6 0\n"
DIGEST = hashlib.sha256(MANIFEST.encode()).hexdigest()
SHAPE = hashlib.sha256(b"f 6 ./index.html\n").hexdigest()
RECORD = 'tag = "r1"\nseq = 1\n'


@pytest.fixture
def held(agent, root):
    """An agent that holds the lock of a root with the releases r1, which is live, and r2."""
    begun(agent)
    for tag in ("r1", "r2"):
        (root / "releases" / tag).mkdir()
        (root / "releases" / tag / "index.html").write_text(tag)
    (root / "current").symlink_to("releases/r1")
    return agent


def arrive(root) -> None:
    """What an upload leaves: the tree in deploy-cache, its manifest in incoming/."""
    (root / "deploy-cache/index.html").write_text("hello\n")
    (root / "deploy-cache/index.html").chmod(0o644)
    (root / ".turnout/incoming/manifest").write_text(MANIFEST)


def killed(agent) -> None:
    agent.process.kill()
    agent.process.wait(60)


def stage(tag: str, *shared: str, complete: str = "yes", shape: str = SHAPE) -> tuple[str, ...]:
    return ("stage", TOKEN, tag, "auto", DIGEST, shape, complete, RECORD, *shared)


def test_a_deploy_verb_by_verb(agent, root):
    begun(agent)
    arrive(root)
    agent.done(*stage("r1", "uploads/", "conf/.env"))
    assert (root / "releases/r1/index.html").read_text() == "hello\n"
    assert os.readlink(root / "releases/r1/uploads") == "../../shared/uploads"
    assert os.readlink(root / "releases/r1/conf/.env") == "../../../shared/conf/.env"
    assert (root / ".turnout/records/r1.toml").read_text() == RECORD
    assert (root / ".turnout/manifests/r1.manifest").read_text() == MANIFEST
    assert (root / ".turnout/manifests/r1.unused").exists()
    agent.done("switch", TOKEN, "r1", "", '{"what": "switch"}')
    assert os.readlink(root / "current") == "releases/r1"
    assert not (root / ".turnout/manifests/r1.unused").exists()
    agent.done("finish", TOKEN, "all", '{"what": "end"}', "+releases/r1")
    state = agent.done("state")
    assert state.of("cache") == [DIGEST] and state.of("live") == ["r1"]


def test_a_release_with_prepare_hooks_is_complete_only_once_they_have_ended(agent, root):
    begun(agent)
    arrive(root)
    agent.done(*stage("r1", complete="no"))
    made = root / ".turnout/incoming/r1"
    assert made.is_dir() and not (root / "releases/r1").exists()
    (made / "built.js").write_text("built\n")
    agent.done("complete", TOKEN, "r1")
    assert (root / "releases/r1/built.js").exists() and not made.exists()
    assert "./built.js" in (root / ".turnout/manifests/r1.made").read_text()


def test_a_release_with_finalize_hooks_is_there_only_once_they_have_ended(start, root):
    agent = start(root)
    begun(agent)
    arrive(root)
    agent.done(*stage("r1", complete="no"))
    agent.done("complete", TOKEN, "r1", "open")
    made = root / "releases/r1"
    (made / "venv").mkdir()
    (made / "venv/python").write_text(f"#!{made}\n")
    agent.done("finalized", TOKEN, "r1")
    assert "./venv/python" in (root / ".turnout/manifests/r1.made").read_text()
    assert not (root / ".turnout/manifests/r1.unfinished").exists()
    assert "not being finalized" in agent.ask("finalized", TOKEN, "r1").lines[0]
    agent.done("finish", TOKEN, "own", "", "=")
    assert made.is_dir()


@pytest.mark.parametrize("end", ["leave", "killed"])
@pytest.mark.parametrize("before", [False, True], ids=["new", "was pruned"])
def test_a_release_whose_finalize_hooks_did_not_end_is_removed(start, root, end, before):
    agent = start(root)
    begun(agent)
    arrive(root)
    if before:
        (root / ".turnout/records/r1.toml").write_text("an older record")
    agent.done(*stage("r1", complete="no"))
    agent.done("complete", TOKEN, "r1", "open")
    (root / "releases/r1/half").write_text("")
    if end == "leave":
        agent.close()
    else:
        killed(agent)
        assert (root / "releases/r1").exists()
        begun(start(root))
    assert not (root / "releases/r1").exists()
    assert not (root / ".turnout/manifests/r1.unfinished").exists()
    assert (root / ".turnout/records/r1.toml").exists() == before
    assert (root / ".turnout/manifests/r1.manifest").exists() == before


def test_a_release_that_went_live_before_its_finalize_hooks_ended_stays(start, root):
    agent = start(root)
    begun(agent)
    arrive(root)
    agent.done(*stage("r1", complete="no"))
    agent.done("complete", TOKEN, "r1", "open")
    (root / "current").symlink_to("releases/r1")
    killed(agent)
    begun(start(root))
    assert (root / "releases/r1/index.html").exists() and (root / ".turnout/records/r1.toml").exists()
    assert not (root / ".turnout/manifests/r1.unfinished").exists()


def test_paths_are_made_writable_for_the_group(agent, root):
    begun(agent)
    arrive(root)
    (root / "shared/storage/logs").mkdir(parents=True)
    (root / "shared/storage/logs/today").write_text("")
    agent.done("writable", TOKEN, "cache/", "storage/")
    agent.done(*stage("r1", "storage/", complete="no"))
    made = root / ".turnout/incoming/r1"
    (made / "cache").mkdir()
    (made / "cache/a b").write_text("")
    for place in (made / "cache/a b", root / "shared/storage/logs/today"):
        place.chmod(0o644)
    agent.done("complete", TOKEN, "r1")
    for place, mode in {
        "releases/r1/cache": 0o2775,
        "releases/r1/cache/a b": 0o664,
        "shared/storage": 0o2775,
        "shared/storage/logs": 0o2775,
        "shared/storage/logs/today": 0o664,
        "releases/r1/index.html": 0o644,
        "releases/r1": 0o755,
    }.items():
        assert (root / place).stat().st_mode & 0o7777 == mode, place


@pytest.mark.parametrize(
    ("path", "said"), [("nothing/", "the release does not have it"), ("out/", "leads out of the release")]
)
def test_what_cannot_be_made_writable_stops_the_release(agent, root, tmp_path, path, said):
    begun(agent)
    arrive(root)
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    agent.done("writable", TOKEN, path)
    agent.done(*stage("r1", complete="no"))
    (root / ".turnout/incoming/r1/out").symlink_to(tmp_path / "elsewhere")
    reply = agent.ask("complete", TOKEN, "r1")
    assert reply.status == 1 and said in "\n".join(reply.lines)
    assert not (root / "releases/r1").exists()
    assert (tmp_path / "elsewhere").stat().st_mode & 0o7777 == 0o755


def test_a_copy_that_is_not_complete_gets_no_name(agent, root):
    begun(agent)
    arrive(root)
    reply = agent.ask(*stage("r1", shape="0" * 64))
    assert (reply.status, reply.of("shape")) == (7, ["f 6 ./index.html"])
    assert not (root / "releases/r1").exists() and not (root / ".turnout/cache.manifest").exists()


def test_what_arrived_has_to_be_what_was_sent(agent, root):
    begun(agent)
    arrive(root)
    (root / ".turnout/incoming/manifest").write_text("another\n")
    reply = agent.ask(*stage("r1"))
    assert (reply.status, reply.lines) == (1, ["what arrived in deploy-cache is not what was sent"])


def test_switch_takes_only_the_place_of_what_was_expected(held, root):
    reply = held.ask("switch", TOKEN, "r2", "releases/r9", "{}")
    assert reply.status == 1 and "somebody changed it meanwhile" in reply.lines[0]
    assert held.ask("switch", TOKEN, "r9", "releases/r1", "{}").lines == ["releases/r9 does not exist"]
    assert os.readlink(root / "current") == "releases/r1"
    held.done("switch", TOKEN, "r2", "releases/r1", '{"what": "switch"}')
    assert os.readlink(root / "current") == "releases/r2"
    for journal in ("journal", "transitions"):
        assert (root / f".turnout/{journal}.jsonl").read_text() == '{"what": "switch"}\n'


def test_restore_goes_back_only_from_where_the_switch_led(held, root):
    held.done("switch", TOKEN, "r2", "releases/r1", "{}")
    assert held.done("restore", TOKEN, "releases/r1", "{}", "releases/r9").lines == ["not switched"]
    assert os.readlink(root / "current") == "releases/r2"
    assert held.done("restore", TOKEN, "releases/r1", "{}", "releases/r2").lines == []
    assert os.readlink(root / "current") == "releases/r1"
    held.done("restore", TOKEN, "", "{}", "releases/r1")
    assert not os.path.lexists(root / "current")


def test_withdraw_removes_what_was_never_live(held, root):
    own = root / ".turnout"
    assert held.ask("withdraw", TOKEN, "r1").lines == ["releases/r1 is live"]
    assert held.ask("withdraw", TOKEN, "r2").lines == ["releases/r2 was live meanwhile"]
    (own / "manifests/r2.unused").touch()
    (own / "records/r2.toml").write_text(RECORD)
    held.done("withdraw", TOKEN, "r2")
    assert not (root / "releases/r2").exists() and not (own / "records/r2.toml").exists()
    held.done("withdraw", TOKEN, "r3", "the old record\n")
    assert (own / "records/r3.toml").read_text() == "the old record\n"


def test_record_replaces_a_record(held, root):
    for text in (RECORD, 'tag = "r1"\nsubject = "é \\\\ \'quoted\'"\n'):
        held.done("record", TOKEN, "r1", text)
        assert (root / ".turnout/records/r1.toml").read_text() == text


def test_a_pinned_release_is_not_removed(held, root):
    held.done("pin", TOKEN, "r2", '{"by": "ana"}')
    assert (root / ".turnout/records/r2.pinned").read_text() == '{"by": "ana"}\n'
    assert held.done("remove", TOKEN, "yes", "r2").lines == ["kept r2"]
    held.done("unpin", TOKEN, "r2")
    held.done("unpin", TOKEN, "r2")
    assert held.done("remove", TOKEN, "yes", "r2").lines == ["removed r2"]
    assert not (root / "releases/r2").exists()


def test_remove_spares_what_is_live(held, root):
    assert held.done("remove", TOKEN, "no", "r9").lines == ["missing r9"]
    reply = held.ask("remove", TOKEN, "yes", "r1")
    assert (reply.status, reply.lines) == (1, ["releases/r1 is live"])
    assert (root / "releases/r1/index.html").exists()


def test_remove_keeps_what_a_process_works_in_unless_it_is_told_otherwise(held, root):
    here = os.getcwd()
    os.chdir(root / "releases/r2")
    try:
        assert held.done("remove", TOKEN, "no", "r2").lines == ["busy r2"]
    finally:
        os.chdir(here)
    assert held.done("remove", TOKEN, "no", "r2").lines == ["removed r2"]


def test_finish_prunes_and_settles(held, root):
    (root / ".turnout/transitions.jsonl").write_text('{"operation": "0a1b"}\n{"operation": "0c2d"}\n')
    reply = held.done("finish", TOKEN, "own", '{"what": "end"}', "+releases/r1", "r2", "r1")
    assert reply.lines == ["removed r2", "kept r1"]
    assert (root / ".turnout/transitions.jsonl").read_text() == '{"operation": "0c2d"}\n'
    assert (root / "releases/r1").is_dir()


def test_clear_empties_the_deploy_cache(held, root):
    (root / "deploy-cache/file").touch()
    (root / ".turnout/cache.manifest").write_text(MANIFEST)
    held.done("clear", TOKEN)
    assert not list((root / "deploy-cache").iterdir()) and not (root / ".turnout/cache.manifest").exists()


def test_a_release_is_blocked_until_it_is_unblocked(held, root):
    held.done("block", TOKEN, "r2", '{"by": "ana"}')
    assert (root / ".turnout/records/r2.blocked").read_text() == '{"by": "ana"}\n'
    held.done("unblock", TOKEN, "r2")
    held.done("unblock", TOKEN, "r2")
    assert not (root / ".turnout/records/r2.blocked").exists()
    assert held.ask("block", TOKEN, "../x", "{}").status == 1
    assert held.ask("block", "f" * 32, "r2", "{}").status == 3


def test_changes_are_frozen_until_they_are_thawed(held, root):
    held.done("freeze", TOKEN, '{"by": "ana"}')
    assert (root / ".turnout/freeze").read_text() == '{"by": "ana"}\n'
    held.done("thaw", TOKEN)
    held.done("thaw", TOKEN)
    assert not (root / ".turnout/freeze").exists()
    assert held.ask("freeze", "f" * 32, "{}").status == 3


def test_events_of_the_newest_operations_are_kept(held, root):
    logs = root / ".turnout/logs"
    for number in range(60):
        (logs / f"{number:04x}.jsonl").write_text("{}\n")
        os.utime(logs / f"{number:04x}.jsonl", (number, number))
    held.say("""event '{"event": "note"}'""")
    held.done("finish", TOKEN, "none", "", "-")
    held.close()
    kept = sorted(path.name for path in logs.iterdir())
    assert len(kept) == 50
    assert "0a1b.jsonl" in kept and "003b.jsonl" in kept and "0000.jsonl" not in kept
